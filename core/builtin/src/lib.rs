//! Built-in plugins: enrichers and processors. They use nothing that a third party's plugin could not.
//!
//! A program that links this crate can name them in its settings: see [`register`].

pub mod enrich;
pub mod process;
pub mod redact;
mod registration;

pub use registration::register;
