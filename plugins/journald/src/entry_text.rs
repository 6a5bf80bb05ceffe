//! Entries as text, for a fallback of another kind.

use fapilog_format::json::{ObjectWriter, put_marked_string};
use fapilog_plugin::sink::Payload;

use crate::entry::EntryFields;

/// Appends each entry as a JSON object of its fields, with a line feed. Bytes that are not UTF-8 are marked, as in the formatter `json`.
pub(crate) fn append_as_text(records: &Payload, text: &mut Payload) {
    for record in records.iter() {
        put_entry_text(record, text.buffer());
        text.end_record();
    }
}

fn put_entry_text(entry: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut object = ObjectWriter::new(out);
    let mut fields = EntryFields::new(entry);
    for field in fields.by_ref() {
        let name = entry.get(field.start..field.name_end).unwrap_or_default();
        let value = entry.get(field.value.clone()).unwrap_or_default();
        let out = object.member(&String::from_utf8_lossy(name));
        put_marked_string(out, value);
    }
    object.finish();
    if entry.is_empty() || !fields.is_at_end() {
        out.truncate(start);
        out.extend_from_slice(entry.strip_suffix(b"\n").unwrap_or(entry));
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entry: &[u8]) -> String {
        let mut out = Vec::new();
        put_entry_text(entry, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_entry_is_an_object_of_its_fields() {
        let binary = [&b"MESSAGE\n"[..], &3_u64.to_le_bytes(), b"a\nb\n"].concat();
        assert_eq!(text(&[b"PRIORITY=6\n", &binary[..]].concat()), "{\"PRIORITY\":\"6\",\"MESSAGE\":\"a\\nb\"}\n");
    }

    #[test]
    fn a_line_of_another_sink_stays_as_it_is() {
        assert_eq!(text(b"order filled\n"), "order filled\n");
        assert_eq!(text(b""), "\n");
    }
}
