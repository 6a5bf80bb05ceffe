//! A field of an event.

use fapilog_record::{field_group::FieldGroup, value::ValueRef};

/// A field of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldRef<'a> {
    /// The part of the event.
    pub group: FieldGroup,
    /// The key.
    pub name: &'a str,
    /// The value.
    pub value: ValueRef<'a>,
}
