//! Texts of a limited length, cut between two characters.

use std::fmt::{self, Write};

/// A text of a limited length. A longer one is cut at a character boundary, and the writer gets an error: nothing
/// more is taken.
#[derive(Debug)]
pub struct BoundedText {
    text: String,
    bytes_max: usize,
    is_cut: bool,
}

impl BoundedText {
    /// An empty text of `bytes_max` bytes at most.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { text: String::new(), bytes_max, is_cut: false }
    }

    /// The text so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some of it was cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }
}

impl Write for BoundedText {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let written = push_bounded(&mut self.text, piece, self.bytes_max);
        self.is_cut |= written.is_err();
        written
    }
}

/// Appends as much of `piece` as `text` may take up to `bytes_max` bytes in all.
pub fn push_bounded(text: &mut String, piece: &str, bytes_max: usize) -> fmt::Result {
    let fits = front(piece, bytes_max.saturating_sub(text.len()));
    text.push_str(fits);
    if fits.len() < piece.len() { Err(fmt::Error) } else { Ok(()) }
}

/// The front of a text: `bytes_max` bytes at most, and whole characters.
#[inline]
#[must_use]
pub fn front(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}

/// The front of bytes that may be text: `bytes_max` bytes at most. Text in UTF-8 stays such: it ends between two characters.
#[must_use]
pub fn front_bytes(bytes: &[u8], bytes_max: usize) -> &[u8] {
    let front = bytes.get(..bytes_max).unwrap_or(bytes);
    match std::str::from_utf8(front) {
        // All of it is text but for a character that is begun.
        Err(error) if error.error_len().is_none() && front.len() < bytes.len() => {
            front.get(..error.valid_up_to()).unwrap_or(front)
        }
        _ => front,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_of_a_text_ends_between_two_characters() {
        assert_eq!([0, 1, 2, 3, 9].map(|bytes| front("xüy", bytes)), ["", "x", "x", "xü", "xüy"]);
    }

    #[test]
    fn the_front_of_bytes_ends_between_two_characters_if_they_are_text() {
        let text = "xüy".as_bytes();
        assert_eq!(
            [0, 1, 2, 3, 9].map(|bytes| front_bytes(text, bytes)),
            [&text[..0], b"x", b"x", "xü".as_bytes(), text]
        );
        assert_eq!(front_bytes(b"\xff\xc3\xbc", 2), b"\xff\xc3");
        assert_eq!(front_bytes(b"x\xc3", 9), b"x\xc3");
    }

    #[test]
    fn a_bounded_text_reports_that_it_is_cut() {
        let mut text = BoundedText::new(4);
        assert_eq!((text.write_str("ab"), text.is_cut()), (Ok(()), false));
        assert_eq!((text.write_str("cü"), text.as_str(), text.is_cut()), (Err(fmt::Error), "abc", true));
    }
}
