//! The schema, as prost has it.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(fixed64, tag = "1")]
    pub(super) time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    pub(super) level: i32,
    #[prost(uint32, tag = "3")]
    pub(super) severity: u32,
    #[prost(int32, tag = "4")]
    pub(super) category: i32,
    #[prost(string, tag = "5")]
    pub(super) target: String,
    #[prost(string, tag = "6")]
    pub(super) source: String,
    #[prost(string, tag = "7")]
    pub(super) event_id: String,
    #[prost(message, optional, tag = "8")]
    pub(super) message: Option<Value>,
    #[prost(string, optional, tag = "9")]
    pub(super) correlation_id: Option<String>,
    #[prost(message, repeated, tag = "10")]
    pub(super) context: Vec<Field>,
    #[prost(message, repeated, tag = "11")]
    pub(super) tags: Vec<Field>,
    #[prost(message, repeated, tag = "12")]
    pub(super) metrics: Vec<Field>,
    #[prost(bool, tag = "13")]
    pub(super) truncated: bool,
    #[prost(string, repeated, tag = "14")]
    pub(super) truncated_fields: Vec<String>,
    #[prost(message, optional, tag = "15")]
    pub(super) call_site: Option<Place>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Place {
    #[prost(string, tag = "1")]
    pub(super) file: String,
    #[prost(uint32, tag = "2")]
    pub(super) line: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Field {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18")]
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(sint64, tag = "3")]
    Int(i64),
    #[prost(uint64, tag = "4")]
    Uint(u64),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(double, tag = "6")]
    Double(f64),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(bytes, tag = "8")]
    Bytes(Vec<u8>),
    #[prost(message, tag = "9")]
    Duration(Span),
    #[prost(message, tag = "10")]
    Time(Moment),
    #[prost(message, tag = "11")]
    List(List),
    #[prost(message, tag = "12")]
    Map(Map),
    #[prost(bytes, tag = "13")]
    Ip(Vec<u8>),
    #[prost(message, tag = "14")]
    Socket(Socket),
    #[prost(bytes, tag = "15")]
    Uuid(Vec<u8>),
    #[prost(uint32, tag = "16")]
    Char(u32),
    #[prost(bytes, tag = "17")]
    Int128(Vec<u8>),
    #[prost(bytes, tag = "18")]
    Uint128(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Span {
    #[prost(uint64, tag = "1")]
    pub(super) seconds: u64,
    #[prost(uint32, tag = "2")]
    pub(super) nanos: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Moment {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(uint32, tag = "2")]
    pub(super) nanos: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Socket {
    #[prost(bytes, tag = "1")]
    pub(super) ip: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(super) port: u32,
    #[prost(uint32, tag = "3")]
    pub(super) scope_id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Map {
    #[prost(message, repeated, tag = "1")]
    pub(super) entries: Vec<Field>,
}
