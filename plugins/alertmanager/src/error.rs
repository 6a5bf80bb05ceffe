//! Errors of the sink.

use thiserror::Error;

/// Why a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AlertmanagerError {
    /// The event is no alert.
    #[error(
        "the event is no alert of the processor alerting; a route sends only these: targets = [\"fapilog::alert\"]"
    )]
    NoAlert,
}
