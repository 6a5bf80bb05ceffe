//! Fields on lines of their own, behind the line of their event.
//!
//! ```text
//!     error: cannot open the book
//!       caused by: permission denied
//!     order:
//!       Order {
//!           id: 42,
//!       }
//! ```
//!
//! Each of these lines begins with four spaces at least, and control characters in it are escaped. So no value can pass for
//! the line of another event, which begins with no space.

use fapilog_plugin::field_group::FieldGroup;
use fapilog_record::value::ErrorChain;

use crate::text::{Dialect, escape::put_harmless, key::put_key};

const KEY_INDENT: &str = "    ";
const VALUE_INDENT: &str = "      ";
/// The lines of an error's text behind its first.
const ERROR_INDENT: &str = "        ";

/// The text around keys and values in blocks: colours, or nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockFrame {
    pub(crate) before_key: &'static str,
    pub(crate) behind_key: &'static str,
    pub(crate) before_error: &'static str,
    pub(crate) behind_error: &'static str,
}

/// Appends a text of several lines below its key.
pub(crate) fn put_block(out: &mut Vec<u8>, frame: BlockFrame, group: FieldGroup, name: &str, text: &str) {
    put_label(out, frame, KEY_INDENT, |out| put_key(out, Dialect::People, group, name));
    out.push(b'\n');
    for line in text.trim_end_matches('\n').split('\n') {
        out.extend_from_slice(VALUE_INDENT.as_bytes());
        put_harmless(out, line);
        out.push(b'\n');
    }
}

/// Appends an error behind its key, and each of its sources on a line below.
pub(crate) fn put_error_block(
    out: &mut Vec<u8>,
    frame: BlockFrame,
    group: FieldGroup,
    name: &str,
    chain: ErrorChain<'_>,
) {
    for (index, text) in chain.enumerate() {
        if index == 0 {
            put_label(out, frame, KEY_INDENT, |out| put_key(out, Dialect::People, group, name));
        } else {
            put_label(out, frame, VALUE_INDENT, |out| out.extend_from_slice(b"caused by"));
        }
        out.push(b' ');
        for (line_index, line) in text.trim_end_matches('\n').split('\n').enumerate() {
            if line_index > 0 {
                out.extend_from_slice(ERROR_INDENT.as_bytes());
            }
            out.extend_from_slice(frame.before_error.as_bytes());
            put_harmless(out, line);
            out.extend_from_slice(frame.behind_error.as_bytes());
            out.push(b'\n');
        }
    }
}

fn put_label(out: &mut Vec<u8>, frame: BlockFrame, indent: &str, put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(indent.as_bytes());
    out.extend_from_slice(frame.before_key.as_bytes());
    put(out);
    out.push(b':');
    out.extend_from_slice(frame.behind_key.as_bytes());
}

/// Whether a text has several lines, each of which is as the standard library writes a backtrace: `0: a::function`, or
/// `at src/main.rs:7:5` behind spaces. So a text of another kind does not come over lines because of its key.
pub(crate) fn is_backtrace(text: &str) -> bool {
    let is_frame = |line: &str| {
        line.split_once(": ").is_some_and(|(number, _)| {
            !number.is_empty() && number.len() <= 6 && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let is_known = |line: &str| {
        let line = line.trim_start_matches(' ');
        is_frame(line) || line.starts_with("at ")
    };
    let text = text.trim_end_matches('\n');
    text.contains('\n') && text.split('\n').all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: BlockFrame = BlockFrame { before_key: "", behind_key: "", before_error: "", behind_error: "" };

    fn block(name: &str, text: &str) -> String {
        let mut out = Vec::new();
        put_block(&mut out, PLAIN, FieldGroup::Context, name, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_block_has_a_line_for_each_line_and_its_control_characters_are_escaped() {
        let text = "Order {\n    note: \"a\\n\",\n\n\u{1b}[2J\r\u{2028}\u{202e}\tx\n}\n";
        let expected = "    order:\n      Order {\n          note: \"a\\n\",\n      \n      \\u001b[2J\\r\\u2028\\u202e\\tx\n      }\n";
        assert_eq!(block("order", text), expected);
    }

    #[test]
    fn the_key_of_a_block_is_quoted_where_it_is_no_atom() {
        assert_eq!(block("a\nb", "x"), "    \"a\\nb\":\n      x\n");
        assert_eq!(block("level", "x"), "    field.level:\n      x\n");
    }

    #[test]
    fn a_text_whose_lines_are_frames_is_a_backtrace() {
        let backtrace = std::backtrace::Backtrace::force_capture().to_string();
        assert!(is_backtrace(&backtrace), "{backtrace}");
        assert!(is_backtrace("   0: a::b\n             at ./src/main.rs:7:5\n   1: c\n"));
        for text in
            ["", "0: a", "0: a\nlevel=INFO", "a\nb", ": a\n1: b", "0: a\n\n1: b", "9999999: a\n1: b", "-1: a\n1: b"]
        {
            assert!(!is_backtrace(text), "{text:?}");
        }
    }
}
