//! Built-in formatters.

#[cfg(test)]
mod any_value;
mod digits;
mod fixed;
pub(crate) mod hex;
mod hostile;
mod id;
pub mod json;
mod logfmt;
mod minimal;
pub(crate) mod number;
mod pretty;
pub(crate) mod scalar;
mod shared;
mod simple;
#[cfg(test)]
mod staged_log;
pub mod text;
pub(crate) mod time;

pub use json::{JsonFormatter, decode_marked_text};
pub use logfmt::LogfmtFormatter;
pub use minimal::MinimalFormatter;
pub use pretty::PrettyFormatter;
pub use simple::SimpleFormatter;
