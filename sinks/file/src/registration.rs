//! Registration of the file sink, and its settings.

use std::{path::PathBuf, sync::Arc};

use fapilog_plugin::{
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::size_bytes,
    sink::SinkFactory,
};
use serde::Deserialize;

use crate::settings::{File, FileEngine, FileSync};

register_plugin!(register);

/// Registers `file`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has the name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_sink(about("file", "Appends to a file"), file)
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

fn file(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let own: FileSettings = settings.read()?;
    Ok(Arc::new(own.sink(settings)?))
}

/// Settings of a file sink. An absent setting has the default of [`File`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    path: PathBuf,
    #[serde(default)]
    engine: FileEngine,
    direct: Option<bool>,
    #[serde(default, with = "size_bytes::maybe")]
    block_bytes: Option<usize>,
    blocks_in_flight: Option<usize>,
    #[serde(default)]
    sync: FileSync,
    /// In octal, as `chmod` takes it.
    mode: Option<String>,
}

impl FileSettings {
    fn sink(self, settings: &PluginSettings<'_>) -> Result<File, Vec<Problem>> {
        let mut sink = File::new(self.path, settings.formatter(false)?).engine(self.engine).sync(self.sync);
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
