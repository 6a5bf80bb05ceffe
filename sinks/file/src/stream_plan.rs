//! A file sink's stream before it is opened: on the thread that will write the file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Instant, SystemTime},
};

use fapilog_plugin::{
    factory::ShardInfo,
    sink::{Reporter, SinkContext, SinkCounter, SinkError},
    timestamp::Timestamp,
};

use crate::{
    block::Block,
    compress::{Compression, thread::CompressPlan},
    engine::{PwriteEngine, UringEngine, WriteEngine},
    open::{LogFile, Opening, open},
    retain::FileLifetime,
    rotate::{
        due::RotationDue,
        file_tasks::FileTasks,
        file_thread::{FileCounters, FilePlan, Reserve},
        left_file::leave,
        name::{FileFamily, link_path},
    },
    settings::{FileEngine, FileOptions, FileSync},
    stream::FileStream,
    writer::BatchWriter,
};

/// Blocks beside those in flight: the block being filled, and the next one.
const BLOCKS_SPARE: usize = 2;

/// Everything that a stream is opened with.
#[derive(Debug)]
pub(super) struct StreamPlan {
    files: FilePlan,
    options: FileOptions,
    /// Whether the formatter's records are lines.
    writes_lines: bool,
    /// The sink of an abandoned shard may have the file.
    takes_over: bool,
    durable: SinkCounter,
}

impl StreamPlan {
    /// The plan of a stream whose files have the names of this shard.
    ///
    /// # Errors
    /// When the path names no file.
    pub(super) fn new(
        path: &Path,
        shard: ShardInfo,
        options: &FileOptions,
        writes_lines: bool,
        context: &SinkContext<'_>,
    ) -> Result<Self, SinkError> {
        let family = FileFamily::new(path, shard).map_err(|problem| SinkError::Other(problem.to_string().into()))?;
        let link = options.current_link.as_ref().map(|link| link_path(path, link, shard.index));
        let files = file_plan(family, link, options, writes_lines, context);
        let takes_over = context.shard.abandoned > 0;
        Ok(Self {
            files,
            options: options.clone(),
            writes_lines,
            takes_over,
            durable: context.counter("bytes_durable"),
        })
    }

    /// Whether the file system is short of free bytes; `None` without a reserve.
    pub(super) fn is_short_of_room(&self) -> Option<Arc<AtomicBool>> {
        self.files.reserve.as_ref().map(|reserve| Arc::clone(&reserve.is_short))
    }

    /// The path of the file that is written to.
    pub(super) fn live(&self) -> &Path {
        self.files.family.live()
    }

    /// Opens the file. The stream stays on this thread.
    ///
    /// # Errors
    /// When the file cannot be opened, or the system refuses memory, a thread, or the engine of the settings.
    pub(super) fn open(self) -> Result<FileStream, SinkError> {
        self.open_with(engine)
    }

    /// As [`open`](Self::open), with an engine that `engine` makes.
    pub(super) fn open_with(
        self,
        engine: impl FnOnce(&EnginePlace<'_>) -> EngineResult,
    ) -> Result<FileStream, SinkError> {
        let Self { files, options, writes_lines, takes_over, durable } = self;
        let live = files.family.live().to_owned();
        let now = Instant::now();
        let reporter = files.reporter.clone();

        let file = match open(&live, files.opening) {
            Err(locked @ SinkError::Locked { .. }) if takes_over => open_behind_left(locked, &files)?,
            opened => opened?,
        };
        report_opened(&file, &live, writes_lines, &reporter);
        files.settle_names()?;
        let due = rotation_due(&options, &file, &files.family, &reporter);
        let has_torn_line = file.has_torn_line && writes_lines;
        let engine = engine(&EnginePlace { path: &live, wanted: options.engine, reporter: &reporter })?;
        let mut writer = writer(file, &live, &options, engine)?;
        writer.count_durable(durable);
        if has_torn_line {
            writer.end_torn_line(now);
        }
        let mut tasks = FileTasks::new(files);
        if has_file_tasks(&options) {
            tasks.start().map_err(|source| SinkError::Io {
                operation: "start a thread for",
                path: live.clone(),
                source,
            })?;
        }
        Ok(FileStream::new(live, writer, due, tasks, reporter, now))
    }
}

/// Leaves the file that is locked to the sink of the abandoned shard, and opens a new one.
fn open_behind_left(locked: SinkError, files: &FilePlan) -> Result<LogFile, SinkError> {
    let live = files.family.live();
    let left =
        leave(&files.family).map_err(|source| SinkError::Io { operation: "rename", path: live.to_owned(), source })?;
    let Some(left) = left else { return Err(locked) };
    let name = left.file_name().unwrap_or_default().display().to_string();
    files.reporter.report(format!("an abandoned drain has the file: it is {name} now, and a new file begins"));
    open(live, files.opening)
}

/// The file that an engine is made for.
pub(super) struct EnginePlace<'a> {
    path: &'a Path,
    wanted: FileEngine,
    reporter: &'a Reporter,
}

/// An engine, or the reason why there is none.
pub(super) type EngineResult = Result<Box<dyn WriteEngine>, SinkError>;

/// Whether files that an earlier process has left are to be looked at.
fn has_file_tasks(options: &FileOptions) -> bool {
    let has_rotated_files = options.retain.has_limits() || options.compress != Compression::None;
    options.rotate.is_automatic() || has_rotated_files || options.reserve_bytes.is_some()
}

fn opening(options: &FileOptions) -> Opening {
    Opening {
        is_direct: options.direct,
        mode: options.mode,
        respects_umask: options.respect_umask,
        directory_mode: options.create_directories.then(|| options.directory_mode()),
    }
}

fn report_opened(file: &LogFile, path: &Path, ends_torn_lines: bool, reporter: &Reporter) {
    if let Some(diagnostic) = file.direct_diagnostic() {
        reporter.report(diagnostic);
    }
    if file.has_torn_line && ends_torn_lines {
        reporter.report(format!("{} ended in a torn line, which was ended at byte {}", path.display(), file.end));
    }
}

fn file_plan(
    family: FileFamily,
    link: Option<PathBuf>,
    options: &FileOptions,
    ends_torn_lines: bool,
    context: &SinkContext<'_>,
) -> FilePlan {
    let lifetime = FileLifetime::unknown();
    let compress = (options.compress != Compression::None).then(|| CompressPlan {
        family: family.clone(),
        compression: options.compress,
        lifetime: lifetime.clone(),
        compressed: context.counter("files_compressed"),
        reporter: context.reporter(),
    });
    FilePlan {
        family,
        opening: opening(options),
        link,
        retention: options.retain,
        lifetime,
        reserve: options.reserve_bytes.map(|bytes| Reserve { bytes, is_short: Arc::default() }),
        compress,
        is_synced: options.sync != FileSync::Never,
        ends_torn_lines,
        counters: FileCounters {
            rotated: context.counter("files_rotated"),
            removed: context.counter("files_removed"),
            removed_bytes: context.counter("bytes_removed"),
        },
        reporter: context.reporter(),
    }
}

fn rotation_due(options: &FileOptions, file: &LogFile, family: &FileFamily, reporter: &Reporter) -> RotationDue {
    let schedule = options.rotate.schedule();
    if let Some(unknown) = schedule.as_ref().and_then(|schedule| schedule.unknown_zone()) {
        reporter.report(unknown);
    }
    let first_record = (file.end > 0).then(|| first_record_about(file, family));
    RotationDue::new(options.rotate.bytes, schedule, first_record)
}

/// The time of the first record of a file that an earlier process has written, about: no earlier than its creation, and no
/// earlier than the last change of the newest rotated file.
fn first_record_about(file: &LogFile, family: &FileFamily) -> Timestamp {
    let rotated = family.rotated().unwrap_or_default();
    let newest = rotated.iter().map(|file| file.modified).max();
    let times = file.created.into_iter().chain(newest).map(Timestamp::from);
    times.max().unwrap_or_else(|| SystemTime::now().into())
}

fn writer(
    file: LogFile,
    path: &Path,
    options: &FileOptions,
    engine: Box<dyn WriteEngine>,
) -> Result<BatchWriter, SinkError> {
    let blocks = blocks(options.blocks_in_flight + BLOCKS_SPARE, options.block_bytes, path)?;
    Ok(BatchWriter::new(engine, blocks, options.block_bytes, file, options.sync))
}

/// So many empty blocks for the file at `path`.
pub(super) fn blocks(count: usize, block_bytes: usize, path: &Path) -> Result<Vec<Block>, SinkError> {
    let blocks = (0..count).map(|_| Block::new(block_bytes));
    blocks.collect::<Option<Vec<Block>>>().ok_or_else(|| SinkError::Io {
        operation: "allocate the blocks of",
        path: path.to_owned(),
        source: std::io::ErrorKind::OutOfMemory.into(),
    })
}

fn engine(&EnginePlace { path, wanted, reporter }: &EnginePlace<'_>) -> EngineResult {
    if wanted == FileEngine::Blocking {
        return Ok(Box::new(PwriteEngine::default()));
    }
    let error = match UringEngine::new() {
        Ok(engine) => return Ok(Box::new(engine)),
        Err(error) => error,
    };
    if wanted == FileEngine::IoUring {
        return Err(SinkError::Io { operation: "use io_uring for", path: path.to_owned(), source: error });
    }
    reporter.report(format!("pwrite instead of io_uring: {error}"));
    Ok(Box::new(PwriteEngine::default()))
}
