//! Registration of the sink `journald`, and its settings.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fapilog_format::syslog::Facility;
use fapilog_plugin::{
    level::Level,
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{duration, size_bytes},
};
use serde::Deserialize;

use crate::{priority::Priority, settings::Journald};

register_plugin!(register);

/// Registers the sink `journald`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("journald", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to systemd's journal, with every field");
    registry.register_sink(about, |settings| Ok(Arc::new(journald(settings)?)))
}

/// All errors at once: also of the values that can be read, where others cannot.
fn journald(settings: &PluginSettings<'_>) -> Result<Journald, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<JournaldSettings>();
    let Some(own) = own else { return Err(problems) };
    let sink = own.sink();
    problems.extend(sink.problems());
    if problems.is_empty() { Ok(sink) } else { Err(problems) }
}

/// Settings of the sink. An absent setting has the default of [`Journald`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct JournaldSettings {
    socket: Option<PathBuf>,
    identifier: Option<String>,
    facility: Option<Facility>,
    field_prefix: Option<String>,
    message_id: Option<String>,
    message_id_field: Option<String>,
    priorities: PrioritySettings,
    #[serde(with = "size_bytes::maybe")]
    entry_bytes_max: Option<usize>,
    #[serde(with = "size_bytes::maybe")]
    payload_bytes: Option<usize>,
    #[serde(with = "duration::maybe")]
    timeout: Option<Duration>,
}

/// The priorities of levels.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PrioritySettings {
    trace: Option<Priority>,
    debug: Option<Priority>,
    info: Option<Priority>,
    warning: Option<Priority>,
    error: Option<Priority>,
    critical: Option<Priority>,
    audit: Option<Priority>,
    security: Option<Priority>,
}

impl PrioritySettings {
    fn given(&self) -> impl Iterator<Item = (Level, Priority)> + use<> {
        let priorities =
            [self.trace, self.debug, self.info, self.warning, self.error, self.critical, self.audit, self.security];
        Level::ALL.into_iter().zip(priorities).filter_map(|(level, priority)| Some((level, priority?)))
    }
}

impl JournaldSettings {
    fn sink(self) -> Journald {
        let mut sink = Journald::new();
        for (level, priority) in self.priorities.given() {
            sink = sink.priority(level, priority);
        }
        sink = apply(sink, self.socket, Journald::socket);
        sink = apply(sink, self.identifier, Journald::identifier);
        sink = apply(sink, self.facility, Journald::facility);
        sink = apply(sink, self.field_prefix, Journald::field_prefix);
        sink = apply(sink, self.message_id, Journald::message_id);
        sink = apply(sink, self.message_id_field, Journald::message_id_field);
        sink = apply(sink, self.entry_bytes_max, Journald::entry_bytes_max);
        sink = apply(sink, self.payload_bytes, Journald::payload_bytes);
        apply(sink, self.timeout, Journald::timeout)
    }
}

/// Applies a setting that is there.
fn apply<T>(sink: Journald, value: Option<T>, set: impl FnOnce(Journald, T) -> Journald) -> Journald {
    match value {
        Some(value) => set(sink, value),
        None => sink,
    }
}
