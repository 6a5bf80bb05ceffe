//! The sinks of this crate, as settings name them.

use std::{io::IsTerminal, path::PathBuf, sync::Arc, time::Duration};

use fapilog_core::{
    Problem,
    plugin::SinkFactory,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{duration, size_bytes},
};
use serde::Deserialize;

use crate::{ConsoleSink, FileEngine, FileSink, FileSync, MemoryEvents, MemorySink, NullSink};

register_plugin!(register);

fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    // Without the handle there is nobody to read it, and all it would do is to fill up.
    registry.leave_to_code("memory", "code registers it, by MemorySink::register, and keeps the handle that reads it");
    registry.register_sink(about("file", "Appends to a file"), file)?;
    registry.register_sink(about("stdout", "Writes to standard output"), |settings| {
        let is_terminal = std::io::stdout().is_terminal();
        settings.read::<ConsoleSettings>()?.sink(ConsoleSink::stdout(settings.formatter(is_terminal)?))
    })?;
    registry.register_sink(about("stderr", "Writes to standard error"), |settings| {
        let is_terminal = std::io::stderr().is_terminal();
        settings.read::<ConsoleSettings>()?.sink(ConsoleSink::stderr(settings.formatter(is_terminal)?))
    })?;
    registry.register_sink(about("null", "Renders events and throws them away"), |settings| {
        settings.none()?;
        Ok(Arc::new(NullSink::new(settings.formatter(false)?)))
    })
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

fn file(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let own: FileSettings = settings.read()?;
    let sink = own.sink(settings)?;
    // A problem found here knows who gave the value; what the container finds later does not.
    let problems = sink.check();
    if problems.is_empty() { Ok(Arc::new(sink)) } else { Err(problems) }
}

/// A console sink's own settings.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConsoleSettings {
    #[serde(with = "size_bytes::maybe")]
    queue_capacity_bytes: Option<usize>,
}

impl ConsoleSettings {
    fn sink(self, mut sink: ConsoleSink) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
        if let Some(bytes) = self.queue_capacity_bytes {
            sink = sink.queue_capacity_bytes(bytes);
        }
        let problems = sink.check();
        if problems.is_empty() { Ok(Arc::new(sink)) } else { Err(problems) }
    }
}

/// A file sink's own settings. What is not given is as [`FileSink`] has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    path: PathBuf,
    #[serde(default)]
    engine: Engine,
    direct: Option<bool>,
    #[serde(default, with = "size_bytes::maybe")]
    block_bytes: Option<usize>,
    blocks_in_flight: Option<usize>,
    #[serde(default)]
    sync: Sync,
    /// In octal, as `chmod` takes it.
    mode: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    #[default]
    Auto,
    IoUring,
    Blocking,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sync {
    #[default]
    Never,
    Interval(#[serde(with = "duration")] Duration),
    Batch,
}

impl FileSettings {
    fn sink(self, settings: &PluginSettings<'_>) -> Result<FileSink, Vec<Problem>> {
        let mut sink = FileSink::new(self.path, settings.formatter(false)?)
            .engine(match self.engine {
                Engine::Auto => FileEngine::Auto,
                Engine::IoUring => FileEngine::IoUring,
                Engine::Blocking => FileEngine::Blocking,
            })
            .sync(match self.sync {
                Sync::Never => FileSync::Never,
                Sync::Interval(interval) => FileSync::Interval(interval),
                Sync::Batch => FileSync::Batch,
            });
        if let Some(direct) = self.direct {
            sink = sink.direct(direct);
        }
        if let Some(bytes) = self.block_bytes {
            sink = sink.block_bytes(bytes);
        }
        if let Some(blocks) = self.blocks_in_flight {
            sink = sink.blocks_in_flight(blocks);
        }
        if let Some(mode) = self.mode {
            sink = sink.mode(octal(&mode)?);
        }
        Ok(sink)
    }
}

fn octal(text: &str) -> Result<u32, Vec<Problem>> {
    u32::from_str_radix(text.trim_start_matches("0o"), 8).map_err(|_| {
        let allowed = "it must be permissions as chmod takes them, as text: \"640\"";
        vec![Problem::new("mode", format!("{text:?}"), allowed)]
    })
}

impl MemorySink {
    /// Lets settings name a memory sink by `name`, and returns the handle to what all containers of this registry deliver
    /// to it.
    ///
    /// # Errors
    /// When the name is none, or is taken.
    pub fn register(registry: &mut Registry, name: &str) -> Result<MemoryEvents, RegisterError> {
        let events = MemoryEvents::default();
        let kept = events.clone();
        registry.register_sink(about(name, "Keeps what it gets, for tests"), move |settings| {
            let MemorySettings { capacity_bytes } = settings.read()?;
            let mut sink = Self::into_events(&kept, settings.formatter(false)?);
            if let Some(bytes) = capacity_bytes {
                sink = sink.capacity_bytes(bytes);
            }
            Ok(Arc::new(sink))
        })?;
        Ok(events)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemorySettings {
    #[serde(default, with = "size_bytes::maybe")]
    capacity_bytes: Option<usize>,
}
