//! International bank account numbers.

use super::{rule::ContentRule::Iban, search::Search};

/// Countries of the registry (ISO 13616), and the characters of their numbers.
#[rustfmt::skip]
const COUNTRIES: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22), (b"BH", 22), (b"BI", 27), (b"BR", 29),
    (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24), (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29),
    (b"ES", 24), (b"FI", 18), (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27), (b"GT", 28),
    (b"HN", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20),
    (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19),
    (b"MN", 20), (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24), (b"PL", 28), (b"PS", 29),
    (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24), (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24),
    (b"SM", 27), (b"SO", 23), (b"ST", 25), (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20),
    (b"YE", 30),
];

const LONGEST_BYTES: usize = 34;

impl Search<'_> {
    /// Two letters and two digits at the start of a word.
    pub(super) fn iban(&mut self, start: usize) {
        let text = self.text;
        let country = [text.at(start).to_ascii_uppercase(), text.at(start + 1).to_ascii_uppercase()];
        let Some((_, length)) = COUNTRIES.iter().find(|(known, _)| **known == country) else { return };
        let mut characters = [0; LONGEST_BYTES];
        let mut at = start;
        for (index, character) in characters.iter_mut().take(*length).enumerate() {
            // Groups of four, with a space or a dash between them.
            if index > 0 && index % 4 == 0 && matches!(text.at(at), b' ' | b'-') {
                at += 1;
            }
            if !text.at(at).is_ascii_alphanumeric() {
                return;
            }
            *character = text.at(at).to_ascii_uppercase();
            at += 1;
        }
        let is_limited =
            text.ends_word(at) && !(text.before(start) == b'-' && text.nth_before(start, 2).is_ascii_alphanumeric());
        if is_limited && is_valid(characters.get(..*length).unwrap_or_default()) {
            self.found(Iban, start, at);
        }
    }
}

/// ISO 7064, modulo 97-10: the first four characters go to the end, letters count from 10 on, and one remains.
fn is_valid(characters: &[u8]) -> bool {
    let Some((head, account)) = characters.split_at_checked(4) else { return false };
    let remainder = account.iter().chain(head).fold(0_u32, |remainder, character| match character {
        b'0'..=b'9' => (remainder * 10 + u32::from(character - b'0')) % 97,
        _ => (remainder * 100 + u32::from(character.saturating_sub(b'A')) + 10) % 97,
    });
    let has_account = account.iter().filter(|character| character.is_ascii_digit()).any(|digit| *digit != b'0');
    remainder == 1 && has_account
}
