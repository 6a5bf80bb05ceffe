//! Files of labels and annotations in a downward API volume.
//!
//! Each line is a `key="value"`. Kubernetes writes them by `fmt.Sprintf("%v=%q\n", key, value)` (`FormatMap` in
//! `pkg/fieldpath`), so the value is a string literal of Go, between double quotes: see `strconv.Quote`.

use std::str::Chars;

/// The value under a key. `None` too if its line is broken, as the last one of a file that was cut is.
pub(super) fn value_of(text: &str, key: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.next().and_then(unquoted)
}

/// The text of a string literal. Bytes that are not UTF-8, which it may name as `\xNN`, become U+FFFD.
fn unquoted(literal: &str) -> Option<String> {
    let mut chars = literal.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut value = Vec::with_capacity(literal.len());
    while let Some(c) = chars.next() {
        match c {
            '\\' => unescape(&mut chars, &mut value)?,
            // A quote ends the literal.
            '"' => return None,
            c => put(c, &mut value),
        }
    }
    Some(String::from_utf8_lossy(&value).into_owned())
}

/// Appends what the characters behind a backslash stand for.
fn unescape(chars: &mut Chars<'_>, value: &mut Vec<u8>) -> Option<()> {
    match chars.next()? {
        'a' => value.push(0x07),
        'b' => value.push(0x08),
        'f' => value.push(0x0C),
        'n' => value.push(b'\n'),
        'r' => value.push(b'\r'),
        't' => value.push(b'\t'),
        'v' => value.push(0x0B),
        '\\' => value.push(b'\\'),
        '"' => value.push(b'"'),
        'x' => value.push(u8::try_from(hex(chars, 2)?).ok()?),
        'u' => put(char::from_u32(hex(chars, 4)?)?, value),
        'U' => put(char::from_u32(hex(chars, 8)?)?, value),
        _ => return None,
    }
    Some(())
}

/// A number of so many hexadecimal digits, eight at most.
fn hex(chars: &mut Chars<'_>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |number, _| Some(number << 4 | chars.next()?.to_digit(16)?))
}

fn put(c: char, value: &mut Vec<u8>) {
    value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_found_by_its_whole_key() {
        let text = "app=\"a\"\napp.kubernetes.io/name=\"b\"\nname=\"c\"";
        assert_eq!(value_of(text, "app").as_deref(), Some("a"));
        assert_eq!(value_of(text, "app.kubernetes.io/name").as_deref(), Some("b"));
        assert_eq!(value_of(text, "name").as_deref(), Some("c"));
        assert_eq!(value_of(text, "kubernetes.io/name"), None);
        assert_eq!(value_of(text, ""), None);
    }

    #[test]
    fn every_escape_of_go_is_understood() {
        let literal = r#""\a\b\f\n\r\t\v\\\"\x7f\u00ad\U0001f600 é=""#;
        assert_eq!(unquoted(literal).unwrap(), "\x07\x08\x0C\n\r\t\x0B\\\"\x7F\u{AD}\u{1F600} é=");
        assert_eq!(unquoted(r#""\xc3\xa9 \xff""#).unwrap(), "é \u{FFFD}");
        assert_eq!(unquoted("\"\"").unwrap(), "");
    }

    #[test]
    fn a_broken_line_has_no_value() {
        for broken in
            ["", "\"", "plain", "\"open", "\"a\"b\"", r#""\""#, r#""\q""#, r#""\x7""#, r#""\ud800""#, r#""\U00110000""#]
        {
            assert_eq!(unquoted(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_reads_back(value in any::<String>()) {
            // Every Go reader takes this, though Go itself would leave more characters as they are.
            let literal: String = value.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
            prop_assert_eq!(value_of(&format!("key=\"{literal}\""), "key"), Some(value));
        }

        #[test]
        fn nothing_in_a_file_can_do_harm(text in any::<String>(), key in any::<String>()) {
            let _ = value_of(&text, &key);
            let _ = unquoted(&format!("\"{text}\""));
        }
    }
}
