//! Kinds of values, for readers.

use crate::value::{error_chain::ERROR_TEXT_BYTES, pii::PSEUDONYM_BYTES, times::SOCKET_BYTES};

/// The kind of an archived value.
///
/// | kind | bytes in the root | what they are (all little-endian) |
/// |---|---|---|
/// | `Bool` | 1 | 0 or 1 |
/// | `Char` | 4 | the Unicode scalar value |
/// | `I8` ... `I128`, `U8` ... `U128` | 1, 2, 4, 8, 16 | two's complement |
/// | `F32`, `F64` | 4, 8 | IEEE 754 |
/// | `Duration` | 12 | seconds `u64`, nanoseconds `u32` |
/// | `Time` | 12 | seconds since 1970-01-01T00:00:00Z `i64`, nanoseconds `u32` |
/// | `Ip` | 17 | 4 or 6, then the address in network order, then zeros |
/// | `Socket` | 23 | address as that of `Ip`, port `u16`, scope of a version 6 address `u32` |
/// | `Unit`, `Redacted` | 1 | 0 |
/// | `Uuid` | 16 | in network order |
/// | `Pseudonym` | 55 | length of the text `u8`, text, then zeros |
/// | `Text`, `DebugText`, `Bytes` | 8 | span: offset from the start of the record `u32`, length in bytes `u32` |
/// | `ErrorText` | 20 | span as that of `Text`, then six times `u16`: where in the text the first six sources begin, or 0 |
/// | `Sequence` | 8 | span: offset from the start of the record `u32`, number of elements `u32` |
/// | `SelfTyped` | 8 | span as that of `Bytes`, of a value [with its type in front](crate::self_typed) |
/// | `Option` | 1 more | 1 and the value, or zeros |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `char`.
    Char,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`, `isize`.
    I64,
    /// `i128`.
    I128,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`, `usize`.
    U64,
    /// `u128`.
    U128,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// [`std::time::Duration`].
    Duration,
    /// [`std::time::SystemTime`].
    Time,
    /// [`std::net::IpAddr`] and its two variants.
    Ip,
    /// [`std::net::SocketAddr`] and its two variants.
    Socket,
    /// `()`: nothing.
    Unit,
    /// `uuid::Uuid`.
    Uuid,
    /// A value that the call did not read: a [`Secret`](super::Secret), or a field with the sigil `~`. A reader finds the text
    /// [`REDACTED`](super::REDACTED).
    Redacted,
    /// A [`Pii`](super::Pii): the text of its pseudonym, or [`REDACTED`](super::REDACTED) for want of a key.
    Pseudonym,
    /// `str`, `String`, whatever is logged by its `Display`, and names of files: `Path`, `OsStr`. A name that is not UTF-8 is
    /// read as [`ValueRef::Bytes`](super::ValueRef::Bytes).
    Text,
    /// Text that a `Debug` has written: its line ends are those of the program, `{:#?}` or a type's own.
    DebugText,
    /// The text of an error and its sources, `outer: inner: innermost`. [`ErrorChain`](super::ErrorChain) takes it apart.
    ErrorText,
    /// `[u8]`, `[u8; N]`, `Vec<u8>`: text in an unknown encoding.
    Bytes,
    /// A slice, array or vector of another kind.
    Sequence(&'static Kind),
    /// A value that has its type in front, for readers to find: a map, a tuple, a struct, a value of `Serialize`.
    SelfTyped,
    /// Another kind, or nothing.
    Option(&'static Kind),
}

impl Kind {
    /// Whether a value of this kind may have bytes in a record's tail, and so may be cut.
    #[must_use]
    pub const fn has_tail(&self) -> bool {
        match self {
            Self::Text | Self::DebugText | Self::ErrorText | Self::Bytes | Self::Sequence(_) | Self::SelfTyped => true,
            Self::Option(inner) => inner.has_tail(),
            _ => false,
        }
    }

    /// Whether values of this kind were redacted by the call, or consist of such: a call site's
    /// [descriptor](crate::call_site::Descriptor::fields) has the answer for all its events.
    ///
    /// A map, a tuple or a struct, which is of kind [`SelfTyped`](Self::SelfTyped), does not show it. Neither does the text that
    /// `%` or `?` makes of a redacted value: [`ValueRef::is_redaction`](super::ValueRef::is_redaction) looks at the text.
    #[must_use]
    pub const fn is_redacted(&self) -> bool {
        match self {
            Self::Redacted | Self::Pseudonym => true,
            Self::Option(inner) | Self::Sequence(inner) => inner.is_redacted(),
            _ => false,
        }
    }

    /// How many bytes a value of this kind has in a record's root.
    #[must_use]
    pub const fn wire_bytes(&self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 | Self::Unit | Self::Redacted => 1,
            Self::I16 | Self::U16 => 2,
            Self::Char | Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::Text | Self::DebugText | Self::Bytes | Self::Sequence(_) | Self::SelfTyped => 8,
            Self::Duration | Self::Time => 12,
            Self::I128 | Self::U128 | Self::Uuid => 16,
            Self::Ip => 17,
            Self::Socket => SOCKET_BYTES,
            Self::ErrorText => ERROR_TEXT_BYTES,
            Self::Pseudonym => PSEUDONYM_BYTES,
            Self::Option(inner) => 1 + inner.wire_bytes(),
        }
    }
}
