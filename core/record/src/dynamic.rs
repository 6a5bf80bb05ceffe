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
//! | | [value with its type in front](crate::self_typed) |

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV6},
    ops::Range,
    time::Duration,
};

use crate::{
    field_group::FieldGroup,
    self_typed::{NESTING_MAX, SelfTypedWriter, types},
    shares::Shares,
    text::bounded::front,
    value::{self, MapRef, SequenceRef, ValueRef},
};

pub use crate::self_typed::KEY_MAX_BYTES;

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
    // There is room for all of it: nothing is cut.
    put_value(out, value);
}

/// Appends a value with its type in front.
pub fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    let mut writer = SelfTypedWriter::appending(out);
    writer.value_ref(value);
    writer.finish();
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
    let used_bytes = cut_fields(fields, out.get_mut(start..).unwrap_or_default(), Counting::Last);
    out.truncate(start + used_bytes);
}

/// The field that counts, of several under one key: of many fields in little room it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// As of the fields of an event.
    First,
    /// As of those of a scope: it is the innermost one's.
    Last,
}

/// Writes fields to the front of `out`, and returns how many bytes they take there. Each has at least a fair share of the
/// room, or its own length if that is less. Text and bytes that do not fit are cut, sequences and maps end behind the last
/// element that fits, and other values become `None`, all marked; a field whose key does not fit is missing. Where there are
/// more than 16 fields under keys, so many are missing that there are 32 bytes for each of the others, or its own length if that is less:
/// they would have too little for a key. They are the last, or the first where the last one counts. Fields of parts that hold one value stay.
pub(crate) fn cut_fields(fields: &[u8], out: &mut [u8], counting: Counting) -> usize {
    if let Some(room) = out.get_mut(..fields.len()) {
        room.copy_from_slice(fields);
        return fields.len();
    }
    let kept = KeptFields::new(fields, out.len(), counting);
    let raw_fields = || kept.of(fields);
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

/// The least share of a field, in bytes: of many fields, some have room for a key and a number.
const CUT_FIELD_MIN_BYTES: usize = 32;
/// So many have a share however little it is.
const FEW_FIELDS: usize = 16;

/// The fields that stay.
#[derive(Debug)]
struct KeptFields {
    /// Under keys, by their place among these.
    keyed: Range<usize>,
    single: SingleFields,
}

/// By the number of a part that holds one value: the place of its last field, which counts, among all fields.
#[derive(Debug, Default)]
struct SingleFields([Option<usize>; 16]);

impl SingleFields {
    fn new(fields: &[u8]) -> Self {
        let mut single = Self::default();
        for (place, field) in raw_fields(fields).enumerate().filter(|(_, field)| !field.is_keyed()) {
            let Some(known) = single.0.get_mut(usize::from(field.group.to_byte())) else { continue };
            *known = Some(place);
        }
        single
    }

    fn has(&self, place: usize) -> bool {
        self.0.contains(&Some(place))
    }
}

impl KeptFields {
    fn new(fields: &[u8], room_bytes: usize, counting: Counting) -> Self {
        let least_bytes = |field: &RawField<'_>| field.bytes.len().min(CUT_FIELD_MIN_BYTES);
        let single = SingleFields::new(fields);
        let keyed = || raw_fields(fields).filter(RawField::is_keyed);
        let count = keyed().count();
        let counts = |(place, field): &(usize, RawField<'_>)| field.is_keyed() || single.has(*place);
        let all_bytes: usize =
            raw_fields(fields).enumerate().filter(counts).map(|(_, field)| least_bytes(&field)).sum();
        let spare = count.saturating_sub(FEW_FIELDS);
        let keyed = match counting {
            Counting::Last => {
                // The bytes that are too many, as long as there are some.
                let mut excess_bytes = all_bytes.saturating_sub(room_bytes);
                let is_missing = |field: &RawField<'_>| {
                    let is_missing = excess_bytes > 0;
                    excess_bytes = excess_bytes.saturating_sub(least_bytes(field));
                    is_missing
                };
                keyed().take(spare).take_while(is_missing).count()..count
            }
            Counting::First => {
                let keyed_bytes: usize = keyed().map(|field| least_bytes(&field)).sum();
                let mut left_bytes = room_bytes.saturating_sub(all_bytes - keyed_bytes);
                let has_room = |field: &RawField<'_>| {
                    let left = left_bytes.checked_sub(least_bytes(field));
                    left_bytes = left.unwrap_or_default();
                    left.is_some()
                };
                0..keyed().take_while(has_room).count().max(count.min(FEW_FIELDS))
            }
        };
        Self { keyed, single }
    }

    fn of<'a>(&self, fields: &'a [u8]) -> impl Iterator<Item = RawField<'a>> + use<'a, '_> {
        let mut keyed_place = 0;
        let is_kept = move |place, field: &RawField<'_>| {
            if !field.is_keyed() {
                return self.single.has(place);
            }
            keyed_place += 1;
            self.keyed.contains(&(keyed_place - 1))
        };
        raw_fields(fields)
            .enumerate()
            .scan(is_kept, |is_kept, (place, field)| Some((is_kept(place, &field), field)))
            .filter_map(|(is_kept, field)| is_kept.then_some(field))
    }
}

fn raw_fields(fields: &[u8]) -> impl Iterator<Item = RawField<'_>> {
    let mut fields = DynamicFields::new(fields);
    std::iter::from_fn(move || fields.next_raw())
}

/// A field as its bytes.
struct RawField<'a> {
    bytes: &'a [u8],
    /// Up to and with the key.
    key_bytes: usize,
    value: ValueRef<'a>,
    group: FieldGroup,
}

impl RawField<'_> {
    fn is_keyed(&self) -> bool {
        self.group.is_keyed()
    }
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

    /// `None` if there is no room for the key.
    fn put_field(&mut self, field: &RawField<'_>) -> Option<()> {
        if field.bytes.len() <= self.out.len() {
            return self.put(field.bytes);
        }
        self.put(field.bytes.get(..field.key_bytes)?)?;
        self.put(&[types::CUT])?;
        self.put_cut_value(field)
    }

    /// `None` if there is no room for any value.
    fn put_cut_value(&mut self, field: &RawField<'_>) -> Option<()> {
        let room = self.out.get_mut(self.used_bytes..)?;
        let mut writer = SelfTypedWriter::slice(room);
        writer.value_ref(field.value);
        let used_bytes = writer.finish().used_bytes;
        self.used_bytes += used_bytes;
        (used_bytes > 0).then_some(())
    }
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
pub(crate) const KEY_START: usize = 3;

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
        let key = self.read_key()?;
        let is_cut = self.tail.first() == Some(&types::CUT);
        if is_cut {
            self.fixed::<1>()?;
        }
        Some(MarkedField { group, key, value: self.read_value(0)?, is_cut })
    }

    fn next_raw(&mut self) -> Option<RawField<'a>> {
        let from = self.tail;
        let MarkedField { group, key, value, .. } = self.next_marked()?;
        let bytes = from.get(..from.len() - self.tail.len())?;
        Some(RawField { bytes, key_bytes: KEY_START + key.len(), value, group })
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
            types::SEQUENCE if nesting < NESTING_MAX => {
                let (bytes, len) = self.walked(|fields| fields.read_value(nesting + 1).map(|_| ()))?;
                ValueRef::Sequence(SequenceRef::self_typed(bytes, len))
            }
            types::MAP if nesting < NESTING_MAX => {
                let (bytes, len) = self.walked(|fields| {
                    fields.read_key()?;
                    fields.read_value(nesting + 1).map(|_| ())
                })?;
                ValueRef::Map(MapRef::new(bytes, len))
            }
            _ => return None,
        })
    }

    /// The bytes of elements, and how many there are. The elements' types stand in front of each, so they are walked to find
    /// their end.
    fn walked(&mut self, read_one: impl Fn(&mut Self) -> Option<()>) -> Option<(&'a [u8], usize)> {
        let len = self.length()?;
        let elements = self.tail;
        for _ in 0..len {
            read_one(self)?;
        }
        Some((elements.get(..elements.len() - self.tail.len())?, len))
    }

    fn read_key(&mut self) -> Option<&'a str> {
        let key_bytes = usize::from(u16::from_le_bytes(self.fixed()?));
        std::str::from_utf8(self.counted(key_bytes)?).ok()
    }

    fn nanos(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.fixed()?)).filter(|nanos| *nanos < 1_000_000_000)
    }

    /// Reads one value, for a sequence whose elements are known to be whole.
    pub fn next_value(&mut self) -> ValueRef<'a> {
        // Nesting was held when the sequence was read; the depth only bounds recursion.
        self.read_value(1).unwrap_or(ValueRef::None)
    }

    /// Reads one entry of a map whose entries are known to be whole.
    pub(crate) fn next_entry(&mut self) -> Option<(&'a str, ValueRef<'a>)> {
        Some((self.read_key()?, self.read_value(1)?))
    }

    /// Reads the one value that stands in the bytes.
    pub(crate) fn value_alone(mut self) -> Option<ValueRef<'a>> {
        self.read_value(0)
    }
}

impl<'a> Iterator for DynamicFields<'a> {
    type Item = (FieldGroup, &'a str, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_marked().map(|field| (field.group, field.key, field.value))
    }
}
