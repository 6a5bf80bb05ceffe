//! Events.

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

/// An event, viewed in place: it borrows the ring's bytes and the batch's arena.
///
/// An event has the arguments of its log call, the fields of its scope, and the fields that plugins have added.
/// [`fields`](Self::fields), [`field`](Self::field) and [`counted_fields`](Self::counted_fields) walk over all of them.
///
/// A plugin that wants speed does per call site what it can. [`is_plain`](Self::is_plain) is true for most events: those
/// that have the arguments of their call site and no other fields, except [context that they share](Self::shared_context).
/// The [descriptor](Self::descriptor) of the call site names these arguments, and [`argument`](Self::argument) reads them.
/// [`PerCallSite`](crate::per_call_site::PerCallSite) keeps the plugin's work. The built-in formatters do so: the text
/// between two arguments is rendered once for each call site.
///
/// ```
/// use fapilog_plugin::{event::Event, field_group::FieldGroup, per_call_site::PerCallSite, value::ValueRef};
///
/// /// The status of a request: an argument `status`, in events that have one.
/// fn status(places: &mut PerCallSite<Option<usize>>, event: &Event<'_>) -> Option<u64> {
///     let descriptor = event.descriptor();
///     let value = if event.is_plain() {
///         // Found once for each call site.
///         let place = *places.get_or_insert_with(descriptor, || {
///             descriptor.fields().iter().position(|field| field.name.name == "status")
///         });
///         let field = descriptor.fields().get(place?)?;
///         event.argument(field.root_offset, field.kind)
///     } else {
///         event.field(FieldGroup::Context, "status")?
///     };
///     if let ValueRef::U64(status) = value { Some(status) } else { None }
/// }
/// # let _ = status;
/// ```
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
    /// Fields that plugins added. Grown by copying: it is short, and empty as a rule.
    added: &'batch [FieldRef<'batch>],
    arena: &'batch Bump,
    is_dynamic: bool,
    /// Its fields were made anew: all are in `added`, and those of the record are ignored.
    is_rewritten: bool,
    /// Context that many events of the batch have in common.
    shared: &'batch [FieldRef<'batch>],
    level: Level,
    category: Category,
    severity: u8,
    is_cut: bool,
}

/// A field of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldRef<'a> {
    /// The part of the event.
    pub group: FieldGroup,
    /// The key.
    pub name: &'a str,
    /// The value.
    pub value: ValueRef<'a>,
}

/// Producer and sequence number: no other event of the container has both.
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

/// A frame that holds no record. Hidden, because only the engine and the test kit read records.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame of {record_bytes} bytes holds no record")]
pub struct RecordError {
    record_bytes: usize,
}

/// The parts that an event is made of. Hidden, because only the engine and the test kit read records.
#[doc(hidden)]
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
    /// An event of a call site. Hidden, because only the engine and the test kit read records.
    ///
    /// Inlined whole, and its address never taken: so that it is put together in registers, at its place in the batch. An
    /// event that is copied there costs ten nanoseconds.
    #[doc(hidden)]
    #[inline(always)]
    pub fn of_call_site(parts: EventParts<'batch>) -> Result<Self, RecordError> {
        let level = parts.descriptor.level();
        Self::of(parts, level, level.category())
    }

    /// An event that describes itself. Hidden, because only the engine and the test kit read records.
    #[doc(hidden)]
    pub fn of_itself(parts: EventParts<'batch>) -> Result<Self, RecordError> {
        let bad = RecordError { record_bytes: parts.record.len() };
        let [level, category, ..] = *parts.record.get(Head::BYTES..).ok_or(bad)? else { return Err(bad) };
        let level = Level::from_byte(level).ok_or(bad)?;
        let mut event = Self::of(parts, level, Category::from_byte(category).unwrap_or_else(|| level.category()))?;
        event.apply_own_severity();
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

    /// The bytes of the call itself, with the head.
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

    /// Sets the time at which it was logged, for enrichers that correct a clock. `timestamp` is the time that formatters
    /// write and that throttles count by.
    ///
    /// ```
    /// use fapilog_plugin::event::Batch;
    ///
    /// /// No event is from the future.
    /// fn correct(batch: &mut Batch<'_>) {
    ///     let now = batch.now();
    ///     batch.events_mut().iter_mut().filter(|event| event.timestamp() > now).for_each(|event| event.set_timestamp(now));
    /// }
    /// # let _ = correct;
    /// ```
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

    /// The subject: system, audit, security, and so on.
    #[must_use]
    pub fn category(&self) -> Category {
        self.category
    }

    /// Sets the category.
    pub fn set_category(&mut self, category: Category) {
        self.category = category;
    }

    /// Sets the severity, from 1 to 10. A number outside is brought to the closer end.
    pub fn set_severity(&mut self, severity: u8) {
        self.severity = severity.clamp(1, 10);
    }

    /// Applies the category and the severity that are among the call's arguments, if any. Hidden, because only the engine
    /// calls it, once for an event whose [descriptor has some](Descriptor::has_own_severity).
    #[doc(hidden)]
    #[cold]
    #[inline(never)]
    pub fn apply_own_severity(&mut self) {
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

    /// The thread that logged it.
    #[must_use]
    pub fn producer(&self) -> &'batch ProducerInfo {
        self.producer
    }

    /// The id, which no other event of the container has.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId { producer: self.producer.id(), sequence: self.sequence }
    }

    /// Whether the library made it: a report of losses, or a plugin's [summary](crate::event::Batch::emit). Processors that
    /// take events out or change fields leave these alone, so that their numbers stay true.
    ///
    /// ```
    /// use fapilog_plugin::event::Batch;
    ///
    /// fn drop_all_but_reports(batch: &mut Batch<'_>) {
    ///     batch.retain(|event| event.is_internal());
    /// }
    /// # let _ = drop_all_but_reports;
    /// ```
    #[must_use]
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

    /// The module that logged it, or the target that an event without a call site names.
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

    /// The correlation id as text: the event's own, else that of its scope. `None` also for one that is not text.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&'batch str> {
        match self.single(FieldGroup::CorrelationId) {
            Some(ValueRef::Text(id)) => Some(id),
            _ => None,
        }
    }

    /// Whether it has a correlation id, text or not: an enricher that adds ids leaves such an event as it is.
    ///
    /// ```
    /// use fapilog_plugin::event::Batch;
    ///
    /// fn add_ids(batch: &mut Batch<'_>) {
    ///     for event in batch.events_mut().iter_mut().filter(|event| !event.is_correlated()) {
    ///         event.set_correlation_id("batch-1");
    ///     }
    /// }
    /// # let _ = add_ids;
    /// ```
    #[must_use]
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
    /// A key may come more than once; [`field`](Self::field) returns the value that counts.
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

    /// Marks it as cut: it was too long, and some of it is missing.
    pub fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// Makes the fields under keys anew: `rewrite` returns the new field, or `None` to remove it. It is called once for each
    /// key, with the value that counts. Values are not copied; message, target and correlation id stay.
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

    /// Sets the context that the event shares with others, in the place of the former [shared
    /// context](Self::shared_context). Formatters render it once for all events that share it.
    ///
    /// The caller ensures that the event [is plain](Self::is_plain) and has none of these keys among its arguments, that all
    /// are of [`FieldGroup::Context`], that all text is UTF-8, and that the former shared fields are among the new ones.
    /// [`CommonFields`](crate::common_fields::CommonFields) ensures all that, and is the right tool as a rule.
    ///
    /// ```
    /// use fapilog_plugin::{event::{Batch, FieldRef}, field_group::FieldGroup, value::ValueRef};
    ///
    /// fn add_zone(batch: &mut Batch<'_>) {
    ///     let zone = FieldRef { group: FieldGroup::Context, name: "zone", value: ValueRef::Text("eu-1") };
    ///     let shared = batch.arena().alloc_slice_copy(&[zone]);
    ///     for event in batch.events_mut() {
    ///         let is_free = event.is_plain() && event.shared_context().is_empty();
    ///         if is_free && event.field(zone.group, zone.name).is_none() {
    ///             event.share_context(shared);
    ///         } else {
    ///             event.add_field(zone.group, zone.name, zone.value);
    ///         }
    ///     }
    /// }
    /// # let _ = add_zone;
    /// ```
    #[inline]
    pub fn share_context(&mut self, fields: &'batch [FieldRef<'batch>]) {
        self.shared = fields;
    }

    /// The context that many events of a batch have in common: all of them return the same slice, so a formatter that has
    /// rendered it compares the address and copies its text. The address is valid within one batch.
    ///
    /// ```
    /// use fapilog_plugin::event::{Batch, FieldRef};
    ///
    /// fn render(batch: &Batch<'_>, put_fields: fn(&[FieldRef<'_>]) -> String, out: &mut String) {
    ///     let mut last: (&[FieldRef<'_>], String) = (&[], String::new());
    ///     for event in batch.events() {
    ///         if !std::ptr::eq(last.0, event.shared_context()) {
    ///             last = (event.shared_context(), put_fields(event.shared_context()));
    ///         }
    ///         out.push_str(&last.1);
    ///     }
    /// }
    /// # let _ = render;
    /// ```
    #[inline]
    #[must_use]
    pub fn shared_context(&self) -> &'batch [FieldRef<'batch>] {
        self.shared
    }

    /// Whether it has the arguments of its call site and the [shared context](Self::shared_context), and no other fields: no
    /// scope, no field that a plugin added or changed, no changed message. Then the [descriptor](Self::descriptor) names all
    /// fields. Events without a call site are never plain.
    #[inline]
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.scope_start as usize == self.record.len()
            && self.added.is_empty()
            && !self.is_dynamic
            && !self.is_rewritten
    }

    /// The value of an argument that the event's [descriptor](Self::descriptor) describes, by the offset and the kind of its
    /// [`DescribedField`](fapilog_record::call_site::DescribedField): a read at a fixed place, without a search. Place and
    /// kind of another call site yield some value, never undefined behaviour.
    ///
    /// An event that [`rewrite_fields`](Self::rewrite_fields) has changed still has the former arguments there: see
    /// [`is_plain`](Self::is_plain).
    #[inline]
    #[must_use]
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

    /// The fields of a group, as formatters write them: each key once, at its first place, with the value that counts.
    ///
    /// ```
    /// use fapilog_plugin::{event::Event, field_group::FieldGroup};
    ///
    /// fn put_tags(event: &Event<'_>, out: &mut String) {
    ///     for field in event.counted_fields(FieldGroup::Tags) {
    ///         out.push_str(&format!(" {}={}", field.name, field.value));
    ///     }
    /// }
    /// # let _ = put_tags;
    /// ```
    #[must_use]
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

    /// Takes time that does not grow with the square of their number: ten thousand fields do not stop the drain.
    #[cold]
    fn counted_of_many(&self, fields: BumpVec<'batch, (u64, FieldRef<'batch>)>) -> &'batch [FieldRef<'batch>] {
        let mut placed = BumpVec::with_capacity_in(fields.len(), self.arena);
        placed.extend(fields.into_iter().enumerate().map(|(place, (rank, field))| (place, rank, field)));
        placed.sort_unstable_by(|(_, rank, field), (_, other_rank, other)| {
            field.name.cmp(other.name).then(rank.cmp(other_rank))
        });
        // The first of each key counts; it has the place of the first that was met.
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
