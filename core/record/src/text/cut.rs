//! Texts that were cut: half of a secret may stand at their end, and no redactor recognizes it.

use crate::text::bounded::front;

/// The text without its last word, which may be the front of a secret. Groups of digits in front of it go, too: `4111 1111 11` is a
/// part of a card number.
///
/// ```
/// use fapilog_record::text::cut::without_last_word;
///
/// assert_eq!(without_last_word("paid with 4111 1111 11"), "paid with ");
/// ```
#[must_use]
pub fn without_last_word(text: &str) -> &str {
    let front = without_word(text);
    let is_number = |word: &str| word.chars().all(is_part_of_number);
    let mut left = front;
    if is_number(text.get(front.len()..).unwrap_or_default()) {
        loop {
            let shorter = without_word(left.trim_end());
            if shorter.len() == left.len() || !is_number(left.get(shorter.len()..).unwrap_or_default()) {
                break;
            }
            left = shorter;
        }
    }
    left
}

/// The text up to its last white space, with it.
fn without_word(text: &str) -> &str {
    let end = text
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + text.get(at..).and_then(|tail| tail.chars().next()).map_or(0, char::len_utf8));
    text.get(..end).unwrap_or_default()
}

fn is_part_of_number(c: char) -> bool {
    c.is_numeric() || c.is_whitespace() || matches!(c, '-' | '.' | '+' | '/')
}

/// The front of a text: `bytes_max` bytes at most, and no half of a word if it was cut.
#[must_use]
pub fn front_of_words(text: &str, bytes_max: usize) -> &str {
    let cut = front(text, bytes_max);
    if cut.len() == text.len() {
        return text;
    }
    // A text of one word is better than none: a token is recognized by its beginning.
    Some(without_last_word(cut)).filter(|words| !words.is_empty()).unwrap_or(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_ends_behind_a_word() {
        assert_eq!(front_of_words("card 4111 1111 1111 1111", 16), "card ");
        assert_eq!((front_of_words("card", 4), front_of_words("cards", 4)), ("card", "card"));
    }

    #[test]
    fn the_last_word_goes_and_groups_of_digits_in_front_of_it() {
        for (text, expected) in [
            ("paid with 4111 1111 11", "paid with "),
            ("paid with 4111-1111-11", "paid with "),
            ("token ghp_abcdef", "token "),
            ("order 12 of ada@exam", "order 12 of "),
            ("eyJhbGciOi", ""),
            ("4111 1111", ""),
            ("line\u{2003}wörd", "line\u{2003}"),
            ("ends whole ", "ends whole "),
            ("", ""),
        ] {
            assert_eq!(without_last_word(text), expected, "{text:?}");
        }
    }
}
