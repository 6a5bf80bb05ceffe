//! Errors of deliveries and uploads.

use std::{io, path::PathBuf};

use fapilog_plugin::settings::SecretError;
use fapilog_sink_http::HttpError;
use thiserror::Error;

/// Why events are not in the spool, or a segment is not in the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ObjectStoreError {
    /// The spool has no room until segments are uploaded.
    #[error("the spool has {bytes} of {bytes_max} bytes, which wait for their upload")]
    SpoolFull {
        /// The bytes of all segments.
        bytes: u64,
        /// The setting `spool.max_bytes`.
        bytes_max: u64,
    },
    /// The records of a payload have no room in an empty spool.
    #[error("{bytes} bytes of records exceed half of the spool")]
    PayloadTooLarge {
        /// The length of the records.
        bytes: u64,
    },
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
    /// The store has answered with an error.
    #[error("the store refuses {object}: {status}{}", code_text(code))]
    Refused {
        /// The name of the object.
        object: String,
        /// The status.
        status: u16,
        /// The store's code, such as `NoSuchBucket`, if the answer has one.
        code: String,
    },
    /// There is no answer of the store.
    #[error("no answer of the store for {object}")]
    NoAnswer {
        /// The name of the object.
        object: String,
        /// The error of the request.
        #[source]
        source: HttpError,
    },
    /// The client of the store has not sent a request.
    #[error("the client of the store fails: {reason}")]
    Client {
        /// The reason.
        reason: String,
    },
    /// A secret cannot be read.
    #[error("the setting {setting} cannot be read")]
    Secret {
        /// The setting.
        setting: &'static str,
        /// The error.
        #[source]
        source: SecretError,
    },
    /// A secret is no text.
    #[error("the secret of the setting {setting} is no text in UTF-8")]
    SecretNoText {
        /// The setting.
        setting: &'static str,
    },
    /// The file of a segment has other bytes than were written.
    #[error("{} is no segment, or was changed: {reason}", path.display())]
    BrokenSegment {
        /// The file.
        path: PathBuf,
        /// The part that is invalid.
        reason: &'static str,
    },
    /// The file of a segment cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The library of the compression fails.
    #[error("the segment cannot be compressed")]
    Compress(#[source] io::Error),
}

fn code_text(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(", {code}") }
}
