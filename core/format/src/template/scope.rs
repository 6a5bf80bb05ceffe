//! The fields of scopes, as they stand in lines.
//!
//! Events of one scope come in runs, and scopes come again: a request logs some events, and then others of the same thread do. So the
//! text of a scope is rendered once and kept, with those of some other scopes.

use fapilog_plugin::event::{Event, FieldRef};
use fapilog_record::{field_group::FieldGroup, text::fixed::FixedText, value::ValueRef};

use crate::template::{GROUPS, LineFormat, keys::KeySet};

/// The texts that are kept. A power of two.
const KEPT_SCOPES: usize = 64;
/// The longest scope whose text is kept, in bytes: 64 of these and their texts are some hundred KiB.
const SCOPE_MAX_BYTES: usize = 2_048;
/// The most fields of such a scope: each is compared with each.
const FIELDS_MAX: usize = 32;

/// The texts of the last scopes.
#[derive(Debug, Default)]
pub(crate) struct ScopeTexts {
    /// By a hash of the scope. Empty until there is a scope.
    texts: Vec<ScopeText>,
}

/// The text of a scope's fields.
#[derive(Debug, Default)]
pub(crate) struct ScopeText {
    /// The scope, in its encoded form.
    scope: Vec<u8>,
    /// Whether all of it has a place in templates. If not, its events are written part by part.
    is_whole: bool,
    /// The correlation id with its key. Empty if there is none.
    correlation_id: FixedText,
    /// The lifted fields. Empty if there are none.
    lifted: FixedText,
    /// By group, in the order of [`GROUPS`]: the fields, with the format's text between them. `None` if there are none.
    groups: [Option<FixedText>; 3],
    names: NameSet,
    /// The keys of the fields, of a format that [has common ones](LineFormat::HAS_COMMON_KEYS).
    keys: KeySet,
}

impl ScopeTexts {
    /// The text of the event's scope. `None` if it has no place in templates.
    #[inline]
    pub(crate) fn of<F: LineFormat>(&mut self, format: &mut F, event: &Event<'_>) -> Option<&ScopeText> {
        if event.scope().is_empty() { Some(ScopeText::NONE) } else { self.find(format, event) }
    }

    fn find<F: LineFormat>(&mut self, format: &mut F, event: &Event<'_>) -> Option<&ScopeText> {
        let scope = event.scope().as_bytes();
        if scope.len() > SCOPE_MAX_BYTES {
            return None;
        }
        if self.texts.is_empty() {
            self.texts.resize_with(KEPT_SCOPES, ScopeText::default);
        }
        let text = self.texts.get_mut(place_of(scope))?;
        if text.scope != scope {
            // Behind a call that panics, half a text is that of no scope.
            text.scope.clear();
            text.is_whole = text.render(format, event).is_some();
            text.scope.extend_from_slice(scope);
        }
        text.is_whole.then_some(&*text)
    }
}

impl ScopeText {
    /// That of no scope.
    pub(crate) const NONE: &'static Self = &Self {
        scope: Vec::new(),
        is_whole: true,
        correlation_id: FixedText::EMPTY,
        lifted: FixedText::EMPTY,
        groups: [None, None, None],
        names: NameSet::EMPTY,
        keys: KeySet::EMPTY,
    };

    /// The correlation id with its key. Empty if there is none.
    pub(crate) fn correlation_id(&self) -> &FixedText {
        &self.correlation_id
    }

    /// The lifted fields. Empty if there are none.
    pub(super) fn lifted(&self) -> &FixedText {
        &self.lifted
    }

    /// The keys of the fields, of a format that has common ones.
    pub(super) fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// The fields of a group, with the format's text between them. `None` if there are none.
    pub(crate) fn fields(&self, group: FieldGroup) -> Option<&FixedText> {
        let place = GROUPS.iter().position(|other| *other == group)?;
        self.groups.get(place)?.as_ref()
    }

    /// Whether none of its fields has the name of an argument, which would count in its place.
    #[inline]
    pub(crate) fn is_free(&self, arguments: &NameSet, event: &Event<'_>) -> bool {
        !self.names.may_meet(arguments) || is_free_of_arguments(event)
    }

    /// `None` if a field has no place in a template.
    #[cold]
    fn render<F: LineFormat>(&mut self, format: &mut F, event: &Event<'_>) -> Option<()> {
        let fields: Vec<FieldRef<'_>> = event.scope().fields().take(FIELDS_MAX + 1).collect();
        let is_correlation_id = |field: &&FieldRef<'_>| field.group == FieldGroup::CorrelationId;
        let has_place = |field: &FieldRef<'_>| field.group.is_keyed() || is_correlation_id(&field);
        if fields.len() > FIELDS_MAX || !fields.iter().all(has_place) {
            return None;
        }
        self.names = NameSet::of(fields.iter().map(|field| (field.group, field.name)));
        let mut text = Vec::new();
        // The last one counts, and one that is no text is none.
        if let Some(ValueRef::Text(id)) = fields.iter().rfind(is_correlation_id).map(|field| field.value) {
            format.put_correlation_id(id, &mut text);
        }
        self.correlation_id.set(&text);
        text.clear();
        self.keys.clear();
        let mut draft = ScopeDraft { format, event, fields: &fields, lifted: Vec::new(), keys: &mut self.keys };
        for (group, kept) in GROUPS.into_iter().zip(&mut self.groups) {
            text.clear();
            let has_fields = draft.put_group(group, &mut text)?;
            *kept = has_fields.then(|| FixedText::new(&text));
        }
        self.lifted.set(&draft.lifted);
        (!self.keys.has_twins()).then_some(())
    }
}

/// The text of a scope, while it is made.
struct ScopeDraft<'a, F> {
    format: &'a mut F,
    event: &'a Event<'a>,
    fields: &'a [FieldRef<'a>],
    lifted: Vec<u8>,
    keys: &'a mut KeySet,
}

impl<F: LineFormat> ScopeDraft<'_, F> {
    /// Appends the fields of a group, each key once, at its first place, with its last value. Returns whether there are any; `None` if one
    /// has no place in a template.
    fn put_group(&mut self, group: FieldGroup, out: &mut Vec<u8>) -> Option<bool> {
        let fields = self.fields;
        let of_group = || fields.iter().filter(move |field| field.group == group);
        let mut is_first = true;
        for (place, field) in of_group().enumerate() {
            if of_group().take(place).any(|earlier| earlier.name == field.name) {
                continue;
            }
            let field = of_group().rfind(|later| later.name == field.name)?;
            if self.format.may_hide(field) || is_put_aside(self.format, self.event, field) {
                return None;
            }
            if group == FieldGroup::Context && self.format.lifts(field) {
                self.format.put_lifted(field, &mut self.lifted);
                continue;
            }
            if !is_first {
                self.format.separate_fields(out);
            }
            is_first = false;
            if F::HAS_COMMON_KEYS {
                self.keys.add_of(self.format, field);
            }
            // Text that is not UTF-8 is marked at the end of the line.
            if !self.format.put_field(field, out) {
                return None;
            }
        }
        Some(!is_first)
    }
}

/// Whether a field needs lines of its own.
fn is_put_aside<F: LineFormat>(format: &mut F, event: &Event<'_>, field: &FieldRef<'_>) -> bool {
    let is_aside = format.put_aside(event, field);
    if is_aside {
        format.forget_lines();
    }
    is_aside
}

#[cold]
fn is_free_of_arguments(event: &Event<'_>) -> bool {
    let arguments = event.descriptor().fields();
    let is_argument = |field: &FieldRef<'_>| {
        arguments.iter().any(|argument| argument.name.group == field.group && argument.name.name == field.name)
    };
    !event.scope().fields().any(|field| is_argument(&field))
}

/// Names, of which it is quickly known that two sets have none in common: a bit for each, by a hash.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NameSet([u64; 4]);

impl NameSet {
    const EMPTY: Self = Self([0; 4]);

    pub(crate) fn of<'a>(names: impl Iterator<Item = (FieldGroup, &'a str)>) -> Self {
        let mut set = Self::EMPTY;
        for (group, name) in names {
            let bit = spread(hash(name.as_bytes()).wrapping_add(u64::from(group.to_byte()))) >> 56;
            if let Some(word) = set.0.get_mut((bit >> 6) as usize) {
                *word |= 1 << (bit & 63);
            }
        }
        set
    }

    /// Whether a name may be in both. `false` is certain.
    #[inline]
    fn may_meet(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |met, (one, other)| met | (one & other)) != 0
    }
}

#[inline]
fn place_of(scope: &[u8]) -> usize {
    (spread(hash(scope)) >> (u64::BITS - KEPT_SCOPES.ilog2())) as usize
}

/// An odd number whose bits have no pattern: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A product depends on lower bits only: its highest bits depend on all of `hash`.
#[inline]
pub(super) fn spread(hash: u64) -> u64 {
    hash.wrapping_mul(FACTOR)
}

/// Quick. Scopes that differ in one text have different hashes as a rule.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = mix(hash, tail.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    hash ^ hash >> 32
}
