//! The sanitizer checks every event that leaves its ring: it cuts and flags, and drops none.
//!
//! * A message longer than the limit is cut at a character's boundary, and the event marked as cut. A message with placeholders is
//!   filled anew for each reader, up to [`FILLED_MAX_BYTES`], and marked if it is longer.
//! * A message that is empty is flagged by the tag `empty_message`.
//! * A message with text that a browser might run is flagged by the tag `dangerous_content`, which names what was found:
//!   `<script`, `javascript:` or `data:text/html`, in any case. Formatters escape what their format needs escaped; the flag
//!   is for programs that show logs on a page.
//!
//! A literal message without placeholders is looked at once for each call site.

use fapilog_plugin::event::{Batch, Event, FILLED_MAX_BYTES, MISSING_FIELD};
use fapilog_record::{call_site::Descriptor, field_group::FieldGroup, text::bounded::front_bytes, value::ValueRef};
use memchr::memchr2_iter;

const EMPTY_TAG: &str = "empty_message";
const DANGEROUS_TAG: &str = "dangerous_content";

/// Checks events, with a cache of verdicts by call site.
#[derive(Debug)]
pub(super) struct Sanitizer {
    message_max_chars: usize,
    /// By the descriptor's id.
    verdicts: Vec<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Verdict {
    #[default]
    Unknown,
    /// A literal message that is as it should be.
    Clean,
    /// Each event has to be looked at.
    Look,
}

impl Sanitizer {
    pub(super) fn new(message_max_chars: usize) -> Self {
        Self { message_max_chars, verdicts: Vec::new() }
    }

    /// Checks a batch. Returns how many events were whole and are now cut.
    #[inline]
    pub(super) fn check(&mut self, batch: &mut Batch<'_>) -> u64 {
        // Events of one call site come in runs.
        let mut clean: Option<&'static Descriptor> = None;
        let mut cut = 0;
        for event in batch.events_mut() {
            let descriptor = event.descriptor();
            if clean.is_some_and(|clean| std::ptr::eq(clean, descriptor)) {
                continue;
            }
            match self.verdict(descriptor) {
                Verdict::Clean => clean = Some(descriptor),
                _ => cut += u64::from(look_at(event, self.message_max_chars)),
            }
        }
        cut
    }

    #[inline]
    fn verdict(&mut self, descriptor: &'static Descriptor) -> Verdict {
        match self.verdicts.get(descriptor.id() as usize) {
            Some(Verdict::Unknown) | None => self.judge(descriptor),
            Some(verdict) => *verdict,
        }
    }

    #[cold]
    fn judge(&mut self, descriptor: &'static Descriptor) -> Verdict {
        let index = descriptor.id() as usize;
        let message = descriptor.site().message();
        let is_clean = descriptor.message_template().is_none()
            && !message.is_empty()
            && message.chars().nth(self.message_max_chars).is_none()
            && danger_in(message.as_bytes()).is_none();
        let verdict = if is_clean { Verdict::Clean } else { Verdict::Look };
        if self.verdicts.len() <= index {
            self.verdicts.resize(index + 1, Verdict::Unknown);
        }
        if let Some(slot) = self.verdicts.get_mut(index) {
            *slot = verdict;
        }
        verdict
    }
}

/// Returns whether the event was whole and is now cut.
fn look_at(event: &mut Event<'_>, message_max_chars: usize) -> bool {
    let template = event.descriptor().message_template();
    let message = match template {
        // Filled once, and as long as it is.
        Some(template) => ValueRef::Text(event.filled(template, MISSING_FIELD)),
        None => event.message(),
    };
    let bytes = match message {
        ValueRef::Text(text) => text.as_bytes(),
        ValueRef::Bytes(bytes) => bytes,
        // A number is short and harmless.
        _ => return false,
    };
    if bytes.is_empty() {
        event.add_field(FieldGroup::Tags, EMPTY_TAG, ValueRef::Bool(true));
        return false;
    }
    if let Some(danger) = danger_in(bytes) {
        event.add_field(FieldGroup::Tags, DANGEROUS_TAG, ValueRef::Text(danger));
    }
    if template.is_some() {
        // The message is not set: it has to show what redactors make of the fields.
        return bytes.len() > FILLED_MAX_BYTES && mark_cut(event);
    }
    // No text has more characters than bytes.
    if bytes.len() <= message_max_chars {
        return false;
    }
    let Some(cut) = cut(message, message_max_chars) else { return false };
    event.set_message(cut);
    mark_cut(event)
}

/// Marks the message as cut. Returns whether the event was whole before.
fn mark_cut(event: &mut Event<'_>) -> bool {
    let was_whole = !event.is_cut();
    event.mark_field_cut(FieldGroup::Message, "");
    was_whole
}

/// The message up to so many characters; of bytes in an unknown encoding, each counts as one. `None` if it is no longer
/// than that.
fn cut(message: ValueRef<'_>, max_chars: usize) -> Option<ValueRef<'_>> {
    match message {
        ValueRef::Text(text) => {
            let (end, _) = text.char_indices().nth(max_chars)?;
            Some(ValueRef::Text(text.get(..end)?))
        }
        ValueRef::Bytes(bytes) => {
            let is_longer = bytes.len() > max_chars;
            is_longer.then(|| ValueRef::Bytes(front_bytes(bytes, max_chars)))
        }
        _ => None,
    }
}

/// The first text in it that a browser might run.
fn danger_in(text: &[u8]) -> Option<&'static str> {
    memchr2_iter(b'<', b':', text).find_map(|at| {
        let (before, from) = text.split_at_checked(at)?;
        if starts_with(from, b"<script") {
            return Some("<script");
        }
        if ends_with(before, b"javascript") && from.starts_with(b":") {
            return Some("javascript:");
        }
        (ends_with(before, b"data") && starts_with(from, b":text/html")).then_some("data:text/html")
    })
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start))
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len().checked_sub(end.len()).and_then(|at| text.get(at..)).is_some_and(|back| back.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_browser_might_run_is_found_in_any_case_and_anywhere() {
        for (text, found) in [
            ("<script>alert(1)</script>", Some("<script")),
            ("x <ScRiPt src=a>", Some("<script")),
            ("click JavaScript:void(0)", Some("javascript:")),
            ("DATA:text/HTML;base64,x", Some("data:text/html")),
            ("a < b: javascript data text/html", None),
            ("<scrip", None),
            ("javascript", None),
            ("data:text/plain", None),
            ("", None),
        ] {
            assert_eq!(danger_in(text.as_bytes()), found, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_at_a_characters_boundary() {
        assert_eq!(cut(ValueRef::Text("äöü"), 2), Some(ValueRef::Text("äö")));
        assert_eq!(cut(ValueRef::Text("äöü"), 3), None);
        assert_eq!(cut(ValueRef::Bytes(b"\xff\xfe\xfd"), 2), Some(ValueRef::Bytes(b"\xff\xfe")));
        assert_eq!(cut(ValueRef::Bytes("xä".as_bytes()), 2), Some(ValueRef::Bytes(b"x")));
        assert_eq!(cut(ValueRef::Bytes(b"\xff\xfe"), 2), None);
    }
}
