//! Entries: a time, a line and structured metadata.

use fapilog_format::{
    json::put_string,
    protobuf_wire::{field_len, put_field, put_varint, varint_len},
};
use fapilog_plugin::text::number::put_u64;

use crate::{encode::json_line::put_line, settings::LokiEncoding};

// The tags of `EntryAdapter`, of `google.protobuf.Timestamp` and of `LabelPairAdapter` (`pkg/push/push.proto` of Loki).
const ENTRY_TIMESTAMP: u8 = 0x0a;
const ENTRY_LINE: u8 = 0x12;
const ENTRY_METADATA: u8 = 0x1a;
const TIMESTAMP_SECONDS: u8 = 0x08;
const TIMESTAMP_NANOS: u8 = 0x10;
const PAIR_NAME: u8 = 0x0a;
const PAIR_VALUE: u8 = 0x12;

const NANOS: u64 = 1_000_000_000;

/// Writes an entry: in JSON, an array of time, line, and an object of structured metadata if there is any.
#[derive(Debug)]
pub(crate) struct LokiEntryWriter<'out> {
    encoding: LokiEncoding,
    has_metadata: bool,
    out: &'out mut Vec<u8>,
}

impl<'out> LokiEntryWriter<'out> {
    /// Writes the time and the line.
    pub(crate) fn begin(encoding: LokiEncoding, unix_nanos: u64, line: &str, out: &'out mut Vec<u8>) -> Self {
        match encoding {
            LokiEncoding::Protobuf => {
                put_timestamp(unix_nanos, out);
                put_field(out, ENTRY_LINE, line.as_bytes());
            }
            LokiEncoding::Json => {
                out.extend_from_slice(b"[\"");
                put_u64(out, unix_nanos);
                out.extend_from_slice(b"\",");
                put_line(line, out);
            }
        }
        Self { encoding, has_metadata: false, out }
    }

    /// Writes a field of structured metadata.
    pub(crate) fn metadata(&mut self, name: &str, value: &[u8]) {
        match self.encoding {
            LokiEncoding::Protobuf => {
                self.out.push(ENTRY_METADATA);
                put_varint(self.out, (field_len(name.len()) + field_len(value.len())) as u64);
                put_field(self.out, PAIR_NAME, name.as_bytes());
                put_field(self.out, PAIR_VALUE, value);
            }
            LokiEncoding::Json => {
                self.out.extend_from_slice(if self.has_metadata { b"," } else { b",{" });
                put_string(self.out, name);
                self.out.push(b':');
                put_string(self.out, &String::from_utf8_lossy(value));
            }
        }
        self.has_metadata = true;
    }

    /// Ends the entry.
    pub(crate) fn finish(self) {
        if self.encoding == LokiEncoding::Json {
            self.out.extend_from_slice(if self.has_metadata { b"}]" } else { b"]" });
        }
    }
}

/// Zeros are not written, as proto3 has it.
fn put_timestamp(unix_nanos: u64, out: &mut Vec<u8>) {
    let (seconds, nanos) = (unix_nanos / NANOS, unix_nanos % NANOS);
    let bytes = |number: u64| if number == 0 { 0 } else { 1 + varint_len(number) };
    out.push(ENTRY_TIMESTAMP);
    put_varint(out, (bytes(seconds) + bytes(nanos)) as u64);
    for (tag, number) in [(TIMESTAMP_SECONDS, seconds), (TIMESTAMP_NANOS, nanos)] {
        if number != 0 {
            out.push(tag);
            put_varint(out, number);
        }
    }
}
