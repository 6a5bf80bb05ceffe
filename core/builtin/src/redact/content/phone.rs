//! Telephone numbers.

use super::{rule::ContentRule::Phone, search::Search, text::ScannedText};

/// Digits of an international number (E.164), with the country code.
const LEAST_DIGITS: usize = 8;
const MOST_DIGITS: usize = 15;
/// Digits of a national number.
const LEAST_NATIONAL_DIGITS: usize = 7;

const NAMES: &[&[u8]] = &[b"telephone", b"tel", b"phone", b"mobile", b"cellphone", b"cell", b"fax"];

/// Country codes of one and of two digits; of three, those that begin with these two.
const SHORT_CODES: &[u8] = &[1, 7];
#[rustfmt::skip]
const TWO_DIGIT_CODES: &[u8] = &[
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86,
    90, 91, 92, 93, 94, 95, 98,
];
const STARTS_OF_THREE_DIGIT_CODES: &[u8] =
    &[21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99];

/// The digits of a number, and the end of it.
struct PhoneDigits {
    digits: [u8; MOST_DIGITS],
    count: usize,
    end: usize,
}

impl Search<'_> {
    /// A `+` before a digit.
    pub(super) fn international_phone(&mut self, plus: usize) {
        let text = self.text;
        let is_sum = text.before(plus).is_ascii_alphanumeric() && !text.starts_word(plus)
            || matches!(text.before(plus), b'+' | b')' | b'_' | b'/' | b'=' | b'.')
                && !text.has(plus.saturating_sub(1), b"=");
        if !text.at(plus + 1).is_ascii_digit() || is_sum || !self.rules.has(Phone) {
            return;
        }
        let Some(phone) = read(text, plus + 1) else { return };
        if phone.count >= LEAST_DIGITS && has_country_code(&phone) {
            self.found(Phone, plus, phone.end);
        }
    }

    /// A word that may be the name of a number: `phone: 030 1234567`.
    pub(super) fn phone_after_keyword(&mut self, at: usize) {
        if let Some(name) = NAMES.iter().find(|name| self.text.has_in_any_case(at, name)) {
            let end = at + name.len();
            let start = self.after_label(end);
            if start > end {
                self.national_phone_at(start);
            }
        }
    }

    /// The number at the place of a value.
    pub(super) fn national_phone_at(&mut self, start: usize) {
        let text = self.text;
        let start = text.run(start, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b' '));
        let first = text.run(start, 2, |byte| matches!(byte, b'+' | b'('));
        let Some(phone) = read(text, first) else { return };
        if phone.count >= LEAST_NATIONAL_DIGITS {
            self.found(Phone, start, phone.end);
        }
    }
}

/// Digits from this place on, with single separators and brackets between them. A group that something else follows is not a part.
fn read(text: ScannedText<'_>, start: usize) -> Option<PhoneDigits> {
    let mut read = PhoneDigits { digits: [0; MOST_DIGITS], count: 0, end: start };
    let mut at = start;
    loop {
        let group_end = text.run(at, MOST_DIGITS + 1, |byte| byte.is_ascii_digit());
        let group = text.part(at, group_end);
        let is_other = !text.ends_word(group_end)
            || matches!(text.at(group_end), b':' | b'%' | b'@' | b'_') && !text.at(group_end + 1).is_ascii_whitespace()
            || text.at(group_end) == b',' && text.at(group_end + 1).is_ascii_digit();
        if group.is_empty() || read.count + group.len() > MOST_DIGITS || is_other {
            break;
        }
        for (to, from) in read.digits.iter_mut().skip(read.count).zip(group) {
            *to = from - b'0';
        }
        read.count += group.len();
        read.end = group_end;
        let next = text.run(group_end, 2, |byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')'));
        let is_double = next == group_end + 2 && text.at(group_end) == text.at(group_end + 1);
        if next == group_end || is_double {
            break;
        }
        at = next;
    }
    (read.count > 0).then_some(read)
}

/// Whether the number begins with an assigned code. Numbers of North America have ten digits more, in their form.
fn has_country_code(phone: &PhoneDigits) -> bool {
    let [first, second, ..] = phone.digits;
    let two = first * 10 + second;
    if first == 1 {
        let [_, area, _, _, exchange, ..] = phone.digits;
        return phone.count == 11 && area > 1 && exchange > 1;
    }
    SHORT_CODES.contains(&first) && phone.count == 11
        || TWO_DIGIT_CODES.contains(&two)
        || STARTS_OF_THREE_DIGIT_CODES.contains(&two)
}
