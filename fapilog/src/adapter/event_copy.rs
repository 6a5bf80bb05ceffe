//! Copies of events, for sinks that hand events to another library.

use std::{borrow::Cow, time::SystemTime};

use fapilog_plugin::{
    event::{Batch, Event},
    sink::{Payload, SinkError},
};
use fapilog_record::{
    dynamic::{DynamicFields, put_field},
    field_group::FieldGroup,
    level::Level,
    timestamp::Timestamp,
    user_code::catch_panic,
    value::ValueRef,
};

/// In front of each copy. No text in UTF-8 begins so.
const MARK: [u8; 4] = *b"\xffEC1";
/// The length of a copy, behind the mark.
const LENGTH_BYTES: usize = size_of::<u32>();
const HEAD_BYTES: usize = MARK.len() + LENGTH_BYTES;

/// The target of events that another sink has rendered.
const RENDERED_TARGET: &str = "fapilog::fallback";

/// An event in a payload, with typed values: for a sink that hands events to another library.
///
/// A sink's `encode` [puts](Self::put_batch) copies into its payload, and its delivery [reads](Self::read_all) them.
///
/// ```
/// use fapilog::{adapter::EventCopy, event::Batch, sink::Payload};
///
/// fn encode(batch: &Batch<'_>, payload: &mut Payload) {
///     EventCopy::put_batch(batch, payload);
/// }
///
/// fn deliver(payload: &Payload) {
///     for event in EventCopy::read_all(payload.records()) {
///         for (group, name, value) in event.fields() {
///             println!("{} {} {name}={value}", event.target, group.name());
///         }
///     }
/// }
/// # let _ = (encode, deliver);
/// ```
#[derive(Debug, Clone)]
pub struct EventCopy<'a> {
    /// The level.
    pub level: Level,
    /// The time of the log call.
    pub timestamp: Timestamp,
    /// The target: the module, as a rule.
    pub target: &'a str,
    /// The file of the log call; empty if it is not known.
    pub file: &'a str,
    /// The line of the log call, from 1; 0 if it is not known.
    pub line: u32,
    /// The logger's name.
    pub source: &'a str,
    fields: DynamicFields<'a>,
}

impl<'a> EventCopy<'a> {
    /// Appends copies of the events, each as a record whose end is marked. A copy has the value that counts
    /// where several fields have one key.
    pub fn put_batch(batch: &Batch<'_>, payload: &mut Payload) {
        for event in batch.events() {
            put_copy(payload, |out| put_event(event, out));
        }
    }

    /// Appends records of another sink, whose fallback this one is. Copies stay as they are. Any other record is the message of a
    /// WARNING with the target `fapilog::fallback`: its fields are in the text.
    pub fn put_records(records: &Payload, payload: &mut Payload) {
        if records.records().starts_with(&MARK) {
            return payload.append(records);
        }
        let mut put = |record: &[u8]| {
            let text = String::from_utf8_lossy(record);
            put_copy(payload, |out| put_rendered(text.trim_end(), out));
        };
        match records.marked_records() {
            0 => records.records().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(put),
            marked => (0..marked).filter_map(|index| records.record(index)).for_each(&mut put),
        }
    }

    /// The copies in `records`. It ends at the first one that is not whole.
    pub fn read_all(records: &'a [u8]) -> impl Iterator<Item = EventCopy<'a>> {
        let mut tail = records;
        std::iter::from_fn(move || {
            let (length, behind) = tail.strip_prefix(&MARK)?.split_first_chunk::<LENGTH_BYTES>()?;
            let (record, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            tail = behind;
            Self::read(record)
        })
    }

    /// Hands each copy in a payload over to another library.
    ///
    /// # Errors
    /// [`SinkError::rejected`] with this reason, for the events on which `hand_over` panicked. The others are handed over.
    pub fn hand_over_all(
        payload: &'a Payload,
        reason: &'static str,
        mut hand_over: impl FnMut(&EventCopy<'a>),
    ) -> Result<(), SinkError> {
        let events = Self::read_all(payload.records()).enumerate();
        let panicked = events.filter(|(_, event)| catch_panic(|| hand_over(event)).is_err());
        let panicked: Vec<usize> = panicked.map(|(index, _)| index).collect();
        if panicked.is_empty() { Ok(()) } else { Err(SinkError::rejected(panicked, reason)) }
    }

    fn read(record: &'a [u8]) -> Option<Self> {
        let (level, record) = record.split_first()?;
        let (nanos, record) = record.split_first_chunk()?;
        let (line, record) = record.split_first_chunk()?;
        let mut fields = DynamicFields::new(record);
        let mut text = || match fields.next()? {
            (_, _, ValueRef::Text(text)) => Some(text),
            _ => None,
        };
        let (target, file, source) = (text()?, text()?, text()?);
        let timestamp = Timestamp::from_unix_nanos(u64::from_le_bytes(*nanos));
        let level = Level::from_byte(*level)?;
        Some(Self { level, timestamp, target, file, line: u32::from_le_bytes(*line), source, fields })
    }

    /// The message. Bytes in an unknown encoding are shown as text with replacement characters.
    #[must_use]
    pub fn message(&self) -> Cow<'a, str> {
        match self.single(FieldGroup::Message) {
            Some(ValueRef::Text(text)) => Cow::Borrowed(text),
            Some(ValueRef::Bytes(bytes)) => String::from_utf8_lossy(bytes),
            Some(other) => Cow::Owned(other.to_string()),
            None => Cow::Borrowed(""),
        }
    }

    /// The correlation id.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&'a str> {
        match self.single(FieldGroup::CorrelationId)? {
            ValueRef::Text(id) => Some(id),
            _ => None,
        }
    }

    /// Group, key and value of each field: context, tags and metrics, in this order.
    pub fn fields(&self) -> impl Iterator<Item = (FieldGroup, &'a str, ValueRef<'a>)> + use<'a> {
        self.fields.clone().filter(|(group, ..)| group.is_keyed())
    }

    fn single(&self, group: FieldGroup) -> Option<ValueRef<'a>> {
        self.fields.clone().find(|field| field.0 == group).map(|field| field.2)
    }
}

/// Appends a copy that `put` writes.
fn put_copy(payload: &mut Payload, put: impl FnOnce(&mut Vec<u8>)) {
    let out = payload.buffer();
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    put(out);
    // A record is shorter than 2^32 bytes.
    let length = u32::try_from(out.len() - start - HEAD_BYTES).unwrap_or_default();
    if let Some(place) = out.get_mut(start + MARK.len()..).and_then(|out| out.first_chunk_mut()) {
        *place = length.to_le_bytes();
    }
    payload.end_record();
}

/// The part of a copy that all have.
fn put_head(out: &mut Vec<u8>, level: Level, nanos: u64, line: u32, texts: [&str; 3]) {
    out.push(level as u8);
    out.extend_from_slice(&nanos.to_le_bytes());
    out.extend_from_slice(&line.to_le_bytes());
    for text in texts {
        put_field(out, FieldGroup::Context, "", ValueRef::Text(text));
    }
}

fn put_rendered(text: &str, out: &mut Vec<u8>) {
    let now = Timestamp::from(SystemTime::now()).unix_nanos();
    put_head(out, Level::Warning, now, 0, [RENDERED_TARGET, "", "fapilog"]);
    put_field(out, FieldGroup::Message, "", ValueRef::Text(text));
}

fn put_event(event: &Event<'_>, out: &mut Vec<u8>) {
    let (file, line) = event.location().map_or(("", 0), |location| (location.file, location.line));
    let nanos = event.timestamp().unix_nanos();
    put_head(out, event.level(), nanos, line, [event.target(), file, event.source().name()]);
    put_field(out, FieldGroup::Message, "", event.message());
    if let Some(id) = event.correlation_id() {
        put_field(out, FieldGroup::CorrelationId, "", ValueRef::Text(id));
    }
    for group in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
        for field in event.counted_fields(group) {
            put_field(out, group, field.name, field.value);
        }
    }
}
