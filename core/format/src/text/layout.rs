//! What tells one text format from another.

use std::fmt::Debug;

use fapilog_record::{field_group::FieldGroup, level::Level};

use crate::text::key::put_key;

/// How keys that are no atoms, and values that have syntax of their own, are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As a reader likes it: keys between quotes, lists as they are, `\xNN` for a byte.
    People,
    /// As parsers of logfmt take it: keys percent-encoded, lists as one text, and only JSON's escapes.
    Logfmt,
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The timestamp, RFC 3339.
    Time,
    /// Hours to microseconds.
    TimeOfDay,
    Level,
    Severity,
    Category,
    Source,
    Target,
    Id,
    Message,
    /// Nothing at all, if there is none; so nothing stands [before](Layout::before) it either, but the frame of a field.
    CorrelationId,
    /// All fields: context, tags, metrics.
    Fields,
}

/// A text format. What it writes is asked for once for each call site, where that will do.
pub(crate) trait Layout: Debug {
    const DIALECT: Dialect;

    /// What a line is made of, but for the marks at its end.
    const PARTS: &'static [Part];

    /// Appends what stands before a part, in a line of this level.
    fn before(&self, part: Part, level: Level, out: &mut Vec<u8>);

    /// Appends what stands behind a part, in a line of this level.
    fn behind(&self, _part: Part, _level: Level, _out: &mut Vec<u8>) {}

    /// What stands around the keys and values of fields, correlation id and marks. `key` is the field's own.
    fn frame(&self, _key: &str) -> Frame {
        Frame { before_key: " ", before_value: "=", behind_value: "" }
    }
}

/// What stands around a key and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) before_key: &'static str,
    pub(crate) before_value: &'static str,
    pub(crate) behind_value: &'static str,
}

impl Frame {
    /// Appends a field's key, and what stands around it.
    pub(super) fn put_key(self, out: &mut Vec<u8>, dialect: Dialect, group: FieldGroup, name: &str) {
        out.extend_from_slice(self.before_key.as_bytes());
        put_key(out, dialect, group, name);
        out.extend_from_slice(self.before_value.as_bytes());
    }

    /// Appends one of the formats' own keys, and its value.
    pub(super) fn put_own(self, out: &mut Vec<u8>, key: &str, put_value: impl FnOnce(&mut Vec<u8>)) {
        for text in [self.before_key, key, self.before_value] {
            out.extend_from_slice(text.as_bytes());
        }
        put_value(out);
        out.extend_from_slice(self.behind_value.as_bytes());
    }
}
