//! Redaction: what must not reach a sink.

pub mod content;
