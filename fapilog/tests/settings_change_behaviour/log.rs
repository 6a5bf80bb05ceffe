//! A log that is made by settings, and its observations.

use fapilog::{
    Container, Settings,
    container::{Executor, ManualDrain},
    error::StartError,
    info,
    plugin::Registry,
    settings::SettingsBuilder,
    sink::{self, MemoryEvents},
};

use crate::law::TIMEOUT;

/// Settings that start quickly and add nothing of their own.
pub(super) fn plain() -> SettingsBuilder {
    let nothing: [&str; 0] = [];
    Settings::builder().executor(Executor::Thread).sinks(["memory"]).enrichers(nothing).processors(nothing)
}

pub(super) struct Started {
    pub(super) container: Container,
    pub(super) events: MemoryEvents,
}

pub(super) fn start_with(builder: SettingsBuilder, mut registry: Registry) -> Started {
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let container = builder.build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    Started { container, events }
}

pub(super) fn start(builder: SettingsBuilder) -> Started {
    start_with(builder, Registry::linked())
}

impl Started {
    pub(super) fn log(&self, message: &str) -> &Self {
        info!(self.container.logger("settings"), message);
        self
    }

    /// All that was delivered, after a flush.
    pub(super) fn text(&self) -> String {
        self.container.flush(TIMEOUT).unwrap();
        self.events.lines().join("\n")
    }
}

pub(super) fn start_manual(builder: SettingsBuilder) -> (Container, ManualDrain, MemoryEvents) {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let settings = builder.async_processing(false).build().unwrap();
    let (container, drain) = settings.into_builder_with(&registry).unwrap().start_manual().unwrap();
    (container, drain, events)
}

#[track_caller]
pub(super) fn refusal(builder: SettingsBuilder) -> String {
    refusal_with(builder, Registry::linked())
}

#[track_caller]
pub(super) fn refusal_with(builder: SettingsBuilder, mut registry: Registry) -> String {
    let outcome = builder.build().map_err(StartError::from);
    sink::Memory::register(&mut registry, "memory").unwrap();
    let started = outcome.and_then(|settings| settings.into_builder_with(&registry)?.start());
    started.unwrap_err().to_string()
}
