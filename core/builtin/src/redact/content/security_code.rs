//! Security codes of cards, and PINs.

use super::{rule::ContentRule::CardSecurityCode, search::Search};

/// Names of the code, and the digits that it has.
const NAMES: &[(&[u8], usize, usize)] = &[
    (b"cvv2", 3, 4),
    (b"cvc2", 3, 4),
    (b"cvv", 3, 4),
    (b"cvc", 3, 4),
    (b"csc", 3, 4),
    (b"cav2", 3, 4),
    (b"cav", 3, 4),
    (b"security code", 3, 4),
    (b"security_code", 3, 4),
    (b"security-code", 3, 4),
    (b"securitycode", 3, 4),
    (b"pin", 4, 8),
];

/// Words between a name and its value.
const FILLERS: &[&[u8]] = &[b"number", b"num", b"nr", b"no", b"code", b"is", b"was", b"value"];

impl Search<'_> {
    /// A word that may be the name of a code: `cvv: 123`.
    pub(super) fn security_code_after_keyword(&mut self, at: usize) {
        if !self.rules.has(CardSecurityCode) {
            return;
        }
        let Some((name, least, most)) = NAMES.iter().find(|(name, _, _)| self.text.has_in_any_case(at, name)) else {
            return;
        };
        let end = at + name.len();
        let start = self.after_label(end);
        // A PIN has its value beside it: `pin 4 of the chip` has not.
        let is_pin = *name == b"pin";
        if start > end && !(is_pin && self.text.part(end, start).iter().all(|byte| *byte == b' ')) {
            self.code(start, *least, *most);
        }
    }

    /// The value of a pair whose name is that of a code.
    pub(super) fn security_code_at(&mut self, start: usize) {
        let start = self.text.run(start, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
        self.code(start, 3, 4);
    }

    /// The code after a card: `4111111111111111|12/27|123`, `4111111111111111,123`.
    pub(super) fn security_code_after_card(&mut self, card_end: usize, is_american_express: bool) {
        let text = self.text;
        let is_separator = |byte| matches!(byte, b' ' | b',' | b';' | b'|' | b'/' | b':' | b'\t');
        let first = text.run(card_end, 4, is_separator);
        let month_end = text.run(first, 2, |byte| byte.is_ascii_digit());
        let year = text.run(month_end, 1, |byte| matches!(byte, b'/' | b'-' | b'|' | b'.'));
        let year_end = text.run(year, 5, |byte| byte.is_ascii_digit());
        let has_date = month_end == first + 2
            && year > month_end
            && matches!(year_end - year, 2 | 4)
            && matches!(text.at(first), b'0' | b'1');
        // A space alone may stand before any number.
        let is_list = text.part(card_end, first).iter().any(|byte| *byte != b' ' && *byte != b'\t');
        let start = if has_date { text.run(year_end, 4, is_separator) } else { first };
        let digits = if is_american_express { 4 } else { 3 };
        if start > card_end && (has_date && start > year_end || is_list && !has_date) {
            self.code(start, digits, digits);
        }
    }

    fn code(&mut self, start: usize, least: usize, most: usize) {
        let text = self.text;
        let end = text.run(start, most + 1, |byte| byte.is_ascii_digit());
        let is_fraction = matches!(text.at(end), b'.' | b',') && text.at(end + 1).is_ascii_digit();
        if (least..=most).contains(&(end - start)) && text.ends_word(end) && !is_fraction {
            self.found(CardSecurityCode, start, end);
        }
    }

    /// The place of the value after a label: behind `:`, `=`, `is`, `no.`, `#`, quotes and spaces.
    pub(super) fn after_label(&self, label_end: usize) -> usize {
        let text = self.text;
        let mut at = label_end;
        loop {
            let punctuation = text.run(at, 8, |byte| {
                matches!(byte, b' ' | b':' | b'=' | b'#' | b'"' | b'\'' | b'\\' | b'.' | b'_' | b'>' | b'\t')
            });
            let filler = FILLERS.iter().find(|filler| text.has_in_any_case(punctuation, filler));
            let next = filler.map_or(punctuation, |filler| punctuation + filler.len());
            if next == at || next > label_end + 32 {
                return punctuation;
            }
            at = next;
        }
    }
}
