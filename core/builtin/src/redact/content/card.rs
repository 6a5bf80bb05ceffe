//! Numbers of payment cards.

use std::ops::RangeInclusive;

use super::{
    rule::ContentRule::{CardNumber, CardSecurityCode},
    search::Search,
    text::ScannedText,
};

/// Digits of a card number.
pub(super) const CARD_DIGITS: RangeInclusive<usize> = 13..=19;

/// Issuer identification numbers, as the range of the first six digits, and the lengths of the numbers (ISO/IEC 7812).
struct IssuerRange {
    first: u32,
    last: u32,
    /// Bit `n` is set if a number may have `n` digits.
    lengths: u32,
}

const fn issuer(first: u32, last: u32, lengths: &[u32]) -> IssuerRange {
    let mut bits = 0;
    let mut tail = lengths;
    while let [length, others @ ..] = tail {
        bits |= 1 << *length;
        tail = others;
    }
    IssuerRange { first, last, lengths: bits }
}

const LONG: &[u32] = &[16, 17, 18, 19];
const MAESTRO: &[u32] = &[13, 14, 15, 16, 17, 18, 19];
const DINERS: &[u32] = &[14, 16, 17, 18, 19];

/// Sorted by the first number; no two overlap.
#[rustfmt::skip]
const ISSUERS: &[IssuerRange] = &[
    issuer(220_000, 220_599, LONG),              // Mir, Borica
    issuer(222_100, 272_099, &[16]),             // Mastercard
    issuer(300_000, 305_999, DINERS),            // Diners Club
    issuer(309_500, 309_599, DINERS),            // Diners Club
    issuer(340_000, 349_999, &[15]),             // American Express
    issuer(352_800, 358_999, LONG),              // JCB
    issuer(360_000, 369_999, DINERS),            // Diners Club
    issuer(370_000, 379_999, &[15]),             // American Express
    issuer(380_000, 399_999, DINERS),            // Diners Club
    issuer(400_000, 499_999, &[13, 16, 19]),     // Visa; Elo
    issuer(501_800, 501_899, MAESTRO),           // Maestro
    issuer(501_900, 501_999, &[16]),             // Dankort
    issuer(502_000, 502_099, MAESTRO),           // Maestro
    issuer(503_800, 503_899, MAESTRO),           // Maestro
    issuer(506_099, 506_198, &[16, 18, 19]),     // Verve
    issuer(506_699, 506_778, &[16]),             // Elo
    issuer(507_865, 507_964, &[16, 18, 19]),     // Verve
    issuer(508_500, 508_999, &[16]),             // RuPay
    issuer(509_000, 509_999, &[16]),             // Elo
    issuer(510_000, 559_999, &[16]),             // Mastercard
    issuer(561_200, 561_299, MAESTRO),           // Maestro
    issuer(561_400, 561_499, &[16]),             // Uzcard
    issuer(589_300, 589_399, MAESTRO),           // Maestro
    issuer(601_100, 601_199, LONG),              // Discover
    issuer(604_001, 604_200, LONG),              // UkrCard
    issuer(606_005, 606_005, LONG),              // Bancontact
    issuer(606_282, 606_282, &[16]),             // Hipercard
    issuer(606_985, 607_984, &[16]),             // RuPay
    issuer(608_001, 608_500, &[16]),             // RuPay
    issuer(620_000, 629_999, LONG),              // UnionPay; Discover, Elo
    issuer(630_400, 630_499, MAESTRO),           // Maestro
    issuer(636_000, 636_999, LONG),              // InterPayment; Elo
    issuer(637_095, 637_612, &[16]),             // Hipercard
    issuer(639_000, 639_099, MAESTRO),           // Maestro
    issuer(644_000, 659_999, LONG),              // Discover; RuPay, Elo, Verve, Troy
    issuer(670_000, 679_999, MAESTRO),           // Maestro; Bancontact
    issuer(810_000, 829_999, LONG),              // UnionPay; RuPay
    issuer(860_000, 860_099, &[16]),             // Uzcard
    issuer(979_200, 979_299, &[16]),             // Troy
    issuer(986_000, 986_099, &[16]),             // Humo
];

/// The groups of a number that are looked at: more digits than a card has need no more.
const GROUPS: usize = 7;

/// Digits of a text, in groups with the same separator between them.
#[derive(Debug, Default)]
struct DigitGroups {
    /// The values of the digits.
    digits: [u8; 19],
    /// The digits in each group, and the end of the group in the text.
    groups: [(usize, usize); GROUPS],
    count: usize,
}

impl DigitGroups {
    /// The groups from this place on: of at most 19 digits together.
    fn read(text: ScannedText<'_>, start: usize) -> Self {
        let mut read = Self::default();
        let mut total = 0;
        let mut at = start;
        let mut separator = None;
        while let Some(group) = read.groups.get_mut(read.count) {
            let end = text.run(at, 20, |byte| byte.is_ascii_digit());
            if end == at || total + end - at > 19 {
                break;
            }
            let found = text.part(at, end);
            for (to, from) in read.digits.iter_mut().skip(total).zip(found) {
                *to = from - b'0';
            }
            total += found.len();
            *group = (found.len(), end);
            read.count += 1;
            let next = text.at(end);
            if !matches!(next, b' ' | b'-' | b'.') || *separator.get_or_insert(next) != next {
                break;
            }
            at = end + 1;
        }
        read
    }

    /// Whether the first groups are those of a card: `4-4-4-4` and its like, `4-6-5`, `4-3-3-3`, `6-13`, `8-8`, or a single one.
    fn has_layout(groups: &[(usize, usize)]) -> bool {
        match groups {
            [_] | [(6, _), (13, _)] | [(8, _), (8..=11, _)] => true,
            [(4, _), inner @ .., (1..=6, _)] => inner.iter().all(|(digits, _)| (3..=6).contains(digits)),
            _ => false,
        }
    }
}

impl Search<'_> {
    /// A digit of a number that may be a card's, or the separator after it.
    pub(super) fn card(&mut self, at: usize) {
        let text = self.text;
        let start = text.run_back(at, 9, |byte| byte.is_ascii_digit());
        if start < self.digits_end || !self.rules.has_any(&[CardNumber, CardSecurityCode]) {
            return;
        }
        let read = DigitGroups::read(text, start);
        self.digits_end = read.groups.first().map_or(start, |(_, end)| *end);
        if !starts_number(text, start) {
            return;
        }
        let found = (1..=read.count).rev().find_map(|count| card_end(text, &read, count));
        if let Some((end, digits)) = found {
            self.digits_end = end;
            self.found(CardNumber, start, end);
            match track_end(text, end) {
                Some(track_end) => {
                    self.digits_end = track_end;
                    self.found(CardSecurityCode, end, track_end);
                }
                None => self.security_code_after_card(end, digits == 15),
            }
        }
    }
}

/// The end of the track of a magnetic stripe that has its card number in front of this place (ISO/IEC 7813): `^NAME^251210100000?` in the first
/// track, `=251210100000?` in the second, `D251210100000` in the form of a chip. It is authentication data, as a security code is.
fn track_end(text: ScannedText<'_>, number_end: usize) -> Option<usize> {
    /// Expiry and service code.
    const LEAST_DIGITS: usize = 7;
    let name_end = match text.at(number_end) {
        b'^' => text.run(number_end + 1, 26, |byte| !matches!(byte, b'^' | b'?') && !byte.is_ascii_control()),
        b'=' | b'D' => number_end,
        _ => return None,
    };
    let has_separator = text.at(number_end) != b'^' || text.at(name_end) == b'^';
    let end = text.run(name_end + 1, 48, |byte| byte.is_ascii_digit());
    let is_track = has_separator && end - (name_end + 1).min(end) >= LEAST_DIGITS;
    is_track.then(|| if text.at(end) == b'?' { end + 1 } else { end })
}

/// The end and the number of digits, if the first groups are a card's number.
fn card_end(text: ScannedText<'_>, read: &DigitGroups, count: usize) -> Option<(usize, usize)> {
    let groups = read.groups.get(..count)?;
    let total = groups.iter().map(|(digits, _)| digits).sum();
    let (_, end) = *groups.last()?;
    let digits = read.digits.get(..total)?;
    let is_card = DigitGroups::has_layout(groups) && is_card_number(digits) && ends_number(text, end, groups.len() > 1);
    is_card.then_some((end, total))
}

/// Whether these are the digits of a card: the issuer, the length and the check digit.
fn is_card_number(digits: &[u8]) -> bool {
    if !CARD_DIGITS.contains(&digits.len()) || !has_luhn_digit(digits) {
        return false;
    }
    let number = digits.iter().take(6).fold(0, |number, digit| number * 10 + u32::from(*digit));
    let after = ISSUERS.partition_point(|issuer| issuer.first <= number);
    let issuer = after.checked_sub(1).and_then(|at| ISSUERS.get(at));
    issuer.is_some_and(|issuer| number <= issuer.last && issuer.lengths & 1 << digits.len() != 0)
}

fn has_luhn_digit(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => u32::from(*digit),
            _ => u32::from(digit * 2 / 10 + digit * 2 % 10),
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// Whether a number may begin at this place: it is neither the tail of another, nor of a fraction, nor of a hash.
fn starts_number(text: ScannedText<'_>, start: usize) -> bool {
    let before = text.before(start);
    match before {
        b'.' | b'-' => !text.nth_before(start, 2).is_ascii_digit(),
        _ => {
            text.starts_word(start)
                || is_word(text, text.run_back(start, 24, |byte| byte.is_ascii_alphanumeric()), start)
                || is_track_one(text, start)
        }
    }
}

/// Whether the first track of a magnetic stripe has its number at this place: `%B4111111111111111^` (ISO/IEC 7813).
fn is_track_one(text: ScannedText<'_>, start: usize) -> bool {
    let end = text.run(start, 20, |byte| byte.is_ascii_digit());
    text.before(start) == b'B' && text.at(end) == b'^'
}

/// Whether a number may end at this place.
fn ends_number(text: ScannedText<'_>, end: usize, is_grouped: bool) -> bool {
    let next = text.at(end + 1);
    match text.at(end) {
        b'-' if is_grouped => !next.is_ascii_alphanumeric(),
        // A number that has become a float: `4111111111111111.0`
        b'.' => !next.is_ascii_digit() || next == b'0' && !text.at(end + 2).is_ascii_digit(),
        b'D' if track_end(text, end).is_some() => true,
        _ => text.ends_word(end) || is_word(text, end, text.run(end, 24, |byte| byte.is_ascii_alphanumeric())),
    }
}

/// Whether this is a word of letters, and no number in base 16: `card` before a number, `EUR` after it.
fn is_word(text: ScannedText<'_>, start: usize, end: usize) -> bool {
    let word = text.part(start, end);
    word.iter().all(u8::is_ascii_alphabetic) && word.len() > 1 && word.iter().any(|byte| !byte.is_ascii_hexdigit())
}

/// Whether an integer is the number of a card.
///
/// Times since 1970 are none: in milliseconds, microseconds and nanoseconds, the times up to September 2039 begin with digits that no issuer has.
pub(super) fn is_card_value(value: u128) -> bool {
    let mut digits = [0; 19];
    let mut remaining = value;
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        if remaining > 0 {
            *digit = u8::try_from(remaining % 10).unwrap_or_default();
            remaining /= 10;
            length += 1;
        }
    }
    remaining == 0 && digits.get(19 - length..).is_some_and(is_card_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_sorted_and_apart() {
        for pair in ISSUERS.windows(2) {
            assert!(
                pair[0].first <= pair[0].last && pair[0].last < pair[1].first,
                "{} {}",
                pair[0].first,
                pair[1].first
            );
        }
    }

    #[test]
    fn no_time_of_the_years_2000_to_2038_is_a_card() {
        const MILLIS_2000: u128 = 946_684_800_000;
        const MILLIS_2039: u128 = 2_177_452_800_000;
        for scale in [1, 1_000, 1_000_000] {
            let times = (MILLIS_2000..MILLIS_2039).step_by(86_400_007);
            let cards =
                times.flat_map(|time| (0..10).map(move |last| time * scale + last)).filter(|time| is_card_value(*time));
            assert_eq!(cards.count(), 0, "scale {scale}");
        }
    }

    #[test]
    fn a_wrong_digit_makes_a_number_no_card() {
        assert!(is_card_value(4_111_111_111_111_111));
        assert!(!is_card_value(4_111_111_111_111_112));
        assert!(!is_card_value(0));
        assert!(!is_card_value(u128::MAX));
    }
}
