//! Records of other sinks as entries.

use fapilog_format::json::put_string;
use fapilog_plugin::{sink::Payload, text::bounded::front};

use crate::encode::{EntryConstants, MESSAGE_CUT_BYTES, MESSAGE_JSON_MAX};

/// The front of an entry of this sink.
const ENTRY_FRONT: &[u8] = b"{\"ddsource\":";

/// Appends the records of another sink, whose fallback this one is. An entry of another sink of this kind stays as it is. Any other record is the message of
/// an entry, whose time is that of its arrival: Datadog reads a message that is JSON.
pub(super) fn append_entries(constants: &EntryConstants, records: &Payload, payload: &mut Payload) {
    let mut put = |record: &[u8]| {
        let record = record.trim_ascii_end();
        if record.is_empty() {
            return;
        }
        put_record(constants, record, payload.buffer());
        payload.end_record();
    };
    match records.marked_records() {
        0 => records.records().split(|byte| *byte == b'\n').for_each(put),
        marked => (0..marked).filter_map(|index| records.record(index)).for_each(&mut put),
    }
}

fn put_record(constants: &EntryConstants, record: &[u8], out: &mut Vec<u8>) {
    if record.starts_with(ENTRY_FRONT) && record.ends_with(b"}") {
        return out.extend_from_slice(record);
    }
    let text = String::from_utf8_lossy(record);
    out.extend_from_slice(&constants.origin);
    out.extend_from_slice(&constants.tags_json);
    out.extend_from_slice(b",\"message\":");
    let start = out.len();
    if text.len() <= MESSAGE_JSON_MAX {
        put_string(out, &text);
    }
    if text.len() > MESSAGE_JSON_MAX || out.len() - start > MESSAGE_JSON_MAX {
        out.truncate(start);
        put_string(out, front(&text, MESSAGE_CUT_BYTES));
        out.extend_from_slice(b",\"truncated\":true");
    }
    out.push(b'}');
}
