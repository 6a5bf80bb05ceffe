//! Text with full-width letters and digits, zero-width characters and other spaces and dashes as ASCII.

use std::ops::Range;

/// The folded text, and where its bytes come from. It keeps its memory for the next text.
#[derive(Debug, Default, Clone)]
pub(super) struct FoldedText {
    bytes: Vec<u8>,
    /// The place in the source of each byte.
    sources: Vec<usize>,
    source_length: usize,
}

/// The meaning of a character of several bytes.
enum Folding {
    Ascii(u8),
    /// Zero width: it shows nothing.
    Nothing,
}

impl FoldedText {
    /// Whether folding changes the text.
    pub(super) fn is_changed_by_folding(text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(tail) = text.get(at..) {
            let Some(next) = tail.iter().position(|byte| !byte.is_ascii()) else { return false };
            let character = text.get(at + next..).unwrap_or_default();
            if folding(character).is_some() {
                return true;
            }
            at += next + 1;
        }
        false
    }

    pub(super) fn fold(&mut self, text: &[u8]) {
        self.bytes.clear();
        self.sources.clear();
        self.source_length = text.len();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let folded = if byte.is_ascii() { None } else { folding(text.get(at..).unwrap_or_default()) };
            let (byte, length) = match folded {
                None => (Some(byte), 1),
                Some((Folding::Ascii(byte), length)) => (Some(byte), length),
                Some((Folding::Nothing, length)) => (None, length),
            };
            if let Some(byte) = byte {
                self.bytes.push(byte);
                self.sources.push(at);
            }
            at += length;
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place in the source. Characters of zero width between two bytes belong to it, those around it do not.
    pub(super) fn source(&self, range: &Range<usize>, source: &[u8]) -> Range<usize> {
        let start = self.sources.get(range.start).copied().unwrap_or(self.source_length);
        let last = range.end.checked_sub(1).and_then(|last| self.sources.get(last)).copied();
        let end = last.map_or(start, |last| last + source.get(last..).map_or(1, width));
        start..end.max(start)
    }
}

/// The bytes of a character that is folded, or else a single one.
fn width(character: &[u8]) -> usize {
    folding(character).map_or(1, |(_, length)| length)
}

/// The folding of the character that these bytes begin with, and its length. None if it stays as it is.
fn folding(bytes: &[u8]) -> Option<(Folding, usize)> {
    let ascii = |byte| Some((Folding::Ascii(byte), bytes.len().min(3)));
    match *bytes.first_chunk()? {
        // U+FF01 to U+FF5E: `!` to `~` in full width.
        [0xef, 0xbc, byte @ 0x81..=0xbf] => Some((Folding::Ascii(byte - 0x60), 3)),
        [0xef, 0xbd, byte @ 0x80..=0x9e] => Some((Folding::Ascii(byte - 0x20), 3)),
        // U+200B to U+200F, U+202A to U+202E, U+2060 to U+2069, U+FEFF, U+180E.
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae]
        | [0xe2, 0x81, 0xa0..=0xa9]
        | [0xef, 0xbb, 0xbf]
        | [0xe1, 0xa0, 0x8e] => Some((Folding::Nothing, 3)),
        // Spaces: U+2000 to U+200A, U+202F, U+205F, U+3000.
        [0xe2, 0x80, 0x80..=0x8a | 0xaf] | [0xe2, 0x81, 0x9f] | [0xe3, 0x80, 0x80] => ascii(b' '),
        // Dashes: U+2010 to U+2015, and the minus sign.
        [0xe2, 0x80, 0x90..=0x95] | [0xe2, 0x88, 0x92] => ascii(b'-'),
        // A soft hyphen and a space that does not break.
        [0xc2, 0xad, _] => Some((Folding::Nothing, 2)),
        [0xc2, 0xa0, _] => Some((Folding::Ascii(b' '), 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> (String, FoldedText) {
        let mut folded = FoldedText::default();
        folded.fold(text.as_bytes());
        (String::from_utf8(folded.bytes.clone()).unwrap(), folded)
    }

    #[test]
    fn full_width_becomes_ascii_and_zero_width_nothing() {
        let (text, _) = folded("４1\u{200b}1１\u{3000}ａ～！\u{ad}x\u{2011}é");
        assert_eq!(text, "4111 a~!x-é");
    }

    #[test]
    fn each_character_of_full_width_is_the_ascii_of_its_place() {
        for code in 0xff01..=0xff5e_u32 {
            let (text, _) = folded(&char::from_u32(code).unwrap().to_string());
            assert_eq!(text, char::from_u32(code - 0xfee0).unwrap().to_string());
        }
    }

    #[test]
    fn a_place_in_the_folded_text_is_one_in_the_source() {
        let source = "é４\u{200b}２\u{200b}x";
        let (text, folded) = folded(source);
        let at = text.find('4').unwrap();
        let range = folded.source(&(at..at + 2), source.as_bytes());
        assert_eq!(&source[range], "４\u{200b}２");
    }

    #[test]
    fn plain_text_needs_no_folding() {
        assert!(!FoldedText::is_changed_by_folding("Grüße, 世界".as_bytes()));
        assert!(FoldedText::is_changed_by_folding("Grüße１,".as_bytes()));
    }
}
