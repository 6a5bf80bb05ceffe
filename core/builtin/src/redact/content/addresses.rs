//! Addresses of IPv4 and IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    rule::ContentRule::{Ipv4, Ipv6},
    search::Search,
    text::ScannedText,
};

/// The longest address of IPv6, with an address of IPv4 in its tail.
const LONGEST_IPV6_BYTES: usize = 45;

/// Words before four numbers that are a version.
const VERSION_WORDS: &[&[u8]] = &[b"version", b"ver", b"v", b"release", b"build", b"rev", b"oid", b"section"];

impl Search<'_> {
    /// The first of three dots between digits.
    pub(super) fn ipv4(&mut self, dot: usize) {
        let text = self.text;
        let start = text.run_back(dot, 4, |byte| byte.is_ascii_digit());
        let end = text.run(dot, 13, |byte| byte.is_ascii_digit() || byte == b'.');
        // A dot at the end is that of a sentence.
        let end = text.run_back(end, 1, |byte| byte == b'.');
        let Some(address) = ipv4_of(text.part(start, end)) else { return };
        if !is_reserved(address) && has_ipv4_limits(text, start, end) {
            self.found(Ipv4, start, end);
        }
    }

    /// A colon of an address of IPv6, probably.
    pub(super) fn ipv6(&mut self, colon: usize) {
        if colon < self.address_end {
            return;
        }
        let text = self.text;
        let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
        let start = text.run_back(colon, LONGEST_IPV6_BYTES + 1, is_part);
        let end = text.run(colon, LONGEST_IPV6_BYTES + 1, is_part);
        self.address_end = end;
        let start = text.run(start, 1, |byte| byte == b'.');
        let end = text.run_back(end, 1, |byte| byte == b'.');
        // A colon at either end is punctuation, unless there are two.
        let start = if text.at(start) == b':' && text.at(start + 1) != b':' { start + 1 } else { start };
        let end = if text.before(end) == b':' && text.nth_before(end, 2) != b':' { end - 1 } else { end };
        if (1..=LONGEST_IPV6_BYTES).contains(&end.saturating_sub(start))
            && text.starts_word(start)
            && text.ends_word(end)
            && is_ipv6(text.part(start, end))
        {
            self.found(Ipv6, start, end);
        }
    }
}

/// An address of four numbers. Zeros before them are allowed if each has three digits.
fn ipv4_of(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    let is_padded = text.len() == 15;
    for octet in &mut octets {
        let part = parts.next().filter(|part| {
            (1..=3).contains(&part.len()) && (is_padded || part.len() == 1 || !part.starts_with(b"0"))
        })?;
        *octet = std::str::from_utf8(part).ok()?.parse().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Addresses that stand for no host: none, the machine itself, all, and masks of networks.
fn is_reserved(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.octets().starts_with(&[0]) || address.octets().starts_with(&[255])
}

/// Whether no other number, no letter, and no word such as `version` stands beside the address.
fn has_ipv4_limits(text: ScannedText<'_>, start: usize, end: usize) -> bool {
    let before = text.before(start);
    let after = text.at(end);
    let is_longer = before == b'.' && text.nth_before(start, 2).is_ascii_alphanumeric()
        || after == b'.' && text.at(end + 1).is_ascii_alphanumeric();
    let is_suffixed = matches!(after, b'-' | b'_' | b'+') && text.at(end + 1).is_ascii_alphabetic();
    text.starts_word(start) && text.ends_word(end) && !is_longer && !is_suffixed && !follows_version(text, start)
}

fn follows_version(text: ScannedText<'_>, start: usize) -> bool {
    let end = text.run_back(start, 4, |byte| matches!(byte, b' ' | b':' | b'=' | b'"' | b'\''));
    let word = text.run_back(end, 12, |byte| byte.is_ascii_alphabetic());
    let word = text.part(word, end);
    VERSION_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
        || word.last_chunk::<7>().is_some_and(|tail| tail.eq_ignore_ascii_case(b"version"))
}

/// Whether this is an address of a host, and no name such as `a::b` of a program.
fn is_ipv6(text: &[u8]) -> bool {
    let Some(address) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<Ipv6Addr>().ok()) else {
        return false;
    };
    let groups = text.split(|byte| *byte == b':').filter(|group| !group.is_empty());
    let is_long = groups.clone().count() > 2 || groups.clone().any(|group| group.len() > 2);
    let has_digit = text.iter().any(u8::is_ascii_digit);
    has_digit && is_long && !address.is_loopback() && !address.is_unspecified()
}
