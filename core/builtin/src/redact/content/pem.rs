//! Private keys in PEM.

use memchr::memmem;

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
        let label_end = text.run(label_start, LONGEST_LABEL_BYTES, |byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
        });
        if !text.part(label_start, label_end).ends_with(b"PRIVATE KEY")
            && !text.part(label_start, label_end).ends_with(b"PRIVATE KEY BLOCK")
        {
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
    let body_end = text.run(start, usize::MAX, |byte| {
        byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'\\' | b':' | b',' | b'.' | b'"' | b'(' | b')')
    });
    let body = text.part(start, body_end);
    let Some(end) = memmem::find(body, b"-----END ") else {
        // Another block is not a part of this one.
        let next = memmem::find(body, b"-----BEGIN ").map_or(body_end, |next| start + next);
        return text.run_back(next, next - start, |byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\'));
    };
    let label = start + end + b"-----END ".len();
    let label_end =
        text.run(label, LONGEST_LABEL_BYTES, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    text.run(label_end, 5, |byte| byte == b'-')
}
