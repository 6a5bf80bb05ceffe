//! Options, errors and reports of the writer.

use std::{path::PathBuf, time::Duration};

use fapilog_plugin::sink::{Reporter, SinkCounter, SinkError};
use thiserror::Error;

use crate::keys::KeyError;

fapilog_plugin::named_enum! {
    /// The treatment of a trail whose head does not verify at the start.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum OnBrokenHead {
        /// The sink is not made, and the container does not start.
        #[default]
        Refuse = "refuse",
        /// All files of the trail are moved to a directory beside it, and a new trail begins, whose first entry states it.
        NewTrail = "new_trail",
    }
}

/// Options of the writer.
#[derive(Debug, Clone)]
pub(crate) struct WriterOptions {
    pub(crate) path: PathBuf,
    pub(crate) block_bytes_max: u32,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) checkpoint_blocks: u64,
    pub(crate) rotate_bytes: Option<u64>,
    pub(crate) rotate_every: Option<Duration>,
    pub(crate) retain_age: Option<Duration>,
    pub(crate) mode: u32,
    pub(crate) first_key: Option<PathBuf>,
    pub(crate) on_broken_head: OnBrokenHead,
}

/// The reports and counters of the writer.
#[derive(Debug, Clone)]
pub(crate) struct WriterReports {
    pub(crate) reporter: Reporter,
    pub(crate) blocks: SinkCounter,
    pub(crate) checkpoints: SinkCounter,
    pub(crate) files_rotated: SinkCounter,
    pub(crate) files_removed: SinkCounter,
    pub(crate) anchor_errors: SinkCounter,
}

/// Why a trail cannot be opened or continued.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum TrailError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(
        "the trail of {} does not verify, so it is not continued: {reason}; verify it, keep its files, and then move them away or set \
         on_broken_head = \"new_trail\"",
        path.display()
    )]
    BrokenHead { path: PathBuf, reason: String },
}

impl From<TrailError> for SinkError {
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Sink(error) => error,
            error => Self::permanent(error),
        }
    }
}
