//! Log records of OTLP, straight from events.
//!
//! A record has its parts in this order: times, the attribute `log.record.uid`, the head (severity, body, target, category), and then the
//! fields of the event. The bytes that all events of a call site, of a scope or of a producer share are rendered once.

mod context;
mod json;
mod names;
mod record_text;
mod site;
mod tag;
mod value;

use fapilog_format::otel::{RecordMember, attribute_name, record_member};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    field_group::FieldGroup,
    per_call_site::{PerCallSite, PerSource},
    sink::Payload,
    text::fixed::FixedText,
    value::ValueRef,
};
use fapilog_sink_http::encode::EventEncoder;

use self::{
    context::{ProducerUid, ScopeRecord, SharedRecord},
    names::AttributeNames,
    record_text::{RECORD_FORM, append_as_text},
    site::{SiteRecord, put_head},
    value::{put_any_value, put_key, put_text_attribute},
};
pub(crate) use self::{json::JsonRecords, value::put_attribute};
use crate::frame::{OtlpForm, RecordFrame};
use fapilog_format::protobuf_wire::{put_field, put_sized};

const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// Writes events as records in protobuf. Keeps the memory that it needs for that.
#[derive(Debug, Default)]
pub(crate) struct ProtobufRecords {
    /// Whether records have the places of log calls.
    has_places: bool,
    sites: PerCallSite<SiteRecord>,
    /// The front of the frame.
    scopes: PerSource<FixedText>,
    uid: ProducerUid,
    scope: ScopeRecord,
    shared: SharedRecord,
    /// The number of the current scope and shared context: it grows with each change.
    generation: u64,
    names: AttributeNames,
}

impl ProtobufRecords {
    pub(crate) fn new(has_places: bool) -> Self {
        Self { has_places, ..Self::default() }
    }

    #[inline]
    fn put_record(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Self { has_places, sites, scopes, uid, scope, shared, generation, names } = self;
        scopes.get_or_insert_with(event.source(), || frame_front(event)).put(out);
        let [a, b, c, d, e, f, g, h] = event.timestamp().unix_nanos().to_le_bytes();
        out.extend_from_slice(&[tag::TIME, a, b, c, d, e, f, g, h, tag::OBSERVED_TIME, a, b, c, d, e, f, g, h]);
        uid.put(event, out);
        let site = sites.get_or_insert_with(event.descriptor(), || SiteRecord::new(event.descriptor(), *has_places));
        let is_changed = scope.render(event.scope(), *has_places) | shared.render(event.shared_context(), *has_places);
        *generation += u64::from(is_changed);
        if !site.fits(event) || !site.is_beside(scope, shared, *generation) {
            return put_whole(*has_places, event, names, out);
        }
        site.head.put(out);
        if site.has_own_message {
            out.push(tag::BODY);
            put_any_value(out, event.message());
        }
        site.arguments.iter().for_each(|argument| argument.put(event, out));
        if !event.scope().is_empty() {
            out.extend_from_slice(scope.text());
        }
        if !event.shared_context().is_empty() {
            out.extend_from_slice(shared.text());
        }
    }
}

impl EventEncoder for ProtobufRecords {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.shared.forget();
        for event in batch.events() {
            self.put_record(event, payload.buffer());
            payload.end_record();
        }
        Ok(())
    }

    fn record_form(&self) -> Option<&'static str> {
        Some(RECORD_FORM)
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        append_as_text(records, text);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        append_records(records, payload, |text, out| {
            RecordFrame::put_front(OtlpForm::Protobuf, b"", out);
            out.push(tag::BODY);
            put_any_value(out, ValueRef::Bytes(text));
        });
    }
}

/// Appends records that another sink has encoded: frames as they are, and each other record, or each line where no records are marked, by
/// `put_text` as the body of a log record.
fn append_records(records: &Payload, payload: &mut Payload, put_text: impl Fn(&[u8], &mut Vec<u8>)) {
    let mut put = |record: &[u8]| {
        let out = payload.buffer();
        match RecordFrame::parse(record) {
            Some(_) => out.extend_from_slice(record),
            None => put_text(record.strip_suffix(b"\n").unwrap_or(record), out),
        }
        payload.end_record();
    };
    match records.marked_records() {
        0 => records.records().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(put),
        count => (0..count).filter_map(|index| records.record(index)).for_each(&mut put),
    }
}

#[cold]
fn frame_front(event: &Event<'_>) -> FixedText {
    let mut front = Vec::new();
    RecordFrame::put_front(OtlpForm::Protobuf, event.source().name().as_bytes(), &mut front);
    FixedText::new(&front)
}

/// Appends all parts of any event, but for times and id.
fn put_whole(has_places: bool, event: &Event<'_>, names: &mut AttributeNames, out: &mut Vec<u8>) {
    let location = event.location().filter(|_| has_places);
    put_head(event.level(), event.category(), event.target(), location, out);
    out.push(tag::BODY);
    put_any_value(out, event.message());
    if let Some(id) = event.correlation_id() {
        put_text_attribute(out, tag::ATTRIBUTE, "correlation_id", id);
    }
    names.clear();
    for group in GROUPS {
        for field in event.counted_fields(group) {
            put_field_of(has_places, field, names, out);
        }
    }
    if event.is_cut() {
        put_cuts(event, out);
    }
}

fn put_field_of(has_places: bool, field: &FieldRef<'_>, names: &mut AttributeNames, out: &mut Vec<u8>) {
    if put_if_member(field, out) {
        return;
    }
    let name = attribute_name(field.group, field.name, has_places);
    let number = names.number_of(name);
    out.push(tag::ATTRIBUTE);
    put_sized::<1>(out, |out| {
        put_key(out, name, number);
        put_any_value(out, field.value);
    });
}

/// Appends a field that is a member of the record. Returns `false` for one that is an attribute.
#[inline]
fn put_if_member(field: &FieldRef<'_>, out: &mut Vec<u8>) -> bool {
    if field.group != FieldGroup::Context {
        return false;
    }
    match record_member(field) {
        Some(RecordMember::TraceId(id)) => put_id(out, tag::TRACE_ID, id),
        Some(RecordMember::SpanId(id)) => put_id(out, tag::SPAN_ID, id),
        Some(RecordMember::Flags(flags)) => out.extend_from_slice(&[tag::FLAGS, flags, 0, 0, 0]),
        Some(RecordMember::EventName(name)) => put_field(out, tag::EVENT_NAME, name.as_bytes()),
        _ => return false,
    }
    true
}

/// Appends an id, which is an even number of hexadecimal digits.
fn put_id(out: &mut Vec<u8>, tag: u8, digits: &str) {
    let value = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    out.push(tag);
    put_sized::<1>(out, |out| out.extend(pairs.iter().map(|[high, low]| value(*high) << 4 | value(*low))));
}

#[cold]
fn put_cuts(event: &Event<'_>, out: &mut Vec<u8>) {
    put_attribute(out, tag::ATTRIBUTE, "fapilog.truncated", ValueRef::Bool(true));
    let fields = event.cut_fields();
    if fields.is_empty() {
        return;
    }
    out.push(tag::ATTRIBUTE);
    put_sized::<1>(out, |out| {
        put_key(out, ("", "fapilog.truncated_fields"), None);
        value::put_texts(
            out,
            fields.iter().map(|(group, name)| (group.name(), if group.is_keyed() { "." } else { "" }, *name)),
        );
    });
}
