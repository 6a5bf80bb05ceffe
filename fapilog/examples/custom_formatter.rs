//! How do I write a formatter? This one writes LTSV, lines of `label:value` with tabs between (<http://ltsv.org>).
//!
//! The contract is in `docs/writing-a-plugin.md`.
//!
//! `cargo run -p fapilog --example custom_formatter`

use std::{error::Error, io::Write, time::Duration};

use fapilog::{
    Container, error,
    event::{Batch, Event, FieldGroup, ValueRef},
    format::{Formatter, RecordEnd},
    info,
    plugin::PluginError,
    sink,
};

/// Renders events as LTSV.
#[derive(Default)]
struct Ltsv {
    /// By the source's id: its name as it stands in a line. Text that is the same for many events is rendered once.
    sources: Vec<Option<Vec<u8>>>,
}

impl Formatter for Ltsv {
    fn name(&self) -> &'static str {
        "ltsv"
    }

    /// Appends every event, in order, as a whole line. Nothing that is in `out` already is touched.
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            // Writing to a vector does not fail.
            let _ = write!(out, "time:{}\tlevel:{}\tsource:", event.timestamp(), event.level());
            out.extend_from_slice(self.source(event));
            out.extend_from_slice(b"\tmessage:");
            put_value(out, event.message());
            put_fields(out, event);
            if event.is_cut() {
                out.extend_from_slice(b"\ttruncated:true");
            }
            out.push(b'\n');
        }
        Ok(())
    }

    /// A sink that has written a part of a payload counts the records in it.
    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

impl Ltsv {
    fn source(&mut self, event: &Event<'_>) -> &[u8] {
        // Ids count up from zero without gaps, and there are 65,536 at most: such a table is bounded.
        let id = event.source().id() as usize;
        if self.sources.len() <= id {
            self.sources.resize(id + 1, None);
        }
        let Some(slot) = self.sources.get_mut(id) else { return &[] };
        slot.get_or_insert_with(|| {
            let mut name = Vec::new();
            put_text(&mut name, event.source().name());
            name
        })
    }
}

fn put_fields(out: &mut Vec<u8>, event: &Event<'_>) {
    for (index, field) in event.fields().enumerate() {
        // A key may come more than once: the call's own, a scope's, an enricher's. It is written where it comes first, with
        // the value that counts.
        let is_same = |other: fapilog::event::FieldRef<'_>| other.group == field.group && other.name == field.name;
        if event.fields().take(index).any(is_same) {
            continue;
        }
        let part = match field.group {
            FieldGroup::Tags => "tags.",
            FieldGroup::Metrics => "metrics.",
            _ => "context.",
        };
        out.push(b'\t');
        out.extend_from_slice(part.as_bytes());
        put_label(out, field.name);
        out.push(b':');
        put_value(out, event.field(field.group, field.name).unwrap_or(ValueRef::None));
    }
}

/// LTSV has no rule for other characters in labels than these: all others become `_`.
fn put_label(out: &mut Vec<u8>, name: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    out.extend(name.chars().map(|c| if is_plain(c) { c as u8 } else { b'_' }));
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    let _ = match value {
        ValueRef::Text(text) => return put_text(out, text),
        ValueRef::Bytes(bytes) => return put_text(out, &String::from_utf8_lossy(bytes)),
        ValueRef::Char(c) => return put_text(out, c.encode_utf8(&mut [0; 4])),
        ValueRef::None => return,
        ValueRef::U64(n) => write!(out, "{n}"),
        ValueRef::I64(n) => write!(out, "{n}"),
        ValueRef::F64(x) => write!(out, "{x}"),
        ValueRef::Bool(b) => write!(out, "{b}"),
        // There are more kinds of values, and more may come: `Display` renders each.
        other => return put_text(out, &other.to_string()),
    };
}

/// A logged text may hold any character. Characters that end a line or a field, or that a terminal acts on, are
/// escaped.
fn put_text(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        if c.is_control() || c == '\\' {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            let _ = write!(out, "{c}");
        }
    }
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(Ltsv::default);
    let logs = Container::builder().sink("memory", sink).start()?;
    let log = logs.logger("web");
    info!(log, "request", path = "/orders", tags.region = "eu", metrics.latency_ms = 3.2);
    error!(log, "forged\nlevel:ERROR", user = "a\tb");
    logs.shutdown(Duration::from_secs(5))?.check()?;

    let lines = events.lines();
    let [request, forged] = &lines[..] else { return Err(format!("{lines:?}").into()) };
    let expected =
        "\tlevel:INFO\tsource:web\tmessage:request\tcontext.path:/orders\ttags.region:eu\tmetrics.latency_ms:3.2";
    assert!(request.ends_with(expected), "{request}");
    assert!(forged.ends_with("\tmessage:forged\\nlevel:ERROR\tcontext.user:a\\tb"), "{forged}");
    Ok(())
}
