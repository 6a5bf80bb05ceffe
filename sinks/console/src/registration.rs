//! Registration of the console sinks, and their settings.

use std::{io::IsTerminal, sync::Arc};

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
    settings::size_bytes,
    sink::SinkFactory,
};
use serde::Deserialize;

use crate::settings::Console;

register_plugin!(register);

/// Registers `stdout` and `stderr`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_sink(about("stdout", "Writes to standard output"), |settings| {
        let is_terminal = std::io::stdout().is_terminal();
        Ok(settings.read::<ConsoleSettings>()?.sink(Console::stdout(settings.formatter(is_terminal)?)))
    })?;
    registry.register_sink(about("stderr", "Writes to standard error"), |settings| {
        let is_terminal = std::io::stderr().is_terminal();
        Ok(settings.read::<ConsoleSettings>()?.sink(Console::stderr(settings.formatter(is_terminal)?)))
    })
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

/// Settings of a console sink.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConsoleSettings {
    #[serde(with = "size_bytes::maybe")]
    queue_capacity_bytes: Option<usize>,
    journal_priorities: Option<bool>,
}

impl ConsoleSettings {
    fn sink(self, mut sink: Console) -> Arc<dyn SinkFactory> {
        if let Some(bytes) = self.queue_capacity_bytes {
            sink = sink.queue_capacity_bytes(bytes);
        }
        if let Some(are_wanted) = self.journal_priorities {
            sink = sink.journal_priorities(are_wanted);
        }
        Arc::new(sink)
    }
}
