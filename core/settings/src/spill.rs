//! The directory where payloads of a sink wait, as the sink's entry in `sinks` has it.

use std::path::PathBuf;

use fapilog_engine::container::SpillOptions;
use fapilog_plugin::settings::{size_bytes, write_size};
use serde::{Deserialize, Serialize};

/// The options as a table. Settings that are not given are those of [`SpillOptions::new`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpillTable {
    directory: PathBuf,
    #[serde(default, with = "size_bytes::maybe")]
    bytes: Option<usize>,
    #[serde(default, with = "size_bytes::maybe")]
    segment_bytes: Option<usize>,
}

impl From<SpillTable> for SpillOptions {
    fn from(table: SpillTable) -> Self {
        let SpillTable { directory, bytes, segment_bytes } = table;
        let options = Self::new(directory);
        let (bytes_max, segment_max) = (options.bytes_max, options.segment_bytes);
        let options = options.bytes_max(bytes.map_or(bytes_max, |bytes| bytes as u64));
        options.segment_bytes(segment_bytes.map_or(segment_max, |bytes| bytes as u64))
    }
}

impl From<SpillOptions> for SpillTable {
    fn from(options: SpillOptions) -> Self {
        let SpillOptions { directory, bytes_max, segment_bytes, .. } = options;
        let [bytes, segment_bytes] = [bytes_max, segment_bytes].map(|bytes| usize::try_from(bytes).ok());
        Self { directory, bytes, segment_bytes }
    }
}

/// The settings as a table of Markdown.
pub(super) fn reference_markdown() -> String {
    let SpillTable { bytes, segment_bytes, .. } = SpillOptions::new("").into();
    let [bytes, segment_bytes] = [bytes, segment_bytes].map(|bytes| bytes.map(write_size).unwrap_or_default());
    format!(
        "| setting | default | effect |\n|---|---|---|\n\
         | `directory` | it must be given | The directory. Each shard has a directory of its own in it. |\n\
         | `bytes` | {bytes} | The most bytes on disk of a shard, at least twice `segment_bytes`. |\n\
         | `segment_bytes` | {segment_bytes} | The bytes at which a file is complete, and another one begins; 64 KiB to 1 GiB. |\n"
    )
}
