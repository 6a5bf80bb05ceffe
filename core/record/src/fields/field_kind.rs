//! The kinds that collected fields have as arguments.

use crate::{self_typed::types, value::Kind};

/// The kind that a field has as an argument. All but texts are of kinds whose wire form is the value behind its type, so that it
/// is copied as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Bool,
    Char,
    I64,
    U64,
    I128,
    U128,
    F32,
    F64,
    Duration,
    Time,
    Uuid,
    Text,
    DebugText,
    SelfTyped,
}

impl FieldKind {
    /// That of a value with its type in front. `text_kind` is that of a text.
    #[inline]
    pub(super) fn of(value: &[u8], text_kind: Self) -> Self {
        match value.first().copied() {
            Some(types::FALSE | types::TRUE) => Self::Bool,
            Some(types::CHAR) => Self::Char,
            Some(types::I64) => Self::I64,
            Some(types::U64) => Self::U64,
            Some(types::I128) => Self::I128,
            Some(types::U128) => Self::U128,
            Some(types::F32) => Self::F32,
            Some(types::F64) => Self::F64,
            Some(types::DURATION) => Self::Duration,
            Some(types::TIME) => Self::Time,
            Some(types::UUID) => Self::Uuid,
            Some(types::TEXT) => text_kind,
            _ => Self::SelfTyped,
        }
    }

    /// As the kind of an argument.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Char => Kind::Char,
            Self::I64 => Kind::I64,
            Self::U64 => Kind::U64,
            Self::I128 => Kind::I128,
            Self::U128 => Kind::U128,
            Self::F32 => Kind::F32,
            Self::F64 => Kind::F64,
            Self::Duration => Kind::Duration,
            Self::Time => Kind::Time,
            Self::Uuid => Kind::Uuid,
            Self::Text => Kind::Text,
            Self::DebugText => Kind::DebugText,
            Self::SelfTyped => Kind::SelfTyped,
        }
    }

    /// How many bytes it has in a record's root.
    #[inline]
    pub(super) const fn wire_bytes(self) -> usize {
        self.kind().wire_bytes()
    }

    /// Whether it may have bytes in a record's tail.
    #[inline]
    pub(super) const fn has_tail(self) -> bool {
        matches!(self, Self::Text | Self::DebugText | Self::SelfTyped)
    }
}
