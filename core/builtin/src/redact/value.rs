//! Redaction of a value, with the parts of maps and sequences.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_plugin::{data_class::DataClass, substitute::SensitiveValue};
use fapilog_record::{
    call_site::DescribedField,
    field_group::FieldGroup,
    value::{MapRef, OwnedValue, SequenceRef, ValueRef},
};

use crate::redact::{
    action::Action,
    content::{ContentRule, FindingRule},
    content_search::ContentSearch,
    key_cache::KeyCache,
    plan::ArgumentInMessage,
    rules::{AppliedRule, FieldVerdict, Rules},
};

/// The least length of a value that is looked for in the message, in bytes: a shorter one stands in many texts by chance.
const WHOLE_MIN_BYTES: usize = 3;
/// The most values that are looked for in the message. If an event has more of them, all of the message is redacted.
const WHOLE_MAX: usize = 64;
/// The most bytes of paths in an event's list. A list must not take more room than the event: each path has the keys of all maps above.
const LIST_MAX_BYTES: usize = 8 * 1024;
/// Stands in a list for the paths that had no room.
pub(super) const MORE: &str = "...";

/// The change of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ValueChange<'batch> {
    Same,
    Removed,
    To(ValueRef<'batch>),
}

impl<'batch> ValueChange<'batch> {
    pub(super) fn is_same(&self) -> bool {
        matches!(self, Self::Same)
    }

    /// The value after the change.
    pub(super) fn of(self, value: ValueRef<'batch>) -> Option<ValueRef<'batch>> {
        match self {
            Self::Same => Some(value),
            Self::Removed => None,
            Self::To(changed) => Some(changed),
        }
    }
}

/// Whether a value stands for a redacted one, or its elements do.
pub(super) fn is_redacted(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Sequence(elements) => {
            let is_no_other = |element| matches!(element, ValueRef::None) || is_redacted(element);
            elements.iter().any(is_redacted) && elements.iter().all(is_no_other)
        }
        value => value.is_redaction(),
    }
}

/// The redaction of the values of a batch.
pub(super) struct ValueRedaction<'r, 'batch> {
    pub(super) rules: &'r Rules,
    pub(super) keys: &'r mut KeyCache,
    pub(super) search: &'r mut ContentSearch,
    pub(super) arena: &'batch Bump,
    /// The arguments that the call site's message makes sensitive.
    pub(super) by_message: &'r [ArgumentInMessage],
    /// The arguments that the call has redacted, if the event lists them.
    pub(super) redacted_by_call: &'r [DescribedField],
    /// The person or thing that the event is about.
    pub(super) subject: Option<&'batch str>,
    /// The path of the value that is being redacted: `context.user.email`.
    pub(super) path: &'r mut String,
    /// The paths of the values that were redacted, in the order in which they were met.
    pub(super) redacted: RedactedPaths<'batch>,
    /// A plugin may have put values of fields into the message: those that are redacted as a whole are kept in `whole`.
    pub(super) is_message_filled: bool,
    /// The texts of these values, and of their parts.
    pub(super) whole: BumpVec<'batch, &'batch str>,
    /// The rules that have applied.
    pub(super) applied: &'r mut Vec<AppliedRule>,
}

/// A field, or an entry of a map.
pub(super) struct RedactedEntry<'batch> {
    /// Without sensitive parts.
    pub(super) key: &'batch str,
    is_key_changed: bool,
    /// Before the change.
    value: ValueRef<'batch>,
    change: ValueChange<'batch>,
}

impl<'batch> RedactedEntry<'batch> {
    pub(super) fn is_same(&self) -> bool {
        !self.is_key_changed && self.change.is_same()
    }

    /// The value after the change.
    pub(super) fn changed(&self) -> Option<ValueRef<'batch>> {
        self.change.of(self.value)
    }
}

impl<'batch> ValueRedaction<'_, 'batch> {
    /// The change of a field, and its key without sensitive parts.
    pub(super) fn field(
        &mut self,
        group: FieldGroup,
        key: &'batch str,
        value: ValueRef<'batch>,
    ) -> RedactedEntry<'batch> {
        self.path.clear();
        self.path.push_str(group.name());
        self.list_redacted_by_call(group, key, value);
        match self.by_message.iter().find(|argument| argument.is_it(group, key)) {
            Some(argument) if !matches!(value, ValueRef::None) => {
                let _ = write!(self.path, ".{key}");
                let action = self.rules.action_of_class(argument.class);
                let change = self.whole(value, argument.class, action, AppliedRule::Name(argument.class));
                RedactedEntry { key, change, is_key_changed: false, value }
            }
            _ => self.entry(key, value),
        }
    }

    fn list_redacted_by_call(&mut self, group: FieldGroup, key: &str, value: ValueRef<'batch>) {
        let is_it = |field: &DescribedField| field.name.group == group && field.name.name == key;
        if self.redacted_by_call.iter().any(is_it) && is_redacted(value) {
            let start = self.path.len();
            let _ = write!(self.path, ".{key}");
            self.list_path();
            self.path.truncate(start);
        }
    }

    /// The change of a part of an event that has no key: its text decides.
    pub(super) fn single(&mut self, group: FieldGroup, value: ValueRef<'batch>) -> ValueChange<'batch> {
        self.path.clear();
        self.path.push_str(group.name());
        self.scanned(value)
    }

    /// The change of a value under a key, by the path so far.
    fn entry(&mut self, key: &'batch str, value: ValueRef<'batch>) -> RedactedEntry<'batch> {
        let facts = self.keys.facts(self.rules, key, self.search);
        let start = self.path.len();
        let shown = if facts.is_sensitive { self.redacted_key(key) } else { key };
        self.path.push('.');
        self.path.push_str(shown);
        if facts.is_sensitive {
            self.list_path();
        }
        let change = match self.verdict(key) {
            FieldVerdict::Keep => ValueChange::Same,
            FieldVerdict::Listed(number) => self.listed(number, value),
            FieldVerdict::Scan => match facts.named.filter(|named| named.can_be(value)) {
                Some(named) => {
                    let action = self.rules.action_of_class(named.class);
                    self.whole(value, named.class, action, AppliedRule::Name(named.class))
                }
                None => self.scanned(value),
            },
        };
        self.path.truncate(start);
        RedactedEntry { key: shown, is_key_changed: facts.is_sensitive, value, change }
    }

    fn verdict(&self, key: &str) -> FieldVerdict {
        if self.rules.has_patterns() { self.rules.verdict(self.path, key) } else { FieldVerdict::Scan }
    }

    fn redacted_key(&mut self, key: &str) -> &'batch str {
        let is_found = self.search.finds(key);
        debug_assert!(is_found, "the facts about the key are of the same rules");
        let key = self.without_findings(key.as_bytes());
        self.arena.alloc_str(&String::from_utf8_lossy(&key))
    }

    fn listed(&mut self, number: usize, value: ValueRef<'batch>) -> ValueChange<'batch> {
        let is_nothing = matches!(value, ValueRef::None);
        match self.rules.fields.get(number) {
            Some(rule) if !is_nothing => self.whole(value, DataClass::Credential, &rule.action, AppliedRule::Field),
            _ => ValueChange::Same,
        }
    }

    /// The change of a value that is sensitive as a whole.
    fn whole(
        &mut self,
        value: ValueRef<'batch>,
        class: DataClass,
        action: &Action,
        rule: AppliedRule,
    ) -> ValueChange<'batch> {
        // A pseudonym stays one.
        if is_redacted(value) && !action.is_drop() {
            return ValueChange::Same;
        }
        self.note(rule);
        if self.is_message_filled {
            self.keep_whole(value);
        }
        if action.is_drop() {
            return ValueChange::Removed;
        }
        let plain = match value {
            ValueRef::Ip(address) if let Some(network) = action.network_of(address) => {
                return ValueChange::To(ValueRef::Ip(network));
            }
            // Parts of a map are no text that a part of could be shown.
            ValueRef::Map(_) | ValueRef::Sequence(_) if action.shows_a_part() => {
                return ValueChange::To(ValueRef::Text(self.arena.alloc_str(&self.rules.mask)));
            }
            value => value.to_string(),
        };
        let mut text = String::new();
        self.put(action, class, &plain, &mut text);
        ValueChange::To(ValueRef::Text(self.arena.alloc_str(&text)))
    }

    /// Keeps the text of a value, and those of its parts.
    fn keep_whole(&mut self, value: ValueRef<'batch>) {
        match value {
            ValueRef::None | ValueRef::Bool(_) => return,
            ValueRef::Map(map) => map.iter().for_each(|(_, part)| self.keep_whole(part)),
            ValueRef::Sequence(sequence) => sequence.iter().for_each(|part| self.keep_whole(part)),
            _ => {}
        }
        // A value more than are looked for shows that there are too many.
        if self.whole.len() <= WHOLE_MAX {
            let text = value.to_string();
            if text.len() >= WHOLE_MIN_BYTES && !self.whole.contains(&text.as_str()) {
                self.whole.push(self.arena.alloc_str(&text));
            }
        }
    }

    /// The change of a value whose texts and numbers decide.
    fn scanned(&mut self, value: ValueRef<'batch>) -> ValueChange<'batch> {
        match value {
            ValueRef::Text(_) if value.is_redaction() => ValueChange::Same,
            ValueRef::Text(text) => self.text(text),
            ValueRef::Bytes(bytes) => self.bytes(bytes),
            ValueRef::U64(number) => self.number(u128::from(number)),
            ValueRef::U128(number) => self.number(number),
            ValueRef::I64(number) => u128::try_from(number).map_or(ValueChange::Same, |number| self.number(number)),
            ValueRef::I128(number) => u128::try_from(number).map_or(ValueChange::Same, |number| self.number(number)),
            ValueRef::F64(number) => whole_number(number).map_or(ValueChange::Same, |number| self.number(number)),
            ValueRef::Ip(_) | ValueRef::Socket(_) => self.address(value),
            ValueRef::Map(map) => self.map(map),
            ValueRef::Sequence(sequence) => self.sequence(sequence),
            _ => ValueChange::Same,
        }
    }

    fn text(&mut self, text: &'batch str) -> ValueChange<'batch> {
        if !self.search.finds(text) {
            return ValueChange::Same;
        }
        let redacted = self.without_findings(text.as_bytes());
        self.list_path();
        // Findings begin and end between two characters.
        ValueChange::To(ValueRef::Text(self.arena.alloc_str(&String::from_utf8_lossy(&redacted))))
    }

    /// Bytes are text as a rule, in whole or in parts.
    fn bytes(&mut self, bytes: &'batch [u8]) -> ValueChange<'batch> {
        if !self.search.finds_in_bytes(bytes) {
            return ValueChange::Same;
        }
        let redacted = self.without_findings(bytes);
        self.list_path();
        ValueChange::To(ValueRef::Bytes(self.arena.alloc_slice_copy(&redacted)))
    }

    /// The text that was searched last, with another in the place of each finding.
    fn without_findings(&mut self, text: &[u8]) -> Vec<u8> {
        let findings = self.search.take_findings();
        let mut redacted = Vec::with_capacity(text.len());
        let mut place = 0;
        for finding in &findings {
            let (class, action) = self.rules.of_finding(finding.rule);
            redacted.extend_from_slice(text.get(place..finding.range.start).unwrap_or_default());
            self.applied.push(AppliedRule::Content(finding.rule));
            let found = String::from_utf8_lossy(text.get(finding.range.clone()).unwrap_or_default());
            let mut substitute = String::new();
            self.put(action, class, &found, &mut substitute);
            redacted.extend_from_slice(substitute.as_bytes());
            place = finding.range.end;
        }
        redacted.extend_from_slice(text.get(place..).unwrap_or_default());
        self.search.put_back(findings);
        redacted
    }

    fn number(&mut self, number: u128) -> ValueChange<'batch> {
        let Some(rule) = self.rules.scanner.scan_number(number) else { return ValueChange::Same };
        self.found(ValueRef::U128(number), rule)
    }

    fn address(&mut self, value: ValueRef<'batch>) -> ValueChange<'batch> {
        let address = match value {
            ValueRef::Ip(address) => address,
            ValueRef::Socket(socket) => socket.ip(),
            _ => return ValueChange::Same,
        };
        let rule = if address.is_ipv4() { ContentRule::Ipv4 } else { ContentRule::Ipv6 };
        if !self.rules.content.contains(&rule) {
            return ValueChange::Same;
        }
        if let ValueRef::Socket(socket) = value
            && let Some(network) = self.rules.action_of_class(rule.class()).network_of(address)
        {
            self.note(AppliedRule::Content(FindingRule::BuiltIn(rule)));
            return ValueChange::To(ValueRef::Socket(SocketAddr::new(network, socket.port())));
        }
        self.found(value, rule)
    }

    /// A value that is sensitive as a whole by its content.
    fn found(&mut self, value: ValueRef<'batch>, rule: ContentRule) -> ValueChange<'batch> {
        let action = self.rules.action_of_class(rule.class());
        self.whole(value, rule.class(), action, AppliedRule::Content(FindingRule::BuiltIn(rule)))
    }

    fn map(&mut self, map: MapRef<'batch>) -> ValueChange<'batch> {
        let mut entries: BumpVec<'batch, RedactedEntry<'batch>> = BumpVec::with_capacity_in(map.len(), self.arena);
        for (key, value) in map.iter() {
            let entry = self.entry(key, value);
            entries.push(entry);
        }
        if entries.iter().all(RedactedEntry::is_same) {
            return ValueChange::Same;
        }
        let left = entries.iter().filter_map(|entry| Some((entry.key, entry.changed()?)));
        self.made(&OwnedValue::with(|out| {
            out.map(|entries| left.for_each(|(key, value)| entries.entry_with(key, |out| out.value(value))));
        }))
    }

    fn sequence(&mut self, sequence: SequenceRef<'batch>) -> ValueChange<'batch> {
        let mut elements: BumpVec<'batch, (ValueChange<'batch>, ValueRef<'batch>)> =
            BumpVec::with_capacity_in(sequence.len(), self.arena);
        for element in sequence.iter() {
            let change = self.scanned(element);
            elements.push((change, element));
        }
        if elements.iter().all(|(change, _)| change.is_same()) {
            return ValueChange::Same;
        }
        let left = elements.iter().filter_map(|(change, element)| change.of(*element));
        self.made(&OwnedValue::with(|out| {
            out.sequence(|elements| left.for_each(|element| elements.element_with(|out| out.value(element))));
        }))
    }

    fn made(&self, value: &OwnedValue) -> ValueChange<'batch> {
        ValueChange::To(ValueRef::of_self_typed(self.arena.alloc_slice_copy(value.as_bytes())))
    }

    fn put(&mut self, action: &Action, class: DataClass, text: &str, out: &mut String) {
        let value = SensitiveValue::new(class, self.path, text).of_subject(self.subject);
        if action.put(&value, &self.rules.mask, out).is_err() {
            self.applied.push(AppliedRule::FailedSubstitute);
        }
    }

    /// Remembers that a rule has applied to the value of this path.
    fn note(&mut self, rule: AppliedRule) {
        self.applied.push(rule);
        self.list_path();
    }

    /// Lists a part without a key.
    pub(super) fn list(&mut self, group: FieldGroup) {
        self.path.clear();
        self.path.push_str(group.name());
        self.list_path();
    }

    /// The text without the values of fields that were redacted as a whole.
    pub(super) fn without_whole_values(&self, text: &str) -> Option<&'batch str> {
        if self.whole.len() > WHOLE_MAX {
            return Some(self.arena.alloc_str(&self.rules.mask));
        }
        let places = |value: &&'batch str| {
            let len = value.len();
            text.match_indices(*value).map(|(start, _)| (start, start + len)).collect::<Vec<_>>()
        };
        let mut places: Vec<(usize, usize)> = self.whole.iter().flat_map(places).collect();
        if places.is_empty() {
            return None;
        }
        places.sort_unstable();
        // A single mask for places that overlap. The masks themselves are not looked at: a value may be a part of the mask.
        let (mut redacted, mut end) = (String::with_capacity(text.len()), 0);
        for (start, until) in places {
            if start >= end {
                redacted.push_str(text.get(end..start).unwrap_or_default());
                redacted.push_str(&self.rules.mask);
            }
            end = end.max(until);
        }
        redacted.push_str(text.get(end..).unwrap_or_default());
        Some(self.arena.alloc_str(&redacted))
    }

    fn list_path(&mut self) {
        if self.rules.lists_redacted {
            let (redacted, path) = (&mut self.redacted, self.path.as_str());
            redacted.list(path, self.arena);
        }
    }
}

/// The paths of an event's list, each once, in the order in which they were met.
pub(super) struct RedactedPaths<'batch> {
    paths: BumpVec<'batch, &'batch str>,
    bytes: usize,
}

impl<'batch> RedactedPaths<'batch> {
    pub(super) fn new_in(arena: &'batch Bump) -> Self {
        Self { paths: BumpVec::new_in(arena), bytes: 0 }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'batch str> + '_ {
        self.paths.iter().copied()
    }

    /// Adds a path. The number of paths is bounded by their bytes, and so is the time of the search.
    pub(super) fn list(&mut self, path: &str, arena: &'batch Bump) {
        if self.bytes > LIST_MAX_BYTES || self.paths.contains(&path) {
            return;
        }
        self.bytes += path.len();
        let shown = if self.bytes > LIST_MAX_BYTES { MORE } else { path };
        self.paths.push(arena.alloc_str(shown));
    }
}

/// A float that is a whole number of as many digits as a card number may have, and exact.
pub(super) fn whole_number(number: f64) -> Option<u128> {
    const LEAST: f64 = 1e12;
    /// 2^53: above it, floats are not exact.
    const MOST: f64 = 9_007_199_254_740_992.0;
    // Within the bounds of the type.
    ((LEAST..=MOST).contains(&number) && number.fract() == 0.0).then_some(number as u128)
}
