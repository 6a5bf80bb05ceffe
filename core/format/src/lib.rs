//! Formatters: JSON, simple, logfmt, minimal, pretty. They use nothing that a third party's formatter could not.
//!
//! A program that links this crate can name them in its settings: see [`register`].

#[cfg(test)]
mod any_value;
#[cfg(test)]
mod call_site_tests;
mod cef;
mod control_characters;
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
mod registration;
mod simple;
#[cfg(test)]
mod staged_log;
mod syslog_severity;
mod template;
#[cfg(test)]
mod test_lines;
pub mod text;

pub use cef::Cef;
pub use ecs::Ecs;
pub use gelf::Gelf;
pub use json::{Json, decode_marked_text};
pub use line_options::LineTime;
pub use logfmt::Logfmt;
pub use minimal::Minimal;
pub use otel_json::OtelJson;
pub use pretty::Pretty;
pub use registration::register;
pub use simple::Simple;
