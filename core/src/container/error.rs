//! What can go wrong with a container.

use std::{io, time::Duration};

use thiserror::Error;

use crate::{
    accounts::Accounts,
    drain::NotMade,
    drain::probe::GlommioUnavailable,
    plugin::{PluginError, PluginKind, SinkError},
    problem::SettingsError,
};

/// Why a container did not start. Nothing is left behind.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A sink could not be opened.
    #[error("cannot start sink {sink:?}")]
    Sink {
        /// Its name.
        sink: String,
        /// Why.
        #[source]
        source: SinkError,
    },
    /// A plugin could not be made.
    #[error("cannot start {kind} {name:?}")]
    Plugin {
        /// What it is.
        kind: PluginKind,
        /// Its name, or which one of its kind it is.
        name: String,
        /// Why.
        #[source]
        source: PluginError,
    },
    /// No thread for a drain.
    #[error("cannot start a drain thread")]
    Thread {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Glommio was asked for, and cannot be had.
    #[error("executor is glommio, but {reason}; use auto or thread")]
    Glommio {
        /// Why not.
        reason: GlommioUnavailable,
    },
}

impl From<NotMade> for StartError {
    fn from(NotMade { kind, name, source }: NotMade) -> Self {
        Self::Plugin { kind, name, source }
    }
}

/// Why a flush did not do all it should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlushError {
    /// Time was up before everything was delivered.
    #[error("not everything was delivered within {timeout:?}: {accounts}")]
    Deadline {
        /// The time that was given.
        timeout: Duration,
        /// How it stood then.
        accounts: Box<Accounts>,
    },
    /// Everything was tried, but since the last flush a sink could not deliver something, or make it stable. The
    /// container's [notices](crate::Container::notices) say why.
    #[error("not everything could be delivered by {}: {accounts}", sinks.join(", "))]
    Failed {
        /// The sinks.
        sinks: Vec<String>,
        /// How it stood then.
        accounts: Box<Accounts>,
    },
    /// The container is shut down.
    #[error("the container is shut down")]
    ShutDown,
    /// The container belongs to the parent of this forked process.
    #[error("the container belongs to the parent process")]
    Forked,
}

/// Why a shutdown did not do all it should. The container is shut down all the same.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Time was up: what was not delivered is counted as lost.
    #[error("not everything was delivered within {timeout:?}: {accounts}")]
    Deadline {
        /// The time that was given.
        timeout: Duration,
        /// How it stands.
        accounts: Box<Accounts>,
    },
    /// The container belongs to the parent of this forked process, and was left alone.
    #[error("the container belongs to the parent process")]
    Forked,
}
