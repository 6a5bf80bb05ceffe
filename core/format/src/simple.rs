//! A line for people and for grep.

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};
use fapilog_record::level::Level;

use crate::{
    line_options::line_option_setters,
    template::LinePart,
    text::{Dialect, Layout, TextLines},
};

/// Renders events as lines that people read and `grep` finds:
///
/// ```text
/// 2026-11-24T10:00:00.123456789Z INFO matching-engine [engine::orders] order filled order_id=42 tags.region=eu correlation_id=7f3a
/// ```
///
/// Timestamp, level, source, `[target]` (with file and line, if [wanted](Self::call_site)), message; then each field as `key=value`, correlation id, and `truncated=true`
/// with the list `truncated_fields` if something was cut. The message stands without quotes if there is no `=` in it, no space at its ends, and nothing to
/// escape; so the first `=` or `"` behind the target is its end. Values, keys and escapes are those of
/// [`format::text`](super::text).
#[doc(alias = "SimpleFormatter")]
#[derive(Debug, Default)]
pub struct Simple {
    lines: TextLines<SimpleLayout>,
}

impl Simple {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    line_option_setters!(call_site, time);
}

impl Formatter for Simple {
    fn name(&self) -> &'static str {
        "simple"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.lines.format(batch, out);
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

#[derive(Debug, Default)]
struct SimpleLayout;

impl Layout for SimpleLayout {
    const DIALECT: Dialect = Dialect::People;
    const PARTS: &'static [LinePart] = &[
        LinePart::Time,
        LinePart::Level,
        LinePart::Source,
        LinePart::Target,
        LinePart::Message,
        LinePart::Fields,
        LinePart::CorrelationId,
    ];

    fn before(&self, part: LinePart, _: Level, out: &mut Vec<u8>) {
        if part == LinePart::Target {
            out.push(b'[');
        }
    }

    fn behind(&self, part: LinePart, _: Level, out: &mut Vec<u8>) {
        if part == LinePart::Target {
            out.push(b']');
        }
    }
}
