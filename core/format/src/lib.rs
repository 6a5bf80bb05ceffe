//! Formatters: JSON, simple, logfmt, minimal, pretty. They use nothing that a third party's formatter could not.
//!
//! A program that links this crate can name them in its settings: see [`register`].

#[cfg(test)]
mod any_value;
#[cfg(test)]
mod call_site_tests;
mod control_characters;
pub mod json;
mod line_options;
mod local_clock;
mod logfmt;
mod minimal;
mod pretty;
mod registration;
mod simple;
#[cfg(test)]
mod staged_log;
mod template;
pub mod text;

pub use json::{Json, decode_marked_text};
pub use line_options::LineTime;
pub use logfmt::Logfmt;
pub use minimal::Minimal;
pub use pretty::Pretty;
pub use registration::register;
pub use simple::Simple;
