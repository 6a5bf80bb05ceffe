//! Redaction at the call: values whose text never enters the log.
//!
//! [`Secret`] wraps a value that no log may contain, and [`Pii`] one that is logged as a pseudonym, by which events about one
//! person are found. The sigil `~` does the same for a single field of a call:
//! `info!(log, "login", password = ~password)`. The page `docs/log-calls.md` has all ways.

pub use fapilog_record::{
    keyed_hash::{HashKeyError, KEY_ID_MAX_BYTES},
    value::{Pii, PseudonymKeyError, REDACTED, Secret, pseudonym, remove_pseudonym_key, set_pseudonym_key},
};
