//! Layouts: the differences between the text formats.

use std::fmt::Debug;

use fapilog_plugin::event::{Event, FieldRef};
use fapilog_record::{call_site::DescribedField, field_group::FieldGroup, level::Level};

use crate::{
    line_options::{LineOptions, LineTime},
    template::LinePart,
    text::key::put_key,
};

/// How keys that are no atoms, and values that have syntax of their own, are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As a reader likes it: keys between quotes, lists as they are, `\xNN` for a byte.
    People,
    /// As `People`, and durations in units that fit them.
    Terminal,
    /// As parsers of logfmt take it: keys percent-encoded, lists as one text, and only JSON's escapes.
    Logfmt,
}

/// A text format.
pub(crate) trait Layout: Debug {
    const DIALECT: Dialect;

    /// The parts of a line, but for the marks at its end.
    const PARTS: &'static [LinePart];

    /// Whether lines have a part.
    fn has(&self, part: LinePart, options: LineOptions) -> bool {
        !matches!(part, LinePart::Time | LinePart::TimeOfDay) || options.time != LineTime::None
    }

    /// Whether a field that an enricher adds is left out of the lines.
    fn hides(&self, _event: &Event<'_>, _field: &FieldRef<'_>) -> bool {
        false
    }

    /// Whether `hides` may leave out a field like this one, in lines of some events at least.
    fn may_hide(&self, _field: &FieldRef<'_>) -> bool {
        false
    }

    /// Whether the values of an argument may need lines of their own.
    fn may_need_lines(&self, _argument: &DescribedField) -> bool {
        false
    }

    /// Appends a field to the lines behind the event's line. Returns `false` for one that stands in the event's line.
    fn put_aside(&self, _event: &Event<'_>, _field: &FieldRef<'_>, _lines: &mut Vec<u8>) -> bool {
        false
    }

    /// Appends the text between a part and the space before it, in a line of this level.
    fn before(&self, part: LinePart, level: Level, out: &mut Vec<u8>);

    /// Appends the text behind a part, in a line of this level.
    fn behind(&self, _part: LinePart, _level: Level, _out: &mut Vec<u8>) {}

    /// The text around the keys and values of fields, correlation id and marks. `key` is the field's own.
    fn frame(&self, _key: &str) -> FieldFrame {
        FieldFrame { before_key: " ", before_value: "=", behind_value: "" }
    }
}

/// The text around a key and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldFrame {
    pub(crate) before_key: &'static str,
    pub(crate) before_value: &'static str,
    pub(crate) behind_value: &'static str,
}

impl FieldFrame {
    /// Appends a field's key, with the text before and behind it.
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
