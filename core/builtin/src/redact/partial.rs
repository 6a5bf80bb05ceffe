//! The part of sensitive data that may stay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fapilog_plugin::data_class::DataClass;

/// The digits of a card number that may be shown: PCI DSS 4.0.1, requirement 3.4.1, allows the BIN and the last four at most.
const CARD_FIRST: usize = 6;
const CARD_LAST: usize = 4;
/// The least digits of a card number (ISO/IEC 7812-1: 8 with the check digit; payment cards have 13 at least).
const CARD_MIN: usize = 13;

/// Appends the part by which a person recognizes the value. Where too little would be hidden, the mask.
pub(super) fn put_partial(class: DataClass, text: &str, mask: &str, out: &mut String) {
    match class {
        DataClass::CardNumber => put_ends(&digits(text), CARD_FIRST, CARD_LAST, CARD_MIN, mask, out),
        DataClass::Email => put_email(text, mask, out),
        DataClass::Phone => put_ends(&digits(text), 0, 3, 7, mask, out),
        DataClass::BankAccount => put_ends(&alphanumerics(text), 2, 4, 12, mask, out),
        DataClass::NationalId => put_ends(&alphanumerics(text), 0, 4, 8, mask, out),
        DataClass::NetworkAddress | DataClass::BirthDate => put_front(class, text, mask, out),
        DataClass::PersonName | DataClass::PostalAddress => put_first(text, 1, mask, out),
        _ => out.push_str(mask),
    }
}

/// Appends the front.
pub(super) fn put_front(class: DataClass, text: &str, mask: &str, out: &mut String) {
    match class {
        DataClass::NetworkAddress => match text.trim().parse() {
            Ok(address) => out.push_str(&network_of(address).to_string()),
            Err(_) => out.push_str(mask),
        },
        DataClass::CardNumber => put_ends(&digits(text), CARD_FIRST, 0, CARD_MIN, mask, out),
        DataClass::BirthDate => match text.get(..4).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(year) => out.push_str(year),
            None => out.push_str(mask),
        },
        DataClass::Credential | DataClass::CardSecurityCode | DataClass::Health => out.push_str(mask),
        _ => put_first(text, 2, mask, out),
    }
}

/// The address with its host's bits set to zero: 24 bits of version 4 stay, and 48 of version 6.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff)),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            // The address of a version 4 client, as a server of version 6 sees it.
            Some(mapped) => IpAddr::V6(Ipv4Addr::from_bits(mapped.to_bits() & !0xff).to_ipv6_mapped()),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !((1 << 80) - 1))),
        },
    }
}

/// Appends the first and the last characters, and a star for each between them. A text of fewer than `len_min` characters is masked.
fn put_ends(text: &[char], first: usize, last: usize, len_min: usize, mask: &str, out: &mut String) {
    if text.len() < len_min.max(first + last + 1) {
        return out.push_str(mask);
    }
    let hidden = text.len() - first - last;
    out.extend(text.iter().take(first));
    out.extend(std::iter::repeat_n('*', hidden));
    out.extend(text.iter().skip(first + hidden));
}

/// The first characters of a text that is longer by far, and the mask.
fn put_first(text: &str, shown: usize, mask: &str, out: &mut String) {
    if text.chars().count() >= 4 * shown {
        out.extend(text.chars().take(shown));
    }
    out.push_str(mask);
}

fn put_email(text: &str, mask: &str, out: &mut String) {
    match text.rsplit_once('@') {
        Some((_, domain)) if !domain.is_empty() => {
            out.push_str(mask);
            out.push('@');
            out.push_str(domain);
        }
        _ => out.push_str(mask),
    }
}

/// Full-width digits, too.
fn digits(text: &str) -> Vec<char> {
    let plain = |c: char| match c {
        '0'..='9' => Some(c),
        '\u{ff10}'..='\u{ff19}' => char::from_digit(c as u32 - 0xff10, 10),
        _ => None,
    };
    text.chars().filter_map(plain).collect()
}

fn alphanumerics(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(class: DataClass, text: &str) -> String {
        let mut out = String::new();
        put_partial(class, text, "***", &mut out);
        out
    }

    fn front(class: DataClass, text: &str) -> String {
        let mut out = String::new();
        put_front(class, text, "***", &mut out);
        out
    }

    #[test]
    fn a_part_by_which_a_person_recognizes_the_value_stays() {
        for (class, text, expected) in [
            (DataClass::CardNumber, "4111 1111 1111 1111", "411111******1111"),
            (DataClass::CardNumber, "４１１１１１１１１１１１１１１１", "411111******1111"),
            (DataClass::CardNumber, "4111", "***"),
            (DataClass::Email, "ada@example.com", "***@example.com"),
            (DataClass::Email, "no address", "***"),
            (DataClass::Phone, "+49 30 1234567", "********567"),
            (DataClass::BankAccount, "DE89 3704 0044 0532 0130 00", "DE****************3000"),
            (DataClass::NationalId, "219-09-9999", "*****9999"),
            (DataClass::NationalId, "1234", "***"),
            (DataClass::NetworkAddress, "192.0.2.77", "192.0.2.0"),
            (DataClass::PersonName, "Lovelace", "L***"),
            (DataClass::PersonName, "Ada", "***"),
            (DataClass::Credential, "hunter2hunter2hunter2", "***"),
            (DataClass::CardSecurityCode, "123", "***"),
        ] {
            assert_eq!(partial(class, text), expected, "{text}");
        }
    }

    #[test]
    fn the_front_stays() {
        for (class, text, expected) in [
            (DataClass::NetworkAddress, "2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
            (DataClass::NetworkAddress, "::ffff:192.0.2.77", "::ffff:192.0.2.0"),
            (DataClass::NetworkAddress, "no address", "***"),
            (DataClass::BirthDate, "1815-12-10", "1815"),
            (DataClass::BirthDate, "10.12.1815", "***"),
            (DataClass::CardNumber, "4111111111111111", "411111**********"),
            (DataClass::Phone, "+49 30 1234567", "+4***"),
            (DataClass::Credential, "hunter2hunter2", "***"),
        ] {
            assert_eq!(front(class, text), expected, "{text}");
        }
    }
}
