//! Social security numbers of the United States.

use super::{rule::ContentRule::SocialSecurityNumber, search::Search, text::ScannedText};

const NAMES: &[&[u8]] = &[b"ssn", b"social security", b"social_security", b"socialsecurity", b"soc sec", b"soc. sec."];

impl Search<'_> {
    /// Three digits, a dash, two digits, a dash and four digits.
    pub(super) fn social_security_number(&mut self, start: usize) {
        let text = self.text;
        let end = start + "123-45-6789".len();
        let is_longer = matches!(text.before(start), b'-' | b'.' | b'/')
            && text.nth_before(start, 2).is_ascii_alphanumeric()
            || matches!(text.at(end), b'-' | b'/') && text.at(end + 1).is_ascii_alphanumeric()
            || text.at(end) == b'.' && text.at(end + 1).is_ascii_digit();
        if text.at(start + 3) == b'-'
            && text.starts_word(start)
            && text.ends_word(end)
            && !is_longer
            && has_valid_parts(text, start)
        {
            self.found(SocialSecurityNumber, start, end);
        }
    }

    /// A word that may be the name of the number: `SSN 123456789`.
    pub(super) fn social_security_number_after_keyword(&mut self, at: usize) {
        if let Some(name) = NAMES.iter().find(|name| self.text.has_in_any_case(at, name)) {
            let end = at + name.len();
            let start = self.after_label(end);
            if start > end {
                self.social_security_number_at(start);
            }
        }
    }

    /// The number at the place of a value: with dashes, spaces or neither.
    pub(super) fn social_security_number_at(&mut self, start: usize) {
        let text = self.text;
        let start = text.run(start, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
        let end = text.run(start, 12, |byte| byte.is_ascii_digit() || matches!(byte, b'-' | b' '));
        let end = text.run_back(end, end - start, |byte| !byte.is_ascii_digit());
        let length = end - start;
        let has_separators = length == 11 && has_valid_parts(text, start);
        let is_plain =
            length == 9 && text.part(start, end).iter().all(u8::is_ascii_digit) && is_issued(text.part(start, end));
        if (has_separators || is_plain) && text.ends_word(end) {
            self.found(SocialSecurityNumber, start, end);
        }
    }
}

/// Whether `123-45-6789` stands at this place, with the same separator twice, and may be issued.
fn has_valid_parts(text: ScannedText<'_>, start: usize) -> bool {
    let &[a, b, c, first, d, e, second, f, g, h, i] = text.part(start, start + 11) else { return false };
    first == second && matches!(first, b'-' | b' ') && is_issued(&[a, b, c, d, e, f, g, h, i])
}

/// Whether these are nine digits whose area, group and serial number are issued.
fn is_issued(digits: &[u8]) -> bool {
    let Some((area, tail)) = digits.split_at_checked(3) else { return false };
    let Some((group, serial)) = tail.split_at_checked(2) else { return false };
    let has_area = !matches!(area, b"000" | b"666") && !area.starts_with(b"9");
    digits.len() == 9 && digits.iter().all(u8::is_ascii_digit) && has_area && group != b"00" && serial != b"0000"
}
