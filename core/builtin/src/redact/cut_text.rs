//! Texts that were cut: half of a secret may stand at their end, and no rule recognizes it.

/// The text without its last word, which may be the front of a secret. Groups of digits in front of it go, too: `4111 1111 11` is a
/// part of a card number.
pub(super) fn without_last_word(text: &str) -> &str {
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

#[cfg(test)]
mod tests {
    use super::*;

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
