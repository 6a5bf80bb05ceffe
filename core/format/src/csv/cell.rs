//! The cells of a row.

use fapilog_record::{
    text::{
        hex::hex,
        number::{put_f32, put_f64, put_i64, put_u64},
        scalar::{put_duration, put_ip, put_socket, put_time, put_uuid},
    },
    value::ValueRef,
};
use memchr::{memchr, memchr_iter, memrchr};

use crate::{
    clean_text,
    control_characters::{distance_to_control_start, is_control, may_start_control, put_code},
    json::put_value,
    replaced::put_replacing,
};

/// Options of cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct CellStyle {
    pub(super) delimiter: u8,
    /// Whether a text that a spreadsheet takes for a formula has an apostrophe in front.
    pub(super) escapes_formulas: bool,
}

/// Bytes in texts that stand between quotes: delimiters of any style, what is escaped, and the first bytes of what may be.
#[inline(always)]
const fn must_look(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b'"')
        | (byte == b'\\')
        | (byte == b',')
        | (byte == b';')
        | (byte == b'|')
        | (byte == 0x7f)
        | may_start_control(byte)
}

/// Distance of a byte from the closest one that [`must_look`]: zero for those.
#[inline(always)]
fn distance(byte: u8) -> u8 {
    byte.saturating_sub(0x1f)
        .min(byte ^ b'"')
        .min(byte ^ b',')
        .min(byte ^ b';')
        // `\` and `|` differ in one bit.
        .min((byte | 0x20) ^ b'|')
        .min(byte ^ 0x7f)
        .min(distance_to_control_start(byte))
}

/// Whether text can be copied as it is.
#[inline]
fn is_clean(text: &[u8]) -> bool {
    clean_text::is_clean(text, must_look, distance)
}

/// How many bytes at the front can be copied as they are.
fn clean_bytes(text: &[u8]) -> usize {
    clean_text::clean_bytes(text, must_look, distance)
}

/// Whether a spreadsheet may take a text that begins so for a formula (OWASP, "CSV Injection"), or for the apostrophe in front of
/// none. Tabs and line ends are escaped.
const fn begins_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\'' | '＝' | '＋' | '－' | '＠')
}

impl CellStyle {
    /// Appends the cell of a value. Returns `false` if it held bytes that are not UTF-8.
    #[inline(always)]
    pub(super) fn put(self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::U64(n) => put_u64(out, n),
            ValueRef::I64(n) => put_i64(out, n),
            ValueRef::F64(x) => put_f64(out, x, ""),
            ValueRef::Text(text) => self.put_text(out, text),
            other => return self.put_rare(out, other),
        }
        true
    }

    fn put_rare(self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::None => {}
            ValueRef::Bool(true) => out.extend_from_slice(b"true"),
            ValueRef::Bool(false) => out.extend_from_slice(b"false"),
            ValueRef::Char(c) => self.put_text(out, c.encode_utf8(&mut [0; 4])),
            ValueRef::I128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
            ValueRef::U128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
            ValueRef::F32(x) => put_f32(out, x, ""),
            ValueRef::Duration(span) => put_duration(out, span),
            ValueRef::Time { seconds, nanos } => put_time(out, seconds, nanos),
            ValueRef::Ip(ip) => put_ip(out, ip),
            ValueRef::Socket(socket) => put_socket(out, socket),
            ValueRef::Uuid(uuid) => put_uuid(out, uuid),
            ValueRef::Bytes(bytes) => return self.put_bytes(out, bytes),
            ValueRef::Sequence(_) | ValueRef::Map(_) => {
                out.push(b'"');
                let is_utf8 = put_json(out, value);
                out.push(b'"');
                return is_utf8;
            }
            ValueRef::U64(_) | ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => return self.put(out, value),
            // A type that this formatter does not know is text.
            other => self.put_text(out, &other.to_string()),
        }
        true
    }

    /// Appends the cell of a text.
    #[inline]
    pub(super) fn put_text(self, out: &mut Vec<u8>, text: &str) {
        let bytes = text.as_bytes();
        // The others that begin a formula are not clean.
        let is_plain_start =
            matches!(bytes.first(), Some(first) if !matches!(first, b'=' | b'+' | b'-' | b'@' | b'\'' | b' '));
        if is_plain_start && bytes.last() != Some(&b' ') && is_clean(bytes) {
            out.extend_from_slice(bytes);
        } else {
            self.put_quoted(out, bytes);
        }
    }

    fn put_bytes(self, out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.put_text(out, text);
                true
            }
            Err(_) => {
                self.put_quoted(out, bytes);
                false
            }
        }
    }

    /// Between quotes: quotes doubled, backslashes and control characters escaped as in JSON, bytes that are not UTF-8 as `\xNN`.
    #[cold]
    fn put_quoted(self, out: &mut Vec<u8>, bytes: &[u8]) {
        out.push(b'"');
        let first = bytes.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
        if self.escapes_formulas && first.is_some_and(begins_formula) {
            out.push(b'\'');
        }
        for chunk in bytes.utf8_chunks() {
            put_escaped(out, chunk.valid());
            for &byte in chunk.invalid() {
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(&hex(byte));
            }
        }
        out.push(b'"');
    }
}

fn put_escaped(out: &mut Vec<u8>, text: &str) {
    put_replacing(out, text, clean_bytes, |out, c| {
        let escape = match c {
            '"' => "\"\"",
            '\\' => r"\\",
            '\n' => r"\n",
            '\r' => r"\r",
            '\t' => r"\t",
            c if is_control(c) => {
                put_code(out, c);
                return true;
            }
            _ => return false,
        };
        out.extend_from_slice(escape.as_bytes());
        true
    });
}

/// Appends the JSON of a value, as it stands between the quotes of a cell. Returns `false` if it held bytes that are not UTF-8.
#[inline(always)]
pub(super) fn put_json(out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::U64(_) | ValueRef::I64(_) => put_value(out, value),
        ValueRef::F64(x) if x.is_finite() => put_value(out, value),
        // JSON escapes `<`, and all else that is not clean.
        ValueRef::Text(text) if is_clean(text.as_bytes()) && memchr(b'<', text.as_bytes()).is_none() => {
            [DOUBLED, text.as_bytes(), DOUBLED].into_iter().for_each(|bytes| out.extend_from_slice(bytes));
            true
        }
        other => put_any_json(out, other),
    }
}

/// A quote between quotes.
pub(super) const DOUBLED: &[u8] = b"\"\"";

fn put_any_json(out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    let start = out.len();
    let is_utf8 = put_value(out, value);
    double_quotes(out, start);
    is_utf8
}

/// Doubles the quotes from `start` on.
pub(super) fn double_quotes(out: &mut Vec<u8>, start: usize) {
    let mut end = out.len();
    let mut left = memchr_iter(b'"', out.get(start..).unwrap_or_default()).count();
    out.resize(end + left, b'"');
    // From the last one on, so that each byte is moved once.
    while let Some(place) = memrchr(b'"', out.get(start..end).unwrap_or_default()).filter(|_| left > 0) {
        let place = start + place;
        out.copy_within(place..end, place + left);
        left -= 1;
        if let Some(byte) = out.get_mut(place + left) {
            *byte = b'"';
        }
        end = place;
    }
}

/// The bytes that were logged, of the text of a cell: without the apostrophe, if texts have some, and without escapes. `None` for a
/// text that no formatter wrote.
pub(super) fn decode(cell: &str, has_apostrophes: bool) -> Option<Vec<u8>> {
    let text = if has_apostrophes { cell.strip_prefix('\'').unwrap_or(cell) } else { cell };
    let mut bytes = Vec::with_capacity(text.len());
    // Code units behind which the other half of a character may come.
    let mut units: Vec<u16> = Vec::new();
    let mut tail = text;
    while let Some(place) = tail.find('\\') {
        let (plain, escape) = tail.split_at_checked(place)?;
        let mut chars = escape.chars();
        let kind = chars.nth(1)?;
        if !plain.is_empty() || kind != 'u' {
            put_units(&mut units, &mut bytes)?;
        }
        bytes.extend_from_slice(plain.as_bytes());
        tail = chars.as_str();
        let mut number = |digits: usize| {
            let (number, behind) = tail.split_at_checked(digits)?;
            tail = behind;
            number.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(number, 16).ok())?
        };
        match kind {
            '\\' => bytes.push(b'\\'),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => bytes.push(u8::try_from(number(2)?).ok()?),
            'u' => units.push(number(4)?),
            _ => return None,
        }
    }
    put_units(&mut units, &mut bytes)?;
    bytes.extend_from_slice(tail.as_bytes());
    Some(bytes)
}

fn put_units(units: &mut Vec<u16>, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.extend_from_slice(String::from_utf16(units).ok()?.as_bytes());
    units.clear();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: CellStyle = CellStyle { delimiter: b',', escapes_formulas: true };

    fn cell(text: &str) -> String {
        let mut out = Vec::new();
        STYLE.put_text(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_byte_must_be_looked_at_where_its_distance_is_none() {
        assert!((0..=u8::MAX).all(|byte| must_look(byte) == (distance(byte) == 0)));
    }

    #[test]
    fn text_is_quoted_where_a_reader_needs_it_and_stays_on_its_line() {
        for (text, expected) in [
            ("order filled", "order filled"),
            ("grüße", "grüße"),
            ("", r#""""#),
            ("a, \"b\"", r#""a, ""b""""#),
            (" padded", r#"" padded""#),
            ("padded ", r#""padded ""#),
            ("a;b|c", r#""a;b|c""#),
            ("one\r\n\ttwo\u{2028}\u{1b}", r#""one\r\n\ttwo\u2028\u001b""#),
            (r"C:\new", r#""C:\\new""#),
            ("世界", "世界"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_begins_as_a_formula_has_an_apostrophe_unless_it_is_not_wanted() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "'x", "＝1", "＋1", "－1", "＠x"] {
            assert_eq!(cell(text), format!("\"'{text}\""));
            let mut out = Vec::new();
            CellStyle { escapes_formulas: false, ..STYLE }.put_text(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{text}\""));
        }
        // OWASP's tab, carriage return and line feed: none of them is the first character of a cell.
        assert_eq!(["\t=1", "\r=1", "\n=1"].map(cell), [r#""\t=1""#, r#""\r=1""#, r#""\n=1""#]);
    }

    #[test]
    fn a_number_is_no_formula() {
        let mut out = Vec::new();
        for value in [ValueRef::I64(-1), ValueRef::F64(-0.5), ValueRef::I128(-7), ValueRef::F64(f64::NEG_INFINITY)] {
            assert!(STYLE.put(&mut out, value));
            out.push(b' ');
        }
        assert_eq!(out, b"-1 -0.5 -7 -Infinity ");
    }

    #[test]
    fn quotes_are_doubled_from_a_place_on() {
        for (text, expected) in
            [("\"", "\""), ("\"a", "\"a"), ("x\"\"b\"", "x\"\"\"\"b\"\""), ("xab", "xab"), ("x\"", "x\"\"")]
        {
            let mut out = text.as_bytes().to_vec();
            double_quotes(&mut out, 1);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_no_formatter_wrote_is_not_decoded() {
        for text in ["\\", "\\q", "\\u12", "\\u+123", "\\ud800", "\\xg0", "\\x1", "\\ud800\\n", "\\x+1"] {
            assert_eq!(decode(text, true), None, "{text}");
        }
        assert_eq!(
            decode(r"'=\\ \ud83d\ude00\xff", true).unwrap(),
            [r"=\ ".as_bytes(), "😀".as_bytes(), b"\xff"].concat()
        );
        assert_eq!(decode("'a", false).unwrap(), b"'a");
    }
}
