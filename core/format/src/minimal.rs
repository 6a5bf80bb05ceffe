//! Level and message.

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};
use fapilog_record::level::Level;

use crate::{
    line_options::{LineOptions, line_option_setters},
    template::LinePart,
    text::{Dialect, Layout, TextLines},
};

/// Renders events as level and message, and nothing else, unless target and place are [wanted](Self::call_site):
///
/// ```text
/// INFO order filled
/// ```
///
/// `truncated=true` and the list `truncated_fields` stand behind them if something was cut. The message is written as
/// [`Simple`](super::Simple) does, so it is one line whatever was logged.
#[doc(alias = "MinimalFormatter")]
#[derive(Debug, Default)]
pub struct Minimal {
    lines: TextLines<MinimalLayout>,
}

impl Minimal {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    line_option_setters!(call_site);
}

impl Formatter for Minimal {
    fn name(&self) -> &'static str {
        "minimal"
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
struct MinimalLayout;

impl Layout for MinimalLayout {
    const DIALECT: Dialect = Dialect::People;
    const PARTS: &'static [LinePart] = &[LinePart::Level, LinePart::Target, LinePart::Message];

    fn has(&self, part: LinePart, options: LineOptions) -> bool {
        part != LinePart::Target || options.call_site
    }

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
