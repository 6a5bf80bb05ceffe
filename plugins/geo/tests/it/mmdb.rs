//! A writer of the MaxMind DB format: <https://maxmind.github.io/MaxMind-DB/>.

use std::net::IpAddr;

/// Bytes of a node: two records of 24 bits.
const NODE_BYTES: usize = 6;

/// Zeros between the tree and the data.
const SEPARATOR_BYTES: usize = 16;

/// A value of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MmdbValue {
    Text(String),
    Double(f64),
    U16(u16),
    U32(u32),
    U64(u64),
    Map(Vec<(String, MmdbValue)>),
    List(Vec<MmdbValue>),
}

pub(crate) fn text(text: &str) -> MmdbValue {
    MmdbValue::Text(text.to_owned())
}

pub(crate) fn map<'a>(entries: impl IntoIterator<Item = (&'a str, MmdbValue)>) -> MmdbValue {
    MmdbValue::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A file with these networks, of addresses of version 4 or 6.
pub(crate) fn file(database_type: &str, ip_version: u16, networks: &[(&str, MmdbValue)]) -> Vec<u8> {
    let mut tree = Tree { nodes: vec![[Branch::Empty; 2]] };
    let mut data = Vec::new();
    for (network, value) in networks {
        let (bits, length) = bits_of(network, ip_version);
        tree.insert(bits, length, data.len());
        put(&mut data, value);
    }
    let mut file = tree.bytes();
    file.extend_from_slice(&[0; SEPARATOR_BYTES]);
    file.extend_from_slice(&data);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    put(&mut file, &metadata(database_type, ip_version, tree.nodes.len()));
    file
}

fn metadata(database_type: &str, ip_version: u16, nodes: usize) -> MmdbValue {
    map([
        ("node_count", MmdbValue::U32(nodes as u32)),
        ("record_size", MmdbValue::U16(24)),
        ("ip_version", MmdbValue::U16(ip_version)),
        ("database_type", text(database_type)),
        ("languages", MmdbValue::List(vec![text("en"), text("de")])),
        ("binary_format_major_version", MmdbValue::U16(2)),
        ("binary_format_minor_version", MmdbValue::U16(0)),
        ("build_epoch", MmdbValue::U64(1_767_225_600)),
        ("description", map([("en", text("places of the tests"))])),
    ])
}

/// The bits of a network, the first at the top, and their number. A network of version 4 is below `::/96`.
fn bits_of(network: &str, ip_version: u16) -> (u128, u32) {
    let (address, length) = network.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match address.parse().unwrap() {
        IpAddr::V4(address) if ip_version == 6 => (address.to_bits().into(), 96 + length),
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, length),
        IpAddr::V6(address) => (address.to_bits(), length),
    }
}

#[derive(Debug, Clone, Copy)]
enum Branch {
    Empty,
    Node(usize),
    /// The offset in the data.
    Data(usize),
}

/// The binary tree of addresses.
struct Tree {
    nodes: Vec<[Branch; 2]>,
}

impl Tree {
    fn insert(&mut self, bits: u128, length: u32, offset: usize) {
        let side = |depth: u32| (bits >> (127 - depth) & 1) as usize;
        let mut node = 0;
        for depth in 0..length - 1 {
            node = match self.nodes[node][side(depth)] {
                Branch::Node(next) => next,
                // A network within another: the data of the outer one stays around it.
                other => {
                    self.nodes.push([other; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side(depth)] = Branch::Node(next);
                    next
                }
            };
        }
        self.nodes[node][side(length - 1)] = Branch::Data(offset);
    }

    fn bytes(&self) -> Vec<u8> {
        let count = self.nodes.len();
        let mut bytes = Vec::with_capacity(count * NODE_BYTES);
        for branch in self.nodes.iter().flatten() {
            let record = match *branch {
                Branch::Empty => count,
                Branch::Node(node) => node,
                Branch::Data(offset) => count + SEPARATOR_BYTES + offset,
            };
            bytes.extend_from_slice(&(record as u32).to_be_bytes()[1..]);
        }
        bytes
    }
}

fn put(out: &mut Vec<u8>, value: &MmdbValue) {
    match value {
        MmdbValue::Text(text) => {
            put_control(out, 2, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        MmdbValue::Double(number) => {
            put_control(out, 3, 8);
            out.extend_from_slice(&number.to_be_bytes());
        }
        MmdbValue::U16(number) => put_number(out, 5, &number.to_be_bytes()),
        MmdbValue::U32(number) => put_number(out, 6, &number.to_be_bytes()),
        MmdbValue::U64(number) => put_number(out, 9, &number.to_be_bytes()),
        MmdbValue::Map(entries) => {
            put_control(out, 7, entries.len());
            for (key, value) in entries {
                put(out, &text(key));
                put(out, value);
            }
        }
        MmdbValue::List(items) => {
            put_control(out, 11, items.len());
            items.iter().for_each(|item| put(out, item));
        }
    }
}

/// Without zeros in front.
fn put_number(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    put_control(out, kind, bytes.len() - first);
    out.extend_from_slice(&bytes[first..]);
}

/// The type in the upper three bits, or in a byte of its own, and the size.
fn put_control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let upper = if kind < 8 { kind << 5 } else { 0 };
    assert!(size < 29 + 256, "longer values are not needed");
    out.push(upper | size.min(29) as u8);
    if kind >= 8 {
        out.push(kind - 7);
    }
    if size >= 29 {
        out.push((size - 29) as u8);
    }
}
