//! Comma-separated values, by RFC 4180. Lines end with LF, as for other programs on Linux.

use std::borrow::Cow;

use crate::{
    json::{JsonKind, JsonValue},
    line::{LogLine, key},
    output::{
        OutputLayout,
        json::{ELAPSED, elapsed_seconds},
    },
};

/// The columns, if `--fields` names none.
const COLUMNS: [&str; 7] =
    [key::TIMESTAMP, key::LEVEL, key::SOURCE, key::TARGET, key::MESSAGE, key::CORRELATION_ID, key::CONTEXT];

pub(super) fn put_header(layout: &OutputLayout, out: &mut Vec<u8>) {
    let elapsed = layout.origin.map(|_| ELAPSED);
    let names: Vec<&str> = if layout.fields.is_empty() {
        COLUMNS.to_vec()
    } else {
        layout.fields.iter().map(|field| field.name.as_str()).collect()
    };
    put_row(elapsed.into_iter().chain(names).map(Cow::Borrowed), out);
    out.push(b'\n');
}

pub(super) fn put(line: &LogLine<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    let elapsed = layout.origin.map(|origin| {
        let time = line.event().and_then(|event| event.time());
        time.map(|time| elapsed_seconds(time, origin)).unwrap_or_default().into()
    });
    if layout.fields.is_empty() {
        put_row(elapsed.into_iter().chain(COLUMNS.iter().map(|key| part(line, key))), out);
    } else {
        let value = |field: &'_ crate::output::OutputField| match line.event() {
            Some(event) => field.path.find(event).map(text_of).unwrap_or_default(),
            None => part(line, &field.name),
        };
        put_row(elapsed.into_iter().chain(layout.fields.iter().map(value)), out);
    }
}

/// A part of an event. Plain text is a message.
fn part<'a>(line: &LogLine<'a>, key: &str) -> Cow<'a, str> {
    match line.event() {
        Some(event) if key == key::MESSAGE => event.message().map(text_of).unwrap_or_default(),
        Some(event) if key == key::CONTEXT => {
            let own = event.get(key).map(text_of);
            own.or_else(|| event.nested_fields().map(context_of)).unwrap_or_default()
        }
        Some(event) => event.get(key).map(text_of).unwrap_or_default(),
        None if key == key::MESSAGE => {
            String::from_utf8_lossy(line.bytes().strip_suffix(b"\r").unwrap_or(line.bytes()))
        }
        None => Cow::Borrowed(""),
    }
}

/// `null` is nothing; lists and objects are their JSON.
fn text_of(value: JsonValue<'_>) -> Cow<'_, str> {
    if value.kind() == JsonKind::Null { Cow::Borrowed("") } else { value.text() }
}

/// The JSON of nested fields without the message, which has a column of its own.
fn context_of(fields: JsonValue<'_>) -> Cow<'_, str> {
    let others = fields.members().filter(|(name, _)| name.text() != key::MESSAGE);
    let others: Vec<String> = others.map(|(name, value)| format!("{}:{}", name.raw(), value.raw())).collect();
    if others.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!("{{{}}}", others.join(","))) }
}

fn put_row<'a>(cells: impl Iterator<Item = Cow<'a, str>>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut count = 0;
    for (index, cell) in cells.enumerate() {
        count = index + 1;
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        if cell.contains(['"', ',', '\n', '\r']) {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    // An empty line would be no row to many readers.
    if count == 1 && out.len() == start {
        out.extend_from_slice(b"\"\"");
    }
}
