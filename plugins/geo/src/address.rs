//! Addresses: where they stand, which are skipped, and the networks that they are truncated to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fapilog_plugin::value::ValueRef;

/// The address in a value: an address, one with a port, or the text of either. An address of version 4 that a server of version 6 sees is
/// one of version 4.
pub(crate) fn address_in(value: ValueRef<'_>) -> Option<IpAddr> {
    let address = match value {
        ValueRef::Ip(address) => address,
        ValueRef::Socket(socket) => socket.ip(),
        ValueRef::Text(text) => address_in_text(text.trim())?,
        _ => return None,
    };
    Some(address.to_canonical())
}

fn address_in_text(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// The network of the address, by which it names a place and no subscriber: 24 bits of version 4, and 48 of version 6.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !((1 << 80) - 1))),
    }
}

/// Whether the address belongs to no place: private, shared by a carrier's customers, of the host, of the link, of a group.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || first == 0
                // RFC 6598: between a carrier and its customers.
                || (first == 100 && second & 0b1100_0000 == 64)
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_found_in_values_of_all_forms() {
        let found = |text| address_in(ValueRef::Text(text));
        for text in
            ["203.0.113.7", " 203.0.113.7 ", "203.0.113.7:443", "::ffff:203.0.113.7", "[::ffff:203.0.113.7]:443"]
        {
            assert_eq!(found(text), Some(ip("203.0.113.7")), "{text}");
        }
        for text in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:443"] {
            assert_eq!(found(text), Some(ip("2001:db8::7")), "{text}");
        }
        assert_eq!(address_in(ValueRef::Ip(ip("::ffff:203.0.113.7"))), Some(ip("203.0.113.7")));
        assert_eq!(address_in(ValueRef::Socket("203.0.113.7:1".parse().unwrap())), Some(ip("203.0.113.7")));
    }

    #[test]
    fn other_values_have_no_address() {
        for text in ["", "localhost", "203.0.113", "203.0.113.7, 198.51.100.1", "[203.0.113.7]", "[redacted]"] {
            assert_eq!(address_in(ValueRef::Text(text)), None, "{text}");
        }
        assert_eq!(address_in(ValueRef::U64(3_405_803_783)), None);
    }

    #[test]
    fn a_network_has_24_bits_of_version_4_and_48_of_version_6() {
        assert_eq!(network_of(ip("203.0.113.255")), ip("203.0.113.0"));
        assert_eq!(network_of(ip("2001:db8:1:ffff:ffff:ffff:ffff:ffff")), ip("2001:db8:1::"));
    }

    #[test]
    fn local_addresses_belong_to_no_place() {
        let local = "10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 127.0.0.1 169.254.169.254 100.64.0.1 100.127.255.255 0.0.0.0 \
            0.1.2.3 224.0.0.1 255.255.255.255 ::1 :: fc00::1 fdff::1 fe80::1 ff02::1";
        for text in local.split_whitespace() {
            assert!(is_local(ip(text)), "{text}");
        }
        let public =
            "203.0.113.7 172.15.0.1 172.32.0.1 100.63.255.255 100.128.0.1 11.0.0.1 2001:db8::1 2606:4700::1111";
        for text in public.split_whitespace() {
            assert!(!is_local(ip(text)), "{text}");
        }
    }
}
