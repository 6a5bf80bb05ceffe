//! Fields that name and type themselves: for events whose fields are known at run time only, and for scopes.
//!
//! A dynamic record's body is level (1 byte), category (1 byte), and then fields, as is a scope's whole body:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | group (see [`FieldGroup`]) |
//! | 2 | length of the key |
//! | | key, UTF-8 |
//! | 1 | 18, if key or value was cut; else this byte is missing |
//! | 1 | type of the value |
//! | | value: as in [`Kind`](crate::value::Kind), but text and bytes as length (4) and bytes, a sequence as count (4) and then each element with its type |

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use crate::{
    field_group::FieldGroup,
    shares::Shares,
    text::{
        bounded::{front, front_bytes},
        plain::put_plain,
    },
    value::{self, ValueRef},
};

/// How deep sequences may be nested; deeper ones become text.
const NESTING_MAX: usize = 4;

mod types {
    pub(super) const NONE: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const CHAR: u8 = 3;
    pub(super) const I64: u8 = 4;
    pub(super) const U64: u8 = 5;
    pub(super) const I128: u8 = 6;
    pub(super) const U128: u8 = 7;
    pub(super) const F32: u8 = 8;
    pub(super) const F64: u8 = 9;
    pub(super) const DURATION: u8 = 10;
    pub(super) const TIME: u8 = 11;
    pub(super) const IPV4: u8 = 12;
    pub(super) const IPV6: u8 = 13;
    pub(super) const UUID: u8 = 14;
    pub(super) const TEXT: u8 = 15;
    pub(super) const BYTES: u8 = 16;
    pub(super) const SEQUENCE: u8 = 17;
    /// No type: it stands in front of one.
    pub(super) const CUT: u8 = 18;
    pub(super) const SOCKET_V4: u8 = 19;
    pub(super) const SOCKET_V6: u8 = 20;
}

/// The longest key.
pub const KEY_MAX_BYTES: usize = u16::MAX as usize;

/// Appends one field. A key that is too long is cut at a character's boundary, and the field marked.
pub fn put_field(out: &mut Vec<u8>, group: FieldGroup, key: &str, value: ValueRef<'_>) {
    let is_whole = key.len() <= KEY_MAX_BYTES;
    let key = front(key, KEY_MAX_BYTES);
    out.push(group.to_byte());
    // Held to `u16` above.
    out.extend_from_slice(&(key.len() as u16).to_le_bytes());
    out.extend_from_slice(key.as_bytes());
    if !is_whole {
        out.push(types::CUT);
    }
    put_value(out, value, 0);
}

/// Appends fields, up to `bytes_max` bytes in all. Those that do not fit are cut, and marked.
#[inline]
pub fn append_fields(out: &mut Vec<u8>, fields: &[u8], bytes_max: usize) {
    let room_bytes = bytes_max.saturating_sub(out.len());
    if fields.len() <= room_bytes {
        out.extend_from_slice(fields);
    } else {
        append_cut_fields(out, fields, room_bytes);
    }
}

#[cold]
fn append_cut_fields(out: &mut Vec<u8>, fields: &[u8], room_bytes: usize) {
    let start = out.len();
    out.resize(start + room_bytes, 0);
    let used_bytes = cut_fields(fields, out.get_mut(start..).unwrap_or_default());
    out.truncate(start + used_bytes);
}

/// Writes fields to the front of `out`, and returns how many bytes they take there. Each has at least a fair share of the
/// room, or its own length if that is less. Text and bytes that do not fit are cut, a sequence ends between two elements,
/// and other values become `None`, all marked; a field whose key does not fit is missing.
pub(crate) fn cut_fields(fields: &[u8], out: &mut [u8]) -> usize {
    if let Some(room) = out.get_mut(..fields.len()) {
        room.copy_from_slice(fields);
        return fields.len();
    }
    let raw_fields = || {
        let mut fields = DynamicFields::new(fields);
        std::iter::from_fn(move || fields.next_raw())
    };
    let mut shares = Shares::new(out.len(), |visit| raw_fields().for_each(|field| visit(field.bytes.len())));
    let mut used_bytes = 0;
    for field in raw_fields() {
        let room = out.get_mut(used_bytes..).unwrap_or_default();
        let share_bytes = shares.next(field.bytes.len(), room.len());
        let mut share = FieldRoom { out: room.get_mut(..share_bytes).unwrap_or_default(), used_bytes: 0 };
        used_bytes += if share.put_field(&field).is_some() { share.used_bytes } else { 0 };
    }
    used_bytes
}

/// A field as its bytes.
struct RawField<'a> {
    bytes: &'a [u8],
    /// Up to and with the key.
    key_bytes: usize,
    value: ValueRef<'a>,
    /// From the value's type on, without the mark.
    value_bytes: &'a [u8],
}

/// Room for one field. Nothing allocates: the thread is in the middle of a log call.
struct FieldRoom<'a> {
    out: &'a mut [u8],
    used_bytes: usize,
}

impl FieldRoom<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out.get_mut(self.used_bytes..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.used_bytes += bytes.len();
        Some(())
    }

    fn left_bytes(&self) -> usize {
        self.out.len().saturating_sub(self.used_bytes)
    }

    /// `None` if there is no room for the key.
    fn put_field(&mut self, field: &RawField<'_>) -> Option<()> {
        if field.bytes.len() <= self.out.len() {
            return self.put(field.bytes);
        }
        self.put(field.bytes.get(..field.key_bytes)?)?;
        self.put(&[types::CUT])?;
        self.put_cut_value(field)
    }

    fn put_cut_value(&mut self, field: &RawField<'_>) -> Option<()> {
        let Some(room_bytes) = self.left_bytes().checked_sub(COUNTED_HEAD_BYTES) else {
            return self.put(&[types::NONE]);
        };
        match field.value {
            ValueRef::Text(text) => self.put_counted(types::TEXT, front(text, room_bytes).as_bytes()),
            ValueRef::Bytes(bytes) => self.put_counted(types::BYTES, front_bytes(bytes, room_bytes)),
            ValueRef::Sequence(_) => {
                let elements = field.value_bytes.get(COUNTED_HEAD_BYTES..)?;
                let (len, bytes) = whole_elements(elements, room_bytes);
                self.put(&[types::SEQUENCE])?;
                self.put(&count(len))?;
                self.put(elements.get(..bytes)?)
            }
            _ => self.put(&[types::NONE]),
        }
    }

    fn put_counted(&mut self, value_type: u8, bytes: &[u8]) -> Option<()> {
        self.put(&[value_type])?;
        self.put(&count(bytes.len()))?;
        self.put(bytes)
    }
}

/// The type and the length in front of text, bytes and sequences.
const COUNTED_HEAD_BYTES: usize = 5;

/// How many elements fit, each of them whole, and their length together.
fn whole_elements(elements: &[u8], room_bytes: usize) -> (usize, usize) {
    let mut fields = DynamicFields::new(elements);
    let (mut len, mut used_bytes) = (0, 0);
    while fields.read_value(1).is_some() {
        let end = elements.len() - fields.tail.len();
        if end > room_bytes {
            break;
        }
        (len, used_bytes) = (len + 1, end);
    }
    (len, used_bytes)
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>, nesting: usize) {
    match value {
        ValueRef::None => out.push(types::NONE),
        ValueRef::Bool(false) => out.push(types::FALSE),
        ValueRef::Bool(true) => out.push(types::TRUE),
        ValueRef::Char(c) => put_fixed(out, types::CHAR, &u32::from(c).to_le_bytes()),
        ValueRef::I64(n) => put_fixed(out, types::I64, &n.to_le_bytes()),
        ValueRef::U64(n) => put_fixed(out, types::U64, &n.to_le_bytes()),
        ValueRef::I128(n) => put_fixed(out, types::I128, &n.to_le_bytes()),
        ValueRef::U128(n) => put_fixed(out, types::U128, &n.to_le_bytes()),
        ValueRef::F32(x) => put_fixed(out, types::F32, &x.to_le_bytes()),
        ValueRef::F64(x) => put_fixed(out, types::F64, &x.to_le_bytes()),
        ValueRef::Duration(span) => {
            put_fixed(out, types::DURATION, &span.as_secs().to_le_bytes());
            out.extend_from_slice(&span.subsec_nanos().to_le_bytes());
        }
        ValueRef::Time { seconds, nanos } => {
            put_fixed(out, types::TIME, &seconds.to_le_bytes());
            out.extend_from_slice(&nanos.to_le_bytes());
        }
        ValueRef::Ip(IpAddr::V4(ip)) => put_fixed(out, types::IPV4, &ip.octets()),
        ValueRef::Ip(IpAddr::V6(ip)) => put_fixed(out, types::IPV6, &ip.octets()),
        ValueRef::Socket(SocketAddr::V4(socket)) => {
            put_fixed(out, types::SOCKET_V4, &socket.ip().octets());
            out.extend_from_slice(&socket.port().to_le_bytes());
        }
        ValueRef::Socket(SocketAddr::V6(socket)) => {
            put_fixed(out, types::SOCKET_V6, &socket.ip().octets());
            out.extend_from_slice(&socket.port().to_le_bytes());
            out.extend_from_slice(&socket.scope_id().to_le_bytes());
        }
        ValueRef::Uuid(uuid) => put_fixed(out, types::UUID, &uuid),
        ValueRef::Text(text) => put_counted(out, types::TEXT, text.as_bytes()),
        ValueRef::Bytes(bytes) => put_counted(out, types::BYTES, bytes),
        ValueRef::Sequence(sequence) if nesting < NESTING_MAX => {
            put_fixed(out, types::SEQUENCE, &count(sequence.len()));
            sequence.iter().for_each(|element| put_value(out, element, nesting + 1));
        }
        ValueRef::Sequence(_) => {
            let mut text = Vec::new();
            put_plain(&mut text, value);
            put_counted(out, types::TEXT, &text);
        }
    }
}

fn put_fixed(out: &mut Vec<u8>, value_type: u8, bytes: &[u8]) {
    out.push(value_type);
    out.extend_from_slice(bytes);
}

fn put_counted(out: &mut Vec<u8>, value_type: u8, bytes: &[u8]) {
    let bytes = bytes.get(..u32::MAX as usize).unwrap_or(bytes);
    put_fixed(out, value_type, &count(bytes.len()));
    out.extend_from_slice(bytes);
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

/// A field, and whether it was cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarkedField<'a> {
    /// The part of the event.
    pub group: FieldGroup,
    /// The key.
    pub key: &'a str,
    /// The value: what is left of it.
    pub value: ValueRef<'a>,
    /// Whether key or value was cut.
    pub is_cut: bool,
}

/// FieldGroup and length of the key stand before it.
const KEY_START: usize = 3;

/// Reads fields one after the other. It ends at the first one that is not whole.
#[derive(Debug, Clone)]
pub struct DynamicFields<'a> {
    tail: &'a [u8],
}

impl<'a> DynamicFields<'a> {
    /// Reads the fields that stand in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { tail: bytes }
    }

    /// The next field, with its mark. None behind a field that is not whole.
    #[inline]
    pub fn next_marked(&mut self) -> Option<MarkedField<'a>> {
        let field = self.read_field();
        if field.is_none() {
            self.tail = &[];
        }
        field
    }

    #[inline]
    fn read_field(&mut self) -> Option<MarkedField<'a>> {
        let group = FieldGroup::from_byte(self.fixed::<1>()?[0])?;
        let key_bytes = usize::from(u16::from_le_bytes(self.fixed()?));
        let key = std::str::from_utf8(self.counted(key_bytes)?).ok()?;
        let is_cut = self.tail.first() == Some(&types::CUT);
        if is_cut {
            self.fixed::<1>()?;
        }
        Some(MarkedField { group, key, value: self.read_value(0)?, is_cut })
    }

    fn next_raw(&mut self) -> Option<RawField<'a>> {
        let from = self.tail;
        let MarkedField { key, value, is_cut, .. } = self.next_marked()?;
        let bytes = from.get(..from.len() - self.tail.len())?;
        let key_bytes = KEY_START + key.len();
        let value_bytes = bytes.get(key_bytes + usize::from(is_cut)..)?;
        Some(RawField { bytes, key_bytes, value, value_bytes })
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, tail) = self.tail.split_first_chunk::<N>()?;
        self.tail = tail;
        Some(*bytes)
    }

    fn counted(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, tail) = self.tail.split_at_checked(len)?;
        self.tail = tail;
        Some(bytes)
    }

    fn length(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.fixed()?) as usize)
    }

    fn read_value(&mut self, nesting: usize) -> Option<ValueRef<'a>> {
        Some(match self.fixed::<1>()?[0] {
            types::NONE => ValueRef::None,
            types::FALSE => ValueRef::Bool(false),
            types::TRUE => ValueRef::Bool(true),
            types::CHAR => ValueRef::Char(char::from_u32(u32::from_le_bytes(self.fixed()?))?),
            types::I64 => ValueRef::I64(i64::from_le_bytes(self.fixed()?)),
            types::U64 => ValueRef::U64(u64::from_le_bytes(self.fixed()?)),
            types::I128 => ValueRef::I128(i128::from_le_bytes(self.fixed()?)),
            types::U128 => ValueRef::U128(u128::from_le_bytes(self.fixed()?)),
            types::F32 => ValueRef::F32(f32::from_le_bytes(self.fixed()?)),
            types::F64 => ValueRef::F64(f64::from_le_bytes(self.fixed()?)),
            types::DURATION => {
                let seconds = u64::from_le_bytes(self.fixed()?);
                ValueRef::Duration(Duration::new(seconds, self.nanos()?))
            }
            types::TIME => ValueRef::Time { seconds: i64::from_le_bytes(self.fixed()?), nanos: self.nanos()? },
            types::IPV4 => ValueRef::Ip(Ipv4Addr::from(self.fixed::<4>()?).into()),
            types::IPV6 => ValueRef::Ip(Ipv6Addr::from(self.fixed::<16>()?).into()),
            types::SOCKET_V4 => {
                let ip = Ipv4Addr::from(self.fixed::<4>()?);
                ValueRef::Socket((ip, u16::from_le_bytes(self.fixed()?)).into())
            }
            types::SOCKET_V6 => {
                let ip = Ipv6Addr::from(self.fixed::<16>()?);
                let (port, scope_id) = (u16::from_le_bytes(self.fixed()?), u32::from_le_bytes(self.fixed()?));
                ValueRef::Socket(SocketAddrV6::new(ip, port, 0, scope_id).into())
            }
            types::UUID => ValueRef::Uuid(self.fixed()?),
            types::TEXT => {
                let len = self.length()?;
                value::text(self.counted(len)?)
            }
            types::BYTES => {
                let len = self.length()?;
                ValueRef::Bytes(self.counted(len)?)
            }
            types::SEQUENCE if nesting < NESTING_MAX => self.read_sequence(nesting)?,
            _ => return None,
        })
    }

    /// The elements' types stand in front of each, so a sequence is walked to find its end.
    fn read_sequence(&mut self, nesting: usize) -> Option<ValueRef<'a>> {
        let len = self.length()?;
        let elements = self.tail;
        for _ in 0..len {
            self.read_value(nesting + 1)?;
        }
        let bytes = elements.get(..elements.len() - self.tail.len())?;
        Some(ValueRef::Sequence(value::SequenceRef::self_typed(bytes, len)))
    }

    fn nanos(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.fixed()?)).filter(|nanos| *nanos < 1_000_000_000)
    }

    /// Reads one value, for a sequence whose elements are known to be whole.
    pub fn next_value(&mut self) -> ValueRef<'a> {
        // Nesting was held when the sequence was read; the depth only bounds recursion.
        self.read_value(1).unwrap_or(ValueRef::None)
    }
}

impl<'a> Iterator for DynamicFields<'a> {
    type Item = (FieldGroup, &'a str, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_marked().map(|field| (field.group, field.key, field.value))
    }
}
