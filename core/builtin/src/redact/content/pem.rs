//! Private keys in PEM.

use super::{rule::ContentRule::PrivateKey, search::Search, text::ScannedText};

/// The longest label: `OPENSSH PRIVATE KEY` and its like.
const LONGEST_LABEL_BYTES: usize = 40;

impl Search<'_> {
    /// A word that begins with `BEG`. The block begins at the dashes before it.
    pub(super) fn private_key(&mut self, at: usize) {
        let text = self.text;
        let start = text.run_back(at, 5, |byte| byte == b'-');
        if at < self.token_end || start == at || !text.has(at, b"BEGIN ") {
            return;
        }
        let label_start = at + b"BEGIN ".len();
        let label_end = label_end(text, label_start);
        let label = text.part(label_start, label_end);
        if !label.ends_with(b"PRIVATE KEY") && !label.ends_with(b"PRIVATE KEY BLOCK") {
            return;
        }
        let end = block_end(text, text.run(label_end, 5, |byte| byte == b'-'));
        if self.found(PrivateKey, start, end) {
            self.token_end = end;
            self.pass_over(start, end);
        }
    }
}

/// The end of the `END` line; without one, of the characters that a block may have.
fn block_end(text: ScannedText<'_>, start: usize) -> usize {
    let body_end = body_end(text, start);
    if !text.has(body_end, b"-----END ") {
        return text
            .run_back(body_end, body_end - start, |byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\'));
    }
    let label = body_end + b"-----END ".len();
    text.run(label_end(text, label), 5, |byte| byte == b'-')
}

/// The end of the characters of a block, or the dashes of the next line of dashes: no byte is in the bodies of two blocks.
fn body_end(text: ScannedText<'_>, start: usize) -> usize {
    let mut at = start;
    loop {
        at = text.run(at, usize::MAX, is_body);
        if text.at(at) != b'-' || text.has(at, b"-----") {
            return at;
        }
        at += 1;
    }
}

/// Base64, the headers of a block, line breaks and their escapes, and what JSON and lists have around lines.
fn is_body(byte: u8) -> bool {
    let is_separator = matches!(byte, b'+' | b'/' | b'=' | b'\\' | b':' | b',' | b'.' | b'"' | b'(' | b')');
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || is_separator
}

fn label_end(text: ScannedText<'_>, start: usize) -> usize {
    text.run(start, LONGEST_LABEL_BYTES, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ')
}
