//! Values of every kind, for property tests.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use fapilog_record::{
    dynamic::{DynamicFields, put_value},
    value::ValueRef,
};
use proptest::prelude::*;

/// A value that owns what it holds.
#[derive(Debug, Clone)]
pub(super) enum Owned {
    Plain(ValueRef<'static>),
    Text(String),
    Bytes(Vec<u8>),
    Sequence(Vec<Owned>),
    Map(Vec<(String, Owned)>),
}

impl Owned {
    pub(super) fn view<R>(&self, test: impl FnOnce(ValueRef<'_>) -> R) -> R {
        // A context field with an empty key, as in a record.
        let field = [&[0; 3], self.archived().as_slice()].concat();
        test(DynamicFields::new(&field).next().unwrap().2)
    }

    /// As in a record: written from the page of the form, and not by the library's writer.
    fn archived(&self) -> Vec<u8> {
        let counted = |value_type, bytes: &[u8], count: usize| {
            [&[value_type], (count as u32).to_le_bytes().as_slice(), bytes].concat()
        };
        match self {
            Self::Plain(value) => {
                let mut bytes = Vec::new();
                put_value(&mut bytes, *value);
                bytes
            }
            Self::Text(text) => counted(15, text.as_bytes(), text.len()),
            Self::Bytes(bytes) => counted(16, bytes, bytes.len()),
            Self::Sequence(elements) => {
                let bytes: Vec<u8> = elements.iter().flat_map(Self::archived).collect();
                counted(17, &bytes, elements.len())
            }
            Self::Map(entries) => {
                let entry = |(key, value): &(String, Self)| {
                    [(key.len() as u16).to_le_bytes().as_slice(), key.as_bytes(), &value.archived()].concat()
                };
                let bytes: Vec<u8> = entries.iter().flat_map(entry).collect();
                counted(21, &bytes, entries.len())
            }
        }
    }

    pub(super) fn is_utf8(&self) -> bool {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).is_ok(),
            Self::Sequence(elements) => elements.iter().all(Self::is_utf8),
            Self::Map(entries) => entries.iter().all(|(_, value)| value.is_utf8()),
            Self::Plain(_) | Self::Text(_) => true,
        }
    }
}

fn plain() -> impl Strategy<Value = ValueRef<'static>> {
    prop_oneof![
        Just(ValueRef::None),
        any::<bool>().prop_map(ValueRef::Bool),
        any::<char>().prop_map(ValueRef::Char),
        any::<i64>().prop_map(ValueRef::I64),
        any::<u64>().prop_map(ValueRef::U64),
        (any::<u64>(), 0..64).prop_map(|(n, bits)| ValueRef::U64(n >> bits)),
        any::<i128>().prop_map(ValueRef::I128),
        any::<u128>().prop_map(ValueRef::U128),
        any::<f32>().prop_map(ValueRef::F32),
        any::<f64>().prop_map(ValueRef::F64),
        (any::<i32>(), 0..9).prop_map(|(n, places)| ValueRef::F64(f64::from(n) / 10_f64.powi(places))),
    ]
}

/// A flow label is no part of an address's text.
fn without_flow_label(socket: SocketAddr) -> SocketAddr {
    match socket {
        SocketAddr::V4(_) => socket,
        SocketAddr::V6(v6) => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
    }
}

/// Values that JSON has no form of its own for.
fn rare() -> impl Strategy<Value = ValueRef<'static>> {
    let nanos = || 0_u32..1_000_000_000;
    prop_oneof![
        prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)].prop_map(ValueRef::F64),
        prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)].prop_map(ValueRef::F32),
        (any::<u64>(), 0..64, nanos())
            .prop_map(|(seconds, bits, nanos)| ValueRef::Duration(Duration::new(seconds >> bits, nanos))),
        (any::<i64>(), 0..64, nanos())
            .prop_map(|(seconds, bits, nanos)| ValueRef::Time { seconds: seconds >> bits, nanos }),
        any::<IpAddr>().prop_map(ValueRef::Ip),
        any::<SocketAddr>().prop_map(|socket| ValueRef::Socket(without_flow_label(socket))),
        any::<[u8; 16]>().prop_map(ValueRef::Uuid),
    ]
}

/// Text of what does harm where it is printed, of what a format's syntax is made of, and of anything else.
pub(super) fn control_text() -> impl Strategy<Value = String> {
    let scraps = prop_oneof![
        2 => prop_oneof![
            Just("\x1b[2J"), Just("\x1b]0;title\x07"), Just("\u{9b}31m"), Just("\r\n"), Just("\n"), Just("\0"), Just("\x7f"),
            Just("\u{2028}"), Just("\u{2029}"), Just("\u{202e}"), Just("\u{2066}"), Just("\u{200f}"), Just("\u{61c}"),
        ].prop_map(str::to_owned),
        2 => prop_oneof![
            Just(" "), Just("="), Just("\""), Just("\\"), Just("["), Just("]"), Just(","), Just("%"), Just("."), Just("\u{3000}"),
            Just("level=INFO"), Just("null"), Just("\\u0041"), Just("\\x41"), Just("field."), Just("tags."), Just("truncated=true"),
        ].prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        2 => "[a-z]{1,20}",
    ];
    proptest::collection::vec(scraps, 0..6).prop_map(|scraps| scraps.concat())
}

/// Values that JSON has a form of its own for, and text.
pub(super) fn value() -> impl Strategy<Value = Owned> {
    nested(leaf())
}

/// Values of all kinds.
pub(super) fn control_value() -> impl Strategy<Value = Owned> {
    let bytes = (control_text(), proptest::collection::vec(any::<u8>(), 0..4), control_text());
    nested(prop_oneof![
        2 => leaf(),
        2 => rare().prop_map(Owned::Plain),
        2 => control_text().prop_map(Owned::Text),
        1 => bytes.prop_map(|(front, middle, end)| Owned::Bytes([front.as_bytes(), &middle, end.as_bytes()].concat())),
    ])
}

fn nested(leaf: impl Strategy<Value = Owned> + 'static) -> impl Strategy<Value = Owned> {
    leaf.prop_recursive(3, 16, 5, |inner| {
        let entry = (control_text(), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Owned::Sequence),
            proptest::collection::vec(entry, 0..4).prop_map(Owned::Map),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Owned> {
    // Texts of every way to be copied, and of the characters that matter.
    let dirty = proptest::collection::vec(prop_oneof![Just('"'), Just('\\'), Just('\n'), any::<char>()], 0..12);
    prop_oneof![
        4 => plain().prop_map(Owned::Plain),
        1 => "[a-z]{0,100}".prop_map(Owned::Text),
        1 => ("[a-z]{0,70}", dirty, "[a-z]{0,40}")
            .prop_map(|(front, dirty, end)| Owned::Text(front + &String::from_iter(dirty) + &end)),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Owned::Bytes),
        1 => "[a-z\\\\]{0,40}".prop_map(|text| Owned::Bytes(text.into_bytes())),
    ]
}
