//! Entries of the journal, straight from events.
//!
//! An entry has its fields in this order: the head (priority, identifier, level, place of the call), logger, thread, id, time,
//! correlation id, message, and then the fields of the event. The text that all events of a call site share is rendered once.

mod context;
mod cut;
mod message_id;
mod site;
mod value;

use fapilog_format::syslog::Facility;
use fapilog_plugin::{
    event::{Batch, Event},
    field_group::FieldGroup,
    per_call_site::{PerCallSite, PerSource},
    sink::Payload,
    text::{fixed::FixedText, number::put_u64, time::UtcClock},
};

pub(crate) use crate::encode::message_id::MessageId;
use crate::{
    encode::{
        context::{ProducerFields, RenderedScope, ScopeFields, SharedContextFields, put_named},
        cut::cut_entry,
        site::{EntryHead, SiteEntry},
        value::{put_binary, put_field, put_line, put_text},
    },
    entry::is_entry,
    field_name::FieldNaming,
    priority::{Priority, PriorityMap},
};

/// The mark of an entry that misses something.
const TRUNCATED: &[u8] = b"TRUNCATED=true\n";

/// The most fields of an event in an entry: journald ignores an entry of more than 1024 fields.
const FIELDS_MAX: usize = 960;

const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// How entries are written.
#[derive(Debug, Clone)]
pub(crate) struct EncodeOptions {
    pub(crate) names: FieldNaming,
    pub(crate) priorities: PriorityMap,
    /// The fields that all entries have.
    front: Vec<u8>,
    message_id: Option<MessageId>,
    message_id_field: Box<str>,
    entry_bytes_max: usize,
}

impl EncodeOptions {
    pub(crate) fn new(names: FieldNaming, priorities: PriorityMap, entry_bytes_max: usize) -> Self {
        Self {
            names,
            priorities,
            front: Vec::new(),
            message_id: None,
            message_id_field: Box::default(),
            entry_bytes_max,
        }
    }

    pub(crate) fn identifier(mut self, identifier: &str, facility: Option<Facility>) -> Self {
        self.front.clear();
        put_text(&mut self.front, b"SYSLOG_IDENTIFIER=", identifier);
        if let Some(facility) = facility {
            put_line(&mut self.front, b"SYSLOG_FACILITY=", |out| put_u64(out, facility.number().into()));
        }
        self
    }

    /// The id of all messages, and the field that has the id of a single one.
    pub(crate) fn message_ids(mut self, id: Option<MessageId>, field: &str) -> Self {
        (self.message_id, self.message_id_field) = (id, field.into());
        self
    }

    fn is_message_id(&self, group: FieldGroup, name: &str) -> bool {
        group == FieldGroup::Context && *self.message_id_field == *name && !name.is_empty()
    }

    /// The id that an event has for its message.
    fn id_of(&self, event: &Event<'_>) -> Option<MessageId> {
        let field = Some(&*self.message_id_field).filter(|name| !name.is_empty())?;
        event.field(FieldGroup::Context, field).and_then(MessageId::of_value)
    }

    /// Appends the id that all messages have, if there is one.
    fn put_fixed_id(&self, out: &mut Vec<u8>) {
        if let Some(id) = self.message_id {
            put_id(id, out);
        }
    }
}

fn put_id(id: MessageId, out: &mut Vec<u8>) {
    put_line(out, b"MESSAGE_ID=", |out| out.extend_from_slice(id.digits()));
}

/// Writes events as entries. Keeps the memory that it needs for that.
#[derive(Debug)]
pub(crate) struct EntryEncoder {
    options: EncodeOptions,
    sites: PerCallSite<SiteEntry>,
    loggers: PerSource<FixedText>,
    producer: ProducerFields,
    scope: ScopeFields,
    shared: SharedContextFields,
    clock: UtcClock,
    name: Vec<u8>,
}

impl EntryEncoder {
    pub(crate) fn new(options: EncodeOptions) -> Self {
        Self {
            options,
            sites: PerCallSite::new(),
            loggers: PerSource::new(),
            producer: ProducerFields::default(),
            scope: ScopeFields::default(),
            shared: SharedContextFields::default(),
            clock: UtcClock::default(),
            name: Vec::new(),
        }
    }

    /// Appends each event as a record. Returns the number of entries that were cut.
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> u64 {
        self.shared.clear();
        let mut cut = 0;
        for event in batch.events() {
            let out = payload.buffer();
            let start = out.len();
            self.put_entry(event, out);
            if out.len() - start > self.options.entry_bytes_max {
                cut_entry(out, start, self.options.entry_bytes_max);
                cut += 1;
            }
            payload.end_record();
        }
        cut
    }

    #[inline]
    fn put_entry(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Self { options, sites, loggers, producer, scope, shared, clock, name } = self;
        let site = sites.get_or_insert_with(event.descriptor(), || SiteEntry::new(options, event.descriptor()));
        let logger = loggers.get_or_insert_with(event.source(), || logger_field(event));
        let others = if site.fits(event) { scope.of(options, event).zip(shared.of(options, event)) } else { None };
        let Some((RenderedScope { correlation_id, fields }, shared)) = others else {
            let mut front = |out: &mut Vec<u8>| put_origin(event, logger, producer, clock, out);
            return put_whole(options, event, &mut front, name, out);
        };
        site.head.put(out);
        put_origin(event, logger, producer, clock, out);
        out.extend_from_slice(correlation_id);
        match &site.message {
            Some(message) => message.put(out),
            None => put_field(out, b"MESSAGE=", event.message()),
        }
        for argument in &site.arguments {
            put_field(out, &argument.name, event.argument(argument.root_offset, argument.kind));
        }
        out.extend_from_slice(fields);
        out.extend_from_slice(shared);
    }

    /// Appends records that another sink has encoded: entries as they are, and each other record, or each line where no records
    /// are marked, as the message of an entry.
    pub(crate) fn append(&self, records: &Payload, payload: &mut Payload) {
        let mut put = |record: &[u8]| self.append_record(record, payload);
        match records.marked_records() {
            0 => records.records().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(put),
            count => (0..count).filter_map(|index| records.record(index)).for_each(&mut put),
        }
    }

    fn append_record(&self, record: &[u8], payload: &mut Payload) {
        let out = payload.buffer();
        let start = out.len();
        if is_entry(record) {
            out.extend_from_slice(record);
        } else {
            put_line(out, b"PRIORITY=", |out| put_u64(out, Priority::Info.number().into()));
            out.extend_from_slice(&self.options.front);
            let message = record.strip_suffix(b"\n").unwrap_or(record);
            match std::str::from_utf8(message) {
                Ok(text) => put_text(out, b"MESSAGE=", text),
                Err(_) => put_binary(out, b"MESSAGE=", message),
            }
        }
        if out.len() - start > self.options.entry_bytes_max {
            cut_entry(out, start, self.options.entry_bytes_max);
        }
        payload.end_record();
    }
}

#[cold]
fn logger_field(event: &Event<'_>) -> FixedText {
    let mut text = Vec::new();
    put_text(&mut text, b"LOGGER=", event.source().name());
    FixedText::new(&text)
}

/// Appends logger, thread, id and time of an event.
#[inline]
fn put_origin(
    event: &Event<'_>,
    logger: &FixedText,
    producer: &mut ProducerFields,
    clock: &mut UtcClock,
    out: &mut Vec<u8>,
) {
    logger.put(out);
    producer.put(event, out);
    put_line(out, b"EVENT_TIME=", |out| clock.put(event.timestamp(), out));
}

/// Appends an event that has more than its call site's arguments, or other ones.
fn put_whole(
    options: &EncodeOptions,
    event: &Event<'_>,
    put_origin: &mut dyn FnMut(&mut Vec<u8>),
    name: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    EntryHead::of_event(event).put(options, out);
    let id = options.id_of(event);
    match id {
        Some(id) => put_id(id, out),
        None => options.put_fixed_id(out),
    }
    put_origin(out);
    if let Some(correlation_id) = event.correlation_id() {
        put_text(out, b"CORRELATION_ID=", correlation_id);
    }
    put_field(out, b"MESSAGE=", event.message());
    let is_complete = put_fields(options, event, id.is_some(), name, out);
    if event.is_cut() || !is_complete {
        out.extend_from_slice(TRUNCATED);
        put_cut_fields(event, out);
    }
}

/// Appends the fields of an event, but not the one that was the id of its message. Returns whether all had room.
fn put_fields(options: &EncodeOptions, event: &Event<'_>, has_id: bool, name: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    let mut room = FIELDS_MAX;
    for group in GROUPS {
        for field in event.counted_fields(group) {
            if has_id && options.is_message_id(group, field.name) {
                continue;
            }
            let Some(left) = room.checked_sub(1) else { return false };
            room = left;
            put_named(options, field, name, out);
        }
    }
    true
}

/// Appends the names of fields that were cut: a field of the entry for each.
fn put_cut_fields(event: &Event<'_>, out: &mut Vec<u8>) {
    const CUT_MAX: usize = 32;
    for (group, name) in event.cut_fields().iter().take(CUT_MAX) {
        let name = if name.is_empty() { group.name() } else { name };
        put_text(out, b"TRUNCATED_FIELDS=", name);
    }
}
