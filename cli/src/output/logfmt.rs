//! logfmt: the lines of `format::Logfmt`, made of JSON.

use fapilog::{
    event::FieldGroup,
    format::text::{is_atom, put_logfmt_key},
};

use crate::{
    json::{JsonKind, JsonValue},
    line::{LogEvent, LogLine, key},
    output::{
        OutputLayout,
        pretty::elapsed_text,
        values::{TextDialect, put_text, put_value},
    },
};

/// Parts of an event with the keys that logfmt has for them, in their order.
const PARTS: [(&str, &str); 9] = [
    (key::TIMESTAMP, "time"),
    (key::LEVEL, "level"),
    (key::SEVERITY, "severity"),
    (key::CATEGORY, "category"),
    (key::SOURCE, "source"),
    (key::TARGET, "target"),
    (key::CALL_SITE, "call_site"),
    (key::EVENT_ID, "event_id"),
    (key::MESSAGE, "msg"),
];

pub(super) fn put(line: &LogLine<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    let mut pairs = LogfmtPairs { out, is_first: true };
    let Some(event) = line.event() else {
        let text = String::from_utf8_lossy(line.bytes());
        return pairs.put("msg", |out| put_text(out, text.trim_end_matches('\r')));
    };
    if let Some(elapsed) = layout.origin.and_then(|origin| Some(elapsed_text(origin, event.time()?))) {
        pairs.put("elapsed", |out| put_text(out, &elapsed));
    }
    if layout.fields.is_empty() {
        put_event(event, &mut pairs);
    } else {
        for field in &layout.fields {
            if let Some(value) = field.path.find(event) {
                pairs.put_chosen(&field.name, value);
            }
        }
    }
}

fn put_event(event: LogEvent<'_>, pairs: &mut LogfmtPairs<'_>) {
    for (name, key) in PARTS.into_iter().chain([(key::CORRELATION_ID, key::CORRELATION_ID)]) {
        let value = if name == key::MESSAGE { event.message() } else { event.get(name) };
        if let Some(value) = value {
            pairs.put(key, |out| put_value(out, value, TextDialect::Logfmt));
        }
    }
    let has_nested = event.nested_fields().is_some();
    for (name, value) in event.object().members() {
        match name.text().as_ref() {
            key::CONTEXT => pairs.put_members(FieldGroup::Context, value),
            key::FIELDS if has_nested && value.kind() == JsonKind::Object => {
                for (name, value) in value.members().filter(|(name, _)| name.text() != key::MESSAGE) {
                    pairs.put_field(FieldGroup::Context, &name.text(), value);
                }
            }
            key::TAGS => pairs.put_members(FieldGroup::Tags, value),
            key::METRICS => pairs.put_members(FieldGroup::Metrics, value),
            key::CORRELATION_ID | key::TRUNCATED | key::TRUNCATED_FIELDS | key::NOT_UTF8 => {}
            name if PARTS.iter().any(|(part, _)| *part == name) => {}
            name => pairs.put_field(FieldGroup::Context, name, value),
        }
    }
    if let Some(value) = event.get(key::TRUNCATED) {
        pairs.put(key::TRUNCATED, |out| put_value(out, value, TextDialect::Logfmt));
    }
    for name in [key::TRUNCATED_FIELDS, key::NOT_UTF8] {
        if let Some(value) = event.get(name) {
            pairs.put(name, |out| put_names(out, value));
        }
    }
}

/// A list of fields, each by its key in logfmt.
fn put_names(out: &mut Vec<u8>, names: JsonValue<'_>) {
    out.push(b'[');
    for (index, name) in names.elements().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        let name = name.text();
        match name.split_once('.') {
            Some((key::CONTEXT, name)) => put_logfmt_key(out, FieldGroup::Context, name),
            Some((key::TAGS, name)) => put_logfmt_key(out, FieldGroup::Tags, name),
            Some((key::METRICS, name)) => put_logfmt_key(out, FieldGroup::Metrics, name),
            _ if name == key::MESSAGE => out.extend_from_slice(b"msg"),
            _ => put_logfmt_key(out, FieldGroup::Context, &name),
        }
    }
    out.push(b']');
}

/// The pairs of a line.
struct LogfmtPairs<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl LogfmtPairs<'_> {
    fn put(&mut self, key: &str, put: impl FnOnce(&mut Vec<u8>)) {
        self.space();
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
        put(self.out);
    }

    fn put_field(&mut self, group: FieldGroup, name: &str, value: JsonValue<'_>) {
        self.put_pair(|out| put_logfmt_key(out, group, name), value);
    }

    /// A field that `--fields` names has that name as its key.
    fn put_chosen(&mut self, name: &str, value: JsonValue<'_>) {
        let put_key = |out: &mut Vec<u8>| match name {
            atom if is_atom(atom) && !atom.contains('%') => out.extend_from_slice(atom.as_bytes()),
            _ => put_logfmt_key(out, FieldGroup::Context, name),
        };
        self.put_pair(put_key, value);
    }

    fn put_pair(&mut self, put_key: impl FnOnce(&mut Vec<u8>), value: JsonValue<'_>) {
        self.space();
        put_key(self.out);
        self.out.push(b'=');
        put_value(self.out, value, TextDialect::Logfmt);
    }

    /// The fields of a group. A group of another writer that is no object is a field.
    fn put_members(&mut self, group: FieldGroup, members: JsonValue<'_>) {
        if members.kind() != JsonKind::Object {
            return self.put_field(FieldGroup::Context, group.name(), members);
        }
        for (name, value) in members.members() {
            self.put_field(group, &name.text(), value);
        }
    }

    fn space(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b' ');
        }
    }
}
