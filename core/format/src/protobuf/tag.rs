//! The tags of `Event` and `CallSite`, by the numbers of the schema.

use fapilog_record::field_group::FieldGroup;

use crate::protobuf_wire::{fixed64_tag, length_tag, varint_tag};

pub(super) const TIME: u8 = fixed64_tag(1);
pub(super) const LEVEL: u8 = varint_tag(2);
pub(super) const SEVERITY: u8 = varint_tag(3);
pub(super) const CATEGORY: u8 = varint_tag(4);
pub(super) const TARGET: u8 = length_tag(5);
pub(super) const SOURCE: u8 = length_tag(6);
pub(super) const EVENT_ID: u8 = length_tag(7);
pub(super) const MESSAGE: u8 = length_tag(8);
pub(super) const CORRELATION_ID: u8 = length_tag(9);
const CONTEXT: u8 = length_tag(10);
const TAGS: u8 = length_tag(11);
const METRICS: u8 = length_tag(12);
pub(super) const TRUNCATED: u8 = varint_tag(13);
pub(super) const TRUNCATED_FIELDS: u8 = length_tag(14);
pub(super) const CALL_SITE: u8 = length_tag(15);
pub(super) const FILE: u8 = length_tag(1);

/// The tag of a field of this group.
pub(super) const fn of_group(group: FieldGroup) -> u8 {
    match group {
        FieldGroup::Tags => TAGS,
        FieldGroup::Metrics => METRICS,
        _ => CONTEXT,
    }
}
