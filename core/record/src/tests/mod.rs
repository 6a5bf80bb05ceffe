//! Records byte by byte, and readers of bytes that are no record.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6},
    time::Duration,
};

use crate::{
    arguments::{Arg, Arguments, End},
    head::Head,
    value::{self, Value, ValueRef},
    writer::{record_bytes, write_record},
};

const SOURCE: u32 = 0x0403_0201;

/// The form that the macros give to a call's arguments.
macro_rules! arguments {
    () => { $crate::arguments::End };
    ($value:expr $(, $($tail:tt)*)?) => { ($crate::arguments::Arg(&$value), arguments!($($($tail)*)?)) };
}

mod broken_records;
mod cuts;
mod layout;
mod self_typed_values;

/// A whole record: nothing is cut.
fn record<A: Arguments>(arguments: &A, scope: &[u8]) -> Vec<u8> {
    let mut slot = vec![0xee; record_bytes(arguments, scope.len())];
    let written = write_record(&mut slot, SOURCE, arguments, scope).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (slot.len(), false));
    slot
}

/// The bytes behind the head of a record of one value.
fn body<T: Value + ?Sized>(value: &T) -> Vec<u8> {
    record(&(Arg(value), End), &[])[Head::BYTES..].to_vec()
}

/// Reads a record's arguments.
fn read<A: Arguments>(_: &A, record: &[u8]) -> Vec<String> {
    let mut offset = Head::BYTES;
    let values = A::SHAPE.kinds().map(|kind| {
        let value = value::read(record, offset, kind);
        offset += kind.wire_bytes();
        shown(value)
    });
    values.collect()
}

/// A value's text, its elements included: every one of them is looked at.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Sequence(sequence) => {
            let elements: Vec<String> = sequence.iter().map(shown).collect();
            format!("{elements:?}")
        }
        ValueRef::Map(map) => {
            let entries: Vec<(&str, String)> = map.iter().map(|(key, value)| (key, shown(value))).collect();
            format!("{entries:?}")
        }
        value => format!("{value:?}"),
    }
}

/// A value of each type that stands for itself, at the ends of its range where it has some.
fn values() -> Vec<ValueRef<'static>> {
    vec![
        ValueRef::None,
        ValueRef::Bool(false),
        ValueRef::Bool(true),
        ValueRef::Char('ü'),
        ValueRef::I64(i64::MIN),
        ValueRef::U64(u64::MAX),
        ValueRef::I128(i128::MIN),
        ValueRef::U128(u128::MAX),
        ValueRef::F32(1.5),
        ValueRef::F64(-2.25),
        ValueRef::Duration(Duration::new(u64::MAX, 999_999_999)),
        ValueRef::Time { seconds: -1, nanos: 999_999_999 },
        ValueRef::Ip(IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4))),
        ValueRef::Ip(IpAddr::V6(Ipv6Addr::new(0x0102, 0, 0, 0, 0, 0, 0, 0x0f10))),
        ValueRef::Socket("1.2.3.4:80".parse().unwrap()),
        ValueRef::Socket(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 65_535, 0, u32::MAX).into()),
        ValueRef::Uuid([9; 16]),
        ValueRef::Text(""),
        ValueRef::Text("some"),
        ValueRef::Bytes(&[]),
        ValueRef::Bytes(&[0xff, 0]),
    ]
}
