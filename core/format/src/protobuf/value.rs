//! Values: the message `Value` of the schema.

use std::net::{IpAddr, SocketAddr};

use fapilog_record::value::{MapRef, SequenceRef, ValueRef};

use crate::protobuf_wire::{
    fixed32_tag, fixed64_tag, length_tag, put_bytes, put_field, put_sized, put_varint, varint_tag, zigzag,
};

/// The tags of `Value`.
mod tag {
    use super::{fixed32_tag, fixed64_tag, length_tag, varint_tag};

    pub(super) const NULL: u8 = varint_tag(1);
    pub(super) const BOOL: u8 = varint_tag(2);
    pub(super) const INT: u8 = varint_tag(3);
    pub(super) const UINT: u8 = varint_tag(4);
    pub(super) const FLOAT: u8 = fixed32_tag(5);
    pub(super) const DOUBLE: u8 = fixed64_tag(6);
    pub(super) const TEXT: u8 = length_tag(7);
    pub(super) const BYTES: u8 = length_tag(8);
    pub(super) const DURATION: u8 = length_tag(9);
    pub(super) const TIME: u8 = length_tag(10);
    pub(super) const LIST: u8 = length_tag(11);
    pub(super) const MAP: u8 = length_tag(12);
    pub(super) const IP: u8 = length_tag(13);
    pub(super) const SOCKET: u8 = length_tag(14);
    pub(super) const UUID: u8 = length_tag(15);
    // From 16 on, a tag has two bytes: (number << 3 | type) as a varint.
    pub(super) const CHAR: [u8; 2] = [0x80, 1];
    pub(super) const INT128: [u8; 2] = [0x8a, 1];
    pub(super) const UINT128: [u8; 2] = [0x92, 1];
}

/// Appends a message `Value`, without its length.
#[inline(always)]
pub(super) fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::U64(n) => {
            out.push(tag::UINT);
            put_varint(out, n);
        }
        ValueRef::I64(n) => {
            out.push(tag::INT);
            put_varint(out, zigzag(n));
        }
        ValueRef::F64(x) => {
            let [a, b, c, d, e, f, g, h] = x.to_le_bytes();
            out.extend_from_slice(&[tag::DOUBLE, a, b, c, d, e, f, g, h]);
        }
        ValueRef::Text(text) => put_field(out, tag::TEXT, text.as_bytes()),
        other => put_rare(out, other),
    }
}

fn put_rare(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::None => out.extend_from_slice(&[tag::NULL, 0]),
        ValueRef::Bool(is) => out.extend_from_slice(&[tag::BOOL, is.into()]),
        ValueRef::F32(x) => {
            out.push(tag::FLOAT);
            out.extend_from_slice(&x.to_le_bytes());
        }
        ValueRef::Bytes(bytes) => put_field(out, tag::BYTES, bytes),
        ValueRef::Duration(span) => put_seconds(out, tag::DURATION, span.as_secs(), span.subsec_nanos()),
        // A negative `int64` is its two's complement.
        ValueRef::Time { seconds, nanos } => put_seconds(out, tag::TIME, seconds as u64, nanos),
        ValueRef::Sequence(sequence) => put_list(out, sequence),
        ValueRef::Map(map) => put_map(out, map),
        ValueRef::Ip(ip) => put_ip(out, tag::IP, ip),
        ValueRef::Socket(socket) => put_socket(out, socket),
        ValueRef::Uuid(uuid) => put_field(out, tag::UUID, &uuid),
        ValueRef::Char(c) => {
            out.extend_from_slice(&tag::CHAR);
            put_varint(out, u32::from(c).into());
        }
        ValueRef::I128(n) => {
            out.extend_from_slice(&tag::INT128);
            put_bytes(out, &n.to_be_bytes());
        }
        ValueRef::U128(n) => {
            out.extend_from_slice(&tag::UINT128);
            put_bytes(out, &n.to_be_bytes());
        }
        ValueRef::U64(_) | ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => put_value(out, value),
        // A type that this formatter does not know is text.
        other => put_field(out, tag::TEXT, other.to_string().as_bytes()),
    }
}

/// A message of seconds and nanoseconds.
fn put_seconds(out: &mut Vec<u8>, tag: u8, seconds: u64, nanos: u32) {
    out.push(tag);
    put_sized::<1>(out, |out| {
        put_number(out, varint_tag(1), seconds);
        put_number(out, varint_tag(2), nanos.into());
    });
}

/// Appends a number, unless it is 0, which is the default.
fn put_number(out: &mut Vec<u8>, tag: u8, n: u64) {
    if n != 0 {
        out.push(tag);
        put_varint(out, n);
    }
}

fn put_ip(out: &mut Vec<u8>, tag: u8, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => put_field(out, tag, &ip.octets()),
        IpAddr::V6(ip) => put_field(out, tag, &ip.octets()),
    }
}

fn put_socket(out: &mut Vec<u8>, socket: SocketAddr) {
    out.push(tag::SOCKET);
    put_sized::<1>(out, |out| {
        put_ip(out, length_tag(1), socket.ip());
        put_number(out, varint_tag(2), socket.port().into());
        if let SocketAddr::V6(socket) = socket {
            put_number(out, varint_tag(3), socket.scope_id().into());
        }
    });
}

/// How deep lists and maps nest, `DynamicFields` bounds.
fn put_list(out: &mut Vec<u8>, sequence: SequenceRef<'_>) {
    out.push(tag::LIST);
    put_sized::<1>(out, |out| {
        for element in sequence.iter() {
            out.push(length_tag(1));
            put_sized::<1>(out, |out| put_value(out, element));
        }
    });
}

fn put_map(out: &mut Vec<u8>, map: MapRef<'_>) {
    out.push(tag::MAP);
    put_sized::<1>(out, |out| {
        for (key, value) in map.iter() {
            out.push(length_tag(1));
            put_entry(out, key, value);
        }
    });
}

/// The tags of `Field`.
pub(super) const KEY: u8 = length_tag(1);
pub(super) const VALUE: u8 = length_tag(2);

/// Appends a message `Field`, behind its length.
pub(super) fn put_entry(out: &mut Vec<u8>, key: &str, value: ValueRef<'_>) {
    put_sized::<1>(out, |out| {
        put_field(out, KEY, key.as_bytes());
        out.push(VALUE);
        put_sized::<1>(out, |out| put_value(out, value));
    });
}
