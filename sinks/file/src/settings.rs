//! Options of a file sink.

mod assurances;

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_plugin::{
    factory::Factory,
    formatter::Formatter,
    problem::Problem,
    settings::{duration, write_duration, write_size},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use serde::Deserialize;

use super::{
    compress::Compression,
    one_file::SharedWriter,
    open::PAGE_BYTES,
    retain::Retention,
    rotate::{RotateEvery, RotateOptions, RotateZone, name::FileFamily},
    sink::FileWriterSink,
};

/// From 64 KiB to 1 TiB.
const ROTATE_BYTES: RangeInclusive<u64> = 64 << 10..=1 << 40;

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
    /// `pwrite`, on the drain's thread; with [one file for all shards](File::one_file), on a thread of that file.
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
/// With more than one drain shard, each shard has its own file: shard 0 writes `name.log`, shard 1 `name.1.log`, and so on; or all
/// shards have [one file](Self::one_file).
///
/// The file is rotated by [length](Self::rotate_bytes), by [time](Self::rotate_every), and on request: it gets the name
/// `name.2026-11-30T02-13-06Z.0001.log`, with the time of its first record in UTC and a counter, and a new file starts. Rotated
/// files stay, unless one of the limits `retain_*` removes them. Each shard has its own limits, for its own files.
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
    /// For the sinks of all shards, where they have one file.
    one_file: SharedWriter,
}

/// All options except path and formatter.
#[derive(Debug, Clone)]
pub(super) struct FileOptions {
    pub(super) engine: FileEngine,
    pub(super) direct: bool,
    pub(super) block_bytes: usize,
    pub(super) blocks_in_flight: usize,
    /// `None` unless the program has set it.
    pub(super) one_file: Option<bool>,
    pub(super) sync: FileSync,
    pub(super) mode: u32,
    pub(super) respect_umask: bool,
    pub(super) rotate: RotateOptions,
    pub(super) retain: Retention,
    /// The free bytes of the file system below which events below ERROR are lost.
    pub(super) reserve_bytes: Option<u64>,
    pub(super) compress: Compression,
    /// The name of a link beside the live file.
    pub(super) current_link: Option<PathBuf>,
    pub(super) create_directories: bool,
    /// `None` unless the program has set it.
    pub(super) directory_mode: Option<u32>,
}

impl FileOptions {
    /// The permissions of a directory that the sink creates.
    pub(super) fn directory_mode(&self) -> u32 {
        self.directory_mode.unwrap_or(0o750)
    }
}

impl File {
    /// A sink for the file at `path`, whose events are rendered by formatters that `formatter` makes. The sink creates the
    /// file if it is absent; the directory must exist, unless the sink may [create it](Self::create_directories).
    ///
    /// The file's name (not its directory) may have placeholders: `{pid}` is the number of the process, `{host}` the name of the
    /// host with `_` for other characters than `A-Za-z0-9._-`, and `{shard}` the number of the drain shard, from 0. With `{pid}`,
    /// limits of retention also apply to rotated files of earlier processes.
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
                one_file: None,
                sync: FileSync::Never,
                mode: 0o640,
                respect_umask: false,
                rotate: RotateOptions::default(),
                retain: Retention::default(),
                reserve_bytes: None,
                compress: Compression::None,
                current_link: None,
                create_directories: false,
                directory_mode: None,
            },
            one_file: SharedWriter::default(),
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

    /// Whether one file has the events of all shards: `name.log`. Otherwise each shard writes a file of its own. With one shard it has
    /// no effect. Not allowed with `{shard}` in the name. Default: no.
    #[must_use]
    pub fn one_file(mut self, one_file: bool) -> Self {
        self.options.one_file = Some(one_file);
        self
    }

    /// When written events are made durable. Default: [`FileSync::Never`].
    #[must_use]
    pub fn sync(mut self, sync: FileSync) -> Self {
        self.options.sync = sync;
        self
    }

    /// The permissions of a file that the sink creates: 0o600 to 0o777, with reading and writing for the owner. The umask does not
    /// change them, unless the sink [respects it](Self::respect_umask). Default: 0o640.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.mode = mode;
        self
    }

    /// Whether the umask takes permissions from files and directories that the sink creates. Default: no.
    #[must_use]
    pub fn respect_umask(mut self, respect: bool) -> Self {
        self.options.respect_umask = respect;
        self
    }

    /// The length of a file in bytes, from 64 KiB to 1 TiB: a record that would exceed it goes to a new file. Default: no limit.
    #[doc(alias = "max_bytes")]
    #[must_use]
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.options.rotate.bytes = Some(bytes);
        self
    }

    /// The times at which a new file starts. A file without records is not rotated. Default: none.
    #[doc(alias = "interval_seconds")]
    #[must_use]
    pub fn rotate_every(mut self, every: RotateEvery) -> Self {
        self.options.rotate.every = Some(every);
        self
    }

    /// The time zone whose hours, days and weeks [`rotate_every`](Self::rotate_every) means. Names of files have UTC in any
    /// case. Default: [`RotateZone::Utc`].
    #[must_use]
    pub fn rotate_zone(mut self, zone: RotateZone) -> Self {
        self.options.rotate.zone = Some(zone);
        self
    }

    /// The most rotated files that stay, from 1. A compressed file counts as one. Default: no limit.
    #[doc(alias = "max_files")]
    #[must_use]
    pub fn retain_files(mut self, files: usize) -> Self {
        self.options.retain.files = Some(files);
        self
    }

    /// The longest time, from 1 s, that a rotated file stays behind its last change. Default: no limit.
    #[must_use]
    pub fn retain_age(mut self, age: Duration) -> Self {
        self.options.retain.age = Some(age);
        self
    }

    /// The most bytes that all rotated files have together, from 1; the live file does not count. Default: no limit.
    #[doc(alias = "max_total_bytes")]
    #[must_use]
    pub fn retain_bytes(mut self, bytes: u64) -> Self {
        self.options.retain.bytes = Some(bytes);
        self
    }

    /// The bytes of the file system, from 1, that are kept for events of ERROR and above: below them, other events are lost
    /// (`low_severity`), until more is free. The file system is looked at once a second. Default: none.
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.options.reserve_bytes = Some(bytes);
        self
    }

    /// The bytes of the file system, from 1, that stay free: below them, rotated files are removed, from the oldest on. Default: no
    /// limit.
    #[must_use]
    pub fn retain_free_bytes(mut self, bytes: u64) -> Self {
        self.options.retain.free_bytes = Some(bytes);
        self
    }

    /// The compression of rotated files. Default: [`Compression::None`].
    #[doc(alias = "compress_rotated")]
    #[must_use]
    pub fn compress(mut self, compression: Compression) -> Self {
        self.options.compress = compression;
        self
    }

    /// The name of a symbolic link beside the live file, which leads to it: a file name without a directory, other than the
    /// names of the sink's files. The link of shard 1 is `name.1`, and so on. Default: no link.
    #[must_use]
    pub fn current_link(mut self, name: impl AsRef<Path>) -> Self {
        self.options.current_link = Some(name.as_ref().to_owned());
        self
    }

    /// Whether the sink creates the directory of the file, and those above it, where they are absent. Default: no, the
    /// directory must exist.
    #[must_use]
    pub fn create_directories(mut self, create: bool) -> Self {
        self.options.create_directories = create;
        self
    }

    /// The permissions of directories that the sink creates: 0o700 to 0o777, with all permissions for the owner. Allowed with
    /// [`create_directories`](Self::create_directories) only. Default: 0o750.
    #[must_use]
    pub fn directory_mode(mut self, mode: u32) -> Self {
        self.options.directory_mode = Some(mode);
        self
    }
}

/// Whether several shards have one file by default.
const ONE_FILE: bool = false;

impl File {
    /// Whether several shards have one file. A name with a place for the shard is that of several files.
    fn has_one_file(&self) -> bool {
        self.options.one_file.unwrap_or(ONE_FILE && !FileFamily::names_shard(&self.path))
    }
}

impl SinkFactory for File {
    fn assurances(&self) -> Assurances {
        self.options.assurances(&self.path)
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let formatter = self.formatter.make(context.shard);
        if context.shard.count > 1 && self.has_one_file() {
            return self.one_file.join(&self.path, formatter, &self.options, context);
        }
        Ok(Box::new(FileWriterSink::open(&self.path, formatter, &self.options, context)?))
    }

    fn check(&self) -> Vec<Problem> {
        let Self { path, options, .. } = self;
        let is_rotated = options.rotate.is_automatic();
        let mut problems = FileFamily::problems(path, is_rotated, options.current_link.as_deref());
        problems.extend(options.writer_problems());
        if options.one_file == Some(true) && FileFamily::names_shard(path) {
            let allowed = "a file for all shards has no {shard} in its name";
            problems.push(Problem::new("one_file", true, allowed).beside("path"));
        }
        problems.extend(options.mode_problems());
        problems.extend(options.rotate_problems());
        problems.extend(options.retain_problems());
        problems.extend(options.compress.problems());
        problems
    }
}

impl FileOptions {
    fn writer_problems(&self) -> Vec<Problem> {
        let Self { block_bytes, blocks_in_flight, sync, .. } = *self;
        let mut problems = Vec::new();
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
        problems
    }

    fn mode_problems(&self) -> Vec<Problem> {
        let Self { mode, directory_mode, create_directories, .. } = *self;
        let mut problems = Vec::new();
        if mode & !0o777 != 0 || mode & 0o600 != 0o600 {
            let allowed = "allowed are 0o600 to 0o777, with reading and writing for the owner";
            problems.push(Problem::new("mode", format!("{mode:#o}"), allowed));
        }
        let Some(mode) = directory_mode else { return problems };
        if mode & !0o777 != 0 || mode & 0o700 != 0o700 {
            let allowed = "allowed are 0o700 to 0o777, with all permissions for the owner";
            problems.push(Problem::new("directory_mode", format!("{mode:#o}"), allowed));
        } else if !create_directories {
            let allowed = "it has no effect without create_directories";
            problems.push(Problem::new("directory_mode", format!("{mode:#o}"), allowed).beside("create_directories"));
        }
        problems
    }

    fn rotate_problems(&self) -> Vec<Problem> {
        let RotateOptions { bytes, every, zone } = self.rotate;
        let mut problems = Vec::new();
        if let Some(bytes) = bytes.filter(|bytes| !ROTATE_BYTES.contains(bytes)) {
            let (least, most) = (size_text(*ROTATE_BYTES.start()), size_text(*ROTATE_BYTES.end()));
            problems.push(Problem::new("rotate_bytes", size_text(bytes), format!("allowed are {least} to {most}")));
        }
        if let Some(every) = every.filter(|every| !every.is_allowed()) {
            problems.push(Problem::new("rotate_every", every, format!("allowed are {}", RotateEvery::ALLOWED)));
        }
        if let Some(zone) = zone {
            let without_effect = match every {
                None => Some("it has no effect without rotate_every"),
                Some(RotateEvery::Interval(_)) if zone != RotateZone::Utc => Some("an interval counts in UTC"),
                Some(_) => None,
            };
            problems.extend(without_effect.map(|text| Problem::new("rotate_zone", zone, text).beside("rotate_every")));
        }
        problems
    }

    fn retain_problems(&self) -> Vec<Problem> {
        let Retention { files, age, bytes, free_bytes } = self.retain;
        let mut problems = Vec::new();
        if files == Some(0) {
            problems.push(Problem::new("retain_files", 0, "allowed are whole numbers from 1"));
        }
        if let Some(age) = age.filter(|age| *age < Duration::from_secs(1)) {
            problems.push(Problem::new("retain_age", write_duration(age), "allowed are durations from 1s"));
        }
        for (name, bytes) in
            [("retain_bytes", bytes), ("retain_free_bytes", free_bytes), ("reserve_bytes", self.reserve_bytes)]
        {
            if bytes == Some(0) {
                problems.push(Problem::new(name, 0, "allowed are sizes from 1 byte"));
            }
        }
        problems
    }
}

fn size_text(bytes: u64) -> String {
    usize::try_from(bytes).map_or_else(|_| bytes.to_string(), write_size)
}

#[cfg(test)]
mod tests;
