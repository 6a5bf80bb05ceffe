//! Formatters: plugins that render events.

pub use fapilog_format::{Csv, CsvColumn, CsvColumnsError, CsvDelimiter, Protobuf, Xml};
pub use fapilog_format::{Json, LineTime, Logfmt, Minimal, Pretty, Simple, decode_marked_text};
pub use fapilog_plugin::{
    colors::Colors,
    formatter::Formatter,
    record_end::{RecordEnd, WholeRecords},
};
pub use fapilog_record::text::control::is_control;

// Lines for products of others.
pub use fapilog_format::{Cef, Ecs, Gelf, OtelJson};

/// Keys and escapes of the text formats, for programs that write such lines of their own.
pub mod text {
    pub use fapilog_format::text::{is_atom, is_prose, put_harmless, put_logfmt_key, put_pretty_key, put_quoted};
}

/// JSON of values and fields, for programs and plugins that write other JSON than [`Json`] does.
pub mod json {
    pub use fapilog_format::json::{
        MarkedFields, ObjectWriter, put_fields, put_key, put_marked_string, put_string, put_value,
    };
}
