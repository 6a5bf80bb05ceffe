//! Formatters: JSON, simple, logfmt, minimal, pretty, CSV, XML, protobuf. They use nothing that a third party's formatter could not.
//!
//! A program that links this crate can name them in its settings: see [`register`].

#[cfg(test)]
mod any_value;
#[cfg(test)]
mod call_site_tests;
mod control_characters;
mod csv;
pub mod json;
mod line_options;
mod local_clock;
mod logfmt;
mod minimal;
mod pretty;
mod protobuf;
mod registration;
mod replaced;
mod simple;
#[cfg(test)]
mod staged_log;
mod template;
pub mod text;
mod xml;

pub use csv::{Csv, CsvColumn, CsvColumnsError, CsvDelimiter};
pub use json::{Json, decode_marked_text};
pub use line_options::LineTime;
pub use logfmt::Logfmt;
pub use minimal::Minimal;
pub use pretty::Pretty;
pub use protobuf::Protobuf;
pub use registration::register;
pub use simple::Simple;
pub use xml::Xml;
