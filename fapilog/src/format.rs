//! Formatters: plugins that render events.

pub use fapilog_format::{
    JsonFormatter, LogfmtFormatter, MinimalFormatter, PrettyFormatter, SimpleFormatter, decode_marked_text,
};
pub use fapilog_plugin::{colors::Colors, formatter::Formatter};
