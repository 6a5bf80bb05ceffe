//! One event.

use std::fmt;

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_record::{
    call_site::{DYNAMIC_ID, Descriptor},
    dynamic::DynamicFields,
    field_group::FieldGroup,
    head::Head,
    level::{Category, Level},
    timestamp::Timestamp,
    value::{self, ValueRef},
};
use thiserror::Error;

use crate::event::{ProducerInfo, Source};

/// One event, viewed in place: it borrows the ring's bytes and the batch's arena.
#[derive(Debug, Clone)]
pub struct Event<'batch> {
    timestamp: Timestamp,
    sequence: u64,
    producer: &'batch ProducerInfo,
    source: &'batch Source,
    descriptor: &'static Descriptor,
    /// The whole record; offsets count from its start.
    record: &'batch [u8],
    /// Where in the record the scope starts: up to there, it is what the call itself logged.
    scope_start: u32,
    /// What plugins added. Grown by copying: it is short, and empty as a rule.
    added: &'batch [FieldRef<'batch>],
    arena: &'batch Bump,
    is_dynamic: bool,
    /// Its fields were made anew: what counts is in `added`, and the record's own are left out.
    is_rewritten: bool,
    /// Context that many events of the batch have in common.
    shared: &'batch [FieldRef<'batch>],
    level: Level,
    category: Category,
    severity: u8,
    is_cut: bool,
}

/// One field of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldRef<'a> {
    /// The part of the event.
    pub group: FieldGroup,
    /// The key.
    pub name: &'a str,
    /// The value.
    pub value: ValueRef<'a>,
}

/// What tells an event from every other of its container: producer and sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The producer's number in the container, from 1.
    pub producer: u32,
    /// The event's number at its producer, from 1.
    pub sequence: u64,
}

/// `producer-sequence`, as in `3-1024`.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.producer, self.sequence)
    }
}

/// A frame that holds no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame of {record_bytes} bytes holds no record")]
pub struct RecordError {
    record_bytes: usize,
}

/// What an event is made of.
#[derive(Debug)]
pub struct EventParts<'batch> {
    /// When it was logged.
    pub timestamp: Timestamp,
    /// Its number at its producer, from 1.
    pub sequence: u64,
    /// The thread that logged it.
    pub producer: &'batch ProducerInfo,
    /// Its logger's name.
    pub source: &'batch Source,
    /// Its call site.
    pub descriptor: &'static Descriptor,
    /// The head of its record.
    pub head: Head,
    /// The whole record, head included.
    pub record: &'batch [u8],
    /// Memory that lives as long as the batch.
    pub arena: &'batch Bump,
}

impl<'batch> Event<'batch> {
    /// An event of a call site.
    ///
    /// Inlined whole, and its address never taken: so that it is put together in registers, at its place in the batch. An
    /// event that is copied there costs ten nanoseconds.
    #[inline(always)]
    pub fn of_call_site(parts: EventParts<'batch>) -> Result<Self, RecordError> {
        let level = parts.descriptor.level();
        Self::of(parts, level, level.category())
    }

    /// An event that describes itself.
    pub fn of_itself(parts: EventParts<'batch>) -> Result<Self, RecordError> {
        let bad = RecordError { record_bytes: parts.record.len() };
        let [level, category, ..] = *parts.record.get(Head::BYTES..).ok_or(bad)? else { return Err(bad) };
        let level = Level::from_byte(level).ok_or(bad)?;
        let mut event = Self::of(parts, level, Category::from_byte(category).unwrap_or_else(|| level.category()))?;
        event.take_over_own_grading();
        Ok(event)
    }

    #[inline(always)]
    fn of(parts: EventParts<'batch>, level: Level, category: Category) -> Result<Self, RecordError> {
        let EventParts { timestamp, sequence, producer, source, descriptor, head, record, arena } = parts;
        let bad = RecordError { record_bytes: record.len() };
        let scope_start = record.len().checked_sub(usize::from(head.scope_bytes)).ok_or(bad)?;
        Ok(Self {
            timestamp,
            sequence,
            producer,
            source,
            descriptor,
            record,
            // A record is shorter than its ring, which is 2^30 bytes at most.
            scope_start: scope_start as u32,
            added: &[],
            shared: &[],
            arena,
            is_dynamic: descriptor.id() == DYNAMIC_ID,
            is_rewritten: false,
            level,
            category,
            severity: level.severity(),
            is_cut: head.is_cut,
        })
    }

    /// What the call itself logged, with the head.
    fn own_bytes(&self) -> &'batch [u8] {
        self.record.get(..self.scope_start as usize).unwrap_or_default()
    }

    fn scope_bytes(&self) -> &'batch [u8] {
        self.record.get(self.scope_start as usize..).unwrap_or_default()
    }

    /// When it was logged.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Changes when it was logged, for what a clock got wrong.
    pub fn set_timestamp(&mut self, timestamp: Timestamp) {
        self.timestamp = timestamp;
    }

    /// How grave it is.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// How grave it is, from 1 (least) to 10.
    #[must_use]
    pub fn severity(&self) -> u8 {
        self.severity
    }

    /// What it is about.
    #[must_use]
    pub fn category(&self) -> Category {
        self.category
    }

    /// Changes what it is about.
    pub fn set_category(&mut self, category: Category) {
        self.category = category;
    }

    /// Changes how grave it is: from 1 to 10, and what lies outside is brought to the nearer end.
    pub fn set_severity(&mut self, severity: u8) {
        self.severity = severity.clamp(1, 10);
    }

    /// Takes over the category and the severity that the call itself named, if it did.
    #[cold]
    #[inline(never)]
    pub fn take_over_own_grading(&mut self) {
        if let Some(ValueRef::U64(category)) = self.single(FieldGroup::Category) {
            let category = u8::try_from(category).ok().and_then(Category::from_byte);
            self.category = category.unwrap_or(self.category);
        }
        if let Some(ValueRef::U64(severity)) = self.single(FieldGroup::Severity) {
            self.set_severity(u8::try_from(severity).unwrap_or(u8::MAX));
        }
    }

    /// Its logger's name.
    #[must_use]
    pub fn source(&self) -> &'batch Source {
        self.source
    }

    /// Who logged it.
    #[must_use]
    pub fn producer(&self) -> &'batch ProducerInfo {
        self.producer
    }

    /// What tells it from every other event of its container.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId { producer: self.producer.id(), sequence: self.sequence }
    }

    /// Whether it is the library's own: a report of losses, or a plugin's summary.
    pub fn is_internal(&self) -> bool {
        self.producer.id() == 0
    }

    /// Where in the program it was logged, and what its arguments are.
    #[must_use]
    pub fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    /// Whether some of it was cut because it was too long for a record.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The message: text, or bytes in an unknown encoding.
    #[must_use]
    pub fn message(&self) -> ValueRef<'batch> {
        if let Some(changed) = self.added.iter().rev().find(|field| field.group == FieldGroup::Message) {
            return changed.value;
        }
        let fixed = self.descriptor.site().message();
        if !fixed.is_empty() {
            return ValueRef::Text(fixed);
        }
        self.single(FieldGroup::Message).unwrap_or(ValueRef::Text(""))
    }

    /// The module that logged it, or what an event without a call site says instead.
    #[must_use]
    pub fn target(&self) -> &'batch str {
        let fixed = self.descriptor.site().target();
        if !fixed.is_empty() {
            return fixed;
        }
        match self.single(FieldGroup::Target) {
            Some(ValueRef::Text(target)) => target,
            _ => "",
        }
    }

    /// What binds it to others, if anything does: the event's own, else that of its scope.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&'batch str> {
        match self.single(FieldGroup::CorrelationId) {
            Some(ValueRef::Text(id)) => Some(id),
            _ => None,
        }
    }

    /// Whether it says what binds it to others, be it text or not.
    pub fn is_correlated(&self) -> bool {
        self.single(FieldGroup::CorrelationId).is_some()
    }

    /// The value that counts in a part that holds one: what a plugin has changed it to, else the call's own, else that of
    /// the innermost scope.
    fn single(&self, group: FieldGroup) -> Option<ValueRef<'batch>> {
        let is_it = |field: &FieldRef<'_>| field.group == group;
        (self.added.iter().rev().copied().find(is_it))
            .or_else(|| self.own_fields().filter(is_it).last())
            .or_else(|| self.scope_fields().filter(is_it).last())
            .map(|field| field.value)
    }

    /// All fields under keys: the call's arguments first, then the scope's, outermost first, then what plugins added.
    ///
    /// A key may come more than once; [`field`](Self::field) says which value counts.
    pub fn fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        self.all_fields().filter(|field| field.group.is_keyed())
    }

    /// The value under a key, if there is one: that of the call's own argument before that of an inner scope, that
    /// before an outer one's, and that before what a plugin added.
    #[must_use]
    pub fn field(&self, group: FieldGroup, name: &str) -> Option<ValueRef<'batch>> {
        let is_wanted = |field: &FieldRef<'_>| field.group == group && field.name == name;
        (self.own_fields().find(is_wanted))
            .or_else(|| self.scope_fields().filter(is_wanted).last())
            .or_else(|| self.added.iter().chain(self.shared).copied().find(is_wanted))
            .map(|field| field.value)
    }

    /// Adds a field, unless the event has one of that key: a user's field is never overwritten.
    pub fn add_field(&mut self, group: FieldGroup, name: &'batch str, value: ValueRef<'batch>) {
        if self.field(group, name).is_some() {
            return;
        }
        self.append(FieldRef { group, name, value });
    }

    /// Sets a field, whatever the event has under that key: for plugins that replace what a user logged, as redactors do.
    pub fn set_field(&mut self, group: FieldGroup, name: &'batch str, value: ValueRef<'batch>) {
        if self.field(group, name).is_some() {
            let is_it = |field: &FieldRef<'_>| field.group == group && field.name == name;
            self.rewrite_fields(|field| Some(if is_it(&field) { FieldRef { value, ..field } } else { field }));
        } else {
            self.append(FieldRef { group, name, value });
        }
    }

    fn append(&mut self, field: FieldRef<'batch>) {
        let mut added = BumpVec::with_capacity_in(self.added.len() + 1, self.arena);
        added.extend_from_slice_copy(self.added);
        added.push(field);
        self.added = added.into_bump_slice();
    }

    /// Changes the message.
    pub fn set_message(&mut self, message: ValueRef<'batch>) {
        self.append(FieldRef { group: FieldGroup::Message, name: "", value: message });
    }

    /// Changes the correlation id.
    pub fn set_correlation_id(&mut self, id: &'batch str) {
        self.append(FieldRef { group: FieldGroup::CorrelationId, name: "", value: ValueRef::Text(id) });
    }

    /// Marks it as cut: some of it was left out because it was too long.
    pub fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// Makes the fields under keys anew: each is what `rewrite` says of it, or gone where that is `None`. It is asked once
    /// for each key, with the value that counts. Values are not copied; message, target and correlation id stay.
    pub fn rewrite_fields(&mut self, mut rewrite: impl FnMut(FieldRef<'batch>) -> Option<FieldRef<'batch>>) {
        let mut fields = BumpVec::new_in(self.arena);
        // In the order in which a later one counts before an earlier one: see `single`.
        let singles = self.scope_fields().chain(self.own_fields()).chain(self.added.iter().copied());
        fields.extend(singles.filter(|field| !field.group.is_keyed()));
        for group in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
            let rewritten = self.counted_fields(group).iter().filter_map(|field| rewrite(*field));
            // A field that changed its group to one without keys would pass for something else.
            fields.extend(rewritten.filter(|field| field.group.is_keyed()));
        }
        self.added = fields.into_bump_slice();
        self.shared = &[];
        self.is_rewritten = true;
    }

    /// Adds context that many events have in common: it is rendered once for all of them. The caller has made sure that
    /// the event has none of these keys, and that all are of [`FieldGroup::Context`].
    #[inline]
    pub fn share_context(&mut self, fields: &'batch [FieldRef<'batch>]) {
        self.shared = fields;
    }

    /// The context that many events have in common.
    #[inline]
    pub fn shared_context(&self) -> &'batch [FieldRef<'batch>] {
        self.shared
    }

    /// Whether there are no fields besides the call's own arguments and the shared context.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.scope_start as usize == self.record.len()
            && self.added.is_empty()
            && !self.is_dynamic
            && !self.is_rewritten
    }

    /// The value of an argument that the descriptor describes.
    #[inline]
    pub fn argument(&self, root_offset: usize, kind: &'static value::Kind) -> ValueRef<'batch> {
        value::read(self.own_bytes(), Head::BYTES + root_offset, kind)
    }

    /// All fields, each with its rank: of several under one key, that of the lowest rank counts. The call's own come first,
    /// the first before others; then the scope's, the last before others; then what plugins added.
    fn ranked_fields(&self) -> impl Iterator<Item = (u64, FieldRef<'batch>)> + '_ {
        const SCOPE: u64 = 1 << 32;
        const ADDED: u64 = 2 << 32;
        // A record has fewer fields than bytes, which are 2^30 at most.
        let own = self.own_fields().zip(0..).map(|(field, place)| (place, field));
        let scope = self.scope_fields().zip(1..).map(|(field, place)| (SCOPE + (SCOPE - 1 - place), field));
        let added = self.added.iter().chain(self.shared).copied().zip(ADDED..).map(|(field, place)| (place, field));
        own.chain(scope).chain(added)
    }

    /// The fields of one part: each key once, where it first comes, with the value that counts.
    pub fn counted_fields(&self, group: FieldGroup) -> &'batch [FieldRef<'batch>] {
        /// Up to so many, comparing each with each is quicker than sorting.
        const FEW: usize = 32;
        let mut fields = BumpVec::new_in(self.arena);
        fields.extend(self.ranked_fields().filter(|(_, field)| field.group == group));
        if fields.len() > FEW {
            return self.counted_of_many(fields);
        }
        let mut counted: BumpVec<'batch, (u64, FieldRef<'batch>)> = BumpVec::with_capacity_in(fields.len(), self.arena);
        for (rank, field) in fields {
            match counted.iter_mut().find(|(_, known)| known.name == field.name) {
                None => counted.push((rank, field)),
                Some(known) if rank < known.0 => *known = (rank, field),
                Some(_) => {}
            }
        }
        self.arena.alloc_slice_fill_iter(counted.into_iter().map(|(_, field)| field))
    }

    /// In time that does not grow with the square of their number: whoever logs ten thousand fields holds nobody up.
    #[cold]
    fn counted_of_many(&self, fields: BumpVec<'batch, (u64, FieldRef<'batch>)>) -> &'batch [FieldRef<'batch>] {
        let mut placed = BumpVec::with_capacity_in(fields.len(), self.arena);
        placed.extend(fields.into_iter().enumerate().map(|(place, (rank, field))| (place, rank, field)));
        placed.sort_unstable_by(|(_, rank, field), (_, other_rank, other)| {
            field.name.cmp(other.name).then(rank.cmp(other_rank))
        });
        // Of each key the first counts; it stands where the first that was met stood.
        placed.dedup_by(|later, kept| {
            let is_same = later.2.name == kept.2.name;
            if is_same {
                kept.0 = kept.0.min(later.0);
            }
            is_same
        });
        placed.sort_unstable_by_key(|(place, ..)| *place);
        self.arena.alloc_slice_fill_iter(placed.into_iter().map(|(_, _, field)| field))
    }

    fn all_fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        self.own_fields().chain(self.scope_fields()).chain(self.added.iter().chain(self.shared).copied())
    }

    fn own_fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        let described = if self.is_rewritten { &[] } else { self.descriptor.fields() };
        let described = described.iter().map(|field| FieldRef {
            group: field.name.group,
            name: field.name.name,
            value: self.argument(field.root_offset, field.kind),
        });
        // Behind the head, level and category.
        let dynamic =
            if self.is_dynamic && !self.is_rewritten { self.own_bytes().get(Head::BYTES + 2..) } else { None };
        described.chain(dynamic_fields(dynamic.unwrap_or_default()))
    }

    fn scope_fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + use<'batch> {
        dynamic_fields(if self.is_rewritten { &[] } else { self.scope_bytes() })
    }
}

fn dynamic_fields(bytes: &[u8]) -> impl Iterator<Item = FieldRef<'_>> {
    DynamicFields::new(bytes).map(|(group, name, value)| FieldRef { group, name, value })
}
