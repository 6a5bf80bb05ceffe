//! STRUCTURED-DATA: RFC 5424, section 6.3.

use std::{io::Write, sync::Arc};

use fapilog_format::text::{put_harmless, put_logfmt_key};
use fapilog_plugin::{
    event::Event,
    field_group::FieldGroup,
    text::{number::put_u64, plain::put_plain},
    value::ValueRef,
};

use crate::message::{
    StructuredData, SyslogFormat,
    writer::{SequenceNumbers, is_plain_ascii},
};

/// The length of an SD-NAME.
pub(super) const SD_NAME_MAX: usize = 32;

/// Whether it is an SD-NAME.
pub(super) fn is_sd_name(text: &str) -> bool {
    (1..=SD_NAME_MAX).contains(&text.len()) && text.bytes().all(is_of_sd_name)
}

fn is_of_sd_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"')
}

/// Writes the structured data of events.
#[derive(Debug)]
pub(super) struct StructuredDataWriter {
    wanted: StructuredData,
    sd_id: String,
    /// The elements that are the same for all messages.
    fixed: Vec<u8>,
    sequence: Option<Arc<SequenceNumbers>>,
    name: Vec<u8>,
    value: Vec<u8>,
    harmless: Vec<u8>,
}

/// The data that is written, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SdRequest {
    /// The number of this message, where it has one.
    pub(super) sequence_id: Option<u64>,
    /// Whether `truncated="true"` is among it.
    pub(super) is_truncated: bool,
    /// The most bytes. Parameters that do not fit are left out.
    pub(super) bytes_max: usize,
}

impl StructuredDataWriter {
    pub(super) fn new(format: &SyslogFormat) -> Self {
        let mut fixed = Vec::new();
        if format.has_time_quality {
            fixed.extend_from_slice(b"[timeQuality tzKnown=\"1\"]");
        }
        if format.has_origin {
            put_origin(format, &mut fixed);
        }
        Self {
            wanted: format.structured_data,
            sd_id: format.sd_id.clone(),
            fixed,
            sequence: format.sequence.clone(),
            name: Vec::new(),
            value: Vec::new(),
            harmless: Vec::new(),
        }
    }

    /// The number of the next message, where messages have one.
    pub(super) fn next_sequence_id(&self) -> Option<u64> {
        self.sequence.as_ref().map(|numbers| numbers.next())
    }

    /// Appends the structured data, `-` if there is none. Returns whether all of it fits.
    pub(super) fn put(&mut self, event: Option<&Event<'_>>, request: SdRequest, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut element =
            SdElement { out, end_max: start.saturating_add(request.bytes_max), is_open: false, fits: true };
        element.put_whole(|out| out.extend_from_slice(&self.fixed));
        if let Some(number) = request.sequence_id {
            element.put_whole(|out| {
                out.extend_from_slice(b"[meta sequenceId=\"");
                put_u64(out, number);
                out.extend_from_slice(b"\"]");
            });
        }
        if let Some(event) = event.filter(|_| self.wanted != StructuredData::None) {
            self.put_event(event, request.is_truncated, &mut element);
        }
        element.close();
        let fits = element.fits;
        if out.len() == start {
            out.push(b'-');
        }
        fits
    }

    fn put_event(&mut self, event: &Event<'_>, is_truncated: bool, element: &mut SdElement<'_>) {
        if is_truncated {
            self.put_param(element, b"truncated", ValueRef::Bool(true));
        }
        if self.wanted == StructuredData::All {
            self.put_param(element, b"level", ValueRef::Text(event.level().name()));
            self.put_param(element, b"category", ValueRef::Text(event.category().name()));
            self.put_param(element, b"source", ValueRef::Text(event.source().name()));
            self.put_param(element, b"target", ValueRef::Text(event.target()));
            self.put_event_id(event, element);
            if let Some(id) = event.correlation_id() {
                self.put_param(element, b"correlation_id", ValueRef::Text(id));
            }
        }
        for group in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
            for field in event.counted_fields(group) {
                self.put_field(element, group, field.name, field.value);
            }
        }
    }

    fn put_event_id(&mut self, event: &Event<'_>, element: &mut SdElement<'_>) {
        self.value.clear();
        // A vector takes all bytes.
        let _ = write!(self.value, "{}", event.id());
        element.put_param(&self.sd_id, b"event_id", &self.value);
    }

    fn put_field(&mut self, element: &mut SdElement<'_>, group: FieldGroup, name: &str, value: ValueRef<'_>) {
        let mut key = std::mem::take(&mut self.name);
        key.clear();
        put_logfmt_key(&mut key, group, name);
        key.iter_mut().filter(|byte| !is_of_sd_name(**byte)).for_each(|byte| *byte = b'_');
        key.truncate(SD_NAME_MAX);
        self.put_param(element, &key, value);
        self.name = key;
    }

    fn put_param(&mut self, element: &mut SdElement<'_>, name: &[u8], value: ValueRef<'_>) {
        self.value.clear();
        put_plain(&mut self.value, value);
        if is_plain_ascii(&self.value) {
            element.put_param(&self.sd_id, name, &self.value);
            return;
        }
        self.harmless.clear();
        put_harmless(&mut self.harmless, &String::from_utf8_lossy(&self.value));
        element.put_param(&self.sd_id, name, &self.harmless);
    }
}

/// Appends bytes, as long as there is room.
struct SdElement<'a> {
    out: &'a mut Vec<u8>,
    end_max: usize,
    /// Whether the element with the event's data has begun, and its `]` is missing.
    is_open: bool,
    fits: bool,
}

impl SdElement<'_> {
    /// Appends all of it or nothing. An open element keeps a byte for its end.
    fn put_whole(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.out.len();
        put(self.out);
        let has_room = self.out.len() <= self.end_max;
        if !has_room {
            self.out.truncate(before);
            self.fits = false;
        }
        has_room
    }

    fn put_param(&mut self, sd_id: &str, name: &[u8], value: &[u8]) {
        let is_open = self.is_open;
        self.end_max = self.end_max.saturating_sub(1);
        let is_put = self.put_whole(|out| {
            if !is_open {
                out.push(b'[');
                out.extend_from_slice(sd_id.as_bytes());
            }
            out.push(b' ');
            out.extend_from_slice(name);
            out.extend_from_slice(b"=\"");
            put_param_value(value, out);
            out.push(b'"');
        });
        self.end_max = self.end_max.saturating_add(1);
        self.is_open |= is_put;
    }

    fn close(&mut self) {
        if self.is_open {
            self.out.push(b']');
        }
    }
}

/// Appends the value of a parameter: `"`, `\` and `]` have a backslash in front of them.
fn put_param_value(value: &[u8], out: &mut Vec<u8>) {
    for piece in value.split_inclusive(|byte| matches!(byte, b'"' | b'\\' | b']')) {
        match piece.split_last() {
            Some((last @ (b'"' | b'\\' | b']'), front)) => {
                out.extend_from_slice(front);
                out.extend_from_slice(&[b'\\', *last]);
            }
            _ => out.extend_from_slice(piece),
        }
    }
}

fn put_origin(format: &SyslogFormat, out: &mut Vec<u8>) {
    let number = format.sd_id.split_once('@').map_or("", |(_, number)| number);
    let parts = [
        ("enterpriseId", number.to_owned()),
        ("software", format.app_name_or_default().chars().take(SOFTWARE_CHARS_MAX).collect()),
        ("swVersion", format.software_version.clone()),
    ];
    out.extend_from_slice(b"[origin");
    for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        let mut harmless = Vec::new();
        put_harmless(&mut harmless, value);
        put_param_value(&harmless, out);
        out.push(b'"');
    }
    out.push(b']');
}

/// RFC 5424, section 7.2.3.
const SOFTWARE_CHARS_MAX: usize = 48;
