//! Redaction at the call: values whose text never enters the log.
//!
//! [`Secret`] wraps a value that no log may contain. The sigil `~` does the same for a single field of a call:
//! `info!(log, "login", password = ~password)`. The page `docs/log-calls.md` has all ways.

pub use fapilog_record::value::{REDACTED, Secret};
