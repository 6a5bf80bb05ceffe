//! The options of a run.

use std::time::Duration;

use clap::{
    Parser,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::servers::{SoakTarget, TARGETS};

/// The name that stands for no sink.
const NONE: &str = "none";

/// A run of a sink against a server that is killed and restarted, or a measurement of its throughput.
#[derive(Debug, Clone, Parser)]
#[command(name = "fault-tests")]
pub(crate) struct SoakOptions {
    /// The sink. `none`: the file sink alone, the yardstick for what the others do to it.
    #[arg(value_parser = PossibleValuesParser::new(names()).map(|name| SinkChoice::named(&name)))]
    sink: SinkChoice,
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
    /// Measures the throughput with this number of events, three times.
    #[arg(long, value_name = "EVENTS")]
    pub(crate) throughput: Option<u64>,
}

/// A sink by its name, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SinkChoice(Option<&'static SoakTarget>);

impl SinkChoice {
    fn named(name: &str) -> Self {
        Self(TARGETS.iter().copied().find(|target| target.name == name))
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    [NONE].into_iter().chain(TARGETS.iter().map(|target| target.name))
}

impl SoakOptions {
    /// The sink. `None`: the file sink alone.
    pub(crate) fn target(&self) -> Option<&'static SoakTarget> {
        self.sink.0
    }

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
