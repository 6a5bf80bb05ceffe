//! The options of a run.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A run of a sink against a server that is killed and restarted.
#[derive(Debug, Clone, Parser)]
#[command(name = "fault-tests")]
pub(crate) struct SoakOptions {
    /// The sink.
    pub(crate) sink: SinkKind,
    /// How long events are logged, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events a second.
    #[arg(long, default_value_t = 50_000)]
    pub(crate) rate: u64,
    /// How long the server runs, in milliseconds.
    #[arg(long, default_value_t = 3000)]
    up: u64,
    /// How long the server is down, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    down: u64,
}

/// The sinks that can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SinkKind {
    /// The file sink alone: the yardstick for what the others do to it.
    None,
    /// The sink `http`.
    Http,
}

impl SoakOptions {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    pub(crate) fn up(&self) -> Duration {
        Duration::from_millis(self.up)
    }

    pub(crate) fn down(&self) -> Duration {
        Duration::from_millis(self.down)
    }

    /// The events of the run.
    pub(crate) fn events(&self) -> u64 {
        self.seconds * self.rate
    }
}
