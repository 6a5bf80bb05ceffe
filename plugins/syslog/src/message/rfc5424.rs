//! RFC 5424: `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`.

use fapilog_plugin::{
    event::Event,
    text::{bounded::front, number::put_u64, time::UtcClock},
    timestamp::Timestamp,
};

use crate::message::{
    Facility, MessageIdSource, PrioritySource, SyslogFormat,
    format::process_id,
    header_text::{APP_NAME_MAX, HOSTNAME_MAX, MESSAGE_ID_MAX, put_header_text},
    priority::{WARNING, put_priority},
    structured_data::{SdRequest, StructuredDataWriter},
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// `2026-01-31T23:59:59.123456`, of a time in nanoseconds.
const MICROSECONDS: std::ops::Range<usize> = 0..26;

/// Writes messages by RFC 5424.
#[derive(Debug)]
pub(super) struct Rfc5424Writer {
    facility: Facility,
    priority_from: PrioritySource,
    clock: UtcClock,
    /// ` HOSTNAME APP-NAME `.
    names: Vec<u8>,
    process_id: u64,
    message_id: MessageIdSource,
    message_id_text: String,
    structured_data: StructuredDataWriter,
    has_byte_order_mark: bool,
    bytes_max: usize,
}

impl Rfc5424Writer {
    pub(super) fn new(format: &SyslogFormat, bytes_max: usize) -> Self {
        let mut names = vec![b' '];
        put_header_text(&format.hostname_or_default(), HOSTNAME_MAX, &mut names);
        names.push(b' ');
        put_header_text(&format.app_name_or_default(), APP_NAME_MAX, &mut names);
        names.push(b' ');
        Self {
            facility: format.facility,
            priority_from: format.priority_from,
            clock: UtcClock::default(),
            names,
            process_id: process_id(),
            message_id: format.message_id,
            message_id_text: format.message_id_text.clone(),
            structured_data: StructuredDataWriter::new(format),
            has_byte_order_mark: format.has_byte_order_mark,
            bytes_max,
        }
    }

    pub(super) fn begin_batch(&mut self) {
        self.process_id = process_id();
    }

    /// Appends the message of an event with this text. Returns whether some of it was cut.
    pub(super) fn put(&mut self, event: &Event<'_>, text: &str, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        self.put_front(self.priority_from.severity_of(event), event.timestamp(), out);
        let id = match self.message_id {
            MessageIdSource::Category => event.category().name(),
            MessageIdSource::Target => event.target(),
            MessageIdSource::Source => event.source().name(),
            MessageIdSource::Text => &self.message_id_text,
            MessageIdSource::None => "",
        };
        put_header_text(id, MESSAGE_ID_MAX, out);
        out.push(b' ');
        self.put_data(Some(event), text, start, out)
    }

    /// Appends a message that another sink has rendered and could not deliver.
    pub(super) fn put_rendered(&mut self, now: Timestamp, text: &str, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        self.put_front(WARNING, now, out);
        out.extend_from_slice(b"- ");
        self.put_data(None, text, start, out)
    }

    /// Appends all in front of the MSGID.
    fn put_front(&mut self, severity: u8, timestamp: Timestamp, out: &mut Vec<u8>) {
        put_priority(self.facility, severity, out);
        out.extend_from_slice(b"1 ");
        out.extend_from_slice(self.clock.render(timestamp).get(MICROSECONDS).unwrap_or_default());
        out.push(b'Z');
        out.extend_from_slice(&self.names);
        put_u64(out, self.process_id);
        out.push(b' ');
    }

    /// Appends structured data and text behind the header of the message that begins at `start`.
    fn put_data(&mut self, event: Option<&Event<'_>>, text: &str, start: usize, out: &mut Vec<u8>) -> bool {
        let header_end = out.len();
        let sequence_id = self.structured_data.next_sequence_id();
        let is_truncated = event.is_some_and(Event::is_cut);
        let whole = SdRequest { sequence_id, is_truncated, bytes_max: usize::MAX };
        self.structured_data.put(event, whole, out);
        self.put_text(text, out);
        if out.len() - start <= self.bytes_max {
            return false;
        }
        out.truncate(header_end);
        self.put_cut(event, text, start, SdRequest { is_truncated: true, ..whole }, out);
        true
    }

    /// As much of the data as there is room for: the text has at least half of it, if it is that long, and parameters that do not fit
    /// are left out.
    fn put_cut(&mut self, event: Option<&Event<'_>>, text: &str, start: usize, data: SdRequest, out: &mut Vec<u8>) {
        let end_max = start + self.bytes_max;
        let room = end_max.saturating_sub(out.len());
        let of_text = (1 + self.byte_order_mark().len() + text.len()).min(room / 2);
        self.structured_data.put(event, SdRequest { bytes_max: room - of_text, ..data }, out);
        let room = end_max.saturating_sub(out.len() + 1 + self.byte_order_mark().len());
        self.put_text(front(text, room), out);
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            out.push(b' ');
            out.extend_from_slice(self.byte_order_mark());
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn byte_order_mark(&self) -> &'static [u8] {
        if self.has_byte_order_mark { BYTE_ORDER_MARK } else { b"" }
    }
}
