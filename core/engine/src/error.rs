//! Errors of containers.
//!
//! The text of an error has its cause in it, `cannot start sink "file": cannot open app.log: Permission denied`, and so has the `Debug`
//! form, which a `main` prints that returns the error. So the cause is no [`source`](std::error::Error::source): it would be written
//! twice.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use fapilog_plugin::{error::PluginError, kind::PluginKind, problem::SettingsError, sink::SinkError};
use fapilog_record::{debug_is_the_text, error_codes, user_code::write_error_chain};
use thiserror::Error;

use crate::{accounts::Accounts, host::probe::GlommioUnavailable, port::plan::NotMade};

/// The reason why a container did not start. No thread or file of it is left.
#[derive(Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings are invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A sink could not be opened.
    #[error("cannot start sink {sink:?}: {}", WithSources(cause))]
    Sink {
        /// Its name.
        sink: String,
        /// Why.
        cause: SinkError,
    },
    /// A plugin could not be made.
    #[error("cannot start {kind} {name:?}: {}", WithSources(cause))]
    Plugin {
        /// The kind of plugin.
        kind: PluginKind,
        /// Its name, or which one of its kind it is.
        name: String,
        /// Why.
        cause: PluginError,
    },
    /// No thread for a drain.
    #[error("cannot start a drain thread: {}", WithSources(cause))]
    Thread {
        /// The error of the system call.
        cause: io::Error,
    },
    /// The settings demand glommio, and it is not available.
    #[error("executor is glommio, but {reason}; use auto or thread")]
    Glommio {
        /// Why not.
        reason: GlommioUnavailable,
    },
}

/// An error and its sources, `outer: inner`.
struct WithSources<'a, E>(&'a E);

impl<E: StdError> fmt::Display for WithSources<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_error_chain(self.0, f, |_| {})
    }
}

debug_is_the_text!(StartError, ChangeError, FlushError, RotateError, ShutdownError);

impl From<NotMade> for StartError {
    fn from(NotMade { kind, name, cause }: NotMade) -> Self {
        Self::Plugin { kind, name, cause }
    }
}

/// The reason why a flush failed.
#[doc(alias = "PipelineError")]
#[derive(Clone, PartialEq, Eq, Error)]
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
    /// Since the last flush, a sink could not deliver an event, or make it durable. The container's
    /// [diagnostics](crate::container::Container::diagnostics) contain the reason.
    #[error("not everything could be delivered by {}: {accounts}", sinks.join(", "))]
    Failed {
        /// The sinks.
        sinks: Vec<String>,
        /// How it stood then.
        accounts: Box<Accounts>,
    },
    /// Since the last flush, events were lost: before any sink, or at a sink that dropped them. The accounts contain the
    /// reasons.
    #[error("{events} events were lost since the last flush: {accounts}")]
    Lost {
        /// The number of events. An event that two sinks have lost counts twice.
        events: u64,
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

/// The reason why not every sink has started a new file.
#[derive(Clone, Error)]
#[non_exhaustive]
pub enum RotateError {
    /// There is no sink of that name.
    #[error("there is no sink {name:?}; there are {known:?}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Sinks could not start a new file, and go on with the old one. A sink that was late is among them, with
    /// [`SinkError::Deadline`].
    #[error("no new file by {}", in_one_line(failures))]
    Failed {
        /// The sinks, with the reasons. A sink of several shards may be there several times.
        failures: Vec<RotateFailure>,
    },
    /// Time was up before these sinks had answered. They may still start their new files.
    #[error("no new file within {timeout:?} by {}; it may still come", sinks.join(", "))]
    Deadline {
        /// The time that was given.
        timeout: Duration,
        /// The sinks.
        sinks: Vec<String>,
    },
    /// The container is shut down.
    #[error("the container is shut down")]
    ShutDown,
    /// The container belongs to the parent of this forked process.
    #[error("the container belongs to the parent process")]
    Forked,
}

/// A sink that could not start a new file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotateFailure {
    /// The sink's name.
    pub sink: String,
    /// Why.
    pub cause: Arc<SinkError>,
}

impl fmt::Display for RotateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sink {:?}: {}", self.sink, WithSources(&*self.cause))
    }
}

fn in_one_line(failures: &[RotateFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The reason why a shutdown was incomplete. The container is shut down all the same.
#[doc(alias = "PipelineError")]
#[derive(Clone, PartialEq, Eq, Error)]
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

/// The reason why a running container could not be changed. It runs on as before.
#[derive(Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The name is invalid.
    #[error("plugin name is {name:?}; a name has letters, digits, `_` and `-`, and at least one")]
    BadName {
        /// The name.
        name: String,
    },
    /// There is no plugin of that name.
    #[error("there is no plugin {name:?}; there are {known:?}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// There is one of that name already.
    #[error("there is a plugin {name:?} already; each needs a name of its own")]
    Taken {
        /// The name.
        name: String,
    },
    /// The last sink cannot be removed: events would have nowhere to go.
    #[error("sink {name:?} is the last one; add another before it is removed")]
    LastSink {
        /// Its name.
        name: String,
    },
    /// A plugin could not be made.
    #[error("cannot start {kind} {name:?}: {}", WithSources(cause))]
    Plugin {
        /// The kind of plugin.
        kind: PluginKind,
        /// Its name.
        name: String,
        /// Why.
        cause: PluginError,
    },
    /// A sink could not be opened.
    #[error("cannot start sink {name:?}: {}", WithSources(cause))]
    Sink {
        /// Its name.
        name: String,
        /// Why.
        cause: SinkError,
    },
    /// The drain did not make the change in time, and may still make it; or a removed sink did not deliver its events in
    /// time.
    #[error("the change was not made in time; the drain may still make it")]
    Deadline,
    /// The container is shut down.
    #[error("the container is shut down")]
    ShutDown,
    /// The container belongs to the parent of this forked process.
    #[error("the container belongs to the parent process")]
    Forked,
}

impl From<NotMade> for ChangeError {
    fn from(NotMade { kind, name, cause }: NotMade) -> Self {
        Self::Plugin { kind, name, cause }
    }
}

error_codes! {
    StartError {
        Self::Settings(_) => "configuration.settings",
        Self::Sink { .. } => "sink.not_started",
        Self::Plugin { .. } => "plugin.not_started",
        Self::Thread { .. } => "pipeline.no_thread",
        Self::Glommio { .. } => "pipeline.no_glommio",
    }
}

error_codes! {
    ChangeError {
        Self::BadName { .. } => "configuration.bad_name",
        Self::Unknown { .. } => "configuration.unknown_plugin",
        Self::Taken { .. } => "configuration.name_taken",
        Self::LastSink { .. } => "configuration.last_sink",
        Self::Plugin { .. } => "plugin.not_started",
        Self::Sink { .. } => "sink.not_started",
        Self::Deadline => "pipeline.deadline",
        Self::ShutDown => "pipeline.shut_down",
        Self::Forked => "isolation.forked",
    }
}

error_codes! {
    FlushError {
        Self::Deadline { .. } => "pipeline.deadline",
        Self::Failed { .. } => "sink.not_delivered",
        Self::Lost { .. } => "pipeline.lost",
        Self::ShutDown => "pipeline.shut_down",
        Self::Forked => "isolation.forked",
    }
}

error_codes! {
    RotateError {
        Self::Unknown { .. } => "configuration.unknown_plugin",
        Self::Failed { .. } => "sink.not_rotated",
        Self::Deadline { .. } => "pipeline.deadline",
        Self::ShutDown => "pipeline.shut_down",
        Self::Forked => "isolation.forked",
    }
}

error_codes! {
    ShutdownError {
        Self::Deadline { .. } => "pipeline.deadline",
        Self::Forked => "isolation.forked",
    }
}
