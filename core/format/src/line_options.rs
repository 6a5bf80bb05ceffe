//! Options that several formatters have: each is declared once.

use fapilog_plugin::named_enum;

named_enum! {
    /// The time in a text format's lines.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum LineTime {
        /// UTC, with a `Z`.
        #[default]
        Utc = "utc",
        /// Local time with its offset, `+01:00`: by the variable `TZ`, else by `/etc/localtime`, both read when the formatter
        /// is made. UTC where neither names a time zone that the system has.
        Local = "local",
        /// No time: for a destination that adds one, such as the journal.
        None = "none",
    }
}

/// The options that formatters have in common.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LineOptions {
    /// Whether lines have the file and the line of the log call.
    pub(crate) call_site: bool,
    pub(crate) time: LineTime,
}

/// Makes the setters of options that formatters have in common.
macro_rules! line_option_setters {
    ($($option:ident),+) => {
        $($crate::line_options::line_option_setters!(@setter $option);)+
    };
    (@setter call_site) => {
        /// Whether lines have the place of the log call, `call_site`: the file and the line, `src/orders.rs:42`. The module is
        /// the target. An event without a call site has its target only. Default: no.
        #[must_use]
        pub fn call_site(self, is_wanted: bool) -> Self {
            Self { lines: self.lines.with_options(|options| options.call_site = is_wanted) }
        }
    };
    (@setter time) => {
        /// The time in the lines. Default: UTC.
        #[must_use]
        pub fn time(self, time: $crate::LineTime) -> Self {
            Self { lines: self.lines.with_options(|options| options.time = time) }
        }
    };
}

pub(crate) use line_option_setters;
