//! Sinks: encode on the drain, deliver in their own time.

use std::{
    fmt,
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use thiserror::Error;

use super::ShardInfo;
use crate::{event::Batch, notices::Notices};

/// Where events go. One instance for each shard.
///
/// A sink has two steps. [`encode`](Self::encode) renders a batch into a payload, on the drain, and does no I/O.
/// [`deliver`](Self::deliver) takes a payload that is full or overdue and returns a future, which may take its time: it
/// owns what it needs and borrows nothing, so that several can be under way while the next payload is being encoded.
pub trait Sink {
    /// How it writes, for reports: `"io_uring, direct"`. Asked when it is made, and again when its [retries](Self::retries)
    /// have become more: another try may be another way.
    fn writer(&self) -> String;

    /// An empty payload to encode into; `None` while there is no room, because too much is under way.
    fn payload(&mut self) -> Option<Payload>;

    /// Appends the batch to the payload.
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload);

    /// Starts to deliver a payload. Payloads come in order.
    fn deliver(&mut self, payload: Payload) -> Delivery;

    /// When it wants to [work](Self::work) by itself, with nothing to deliver: for what has to be done in time, as a sync is.
    fn due(&self, now: Instant) -> Option<Instant> {
        let _ = now;
        None
    }

    /// Does what was due. It must not block.
    fn work(&mut self, now: Instant) {
        let _ = now;
    }

    /// How often it has tried again so far: for reports.
    fn retries(&self) -> u64 {
        0
    }

    /// Makes stable what is delivered, if the sink's settings say so. Called when nothing is under way.
    fn flush(&mut self) -> Delivery {
        Delivery::done(Ok(()))
    }

    /// Ends what is under way, by `deadline` at the latest: what cannot be delivered by then fails. Called once, before
    /// the last payloads are waited for.
    fn stop(&mut self, deadline: Instant) {
        let _ = deadline;
    }
}

/// Where a sink is being made.
#[derive(Debug)]
#[non_exhaustive]
pub struct SinkContext<'a> {
    /// The shard.
    pub shard: ShardInfo,
    /// The sink's name in the container.
    pub name: &'a str,
    notices: &'a Notices,
}

impl<'a> SinkContext<'a> {
    pub(crate) fn new(shard: ShardInfo, name: &'a str, notices: &'a Notices) -> Self {
        Self { shard, name, notices }
    }

    /// Says something that whoever runs the program should know: that the sink works, but not in the best way.
    pub fn notice(&self, text: impl Into<String>) {
        self.notices.add(self.name, text.into());
    }

    /// To say such things later on.
    #[must_use]
    pub fn notifier(&self) -> Notifier {
        Notifier { name: self.name.to_owned(), notices: self.notices.clone() }
    }
}

/// Says things that whoever runs the program should know, in a sink's name. What has been said once is not said again.
#[derive(Debug, Clone)]
pub struct Notifier {
    name: String,
    notices: Notices,
}

impl Notifier {
    /// Says it. It must hold nothing that a user logged.
    pub fn notice(&self, text: impl Into<String>) {
        self.notices.add(&self.name, text.into());
    }
}

/// Makes a sink for a shard, on the shard's own thread.
pub trait SinkFactory: Send + Sync {
    /// Makes it, and opens what it needs.
    ///
    /// # Errors
    /// When it cannot be opened: the container does not start then.
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError>;

    /// Mistakes in its settings: what is wrong with which value, and what is allowed. Checked before anything starts.
    fn check(&self) -> Vec<crate::Problem> {
        Vec::new()
    }

    /// What happens to events while it has no room, unless the container is told otherwise.
    fn when_busy(&self) -> WhenBusy {
        WhenBusy::HoldBack
    }
}

/// What happens to events while a sink has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenBusy {
    /// The shard waits, its rings fill, and the overflow strategy decides.
    #[default]
    HoldBack,
    /// The events are lost to this sink, and counted; other sinks go on.
    Lose,
}

/// Why a sink could not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The system said no.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is none that a sink may write to.
    #[error("{} is {found}; a file sink writes to a regular file with one name only", path.display())]
    NotAPlainFile {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// Another sink writes to the file: of this process, or of another one.
    #[error(
        "{} is being written by another sink; give each sink a file of its own, and let a program end before it is started \
         again",
        path.display()
    )]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// It was not done before the deadline.
    #[error("not done before the deadline")]
    Deadline,
    /// Something else, in the sink's own type.
    #[error("the sink failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Bytes on their way to a sink's destination: whole records, in order.
#[derive(Debug)]
pub struct Payload {
    bytes: Vec<u8>,
    start: usize,
    full_at: usize,
}

impl Payload {
    /// An empty payload that counts as full at `full_bytes`.
    #[must_use]
    pub fn new(full_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(full_bytes), start: 0, full_at: full_bytes }
    }

    /// A payload in memory of the sink's own. What `bytes` holds already is kept in front of the records, and does not
    /// count; it is full when `bytes` is `full_at` long.
    #[must_use]
    pub fn in_buffer(bytes: Vec<u8>, full_at: usize) -> Self {
        Self { start: bytes.len(), bytes, full_at }
    }

    /// Where records are appended.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Length of the records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is time to deliver it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= self.full_at
    }

    /// The memory back.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

/// A delivery under way, or done.
pub struct Delivery {
    state: State,
    wakes: bool,
}

enum State {
    Done(Result<(), SinkError>),
    UnderWay(Pin<Box<dyn Future<Output = Result<(), SinkError>>>>),
    Told,
}

impl Delivery {
    /// A delivery that is over.
    #[must_use]
    pub fn done(result: Result<(), SinkError>) -> Self {
        Self { state: State::Done(result), wakes: true }
    }

    /// A delivery that goes on. The future is polled on the shard's thread. It may wake the shard by its waker; it need
    /// not, for the shard looks at it every 100 microseconds or so.
    #[must_use]
    pub fn under_way(future: impl Future<Output = Result<(), SinkError>> + 'static) -> Self {
        Self { state: State::UnderWay(Box::pin(future)), wakes: false }
    }

    /// As [`under_way`](Self::under_way), by a future that wakes the shard when there is something to see: a shard with
    /// nothing else to do sleeps until then, however long it takes.
    #[must_use]
    pub fn that_wakes(future: impl Future<Output = Result<(), SinkError>> + 'static) -> Self {
        Self { wakes: true, ..Self::under_way(future) }
    }

    /// Whether somebody will say when there is something to see.
    pub(crate) fn wakes(&self) -> bool {
        self.wakes
    }

    /// `Pending` for ever once it has told its result.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        if let State::UnderWay(future) = &mut self.state {
            let result = std::task::ready!(future.as_mut().poll(context));
            self.state = State::Done(result);
        }
        match std::mem::replace(&mut self.state, State::Told) {
            State::Done(result) => Poll::Ready(result),
            State::UnderWay(_) | State::Told => Poll::Pending,
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Done(result) => return f.debug_tuple("Delivery").field(result).finish(),
            State::UnderWay(_) => "under way",
            State::Told => "told",
        };
        f.debug_tuple("Delivery").field(&state).finish()
    }
}
