//! The length of values as formatters write them: an upper bound for JSON and for the text formats.

use fapilog_record::{
    field_group::FieldGroup,
    text::bounded::{front, front_bytes},
    value::ValueRef,
};

/// The longest escape of a byte: a control character in a list that logfmt quotes a second time, or a byte that is not UTF-8.
pub(super) const ESCAPED_BYTE_MAX: usize = 8;
/// Brackets, and quotes where a list is quoted as a whole.
const LIST_BYTES: usize = 4;
/// The longest socket address, between quotes that are escaped.
pub(super) const SOCKET_BYTES: usize = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535".len() + 4;
/// The comma behind an element, or behind a field's name in a list.
const COMMA_BYTES: usize = 1;
/// The comma behind an entry of a map and the colon in it, each with a space.
pub(super) const SEPARATORS_BYTES: usize = 4;
/// The longest prefix of a key, and what stands around key and value.
pub(super) const FIELD_BYTES: usize = 12;

/// Where a text stands: its escapes are escaped once more in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextNesting {
    Alone,
    InList,
}

impl TextNesting {
    /// The quotes around a text.
    fn quotes_bytes(self) -> usize {
        match self {
            Self::Alone => 2,
            Self::InList => 4,
        }
    }

    /// A backslash and a character, in the place of a quote or a backslash.
    fn short_escape_bytes(self) -> usize {
        match self {
            Self::Alone => 2,
            Self::InList => 4,
        }
    }

    /// `\u` and four digits.
    fn escape_bytes(self) -> usize {
        match self {
            Self::Alone => 6,
            Self::InList => 7,
        }
    }

    fn char_bytes(self, c: char) -> usize {
        match c {
            '"' | '\\' => self.short_escape_bytes(),
            ' '..='~' if c != '<' => 1,
            c if may_be_escaped(c) => self.escape_bytes() * c.len_utf16(),
            c => c.len_utf8(),
        }
    }
}

/// Whether a character is one that a formatter may escape: a control, or one that is not seen.
fn may_be_escaped(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '<' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{206f}' | '\u{3000}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The length of a text, without quotes.
pub(super) fn text_bytes(text: &str) -> usize {
    text.chars().map(|c| TextNesting::Alone.char_bytes(c)).sum()
}

/// The length of a key: a JSON string, or percent-encoded.
pub(super) fn key_bytes(key: &str) -> usize {
    let char_bytes = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') => 1,
        c => (3 * c.len_utf8()).max(TextNesting::Alone.char_bytes(c)),
    };
    key.chars().map(char_bytes).sum()
}

/// The length of a field's name in the list of those that were cut, or that are not UTF-8.
pub(super) fn mark_bytes(group: FieldGroup, name: &str) -> usize {
    TextNesting::Alone.quotes_bytes() + group.name().len() + 1 + key_bytes(name) + COMMA_BYTES
}

/// The length of a value.
pub(super) fn value_bytes(value: ValueRef<'_>) -> usize {
    bytes_at(value, TextNesting::Alone)
}

fn bytes_at(value: ValueRef<'_>, place: TextNesting) -> usize {
    match value {
        ValueRef::Text(text) => text_bytes_at(text, place),
        ValueRef::Char(c) => place.quotes_bytes() + place.char_bytes(c),
        ValueRef::Bytes(bytes) => place.quotes_bytes() + bytes_of(bytes, place),
        ValueRef::Sequence(sequence) => {
            LIST_BYTES
                + sequence.iter().map(|element| bytes_at(element, TextNesting::InList) + COMMA_BYTES).sum::<usize>()
        }
        ValueRef::Map(map) => {
            let entry_bytes = |(key, value)| {
                text_bytes_at(key, TextNesting::InList) + bytes_at(value, TextNesting::InList) + SEPARATORS_BYTES
            };
            LIST_BYTES + map.iter().map(entry_bytes).sum::<usize>()
        }
        ValueRef::None | ValueRef::Bool(_) => "false".len(),
        ValueRef::Socket(_) => SOCKET_BYTES,
        // A time before 1970, an address of version 6, a UUID and an integer of 128 bits are no longer.
        _ => 48,
    }
}

fn text_bytes_at(text: &str, place: TextNesting) -> usize {
    place.quotes_bytes() + text.chars().map(|c| place.char_bytes(c)).sum::<usize>()
}

fn bytes_of(bytes: &[u8], place: TextNesting) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().map(|c| place.char_bytes(c)).sum(),
        Err(_) => bytes
            .utf8_chunks()
            .map(|chunk| chunk_bytes(chunk.valid(), place) + ESCAPED_BYTE_MAX * chunk.invalid().len())
            .sum(),
    }
}

/// The length of text in bytes that are not UTF-8 as a whole: backslashes come twice.
fn chunk_bytes(text: &str, place: TextNesting) -> usize {
    text.chars().map(|c| if c == '\\' { ESCAPED_BYTE_MAX } else { place.char_bytes(c) }).sum()
}

/// The front of a text or of bytes that is `wanted_bytes` long at most as it is written, with its quotes. Other values stay.
pub(super) fn value_front(value: ValueRef<'_>, wanted_bytes: usize) -> ValueRef<'_> {
    let wanted_bytes = wanted_bytes.saturating_sub(TextNesting::Alone.quotes_bytes());
    match value {
        ValueRef::Text(text) => ValueRef::Text(text_front(text, wanted_bytes)),
        ValueRef::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => ValueRef::Bytes(text_front(text, wanted_bytes).as_bytes()),
            // Each byte is as long as it can be: no front has to be measured.
            Err(_) => ValueRef::Bytes(front_bytes(bytes, wanted_bytes / ESCAPED_BYTE_MAX)),
        },
        other => other,
    }
}

fn text_front(text: &str, wanted_bytes: usize) -> &str {
    let mut used_bytes = 0;
    let end = text.char_indices().find(|(_, c)| {
        used_bytes += TextNesting::Alone.char_bytes(*c);
        used_bytes > wanted_bytes
    });
    end.map_or(text, |(end, _)| front(text, end))
}
