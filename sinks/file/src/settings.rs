//! What a file sink can be told.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_plugin::{
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    problem::Problem,
    sink::{Sink, SinkContext, SinkError, SinkFactory},
};

use super::{open::PAGE_BYTES, sink::FileWriterSink};

/// How the sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FileEngine {
    /// By io_uring where it is to be had, by `pwrite` elsewhere.
    #[default]
    Auto,
    /// By io_uring, or not at all.
    IoUring,
    /// By `pwrite`, on the drain's own thread.
    Blocking,
}

/// When the sink has the disk make stable what is written (`fdatasync`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FileSync {
    /// Never: the kernel does so in its own time.
    #[default]
    Never,
    /// So long after the last time, if there is anything new, whether more events come or not; and when the container is
    /// flushed or shut down.
    Interval(Duration),
    /// Before any event counts as delivered.
    Batch,
}

/// Appends events to a file, past the page cache where that is faster.
///
/// With more than one drain shard, each has a file of its own: shard 0 the file that is named, shard 1 `name.1.log` for
/// `name.log`, and so on.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("server.log");
/// use fapilog_engine::container::Container;
/// use fapilog_format::JsonFormatter;
/// use fapilog_sink_file::{FileSink, FileSync};
///
/// let file = FileSink::new(&path, JsonFormatter::new).sync(FileSync::Batch);
/// let logs = Container::builder().sink("file", file).start()?;
/// # drop(logs);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileSink {
    pub(super) path: PathBuf,
    pub(super) formatter: Factory<dyn Formatter>,
    pub(super) options: FileOptions,
}

/// Everything but path and formatter.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileOptions {
    pub(super) engine: FileEngine,
    pub(super) direct: bool,
    pub(super) block_bytes: usize,
    pub(super) blocks_in_flight: usize,
    pub(super) sync: FileSync,
    pub(super) mode: u32,
}

impl FileSink {
    /// A sink for the file at `path`, whose events are rendered by formatters that `formatter` makes. The file is made if
    /// there is none; its directory must exist.
    pub fn new<F: Formatter + 'static>(
        path: impl AsRef<Path>,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            formatter: Factory::new(move |_: ShardInfo| -> Box<dyn Formatter> { Box::new(formatter()) }),
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

    /// How it writes. Default: [`FileEngine::Auto`].
    #[must_use]
    pub fn engine(mut self, engine: FileEngine) -> Self {
        self.options.engine = engine;
        self
    }

    /// Whether full blocks go past the page cache, where the file system can do that. Default: yes.
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

    /// How many blocks may be on their way to the disk at once, 1 to 64. The sink holds two more in memory. Default: 8.
    #[must_use]
    pub fn blocks_in_flight(mut self, blocks: usize) -> Self {
        self.options.blocks_in_flight = blocks;
        self
    }

    /// When the disk makes things stable. Default: [`FileSync::Never`].
    #[must_use]
    pub fn sync(mut self, sync: FileSync) -> Self {
        self.options.sync = sync;
        self
    }

    /// The permissions of a file that the sink makes, whatever the umask. Default: 0o640.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.mode = mode;
        self
    }
}

impl SinkFactory for FileSink {
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
    fn each_shard_has_a_file_of_its_own() {
        assert_eq!(path_of_shard(Path::new("/var/log/server.log"), 0), Path::new("/var/log/server.log"));
        assert_eq!(path_of_shard(Path::new("/var/log/server.log"), 2), Path::new("/var/log/server.2.log"));
        assert_eq!(path_of_shard(Path::new("server"), 1), Path::new("server.1"));
    }
}
