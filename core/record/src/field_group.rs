//! The parts of an event that hold fields.

/// The part of an event that a field goes to.
#[doc(alias = "tags")]
#[doc(alias = "context")]
#[doc(alias = "metrics")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldGroup {
    /// Context of the event: a bare field in a macro.
    Context,
    /// Terms to search by: `tags.name = ...` in a macro.
    Tags,
    /// Numbers to add up: `metrics.name = ...` in a macro.
    Metrics,
    /// The message itself, where it is not fixed.
    Message,
    /// The target itself, of an event that has no call site.
    Target,
    /// The id that binds events together.
    CorrelationId,
    /// The subject of the event, if not that of its level: a [`Category`](crate::level::Category) as a number.
    Category,
    /// The severity of the event, if not that of its level: from 1 to 10.
    Severity,
    /// No part of an event: a mark on a field that a plugin has cut. The name is the field's, the value its group as a number.
    /// No record holds one.
    #[doc(hidden)]
    CutMark,
}

impl FieldGroup {
    /// The number that stands for it in a record.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Context => 0,
            Self::Tags => 1,
            Self::Metrics => 2,
            Self::Message => 3,
            Self::Target => 4,
            Self::CorrelationId => 5,
            Self::Category => 6,
            Self::Severity => 7,
            Self::CutMark => 8,
        }
    }

    /// The group that a number in a record stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Context,
            1 => Self::Tags,
            2 => Self::Metrics,
            3 => Self::Message,
            4 => Self::Target,
            5 => Self::CorrelationId,
            6 => Self::Category,
            7 => Self::Severity,
            _ => return None,
        })
    }

    /// The name in reports: `context`, `correlation_id`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Tags => "tags",
            Self::Metrics => "metrics",
            Self::Message => "message",
            Self::Target => "target",
            Self::CorrelationId => "correlation_id",
            Self::Category => "category",
            Self::Severity => "severity",
            Self::CutMark => "cut_mark",
        }
    }

    /// Whether it holds any number of fields under keys; the others are single values.
    #[must_use]
    pub const fn is_keyed(self) -> bool {
        matches!(self, Self::Context | Self::Tags | Self::Metrics)
    }
}
