//! Formatters: plugins that render events.

pub use fapilog_format::{Json, LineTime, Logfmt, Minimal, Pretty, Simple, decode_marked_text, text::RESERVED_KEYS};
pub use fapilog_plugin::{
    colors::Colors,
    formatter::Formatter,
    record_end::{RecordEnd, WholeRecords},
};
pub use fapilog_record::text::control::is_control;
