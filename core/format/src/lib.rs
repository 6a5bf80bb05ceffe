//! Formatters: JSON, simple, logfmt, minimal, pretty, CSV, XML, protobuf. They use nothing that a third party's formatter could not.
//!
//! A program that links this crate can name them in its settings: see [`register`].

#[cfg(test)]
mod any_value;
#[cfg(test)]
mod call_site_tests;
mod cef;
mod clean_text;
mod control_characters;
mod csv;
mod ecs;
mod gelf;
pub mod json;
mod line_options;
mod local_clock;
mod logfmt;
mod minimal;
mod otel_json;
mod pretty;
mod products;
mod protobuf;
pub mod protobuf_wire;
mod registration;
mod replaced;
mod simple;
#[cfg(test)]
mod staged_log;
pub mod syslog;
mod template;
#[cfg(test)]
mod test_lines;
pub mod text;
mod xml;

pub use cef::Cef;
pub use csv::{Csv, CsvColumn, CsvColumnsError, CsvDelimiter};
pub use ecs::Ecs;
pub use gelf::Gelf;
pub use json::{Json, decode_marked_text};
pub use line_options::LineTime;
pub use logfmt::Logfmt;
pub use minimal::Minimal;
pub use otel_json::OtelJson;
pub use pretty::Pretty;
pub use protobuf::Protobuf;
pub use registration::register;
pub use simple::Simple;
pub use xml::Xml;

/// The rules by which an event becomes a log record of OpenTelemetry, for encoders of other forms of its protocol.
pub mod otel {
    pub use crate::otel_json::{RecordMember, attribute_name, may_be_member, record_member, severity_number};
}
