//! The exception of an error event.

use fapilog_format::json::put_string;
use fapilog_plugin::{
    event::{Event, FieldRef, TextOrigin},
    text::{bounded::front, number::put_u64},
    value::ValueRef,
};

/// The longest text of an exception.
const VALUE_BYTES_MAX: usize = 4096;

/// The longest name of a type, a function or a file.
const NAME_BYTES_MAX: usize = 256;

/// The most frames of a stack, and the most errors of a chain.
const FRAMES_MAX: usize = 50;
const ERRORS_MAX: usize = 8;

/// The fields of an event that are about its error.
#[derive(Default)]
struct ErrorFields<'a> {
    error: Option<FieldRef<'a>>,
    kind: Option<&'a str>,
    stack: Option<&'a str>,
}

impl<'a> ErrorFields<'a> {
    fn of(fields: &[FieldRef<'a>]) -> Self {
        let mut found = Self::default();
        for field in fields {
            match (field.name, field.value) {
                ("error" | "err" | "exception.message", ValueRef::Text(_)) => found.error = Some(*field),
                ("exception.type", ValueRef::Text(text)) => found.kind = Some(text),
                ("exception.stacktrace" | "backtrace", ValueRef::Text(text)) => found.stack = Some(text),
                _ => {}
            }
        }
        found
    }
}

/// Puts the member `exception` of an event with an error: its sources first, as Sentry wants them, and the error itself at the end.
pub(super) fn put_exception<'a>(event: &Event<'a>, fields: &[FieldRef<'a>], out: &mut Vec<u8>) {
    let found = ErrorFields::of(fields);
    let by_origin = || fields.iter().find(|field| matches!(event.text_origin(field), TextOrigin::Error(_))).copied();
    let Some(error) = found.error.or_else(by_origin) else { return };
    let ValueRef::Text(text) = error.value else { return };
    let mut chain: Vec<&str> = match event.text_origin(&error) {
        TextOrigin::Error(chain) => chain.take(ERRORS_MAX).collect(),
        _ => vec![text],
    };
    chain.reverse();
    let last = chain.len().saturating_sub(1);
    out.extend_from_slice(b",\"exception\":{\"values\":[");
    for (index, value) in chain.iter().enumerate() {
        let is_outer = index == last;
        out.extend_from_slice(if index > 0 { b",{\"type\":" } else { b"{\"type\":" });
        put_string(out, front(found.kind.filter(|_| is_outer).unwrap_or("Error"), NAME_BYTES_MAX));
        out.extend_from_slice(b",\"value\":");
        put_string(out, front(value, VALUE_BYTES_MAX));
        if is_outer {
            out.extend_from_slice(b",\"mechanism\":{\"type\":\"fapilog\",\"handled\":true}");
            put_stack(event, found.stack.unwrap_or_default(), out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// A frame of a backtrace as `std::backtrace` writes it: `3: function`, and a line `at file:line:column` behind it.
struct StackFrame<'a> {
    function: &'a str,
    file: &'a str,
    line: u64,
}

/// Puts the frames of a backtrace, or the place of the log call.
fn put_stack(event: &Event<'_>, stack: &str, out: &mut Vec<u8>) {
    let mut frames = frames_of(stack);
    if frames.is_empty()
        && let Some(place) = event.location()
    {
        frames.push(StackFrame { function: place.module, file: place.file, line: place.line.into() });
    }
    if frames.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"stacktrace\":{\"frames\":[");
    // Sentry has the innermost call at the end.
    for (index, frame) in frames.iter().rev().enumerate() {
        out.extend_from_slice(if index > 0 { b",{\"function\":" } else { b"{\"function\":" });
        put_string(out, front(frame.function, NAME_BYTES_MAX));
        if !frame.file.is_empty() {
            out.extend_from_slice(b",\"filename\":");
            put_string(out, front(frame.file, NAME_BYTES_MAX));
            out.extend_from_slice(b",\"lineno\":");
            put_u64(out, frame.line);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

fn frames_of(stack: &str) -> Vec<StackFrame<'_>> {
    let mut frames: Vec<StackFrame<'_>> = Vec::new();
    for line in stack.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(frame) = frames.last_mut() {
                let mut parts = place.rsplitn(3, ':');
                let (_, number, file) = (parts.next(), parts.next(), parts.next());
                frame.file = file.unwrap_or_default();
                frame.line = number.and_then(|number| number.parse().ok()).unwrap_or(0);
            }
        } else if let Some((number, function)) = line.split_once(": ")
            && number.parse::<u32>().is_ok()
        {
            if frames.len() == FRAMES_MAX {
                break;
            }
            frames.push(StackFrame { function, file: "", line: 0 });
        }
    }
    frames
}
