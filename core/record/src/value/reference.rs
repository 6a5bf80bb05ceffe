//! Values as a reader sees them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use crate::{
    dynamic::DynamicFields,
    keyed_hash::is_hash_text,
    text::plain::put_plain,
    value::{
        Kind, REDACTED,
        pii::{PSEUDONYM_BYTES, text_in},
    },
};

/// A value, viewed in place.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// Nothing: a `None`, a `()`, or a value whose bytes make no sense.
    None,
    /// `bool`.
    Bool(bool),
    /// `char`.
    Char(char),
    /// A signed integer of up to 64 bits.
    I64(i64),
    /// An unsigned integer of up to 64 bits.
    U64(u64),
    /// `i128`.
    I128(i128),
    /// `u128`.
    U128(u128),
    /// `f32`: kept apart, because its shortest text is shorter.
    F32(f32),
    /// `f64`.
    F64(f64),
    /// A span of time.
    Duration(Duration),
    /// A point in time: seconds since 1970-01-01T00:00:00Z, rounded down, and nanoseconds since then.
    Time {
        /// Seconds; negative before 1970.
        seconds: i64,
        /// 0 to 999,999,999.
        nanos: u32,
    },
    /// An address.
    Ip(IpAddr),
    /// An address with a port.
    Socket(SocketAddr),
    /// A UUID, in network order.
    Uuid([u8; 16]),
    /// Text.
    Text(&'a str),
    /// Text in an unknown encoding.
    Bytes(&'a [u8]),
    /// Several values: a slice, a vector, a tuple, a set.
    Sequence(SequenceRef<'a>),
    /// Values under keys: a map, a struct.
    Map(MapRef<'a>),
}

impl<'a> ValueRef<'a> {
    /// The value that stands in `bytes` [with its type in front](crate::self_typed): those of an
    /// [`OwnedValue`](super::OwnedValue). Bytes that are no value are `None`.
    #[must_use]
    pub fn of_self_typed(bytes: &'a [u8]) -> Self {
        DynamicFields::new(bytes).value_alone().unwrap_or(Self::None)
    }
}

impl ValueRef<'_> {
    /// Whether it is a text that stands for a redacted value: [`REDACTED`], or of the form of a [keyed hash](crate::keyed_hash), as pseudonyms are.
    ///
    /// Fields of scopes, loggers and dynamic events have no [kind](Kind::is_redacted) that shows it. A text of the program's
    /// that is the same cannot be distinguished from it.
    #[must_use]
    pub fn is_redaction(&self) -> bool {
        matches!(self, ValueRef::Text(text) if *text == REDACTED || is_hash_text(text))
    }
}

macro_rules! value_ref_from {
    ($($from:ty => $value:ident: $make:expr;)*) => {$(
        impl<'a> From<$from> for ValueRef<'a> {
            #[inline]
            fn from($value: $from) -> Self {
                $make
            }
        }
    )*};
}

value_ref_from! {
    bool => b: Self::Bool(b);
    char => c: Self::Char(c);
    i32 => n: Self::I64(n.into());
    i64 => n: Self::I64(n);
    u32 => n: Self::U64(n.into());
    u64 => n: Self::U64(n);
    i128 => n: Self::I128(n);
    u128 => n: Self::U128(n);
    f32 => x: Self::F32(x);
    f64 => x: Self::F64(x);
    Duration => span: Self::Duration(span);
    IpAddr => ip: Self::Ip(ip);
    SocketAddr => socket: Self::Socket(socket);
    &'a str => text: Self::Text(text);
    &'a [u8] => bytes: Self::Bytes(bytes);
}

/// The value as a person would write it: see [`put_plain`].
impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        put_plain(&mut text, *self);
        f.pad(&String::from_utf8_lossy(&text))
    }
}

/// Several values, viewed in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequenceRef<'a> {
    elements: Elements<'a>,
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Elements<'a> {
    /// Wire forms of one kind, side by side from `offset` on.
    Typed { record: &'a [u8], kind: &'static Kind, offset: usize },
    /// Each behind its type.
    SelfTyped(&'a [u8]),
}

impl<'a> SequenceRef<'a> {
    /// A sequence of `len` elements, each with its type in front of it.
    pub fn self_typed(bytes: &'a [u8], len: usize) -> Self {
        Self { elements: Elements::SelfTyped(bytes), len }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let elements = self.elements;
        let mut fields = match elements {
            Elements::Typed { .. } => DynamicFields::new(&[]),
            Elements::SelfTyped(bytes) => DynamicFields::new(bytes),
        };
        (0..self.len).map(move |index| match elements {
            Elements::Typed { record, kind, offset } => read(record, offset + index * kind.wire_bytes(), kind),
            Elements::SelfTyped(_) => fields.next_value(),
        })
    }
}

/// Values under keys, viewed in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapRef<'a> {
    bytes: &'a [u8],
    len: usize,
}

impl<'a> MapRef<'a> {
    /// A map of `len` entries, each a key and a value with its type in front.
    pub(crate) fn new(bytes: &'a [u8], len: usize) -> Self {
        Self { bytes, len }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The keys and values, in the order in which they were logged. A key may come more than once, if the value's
    /// `Serialize` writes it so.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        let mut entries = DynamicFields::new(self.bytes);
        (0..self.len).map_while(move |_| entries.next_entry())
    }

    /// The value under a key: the first, if there are several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<ValueRef<'a>> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}

/// Reads the value of `kind` at `offset` of `record`. Bytes that are not there, or are no such value, are
/// [`ValueRef::None`]: every access is checked against the record's end.
///
/// The most frequent kinds are read inline, so that they stay in registers. A value that comes back from a call comes
/// in memory, and is copied in larger pieces than it was just stored in: the copy waits for the stores, 5 ns a value.
#[inline(always)]
pub fn read<'a>(record: &'a [u8], offset: usize, kind: &'static Kind) -> ValueRef<'a> {
    let value = match kind {
        Kind::U64 => bytes(record, offset).map(|bytes| ValueRef::U64(u64::from_le_bytes(bytes))),
        Kind::I64 => bytes(record, offset).map(|bytes| ValueRef::I64(i64::from_le_bytes(bytes))),
        Kind::F64 => bytes(record, offset).map(|bytes| ValueRef::F64(f64::from_le_bytes(bytes))),
        Kind::U32 => bytes(record, offset).map(|bytes| ValueRef::U64(u32::from_le_bytes(bytes).into())),
        Kind::I32 => bytes(record, offset).map(|bytes| ValueRef::I64(i32::from_le_bytes(bytes).into())),
        Kind::Text => span(record, offset).map(text),
        _ => checked(record, offset, kind),
    };
    value.unwrap_or(ValueRef::None)
}

#[inline(always)]
pub(super) fn bytes<const N: usize>(record: &[u8], offset: usize) -> Option<[u8; N]> {
    record.get(offset..)?.first_chunk::<N>().copied()
}

#[inline]
fn checked<'a>(record: &'a [u8], offset: usize, kind: &'static Kind) -> Option<ValueRef<'a>> {
    Some(match kind {
        Kind::U64 => ValueRef::U64(u64::from_le_bytes(bytes(record, offset)?)),
        Kind::I64 => ValueRef::I64(i64::from_le_bytes(bytes(record, offset)?)),
        Kind::F64 => ValueRef::F64(f64::from_le_bytes(bytes(record, offset)?)),
        Kind::U32 => ValueRef::U64(u32::from_le_bytes(bytes(record, offset)?).into()),
        Kind::I32 => ValueRef::I64(i32::from_le_bytes(bytes(record, offset)?).into()),
        Kind::Text | Kind::DebugText | Kind::ErrorText => text(span(record, offset)?),
        Kind::Bytes => ValueRef::Bytes(span(record, offset)?),
        Kind::Bool => ValueRef::Bool(bytes::<1>(record, offset)? != [0]),
        Kind::Char => ValueRef::Char(char::from_u32(u32::from_le_bytes(bytes(record, offset)?))?),
        Kind::I8 => ValueRef::I64(i8::from_le_bytes(bytes(record, offset)?).into()),
        Kind::I16 => ValueRef::I64(i16::from_le_bytes(bytes(record, offset)?).into()),
        Kind::I128 => ValueRef::I128(i128::from_le_bytes(bytes(record, offset)?)),
        Kind::U8 => ValueRef::U64(u8::from_le_bytes(bytes(record, offset)?).into()),
        Kind::U16 => ValueRef::U64(u16::from_le_bytes(bytes(record, offset)?).into()),
        Kind::U128 => ValueRef::U128(u128::from_le_bytes(bytes(record, offset)?)),
        Kind::F32 => ValueRef::F32(f32::from_le_bytes(bytes(record, offset)?)),
        Kind::Duration => {
            let seconds = u64::from_le_bytes(bytes(record, offset)?);
            ValueRef::Duration(Duration::new(seconds, nanos(record, offset)?))
        }
        Kind::Time => {
            let seconds = i64::from_le_bytes(bytes(record, offset)?);
            ValueRef::Time { seconds, nanos: nanos(record, offset)? }
        }
        Kind::Ip => ValueRef::Ip(ip(record, offset)?),
        Kind::Socket => ValueRef::Socket(socket(record, offset)?),
        Kind::Unit => ValueRef::None,
        Kind::Pseudonym => ValueRef::Text(text_in(record.get(offset..)?.get(..PSEUDONYM_BYTES)?)?),
        Kind::Redacted => bytes::<1>(record, offset).map(|_| ValueRef::Text(REDACTED))?,
        Kind::Uuid => ValueRef::Uuid(bytes(record, offset)?),
        Kind::Sequence(element) => sequence(record, offset, element)?,
        Kind::SelfTyped => DynamicFields::new(span(record, offset)?).value_alone()?,
        Kind::Option(inner) => match bytes::<1>(record, offset)? {
            [0] => ValueRef::None,
            _ => checked(record, offset + 1, inner)?,
        },
    })
}

/// The nanoseconds behind eight bytes of seconds.
fn nanos(record: &[u8], offset: usize) -> Option<u32> {
    let nanos = u32::from_le_bytes(bytes(record, offset + 8)?);
    (nanos < 1_000_000_000).then_some(nanos)
}

/// The offset and the count of a span.
#[inline]
fn span_ends(record: &[u8], offset: usize) -> Option<(usize, usize)> {
    let start = u32::from_le_bytes(bytes(record, offset)?) as usize;
    let count = u32::from_le_bytes(bytes(record, offset + 4)?) as usize;
    Some((start, count))
}

#[inline]
fn span(record: &[u8], offset: usize) -> Option<&[u8]> {
    let (start, len) = span_ends(record, offset)?;
    record.get(start..)?.get(..len)
}

/// Bytes that were archived from a `str` are text; a record from elsewhere may hold anything, and is shown as it is.
#[inline]
pub fn text(bytes: &[u8]) -> ValueRef<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => ValueRef::Text(text),
        Err(_) => ValueRef::Bytes(bytes),
    }
}

fn sequence<'a>(record: &'a [u8], offset: usize, kind: &'static Kind) -> Option<ValueRef<'a>> {
    let (start, len) = span_ends(record, offset)?;
    // All of it must be there: else a count from a broken record would be walked element by element.
    record.get(start..)?.get(..len.checked_mul(kind.wire_bytes())?)?;
    Some(ValueRef::Sequence(SequenceRef { elements: Elements::Typed { record, kind, offset: start }, len }))
}

fn ip(record: &[u8], offset: usize) -> Option<IpAddr> {
    let [version] = bytes::<1>(record, offset)?;
    Some(match version {
        4 => IpAddr::V4(Ipv4Addr::from(bytes::<4>(record, offset + 1)?)),
        6 => IpAddr::V6(Ipv6Addr::from(bytes::<16>(record, offset + 1)?)),
        _ => return None,
    })
}

fn socket(record: &[u8], offset: usize) -> Option<SocketAddr> {
    let port = u16::from_le_bytes(bytes(record, offset + 17)?);
    Some(match ip(record, offset)? {
        IpAddr::V4(ip) => SocketAddr::from((ip, port)),
        // The flow label is no part of an address.
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, u32::from_le_bytes(bytes(record, offset + 19)?)).into(),
    })
}
