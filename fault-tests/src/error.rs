//! The errors of a run.

use std::io;

use fapilog::{
    error::{SettingsError, ShutdownError, StartError},
    metrics::AccountingError,
};
use thiserror::Error;

/// Why a run has no outcome.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    #[error("the server is not installed: `cargo xtask servers install` installs it")]
    NotInstalled,
    #[error("`none` has no throughput")]
    NoSink,
    #[error("the settings of the sink are invalid: {0}")]
    Settings(#[from] SettingsError),
    #[error("the container does not start: {0}")]
    Start(#[from] StartError),
    #[error("the container does not stop: {0}")]
    Shutdown(#[from] ShutdownError),
    #[error("{0}")]
    Accounting(#[from] AccountingError),
    #[error("a file or a socket: {0}")]
    Io(#[from] io::Error),
}
