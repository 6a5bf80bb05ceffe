//! The log that is measured.

use std::time::Duration;

use fapilog::{
    Container, Logger,
    container::{ContainerBuilder, Executor, Overflow},
    error::FlushError,
    error::ShutdownError,
    format,
    metrics::Accounts,
    process::{SizeGuard, Throttle},
    redact::Redact,
    sink::{self, FileEngine, MemoryEvents, RotateEvery},
};

use crate::{
    cli::{EngineName, ExecutorName, FileArgs, FormatterName, LogArgs, OverflowName, PipelineName, RotationArgs},
    error::{BenchError, BenchFailure},
    output::OutputFile,
    report::print_note,
    timed_drain::{TimedDrain, TurnTimes},
    workload::SOURCE,
    written::FileCounts,
};

/// The time that the log has to deliver the remaining events.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The limit of `--sink memory`.
pub(crate) const MEMORY_BYTES: u64 = 256 << 20;

/// The destination of a measured log's events.
#[derive(Debug)]
pub(crate) enum LogDestination {
    File(OutputFile),
    Memory,
    Null,
}

/// A running log.
#[derive(Debug)]
pub(crate) struct Subject {
    logs: Container,
    timed_drain: Option<TimedDrain>,
    live_files: usize,
    memory: Option<MemoryEvents>,
    overflow: OverflowName,
}

/// The set-up of a log beyond the options that all commands have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubjectOptions {
    /// The longest record, if it is longer than usual.
    pub(crate) record_max_bytes: Option<usize>,
    pub(crate) shards: usize,
    /// Whether all shards write one file.
    pub(crate) one_file: bool,
    pub(crate) rotation: RotationArgs,
    /// Whether the harness runs the drain, and measures its turn times.
    pub(crate) times_each_turn: bool,
}

impl Default for SubjectOptions {
    fn default() -> Self {
        Self {
            record_max_bytes: None,
            shards: 1,
            one_file: false,
            rotation: RotationArgs::default(),
            times_each_turn: false,
        }
    }
}

impl SubjectOptions {
    /// The number of files that are written to at the same time.
    fn live_files(&self) -> usize {
        if self.one_file { 1 } else { self.shards }
    }
}

/// Longest record and ring of a container without settings.
const RECORD_MAX_BYTES: usize = 64 * 1024;
const RING_BYTES: usize = 512 * 1024;

/// The limit of an event's size in the preset `hardened`.
const HARDENED_EVENT_BYTES: usize = 16 * 1024;

/// The measurement includes the work of the throttle: it is to let everything pass.
fn default_pipeline() -> impl FnOnce(ContainerBuilder) -> ContainerBuilder {
    fapilog::default_pipeline_with(Throttle::per_second(u64::MAX))
}

impl Subject {
    pub(crate) fn start(
        log: &LogArgs,
        file: &FileArgs,
        destination: &LogDestination,
        options: SubjectOptions,
    ) -> Result<Self, BenchError> {
        let FormatterName::Json = log.formatter;
        let record_max_bytes = options.record_max_bytes.unwrap_or(0).max(RECORD_MAX_BYTES);
        let builder = Container::builder()
            .executor(executor(log.executor))
            .shards(options.shards)
            .overflow(overflow(log))
            .record_max_bytes(record_max_bytes)
            // A line of a real log may have any length.
            .message_max_chars(record_max_bytes)
            .ring_capacity_bytes(ring_bytes(record_max_bytes));
        let builder = match log.pipeline {
            PipelineName::Bare => builder,
            PipelineName::Default => builder.apply(default_pipeline()),
            PipelineName::Hardened => builder
                .apply(default_pipeline())
                .processor(|_| Box::new(SizeGuard::new().event_max_bytes(HARDENED_EVENT_BYTES)))
                .redactor_from(Redact::default().into_factory()),
        };
        let mut memory = None;
        let builder = match destination {
            LogDestination::Null => builder.sink("null", sink::Null::new(format::Json::new)),
            LogDestination::Memory => {
                let (sink, events) = sink::Memory::new(format::Json::new);
                memory = Some(events);
                builder.sink("memory", sink.capacity_bytes(MEMORY_BYTES as usize))
            }
            LogDestination::File(output) => builder.sink("file", file_sink(output, file, &options)),
        };
        let (logs, timed_drain) = match options.times_each_turn {
            true => TimedDrain::start(builder).map(|(logs, drain)| (logs, Some(drain)))?,
            false => (builder.start().map_err(BenchError::Start)?, None),
        };
        Ok(Self { logs, timed_drain, memory, live_files: options.live_files(), overflow: log.overflow })
    }

    pub(crate) fn logger(&self) -> Logger {
        self.logs.logger(SOURCE)
    }

    /// Bytes delivered so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.logs.accounts().sinks.iter().map(|sink| sink.bytes).sum()
    }

    /// Returns when everything logged is delivered.
    pub(crate) fn flush(&self) -> Result<(), BenchFailure> {
        match self.logs.flush(TIMEOUT) {
            // A run whose overflow strategy drops events reports their number.
            Ok(_) | Err(FlushError::Lost { .. }) => Ok(()),
            Err(error) => Err(BenchFailure::Undelivered(error.to_string())),
        }
    }

    /// Ends the log. `logged`: how many calls were made. Failures are added to `failures`.
    pub(crate) fn end(
        self,
        logged: u64,
        destination: &LogDestination,
        failures: &mut Vec<BenchFailure>,
    ) -> Result<Ended, BenchError> {
        let executor = self.logs.executor().map(|executor| executor.to_string());
        let executor = executor.or_else(|| self.timed_drain.as_ref().map(|_| "manual".to_owned()));
        let accounts = match self.logs.shutdown(TIMEOUT) {
            Ok(accounts) => accounts,
            Err(ShutdownError::Deadline { accounts, timeout }) => {
                failures.push(BenchFailure::Undelivered(format!("{timeout:?} were not enough for the shutdown")));
                *accounts
            }
            Err(error) => {
                failures.push(BenchFailure::Undelivered(error.to_string()));
                self.logs.accounts()
            }
        };
        for diagnostic in self.logs.diagnostics() {
            print_note(format_args!("fapilog: {diagnostic}"));
        }
        failures.extend(accounts.check().err().map(BenchFailure::from));
        let counts = Counts::new(&accounts, logged);
        if counts.submitted < logged {
            failures.push(BenchFailure::Miscounted { counted: counts.submitted, logged });
        }
        if self.overflow == OverflowName::Block && counts.lost > 0 {
            let by_reason = accounts.to_string();
            failures.push(BenchFailure::Lost { lost: counts.lost, by_reason });
        }
        let memory = self.memory.map(|events| events.bytes());
        let turn_times = self.timed_drain.map(TimedDrain::end).transpose()?;
        let files = match destination {
            LogDestination::File(file) => {
                file.settle()?;
                Some(file_counts(&self.logs.accounts()))
            }
            _ => None,
        };
        let writer = accounts.sinks.first().map(|sink| sink.writer.clone());
        let (instance, live_files) = (self.logs.instance().to_string(), self.live_files);
        Ok(Ended { instance, counts, live_files, files, turn_times, executor, writer, memory })
    }
}

/// The remains of a log.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The container's part of the ids of its events.
    pub(crate) instance: String,
    pub(crate) counts: Counts,
    /// The number of files that are written to at the same time.
    pub(crate) live_files: usize,
    /// The counts of a file sink.
    pub(crate) files: Option<FileCounts>,
    /// The drain's turn times, where the harness has run it.
    pub(crate) turn_times: Option<TurnTimes>,
    pub(crate) executor: Option<String>,
    pub(crate) writer: Option<String>,
    /// The bytes that a memory sink has kept.
    pub(crate) memory: Option<Vec<u8>>,
}

/// The counts of the events that were logged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// Log calls that the log has counted.
    pub(crate) submitted: u64,
    pub(crate) delivered: u64,
    pub(crate) filtered: u64,
    pub(crate) lost: u64,
    /// Events that the log itself has put into the stream. They are in none of the counts above.
    pub(crate) own: u64,
    pub(crate) bytes: u64,
}

impl Counts {
    /// The accounts count internal events as submitted and delivered; the surplus over the calls is their number.
    fn new(accounts: &Accounts, logged: u64) -> Self {
        let own = accounts.submitted.saturating_sub(logged);
        Self {
            submitted: accounts.submitted - own,
            delivered: accounts.delivered_total().saturating_sub(own),
            filtered: accounts.filtered_total(),
            lost: accounts.lost_total(),
            own,
            bytes: accounts.sinks.first().map_or(0, |sink| sink.bytes),
        }
    }
}

fn file_counts(accounts: &Accounts) -> FileCounts {
    let count = |name: &str| accounts.sinks.first().map_or(0, |sink| sink.counter(name));
    FileCounts {
        rotated: count("files_rotated"),
        compressed: count("files_compressed"),
        removed: count("files_removed"),
        removed_bytes: count("bytes_removed"),
    }
}

fn executor(name: ExecutorName) -> Executor {
    match name {
        ExecutorName::Auto => Executor::Auto,
        ExecutorName::Glommio => Executor::Glommio,
        ExecutorName::Thread => Executor::Thread,
    }
}

fn overflow(log: &LogArgs) -> Overflow {
    match log.overflow {
        OverflowName::Block => Overflow::Block { timeout: log.block_timeout },
        OverflowName::DropNewest => Overflow::DropNewest,
    }
}

fn file_sink(output: &OutputFile, file: &FileArgs, options: &SubjectOptions) -> sink::File {
    let rotation = &options.rotation;
    let engine = match file.engine {
        EngineName::Auto => FileEngine::Auto,
        EngineName::IoUring => FileEngine::IoUring,
        EngineName::Blocking => FileEngine::Blocking,
    };
    let mut sink = sink::File::new(output.path(), format::Json::new)
        .engine(engine)
        .direct(file.direct)
        .one_file(options.one_file)
        .block_bytes(file.blocks.block_bytes)
        .blocks_in_flight(file.blocks.blocks_in_flight.into())
        .compress(rotation.compression());
    if let Some(bytes) = rotation.rotate_bytes {
        sink = sink.rotate_bytes(bytes);
    }
    if let Some(interval) = rotation.rotate_interval {
        sink = sink.rotate_every(RotateEvery::Interval(interval));
    }
    if let Some(files) = rotation.retain_files {
        sink = sink.retain_files(usize::try_from(files).unwrap_or(usize::MAX));
    }
    if let Some(bytes) = rotation.retain_bytes {
        sink = sink.retain_bytes(bytes);
    }
    sink
}

/// A ring takes records of a quarter of its length, less a frame's header.
fn ring_bytes(record_max_bytes: usize) -> usize {
    (record_max_bytes + 64).saturating_mul(4).next_power_of_two().max(RING_BYTES)
}
