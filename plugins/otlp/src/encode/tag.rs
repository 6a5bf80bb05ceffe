//! The tags of `LogRecord`.

use fapilog_format::protobuf_wire::{fixed32_tag, fixed64_tag, length_tag, varint_tag};

pub(super) const TIME: u8 = fixed64_tag(1);
pub(super) const SEVERITY_NUMBER: u8 = varint_tag(2);
pub(super) const SEVERITY_TEXT: u8 = length_tag(3);
pub(super) const BODY: u8 = length_tag(5);
pub(super) const ATTRIBUTE: u8 = length_tag(6);
pub(super) const FLAGS: u8 = fixed32_tag(8);
pub(super) const TRACE_ID: u8 = length_tag(9);
pub(super) const SPAN_ID: u8 = length_tag(10);
pub(super) const OBSERVED_TIME: u8 = fixed64_tag(11);
pub(super) const EVENT_NAME: u8 = length_tag(12);
