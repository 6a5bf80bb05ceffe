//! Addresses that a sink may connect to.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Addresses of metadata services of clouds that are not link-local, which is refused as a whole.
///
/// | address | service | source |
/// |---|---|---|
/// | `fd00:ec2::254` | AWS, instance metadata | Amazon EC2 user guide, "Configure the Instance Metadata Service options" |
/// | `fd00:ec2::23` | AWS, agent of EKS Pod Identity | Amazon EKS user guide, "Set up the Amazon EKS Pod Identity Agent" |
/// | `fd00:c1::a9fe:a9fe` | Oracle Cloud | Oracle's SDK for Python, `DEFAULT_METADATA_URL_BASE_IPV6` of the signer of instance principals |
/// | `fd00:42::42` | Scaleway | Scaleway, Instance API, "User data" |
/// | `fd00:a9fe:a9fe::1` | Akamai (Linode) | Akamai, "Use the Metadata service API" |
/// | `fd00:100::100:200` | Alibaba Cloud | tests of cloud-init's data source AliYun; no page of Alibaba Cloud is known |
/// | `fd20:ce::254` | Google Cloud | lists in public repositories; no page of Google is known |
/// | `100.100.100.200` | Alibaba Cloud | cloud-init, data source AliYun |
/// | `168.63.129.16` | Azure, the host's agent | Azure, "What is IP address 168.63.129.16?" |
/// | `192.0.0.192` | Oracle Cloud at Customer | Oracle, "Retrieve Predefined Instance Metadata" |
const METADATA: [IpAddr; 10] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 0x0001)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0100, 0, 0, 0, 0, 0x0100, 0x0200)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Which addresses a sink may connect to, whatever name led to them.
///
/// Refused are, unless they are allowed: link-local addresses, the metadata services of clouds, which give out the credentials of the machine,
/// and addresses that are no host's (unspecified, multicast, broadcast). An address of IPv6 that stands for one of IPv4 is judged by
/// the latter.
///
/// ```
/// use fapilog_sink_network::address::AddressPolicy;
///
/// let policy = AddressPolicy::default();
/// assert_eq!(policy.refusal("169.254.169.254".parse()?), Some("link-local"));
/// assert_eq!(policy.refusal("10.0.0.1".parse()?), None);
///
/// let policy = AddressPolicy::default().allow(["169.254.0.0/16".parse()?]);
/// assert_eq!(policy.refusal("169.254.169.254".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct AddressPolicy {
    allowed: Vec<AddressRange>,
}

impl AddressPolicy {
    /// Allows addresses that would be refused.
    pub fn allow(mut self, ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        self.allowed.extend(ranges);
        self
    }

    /// The reason that the address is refused for, if it is: the kind of address that it is.
    #[must_use]
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        let meant = ipv4_within(address).map_or(address, IpAddr::V4);
        let reason = refused_kind(meant)?;
        let is_allowed = self.allowed.iter().any(|range| range.has(address) || range.has(meant));
        (!is_allowed).then_some(reason)
    }
}

fn refused_kind(address: IpAddr) -> Option<&'static str> {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let is_no_host = match address {
        // 0.0.0.0/8 is "this network" (RFC 791): Linux takes all of it for this machine.
        IpAddr::V4(address) => address.octets()[0] == 0 || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unspecified(),
    };
    match () {
        () if is_link_local => Some("link-local"),
        () if METADATA.contains(&address) => Some("the metadata service of a cloud"),
        () if address.is_multicast() => Some("a multicast address"),
        () if is_no_host => Some("no host's address"),
        () => None,
    }
}

/// The address of IPv4 that one of IPv6 stands for: mapped or compatible (RFC 4291), translated (RFC 2765), of NAT64 (the well-known prefix of
/// RFC 6052, and the local one of RFC 8215 with the address at its end), or of 6to4 (RFC 3056).
fn ipv4_within(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) => Some(of(g, h)),
        // `::` and `::1` are addresses of IPv6.
        (0, 0, 0, 0, 0, 0) if g != 0 || h > 1 => Some(of(g, h)),
        (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) | (0x64, 0xff9b, 1, ..) => Some(of(g, h)),
        (0x2002, ..) => Some(of(b, c)),
        _ => None,
    }
}

/// An address, or the addresses that begin with the same bits: `169.254.169.254`, `fd00::/8`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Whether the address is in the range.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }

    fn is_one_address(&self) -> bool {
        self.bits == bits_of(self.first)
    }
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The text is no range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address range is an address, such as 169.254.169.254, or a network, such as fd00::/8")]
#[non_exhaustive]
pub struct AddressRangeError;

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| AddressRangeError)?;
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            Some(bits) if is_digits(bits) => bits.parse().map_err(|_| AddressRangeError)?,
            Some(_) => return Err(AddressRangeError),
            None => bits_of(first),
        };
        if bits > bits_of(first) { Err(AddressRangeError) } else { Ok(Self { first, bits }) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_one_address() { self.first.fmt(f) } else { write!(f, "{}/{}", self.first, self.bits) }
    }
}

/// As it is written.
impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: &str) -> Option<&'static str> {
        AddressPolicy::default().refusal(address.parse().unwrap())
    }

    #[test]
    fn link_local_addresses_and_those_of_metadata_services_are_refused_in_every_notation() {
        let link_local =
            ["169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "::ffff:169.254.169.254", "::169.254.1.1"];
        for address in link_local.into_iter().chain([
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "2002:a9fe:a9fe::1",
        ]) {
            assert_eq!(refusal(address), Some("link-local"), "{address}");
        }
        let ipv6 = [
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "fd00:a9fe:a9fe::1",
            "fd00:100::100:200",
            "fd20:ce::254",
        ];
        let metadata = ["100.100.100.200", "168.63.129.16", "192.0.0.192", "::ffff:100.100.100.200"];
        for address in ipv6.into_iter().chain(metadata) {
            assert_eq!(refusal(address), Some("the metadata service of a cloud"), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_no_hosts_are_refused() {
        for address in ["0.0.0.0", "0.1.2.3", "255.255.255.255", "::", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"] {
            assert!(refusal(address).is_some(), "{address}");
        }
    }

    #[test]
    fn addresses_of_hosts_are_not_refused() {
        for address in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "192.168.0.1",
            "8.8.8.8",
            "2001:db8::1",
            "fd12::1",
            "fd00:ec2::123",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(refusal(address), None, "{address}");
        }
    }

    #[test]
    fn an_allowed_range_allows_its_addresses_and_no_others() {
        let policy = AddressPolicy::default().allow(["169.254.169.254".parse().unwrap(), "fe80::/64".parse().unwrap()]);
        let refusal = |address: &str| policy.refusal(address.parse().unwrap());
        assert_eq!(refusal("169.254.169.254"), None);
        assert_eq!(refusal("::ffff:169.254.169.254"), None);
        assert_eq!(refusal("169.254.169.253"), Some("link-local"));
        assert_eq!(refusal("fe80::1:2:3:4"), None);
        assert_eq!(refusal("fe80:0:0:1::1"), Some("link-local"));
    }

    #[test]
    fn a_range_is_read_and_written() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "169.254.169.254", "fd00::/8", "::/0", "fd00::1"] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        for text in ["", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "10.0.0", "a/8", "10.0.0.0/8/8"] {
            assert_eq!(text.parse::<AddressRange>(), Err(AddressRangeError), "{text}");
        }
        let all: AddressRange = "0.0.0.0/0".parse().unwrap();
        assert!(all.has("1.2.3.4".parse().unwrap()) && !all.has("::1".parse().unwrap()));
    }
}
