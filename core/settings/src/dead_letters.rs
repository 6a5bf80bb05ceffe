//! The file for payloads that a sink gives up, as the sink's entry in `sinks` has it.

use std::path::PathBuf;

use fapilog_engine::container::DeadLetterOptions;
use fapilog_plugin::settings::{size_bytes, write_size};
use serde::{Deserialize, Serialize};

/// The options as a table. Settings that are not given are those of [`DeadLetterOptions::new`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadLetterTable {
    path: PathBuf,
    #[serde(default, with = "size_bytes::maybe")]
    bytes: Option<usize>,
}

impl From<DeadLetterTable> for DeadLetterOptions {
    fn from(table: DeadLetterTable) -> Self {
        let DeadLetterTable { path, bytes } = table;
        let options = Self::new(path);
        let bytes_max = options.bytes_max;
        options.bytes_max(bytes.map_or(bytes_max, |bytes| bytes as u64))
    }
}

impl From<DeadLetterOptions> for DeadLetterTable {
    fn from(options: DeadLetterOptions) -> Self {
        let DeadLetterOptions { path, bytes_max, .. } = options;
        Self { path, bytes: usize::try_from(bytes_max).ok() }
    }
}

/// The settings as a table of Markdown.
pub(super) fn reference_markdown() -> String {
    let DeadLetterTable { bytes, .. } = DeadLetterOptions::new("").into();
    let bytes = bytes.map(write_size).unwrap_or_default();
    format!(
        "| setting | default | effect |\n|---|---|---|\n\
         | `path` | it must be given | The file. Sinks may share it. |\n\
         | `bytes` | {bytes} | The most bytes of the file, at least 4 KiB. A payload beyond it is lost, and counted. |\n"
    )
}
