//! Log records in the JSON of OTLP: those of the formatter `otel_json`, without the object around each.

use fapilog_format::{OtelJson, json::put_string};
use fapilog_plugin::{error::PluginError, event::Batch, sink::Payload};
use fapilog_sink_http::encode::{EventEncoder, FormattedRecords};

use super::{
    append_records,
    record_text::{RECORD_FORM, append_as_text},
};
use crate::frame::{OtlpForm, RecordFrame};

/// A line of the formatter up to the name of the scope.
const LINE_FRONT: &[u8] = b"{\"resourceLogs\":[{\"resource\":{},\"scopeLogs\":[{\"scope\":{\"name\":";
/// From the name of the scope to the record.
const LINE_MIDDLE: &[u8] = b"},\"logRecords\":[";
/// Behind the record.
const LINE_BACK: &[u8] = b"]}]}]}\n";
/// The first member of the record: the time is a number of digits behind it.
const TIME_KEY: &[u8] = b"{\"timeUnixNano\":\"";

/// Writes events as records in JSON.
#[derive(Debug)]
pub(crate) struct JsonRecords {
    lines: FormattedRecords,
}

impl JsonRecords {
    pub(crate) fn new(has_places: bool) -> Self {
        Self { lines: FormattedRecords::new(Box::new(OtelJson::new().call_site(has_places))) }
    }
}

impl EventEncoder for JsonRecords {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.lines.each(batch, |_, line| {
            let parts = parts(line).ok_or_else(|| PluginError::failed("a line of otel_json has another form"))?;
            put_record(&parts, payload.buffer());
            payload.end_record();
            Ok(())
        })
    }

    fn record_form(&self) -> Option<&'static str> {
        Some(RECORD_FORM)
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        append_as_text(records, text);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        append_records(records, payload, |text, out| {
            RecordFrame::put_front(OtlpForm::Json, b"\"\"", out);
            out.extend_from_slice(b"{\"body\":{\"stringValue\":");
            put_string(out, &String::from_utf8_lossy(text));
            out.extend_from_slice(b"}}");
        });
    }
}

/// The parts of a line.
struct OtelLineParts<'a> {
    /// A string with its quotes.
    scope: &'a [u8],
    /// Digits.
    time: &'a [u8],
    /// The record behind its first member: it begins with a quote.
    members: &'a [u8],
}

fn parts(line: &[u8]) -> Option<OtelLineParts<'_>> {
    let behind = line.strip_prefix(LINE_FRONT)?.strip_suffix(LINE_BACK)?;
    let (scope, behind) = behind.split_at_checked(string_len(behind)?)?;
    let behind = behind.strip_prefix(LINE_MIDDLE)?.strip_prefix(TIME_KEY)?;
    let digits = behind.iter().position(|byte| !byte.is_ascii_digit())?;
    let (time, members) = behind.split_at_checked(digits)?;
    Some(OtelLineParts { scope, time, members })
}

/// Appends a record. The time at which it was observed is that of the event.
fn put_record(OtelLineParts { scope, time, members }: &OtelLineParts<'_>, out: &mut Vec<u8>) {
    RecordFrame::put_front(OtlpForm::Json, scope, out);
    for part in [TIME_KEY, time, b"\",\"observedTimeUnixNano\":\"", time, members] {
        out.extend_from_slice(part);
    }
}

/// The length of the JSON string that the bytes begin with.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    let end = bytes.iter().skip(1).position(|byte| match byte {
        _ if std::mem::take(&mut is_escaped) => false,
        b'\\' => {
            is_escaped = true;
            false
        }
        byte => *byte == b'"',
    })?;
    Some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_a_quote_that_is_not_escaped() {
        for (text, len) in [(r#""""#, Some(2)), (r#""a"b"#, Some(3)), (r#""a\"b\\"},"#, Some(8)), (r#""a\""#, None)] {
            assert_eq!(string_len(text.as_bytes()), len, "{text}");
        }
    }
}
