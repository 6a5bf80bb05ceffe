//! Events.

mod changes;
mod cuts;
mod fields;
mod origins;
mod parts;

use std::cell::Cell;

use bumpalo::Bump;
use fapilog_record::{
    call_site::{Descriptor, LiteralPart, LiteralTemplate},
    field_group::FieldGroup,
    level::{Category, Level},
    text::{bounded::front, plain::put_plain},
    timestamp::Timestamp,
    value::ValueRef,
};

pub use self::parts::{EventParts, RecordError};
use crate::event::{EventId, EventScope, FieldRef, ProducerInfo, Source};

thread_local! {
    /// The memory that messages are filled in. It is no longer than the longest message and its last value.
    static FILLED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The text in the place of a field that a message names and that the event does not have.
pub const MISSING_FIELD: &str = "<missing>";

/// The longest message that placeholders are filled to, in bytes; a longer one is cut. As long as a record is by default: a field
/// that a message names twice stands in it twice.
pub const FILLED_MAX_BYTES: usize = 64 * 1024;

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
#[doc(alias = "LogEvent")]
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

impl<'batch> Event<'batch> {
    /// When it was logged.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// How grave it is.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// How grave it is, from 1 (least) to 10.
    #[doc(alias = "EventSeverity")]
    #[must_use]
    pub fn severity(&self) -> u8 {
        self.severity
    }

    /// The subject: system, audit, security, and so on.
    #[must_use]
    pub fn category(&self) -> Category {
        self.category
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
        EventId { instance: self.producer.instance(), producer: self.producer.id(), sequence: self.sequence }
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

    /// Whether some of it was cut because it was too long for a record. [`cut_fields`](Self::cut_fields) names the fields.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The message: text, or bytes in an unknown encoding. A literal with placeholders is filled with the fields as they are now: one that
    /// a redactor has replaced is replaced in the message, too.
    #[must_use]
    pub fn message(&self) -> ValueRef<'batch> {
        if let Some(changed) = self.added.iter().rev().find(|field| field.group == FieldGroup::Message) {
            return changed.value;
        }
        if let Some(template) = self.descriptor.message_template() {
            return ValueRef::Text(front(self.filled(template, MISSING_FIELD), FILLED_MAX_BYTES));
        }
        let fixed = self.descriptor.site().message();
        if !fixed.is_empty() {
            return ValueRef::Text(fixed);
        }
        self.single(FieldGroup::Message).unwrap_or(ValueRef::Text(""))
    }

    /// The message as the call has it, with its placeholders, unless a plugin has changed it: for plugins that compare messages.
    /// `None` for a message without placeholders.
    #[must_use]
    pub fn message_literal(&self) -> Option<&'static str> {
        let is_changed = self.added.iter().any(|field| field.group == FieldGroup::Message);
        let has_placeholders = self.descriptor.message_template().is_some();
        (has_placeholders && !is_changed).then(|| self.descriptor.site().message())
    }

    /// A message with placeholders, filled, with `missing` in the place of fields that the event does not have. It may be longer than
    /// [`FILLED_MAX_BYTES`].
    #[must_use]
    pub fn filled(&self, template: &LiteralTemplate, missing: &str) -> &'batch str {
        // Taken, and not borrowed: nothing may ask for it meanwhile.
        let mut text = FILLED.try_with(Cell::take).unwrap_or_default();
        text.clear();
        for part in template.parts() {
            let value = match *part {
                LiteralPart::Text(text) => ValueRef::Text(text),
                LiteralPart::Field(group, name) => self.field(group, name).unwrap_or(ValueRef::Text(missing)),
            };
            put_plain(&mut text, value);
            if text.len() > FILLED_MAX_BYTES {
                break;
            }
        }
        let filled = self.arena.alloc_str(&String::from_utf8_lossy(&text));
        let _ = FILLED.try_with(|kept| kept.set(text));
        filled
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
        self.scope_start as usize == self.record.len() && self.is_plain_in_scope()
    }

    /// Whether it [is plain](Self::is_plain), or would be without its [scope](Self::scope).
    #[inline]
    #[must_use]
    pub fn is_plain_in_scope(&self) -> bool {
        self.added.is_empty() && !self.is_dynamic && !self.is_rewritten
    }

    /// The scope in which it was logged: the fields that were bound to its thread, its task or its logger. Events of one scope come in
    /// runs, so a plugin keeps the work that it has done for a scope, and does it anew where the scope is another.
    ///
    /// An event that [`rewrite_fields`](Self::rewrite_fields) has changed has none.
    #[inline]
    #[must_use]
    pub fn scope(&self) -> EventScope<'batch> {
        EventScope::new(if self.is_rewritten { &[] } else { self.scope_bytes() })
    }
}
