//! Options of a console sink.

use std::{
    env, fmt,
    io::{self, IsTerminal},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use fapilog_plugin::{
    factory::Factory,
    formatter::Formatter,
    problem::Problem,
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};

use super::{
    journal::JOURNAL_STREAM,
    queue::PAYLOAD_BYTES,
    sink::{ConsoleOptions, ConsoleWriterSink},
};

/// The upper limit of the queue.
const QUEUE_BYTES_MAX: usize = 1 << 30;

/// Writes events to standard output or standard error.
///
/// While the destination takes no bytes (a pipe without reads, a terminal stopped by ctrl-S), the sink blocks the drain as any
/// other sink does, once its queue is full; with [`OnFull::Drop`](fapilog_plugin::sink::OnFull::Drop) it drops events
/// instead. A destination that is closed costs its events: they are counted as lost, and the drain goes on.
///
/// ```
/// use fapilog_engine::container::Container;
/// use fapilog_format::Json;
/// use fapilog_sink_console::Console;
///
/// let logs = Container::builder().sink("stdout", Console::stdout(Json::new)).start()?;
/// # drop(logs);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ConsoleSink")]
#[doc(alias = "StdoutSink")]
#[doc(alias = "StderrSink")]
#[doc(alias = "StdoutJsonSink")]
#[doc(alias = "StdoutPrettySink")]
#[doc(alias = "stdout_json")]
#[doc(alias = "stdout_pretty")]
pub struct Console {
    target: Target,
    formatter: Factory<dyn Formatter>,
    queue_capacity_bytes: usize,
    journal_priorities: bool,
}

#[derive(Debug)]
enum Target {
    Stdout,
    Stderr,
    Descriptor { fd: OwnedFd, name: String },
}

impl Console {
    /// A sink for standard output, whose events are rendered by formatters that `formatter` makes.
    ///
    /// The sink bypasses [`std::io::stdout`]: text that the program has printed there and not flushed comes later.
    pub fn stdout<F: Formatter + 'static>(formatter: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self::new(Target::Stdout, formatter)
    }

    /// A sink for standard error, whose events are rendered by formatters that `formatter` makes.
    pub fn stderr<F: Formatter + 'static>(formatter: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self::new(Target::Stderr, formatter)
    }

    /// A sink for a pipe, socket or terminal of the program. `name` stands for it in errors and diagnostics.
    ///
    /// A file is written at the offset of the descriptor, without a lock. For log files there is the file sink.
    pub fn descriptor<F: Formatter + 'static>(
        fd: impl Into<OwnedFd>,
        name: impl Into<String>,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Target::Descriptor { fd: fd.into(), name: name.into() }, formatter)
    }

    fn new<F: Formatter + 'static>(target: Target, formatter: impl Fn() -> F + Send + Sync + 'static) -> Self {
        let formatter = Factory::formatter(move |_| formatter());
        Self { target, formatter, queue_capacity_bytes: 4 << 20, journal_priorities: true }
    }

    /// The number of bytes that may wait to be written, in each shard, from 64 KiB to 1 GiB. At this limit, the sink has no
    /// room: see [`SinkFactory::on_full`]. A batch that has begun may exceed it. Default: 4 MiB.
    #[must_use]
    pub fn queue_capacity_bytes(mut self, bytes: usize) -> Self {
        self.queue_capacity_bytes = bytes;
        self
    }

    /// Whether each line begins with the priority of its event, `<6>`, where the destination is the journal of systemd: it
    /// takes the priority from there, and `journalctl -p err` finds errors. systemd names its stream in the variable
    /// `JOURNAL_STREAM`; the sink compares that with its descriptor when the container starts. Default: yes.
    #[must_use]
    pub fn journal_priorities(mut self, are_wanted: bool) -> Self {
        self.journal_priorities = are_wanted;
        self
    }

    /// Whether it writes to a terminal, for [`Colors::resolve`](fapilog_plugin::colors::Colors::resolve).
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.target.with_fd(|fd| fd.is_terminal())
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("target", &self.target)
            .field("queue_capacity_bytes", &self.queue_capacity_bytes)
            .field("journal_priorities", &self.journal_priorities)
            .finish_non_exhaustive()
    }
}

impl Target {
    fn name(&self) -> &str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Descriptor { name, .. } => name,
        }
    }

    fn with_fd<R>(&self, look: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
        match self {
            Self::Stdout => look(io::stdout().as_fd()),
            Self::Stderr => look(io::stderr().as_fd()),
            Self::Descriptor { fd, .. } => look(fd.as_fd()),
        }
    }
}

impl SinkFactory for Console {
    /// The program that reads the stream keeps the events, or does not.
    fn assurances(&self) -> Assurances {
        Assurances::unknown().place(SinkPlace::Stream)
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    /// Duplicates the descriptor: after the program closes its standard output, the number may become another file's.
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let name = self.target.name();
        let fd = self.target.with_fd(|fd| fd.try_clone_to_owned()).map_err(|source| SinkError::Io {
            operation: "duplicate the descriptor of",
            path: PathBuf::from(name),
            source,
        })?;
        let formatter = self.formatter.make(context.shard);
        let stream = if self.journal_priorities { env::var_os(JOURNAL_STREAM) } else { None };
        let options = ConsoleOptions { queue_capacity_bytes: self.queue_capacity_bytes, journal_stream: stream };
        Ok(Box::new(ConsoleWriterSink::start(fd, name, formatter, options, context)?))
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let name = self.target.name();
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if name.is_empty() || !name.chars().all(is_plain) {
            let allowed = "it must be of letters, digits, `_` and `-`";
            problems.push(Problem::new("name", format!("{name:?}"), allowed));
        }
        if !(PAYLOAD_BYTES..=QUEUE_BYTES_MAX).contains(&self.queue_capacity_bytes) {
            let allowed = format!("allowed are {PAYLOAD_BYTES} to {QUEUE_BYTES_MAX}");
            problems.push(Problem::new("queue_capacity_bytes", self.queue_capacity_bytes, allowed));
        }
        problems
    }
}
