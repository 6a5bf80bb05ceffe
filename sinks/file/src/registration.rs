//! The file sink, as settings name it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{duration, size_bytes},
    sink::SinkFactory,
};
use serde::Deserialize;

use crate::settings::{FileEngine, FileSink, FileSync};

register_plugin!(register);

/// Registers `file`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_sink(about("file", "Appends to a file"), file)
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
