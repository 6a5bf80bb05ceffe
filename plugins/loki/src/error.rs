//! Errors of the sink.

use std::fmt;

use fapilog_sink_http::HttpError;
use thiserror::Error;

/// Why entries are not delivered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LokiError {
    /// Loki refuses some entries of a request, or all (status 400). It stores the others, and does not report which these are.
    #[error("Loki refuses some or all of {entries} entries{reason}; it stores those that are valid")]
    Refused {
        /// The entries of the request.
        entries: usize,
        /// The reason that the answer names.
        reason: LokiReason,
        /// The answer.
        #[source]
        answer: HttpError,
    },
    /// An operator of Loki has blocked the tenant (status 260): Loki stores nothing.
    #[error("Loki takes no entries of this tenant: an operator has blocked it")]
    Blocked {
        /// The answer.
        #[source]
        answer: HttpError,
    },
    /// A record that is not of this sink, or that is damaged.
    #[error("a record of the payload is no entry of Loki")]
    UnreadableRecord,
    /// The body is too long for a block of snappy.
    #[error("the request is too long for a block of snappy")]
    Snappy(#[from] snap::Error),
}

/// The reason that Loki's answer names, without the labels and lines that the answer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LokiReason(Option<&'static str>);

/// Texts of Loki's errors, and their meaning (`pkg/validation/validate.go` of Loki).
const REASONS: &[(&str, &str)] = &[
    ("has timestamp too old", "the time of an entry is too old"),
    ("has timestamp too new", "the time of an entry is in the future"),
    ("too far behind", "an entry is far older than others of its stream"),
    ("out of order", "an entry is older than others of its stream"),
    ("Max entry size", "a line is too long"),
    ("label names; limit", "a stream has too many labels"),
    ("label name too long", "the name of a label is too long"),
    ("label value too long", "the value of a label is too long"),
    ("Error parsing labels", "labels are not valid"),
    ("structured metadata too large", "structured metadata is too large"),
    ("too many structured metadata", "there are too many fields of structured metadata"),
    ("includes structured metadata", "structured metadata is not allowed"),
    ("missing required labels", "a required label is missing"),
];

impl LokiReason {
    /// The reason in the body of an answer.
    pub(crate) fn of(body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        Self(REASONS.iter().find(|(text, _)| body.contains(text)).map(|(_, reason)| *reason))
    }
}

impl fmt::Display for LokiReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |reason| write!(f, ", because {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_reason_and_no_text_of_the_answer() {
        let body = b"entry for stream '{user=\"hunter2\"}' has timestamp too old: 2020-01-01T00:00:00Z";
        assert_eq!(LokiReason::of(body).to_string(), ", because the time of an entry is too old");
        assert_eq!(LokiReason::of(b"something else: hunter2").to_string(), "");
    }
}
