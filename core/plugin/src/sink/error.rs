//! Errors of sinks.

use std::{error::Error, io, path::PathBuf, time::Duration};

use fapilog_record::{error_codes, text::quoted::Escaped};
use thiserror::Error;

/// Why a sink could not do something.
#[doc(alias = "ExternalAPIError")]
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A system call failed.
    #[error("cannot {operation} {}", Escaped(path.display()))]
    Io {
        /// The operation, as a verb.
        operation: &'static str,
        /// The path of the operation.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file is none that a sink may write to.
    #[error("{} is {found}; a file sink writes to a regular file with one name only", Escaped(path.display()))]
    NotAPlainFile {
        /// The path.
        path: PathBuf,
        /// The kind of file that is there instead.
        found: &'static str,
    },
    /// Another sink writes to the file: of this process, or of another one.
    #[error(
        "{} is being written by another sink; give each sink a file of its own, and let a program end before it is started \
         again",
        Escaped(path.display())
    )]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// It was not done before the deadline.
    #[error("not done before the deadline")]
    Deadline,
    /// The first records of a payload are delivered, and the others are not: the former count as delivered.
    #[error("{records} records of the payload are delivered, and the others are not")]
    Partial {
        /// The number of records that are delivered.
        records: u64,
        /// Their length, all together.
        bytes: u64,
        /// Why the others are not. Its kind counts. Records that a [`PerRecord`](Self::PerRecord) names in it are not seen: a
        /// destination that answers record by record returns that alone.
        #[source]
        source: Box<SinkError>,
    },
    /// The destination does not take the payload now, and may later. Nothing of it is delivered.
    #[error("the destination does not take the payload now{}", after_text(*retry_after))]
    Retryable {
        /// How long the destination asks to wait before the next attempt, as HTTP does by `Retry-After`.
        retry_after: Option<Duration>,
        /// The error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Some records of a payload are not delivered, and all others are: the answer of a destination that answers record by
    /// record. A record is named by its index in the payload, from 0.
    #[error("{} records of the payload are refused, and {} may be delivered later", rejected.len(), retryable.len())]
    PerRecord {
        /// The records that the destination refuses for good. They are not delivered again.
        rejected: Vec<usize>,
        /// The records that the destination may take later. They alone are delivered again, if the sink
        /// [marks the ends of its records](crate::sink::Payload::end_record).
        retryable: Vec<usize>,
        /// How long the destination asks to wait before the next attempt.
        retry_after: Option<Duration>,
        /// Why they are not delivered.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The delivery has not ended in time. It may have reached the destination.
    #[error("not delivered within {limit:?}")]
    Timeout {
        /// The time limit.
        limit: Duration,
    },
    /// Something else, in the sink's own type. It is permanent: the same payload is not delivered again.
    #[error("the sink failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

/// The kind of an error, which decides on the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// Another attempt may succeed.
    Retryable {
        /// How long the destination asks to wait before it.
        retry_after: Option<Duration>,
    },
    /// The destination refuses some records, and would refuse them again.
    Rejected,
    /// Another attempt at the same payload would fail again.
    Permanent,
}

impl SinkError {
    /// An error after which another attempt may succeed.
    pub fn retryable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retryable { retry_after: None, source: source.into() }
    }

    /// As [`retryable`](Self::retryable), after this time at the earliest.
    pub fn retry_after(wait: Duration, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retryable { retry_after: Some(wait), source: source.into() }
    }

    /// The destination refuses the records of these indices for good, and has taken all others.
    pub fn rejected(records: impl Into<Vec<usize>>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::PerRecord { rejected: records.into(), retryable: Vec::new(), retry_after: None, source: source.into() }
    }

    /// An error after which another attempt at the same payload would fail again.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(source.into())
    }

    /// The kind. An error of the system is retryable where it passes by itself: a connection that is refused, reset or timed
    /// out, a host or a network that is not reached, a disk or a quota that is full.
    #[must_use]
    pub fn kind(&self) -> SinkErrorKind {
        match self {
            Self::Retryable { retry_after, .. } => SinkErrorKind::Retryable { retry_after: *retry_after },
            Self::PerRecord { retryable, retry_after, .. } if !retryable.is_empty() => {
                SinkErrorKind::Retryable { retry_after: *retry_after }
            }
            Self::PerRecord { .. } => SinkErrorKind::Rejected,
            Self::Timeout { .. } => SinkErrorKind::Retryable { retry_after: None },
            Self::Io { source, .. } if passes_by_itself(source.kind()) => {
                SinkErrorKind::Retryable { retry_after: None }
            }
            Self::Partial { source, .. } => source.kind(),
            Self::Io { .. } | Self::NotAPlainFile { .. } | Self::Locked { .. } | Self::Deadline | Self::Other(_) => {
                SinkErrorKind::Permanent
            }
        }
    }
}

fn passes_by_itself(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NotConnected
            | Kind::BrokenPipe
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::AddrNotAvailable
            | Kind::UnexpectedEof
            | Kind::WouldBlock
            | Kind::TimedOut
            | Kind::Interrupted
            | Kind::StorageFull
            | Kind::QuotaExceeded
    )
}

fn after_text(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(", and asks to wait for {wait:?}"))
}

error_codes! {
    SinkError {
        Self::Io { .. } => "sink.io",
        Self::NotAPlainFile { .. } => "sink.not_a_plain_file",
        Self::Locked { .. } => "sink.locked",
        Self::Deadline => "sink.deadline",
        Self::Partial { .. } => "sink.partial",
        Self::Retryable { .. } => "sink.retryable",
        Self::PerRecord { .. } => "sink.per_record",
        Self::Timeout { .. } => "sink.timeout",
        Self::Other(_) => "sink.failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_error(kind: io::ErrorKind) -> SinkError {
        SinkError::Io { operation: "write", path: PathBuf::from("/x"), source: kind.into() }
    }

    #[test]
    fn errors_that_pass_by_themselves_are_retryable() {
        let now = SinkErrorKind::Retryable { retry_after: None };
        assert_eq!(io_error(io::ErrorKind::ConnectionRefused).kind(), now);
        assert_eq!(SinkError::Timeout { limit: Duration::from_secs(1) }.kind(), now);
        assert_eq!(io_error(io::ErrorKind::PermissionDenied).kind(), SinkErrorKind::Permanent);
        assert_eq!(SinkError::permanent("no").kind(), SinkErrorKind::Permanent);
    }

    #[test]
    fn a_delivery_in_part_is_of_the_kind_of_its_cause() {
        let source = Box::new(SinkError::retry_after(Duration::from_secs(7), "busy"));
        let kind = SinkError::Partial { records: 1, bytes: 2, source }.kind();
        assert_eq!(kind, SinkErrorKind::Retryable { retry_after: Some(Duration::from_secs(7)) });
    }

    #[test]
    fn records_that_are_refused_are_retryable_only_where_the_destination_may_take_some_later() {
        assert_eq!(SinkError::rejected([1, 2], "too old").kind(), SinkErrorKind::Rejected);
        let source = "busy".into();
        let mixed = SinkError::PerRecord { rejected: vec![1], retryable: vec![2], retry_after: None, source };
        assert_eq!(mixed.kind(), SinkErrorKind::Retryable { retry_after: None });
        assert_eq!(mixed.to_string(), "1 records of the payload are refused, and 1 may be delivered later");
    }
}
