//! Comparisons of a field with a value.

use std::cmp::Ordering;

use fapilog::Level;
use jiff::Timestamp;

use crate::{
    expression::{
        literal::{ComparedValue, ExactNumber},
        path::EventPath,
    },
    json::{JsonKind, JsonValue},
};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldComparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl FieldComparison {
    /// Whether it holds for a field that is there. Values of kinds that cannot be compared are different, and in no order.
    pub(super) fn holds(self, value: JsonValue<'_>, path: &EventPath, operand: &ComparedValue) -> bool {
        self.accepts(order(value, path, operand))
    }

    /// Whether it holds for values in this order.
    pub(super) fn accepts(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

fn order(value: JsonValue<'_>, path: &EventPath, operand: &ComparedValue) -> Option<Ordering> {
    let equal_if = |is_equal: bool| is_equal.then_some(Ordering::Equal);
    match operand {
        ComparedValue::Null => equal_if(value.kind() == JsonKind::Null),
        ComparedValue::Boolean(expected) => {
            equal_if(value.kind() == if *expected { JsonKind::True } else { JsonKind::False })
        }
        ComparedValue::Number(number) => number_of(value)?.partial_cmp(number),
        ComparedValue::Text(text) => order_of_text(value, path, text, operand),
    }
}

/// A number; also a text that is one, such as a tag.
pub(crate) fn number_of(value: JsonValue<'_>) -> Option<ExactNumber> {
    match value.kind() {
        JsonKind::Number => ExactNumber::parse(value.raw()),
        JsonKind::Text => ExactNumber::parse(&value.text()),
        _ => None,
    }
}

fn order_of_text(value: JsonValue<'_>, path: &EventPath, text: &str, operand: &ComparedValue) -> Option<Ordering> {
    if matches!(value.kind(), JsonKind::Array | JsonKind::Object | JsonKind::Null) {
        return None;
    }
    let field = value.text();
    if path.is_level()
        && let (Ok(field), Ok(level)) = (field.parse::<Level>(), text.parse::<Level>())
    {
        return Some(field.cmp(&level));
    }
    // Times with different offsets are in no order as texts.
    if let (Some(time), Ok(field)) = (operand.time(), field.parse::<Timestamp>()) {
        return Some(field.cmp(&time));
    }
    Some(field.as_ref().cmp(text))
}
