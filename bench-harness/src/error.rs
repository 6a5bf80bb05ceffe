//! Errors, apart from figures that are too low and events that are missing.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{cli::SinkName, verify::Finding};

/// Why there are no figures.
#[derive(Debug, Error)]
pub(crate) enum BenchError {
    #[error("cannot {operation} {}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read {} to replay it", path.display())]
    Input {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "line {line} of {} is {line_bytes} bytes long; a record takes {allowed_bytes} at most, so it would be cut",
        path.display()
    )]
    LineTooLong { path: PathBuf, line: u64, line_bytes: usize, allowed_bytes: usize },
    #[error(
        "{} has {free_bytes} bytes free, and {needed_bytes} are needed; choose another directory by --out, or fewer --events",
        path.display()
    )]
    NoSpace { path: PathBuf, free_bytes: u64, needed_bytes: u64 },
    #[error("--sink memory keeps {capacity_bytes} bytes, and {needed_bytes} are needed; choose fewer --events")]
    NoMemory { capacity_bytes: u64, needed_bytes: u64 },
    #[error("--rotate-bytes and --rotate-interval need --sink file; --sink is {}", sink.name())]
    NoFiles { sink: SinkName },
    #[error("cannot start the log")]
    Start(#[source] fapilog::error::StartError),
    #[error("cannot start thread {name:?}")]
    Thread {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("thread {name:?} panicked")]
    Panicked { name: String },
    #[error("cannot measure the disk in {}", path.display())]
    Device {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot measure the ring")]
    Ring(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot write the figures to {target}")]
    Report {
        target: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot count latencies: {reason}")]
    Histogram { reason: String },
}

impl BenchError {
    /// Whether the command line asks for something impossible.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Input { .. } | Self::LineTooLong { .. } | Self::NoFiles { .. } => true,
            Self::Start(error) => matches!(error, fapilog::error::StartError::Settings(_)),
            _ => false,
        }
    }
}

/// Why figures that are there are not good enough.
#[derive(Debug, Error)]
pub(crate) enum BenchFailure {
    #[error("{lost} events were lost under --overflow block: {by_reason}")]
    Lost { lost: u64, by_reason: String },
    #[error("the check failed: {0}")]
    Check(#[from] Finding),
    #[error("{rate:.0} events a second are below --at-least {wanted}")]
    TooSlow { rate: f64, wanted: u64 },
    #[error("the accounts do not balance: {0}")]
    AccountingError(#[from] fapilog::metrics::AccountingError),
    #[error("the log counted {counted} events, though {logged} were logged")]
    Miscounted { counted: u64, logged: u64 },
    #[error("not all events were delivered in time: {0}")]
    Undelivered(String),
    #[error("stopped after {logged} of {wanted} events: {reason}")]
    Stopped { logged: u64, wanted: u64, reason: String },
}
