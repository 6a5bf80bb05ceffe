//! Options of a file sink.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_plugin::{
    factory::Factory,
    formatter::Formatter,
    problem::Problem,
    settings::duration,
    sink::{Sink, SinkContext, SinkError, SinkFactory},
};
use serde::Deserialize;

use super::{open::PAGE_BYTES, sink::FileWriterSink};

/// The system calls that the sink writes with. Settings name the variants `auto`, `io_uring` and `blocking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileEngine {
    /// io_uring where the kernel offers it, otherwise `pwrite`.
    #[default]
    Auto,
    /// io_uring. Without it the container does not start.
    IoUring,
    /// `pwrite`, on the drain's thread.
    Blocking,
}

/// When the sink makes written events durable (`fdatasync`). Settings name the variants `never`, `interval` and `batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileSync {
    /// Never: the kernel writes its page cache to the disk at a time of its choice.
    #[default]
    Never,
    /// That long after the last sync, if there are new bytes, with or without further events; and at each flush and shutdown
    /// of the container.
    Interval(#[serde(with = "duration")] Duration),
    /// Before any event counts as delivered.
    Batch,
}

/// Appends events to a file, past the page cache where that is faster.
///
/// With more than one drain shard, each shard has its own file: shard 0 writes `name.log`, shard 1 `name.1.log`, and so on.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("server.log");
/// use fapilog_engine::container::Container;
/// use fapilog_format::Json;
/// use fapilog_sink_file::{File, FileSync};
///
/// let file = File::new(&path, Json::new).sync(FileSync::Batch);
/// let logs = Container::builder().sink("file", file).start()?;
/// # drop(logs);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "FileSink")]
#[doc(alias = "RotatingFileSink")]
#[derive(Debug)]
pub struct File {
    pub(super) path: PathBuf,
    pub(super) formatter: Factory<dyn Formatter>,
    pub(super) options: FileOptions,
}

/// All options except path and formatter.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileOptions {
    pub(super) engine: FileEngine,
    pub(super) direct: bool,
    pub(super) block_bytes: usize,
    pub(super) blocks_in_flight: usize,
    pub(super) sync: FileSync,
    pub(super) mode: u32,
}

impl File {
    /// A sink for the file at `path`, whose events are rendered by formatters that `formatter` makes. The sink creates the
    /// file if it is absent; the directory must exist.
    pub fn new<F: Formatter + 'static>(
        path: impl AsRef<Path>,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            formatter: Factory::formatter(move |_| formatter()),
            options: FileOptions {
                engine: FileEngine::Auto,
                direct: true,
                block_bytes: 1 << 20,
                blocks_in_flight: 8,
                sync: FileSync::Never,
                mode: 0o640,
            },
        }
    }

    /// The system calls for writes. Default: [`FileEngine::Auto`].
    #[must_use]
    pub fn engine(mut self, engine: FileEngine) -> Self {
        self.options.engine = engine;
        self
    }

    /// Whether full blocks bypass the page cache, where the file system has direct writes. Default: yes.
    #[must_use]
    pub fn direct(mut self, direct: bool) -> Self {
        self.options.direct = direct;
        self
    }

    /// The length of a block: a multiple of 4096, from 64 KiB to 16 MiB. Default: 1 MiB.
    #[must_use]
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.options.block_bytes = bytes;
        self
    }

    /// The number of blocks that may be queued or in flight to the disk, 1 to 64. The sink keeps two more in memory.
    /// Default: 8.
    #[must_use]
    pub fn blocks_in_flight(mut self, blocks: usize) -> Self {
        self.options.blocks_in_flight = blocks;
        self
    }

    /// When written events are made durable. Default: [`FileSync::Never`].
    #[must_use]
    pub fn sync(mut self, sync: FileSync) -> Self {
        self.options.sync = sync;
        self
    }

    /// The permissions of a file that the sink creates; the umask does not change them. Default: 0o640.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.mode = mode;
        self
    }
}

impl SinkFactory for File {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let path = path_of_shard(&self.path, context.shard.index);
        let formatter = self.formatter.make(context.shard);
        Ok(Box::new(FileWriterSink::open(path, formatter, self.options, context)?))
    }

    fn check(&self) -> Vec<Problem> {
        let FileOptions { block_bytes, blocks_in_flight, sync, mode, .. } = self.options;
        let mut problems = Vec::new();
        if self.path.file_name().is_none() {
            problems.push(Problem::new("path", format!("{:?}", self.path), "it must name a file"));
        }
        if !(64 << 10..=16 << 20).contains(&block_bytes) || !block_bytes.is_multiple_of(PAGE_BYTES) {
            let allowed = format!("it must be a multiple of {PAGE_BYTES} from 65536 to 16777216");
            problems.push(Problem::new("block_bytes", block_bytes, allowed));
        }
        if !(1..=64).contains(&blocks_in_flight) {
            problems.push(Problem::new("blocks_in_flight", blocks_in_flight, "allowed are 1 to 64"));
        }
        if let FileSync::Interval(interval) = sync
            && (interval.is_zero() || interval > Duration::from_secs(3600))
        {
            let allowed = "allowed is more than nothing, up to 3600s";
            problems.push(Problem::new("sync.interval", format!("{interval:?}"), allowed));
        }
        if mode & !0o777 != 0 || mode & 0o600 != 0o600 {
            let allowed = "allowed are 0o600 to 0o777, with reading and writing for the owner";
            problems.push(Problem::new("mode", format!("{mode:#o}"), allowed));
        }
        problems
    }
}

/// `name.log` for shard 0, `name.1.log` for shard 1.
fn path_of_shard(path: &Path, shard: usize) -> PathBuf {
    if shard == 0 {
        return path.to_owned();
    }
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{shard}{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_has_its_own_file() {
        assert_eq!(path_of_shard(Path::new("/var/log/server.log"), 0), Path::new("/var/log/server.log"));
        assert_eq!(path_of_shard(Path::new("/var/log/server.log"), 2), Path::new("/var/log/server.2.log"));
        assert_eq!(path_of_shard(Path::new("server"), 1), Path::new("server.1"));
    }
}
