//! JSON lines.

use crate::{
    json::put_json_string,
    line::{LogEvent, LogLine, key},
    output::OutputLayout,
};

/// The key of the time since the first event of a request, in seconds.
pub(super) const ELAPSED: &str = "elapsed_seconds";

/// An event is written as it stands in the file; with `--fields`, as an object of these.
pub(super) fn put(line: &LogLine<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    match line.event() {
        None => put_plain(line.bytes(), out),
        Some(event) if layout.fields.is_empty() && layout.origin.is_none() => {
            out.extend_from_slice(event.object().raw().as_bytes());
        }
        Some(event) => put_object(event, layout, out),
    }
}

/// Plain text is a message.
fn put_plain(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    put_json_string(out, key::MESSAGE);
    out.push(b':');
    put_json_string(out, String::from_utf8_lossy(bytes).trim_end_matches('\r'));
    out.push(b'}');
}

fn put_object(event: LogEvent<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    let mut is_first = true;
    let mut put = |out: &mut Vec<u8>, key: &str, value: &str| {
        out.push(if std::mem::take(&mut is_first) { b'{' } else { b',' });
        put_json_string(out, key);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    };
    if let Some(elapsed) = layout.origin.and_then(|origin| Some(elapsed_seconds(event.time()?, origin))) {
        put(out, ELAPSED, &elapsed);
    }
    if layout.fields.is_empty() {
        for (name, value) in event.object().members() {
            put(out, &name.text(), value.raw());
        }
    }
    for field in &layout.fields {
        if let Some(value) = field.path.find(event) {
            put(out, &field.name, value.raw());
        }
    }
    out.extend_from_slice(if is_first { b"{}" } else { b"}" });
}

/// With nanoseconds, exactly.
pub(super) fn elapsed_seconds(time: jiff::Timestamp, origin: jiff::Timestamp) -> String {
    let nanos = time.duration_since(origin).as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
