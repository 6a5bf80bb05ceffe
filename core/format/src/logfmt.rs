//! logfmt: `key=value` pairs.

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};
use fapilog_record::level::Level;

use crate::{
    line_options::line_option_setters,
    template::LinePart,
    text::{Dialect, Layout, TextLines},
};

/// Renders events as logfmt, one line of `key=value` pairs each:
///
/// ```text
/// time=2026-11-24T10:00:00.123456789Z level=INFO severity=3 category=SYSTEM source=matching-engine target=engine::orders event_id=4fk2m09q7vh1-3-1024 msg="order filled" correlation_id=7f3a order_id=42 tags.region=eu
/// ```
///
/// Then `truncated=true` and `truncated_fields=[key,...]`, if something was cut, and `not_utf8=[key,...]`, if bytes were not
/// UTF-8. Every key comes once, none
/// needs quotes, and every quoted value is a JSON string: the logfmt that Go's `go-logfmt`, and so Loki, reads. Values, keys
/// and escapes are those of [`format::text`](super::text).
#[doc(alias = "LogfmtFormatter")]
#[derive(Debug, Default)]
pub struct Logfmt {
    lines: TextLines<LogfmtLayout>,
}

impl Logfmt {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    line_option_setters!(call_site, time);
}

impl Formatter for Logfmt {
    fn name(&self) -> &'static str {
        "logfmt"
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
struct LogfmtLayout;

impl Layout for LogfmtLayout {
    const DIALECT: Dialect = Dialect::Logfmt;
    const PARTS: &'static [LinePart] = &[
        LinePart::Time,
        LinePart::Level,
        LinePart::Severity,
        LinePart::Category,
        LinePart::Source,
        LinePart::Target,
        LinePart::Id,
        LinePart::Message,
        LinePart::CorrelationId,
        LinePart::Fields,
    ];

    fn before(&self, part: LinePart, _: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::Time => "time=",
            LinePart::Level => "level=",
            LinePart::Severity => "severity=",
            LinePart::Category => "category=",
            LinePart::Source => "source=",
            LinePart::Target => "target=",
            LinePart::Id => "event_id=",
            LinePart::Message => "msg=",
            // Not among the parts, or in frames of their own.
            _ => "",
        };
        out.extend_from_slice(text.as_bytes());
    }
}
