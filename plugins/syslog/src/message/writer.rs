//! Messages of events, one behind the other.

use std::sync::atomic::{AtomicU64, Ordering};

use fapilog_format::text::put_harmless;
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    formatter::Formatter,
    text::{bounded::front, plain::put_plain},
    timestamp::Timestamp,
    value::ValueRef,
};

use crate::message::{SyslogFormat, SyslogProtocol, rfc3164::Rfc3164Writer, rfc5424::Rfc5424Writer};

/// The numbers of `meta sequenceId`: RFC 5424, section 7.3.1.
#[derive(Debug, Default)]
pub(crate) struct SequenceNumbers(AtomicU64);

const SEQUENCE_MAX: u64 = 2_147_483_647;

impl SequenceNumbers {
    pub(super) fn next(&self) -> u64 {
        // Relaxed: each number is given once, and nothing else depends on it.
        self.0.fetch_add(1, Ordering::Relaxed) % SEQUENCE_MAX + 1
    }
}

/// The part of a writer that the transport decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterLimits {
    /// The longest message.
    pub(crate) bytes_max: usize,
    /// Whether the receiver is a socket of this machine.
    pub(crate) is_local: bool,
}

/// Writes messages of a shard.
pub(crate) struct MessageWriter {
    header: HeaderWriter,
    /// Renders the text of a message.
    content: Option<Box<dyn Formatter>>,
    bytes_max: usize,
    raw: Vec<u8>,
    text: Vec<u8>,
}

#[derive(Debug)]
enum HeaderWriter {
    Rfc5424(Box<Rfc5424Writer>),
    Rfc3164(Rfc3164Writer),
}

impl MessageWriter {
    pub(super) fn new(format: &SyslogFormat, content: Option<Box<dyn Formatter>>, limits: WriterLimits) -> Self {
        let header = match format.protocol {
            SyslogProtocol::Rfc5424 => HeaderWriter::Rfc5424(Box::new(Rfc5424Writer::new(format, limits.bytes_max))),
            SyslogProtocol::Rfc3164 => HeaderWriter::Rfc3164(Rfc3164Writer::new(format, limits)),
        };
        Self { header, content, bytes_max: limits.bytes_max, raw: Vec::new(), text: Vec::new() }
    }

    /// Called in front of the events of a batch.
    pub(crate) fn begin_batch(&mut self) {
        match &mut self.header {
            HeaderWriter::Rfc5424(writer) => writer.begin_batch(),
            HeaderWriter::Rfc3164(writer) => writer.begin_batch(),
        }
    }

    /// Appends the message of the event at this place, if there is one. Returns whether some of it was cut.
    pub(crate) fn put_event(
        &mut self,
        batch: &Batch<'_>,
        index: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, PluginError> {
        let Some(event) = batch.events().get(index) else { return Ok(false) };
        self.render_text(batch, index, event)?;
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        Ok(match &mut self.header {
            HeaderWriter::Rfc5424(writer) => writer.put(event, text, out),
            HeaderWriter::Rfc3164(writer) => writer.put(event, text, out),
        })
    }

    /// Appends a record that another sink has rendered and could not deliver: as it is, if it is a message of syslog, else as the text
    /// of a message. Returns whether some of it was cut.
    pub(crate) fn put_rendered(&mut self, now: Timestamp, record: &[u8], out: &mut Vec<u8>) -> bool {
        self.text.clear();
        put_text_of(without_line_end(record), &mut self.text);
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        if has_priority(text) {
            let fitting = front(text, self.bytes_max);
            out.extend_from_slice(fitting.as_bytes());
            return fitting.len() < text.len();
        }
        match &mut self.header {
            HeaderWriter::Rfc5424(writer) => writer.put_rendered(now, text, out),
            HeaderWriter::Rfc3164(writer) => writer.put_rendered(now, text, out),
        }
    }

    /// Puts the text of an event into `text`: UTF-8 without control characters.
    fn render_text(&mut self, batch: &Batch<'_>, index: usize, event: &Event<'_>) -> Result<(), PluginError> {
        self.text.clear();
        self.raw.clear();
        match &mut self.content {
            Some(formatter) => {
                formatter.format(&batch.range(index..index + 1), &mut self.raw)?;
                put_text_of(without_line_end(&self.raw), &mut self.text);
            }
            None => match event.message() {
                ValueRef::Text(text) => put_text_of(text.as_bytes(), &mut self.text),
                other => {
                    put_plain(&mut self.raw, other);
                    put_text_of(&self.raw, &mut self.text);
                }
            },
        }
        Ok(())
    }
}

impl std::fmt::Debug for MessageWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageWriter")
            .field("header", &self.header)
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}

/// Whether all bytes stand for themselves: they are printable.
pub(super) fn is_plain_ascii(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Appends bytes as text without control characters: those are escaped as in JSON, and bytes that are not UTF-8 are `\xNN`.
fn put_text_of(bytes: &[u8], out: &mut Vec<u8>) {
    if is_plain_ascii(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => put_harmless(out, text),
        Err(_) => {
            let mut escaped = Vec::new();
            put_plain(&mut escaped, ValueRef::Bytes(bytes));
            put_harmless(out, &String::from_utf8_lossy(&escaped));
        }
    }
}

fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Whether a text begins with `<PRI>`.
fn has_priority(text: &str) -> bool {
    let number = text.strip_prefix('<').and_then(|inside| inside.split_once('>')).map(|(number, _)| number);
    number.is_some_and(|number| number.len() <= 3 && number.parse::<u8>().is_ok_and(|number| number < 192))
}
