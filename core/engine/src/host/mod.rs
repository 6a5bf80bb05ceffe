//! Hosts: the threads that run shards.

#[cfg(all(target_os = "linux", feature = "glommio", not(fapilog_loom), not(miri)))]
mod glommio;
mod manual;
pub mod probe;
mod thread;

pub use manual::ManualDrain;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use fapilog_plugin::threads::{inherited, signals};

use crate::{
    diagnostics::DiagnosticLog,
    error::StartError,
    executor::Executor,
    host::probe::GlommioUnavailable,
    shard::{Shard, ShardPlan},
};

/// The channel on which a host reports that its shard is made, or the error.
type Ready = mpsc::Sender<Result<(), StartError>>;

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    /// The number of its shard.
    shard: usize,
    thread: std::thread::JoinHandle<()>,
}

impl Host {
    /// The number of its shard.
    pub(crate) fn shard(&self) -> usize {
        self.shard
    }

    /// Waits for the thread to end, at most for `timeout`. Called when its shard has ended: the thread has still to drop
    /// sinks and rings. A disk that does not answer can block that for ever, even in the kernel; the thread is then left
    /// to itself.
    pub(crate) fn join(self, timeout: Duration) {
        let (ended, has_ended) = mpsc::channel();
        let _blocked = signals::block_all();
        let joiner = std::thread::Builder::new().name("fapilog-join".to_owned()).spawn(move || {
            inherited::shed();
            // A host that panicked has ended its shard by dropping it; everything is counted.
            drop(self.thread.join());
            let _ = ended.send(());
        });
        // Without a thread to wait on, there is no waiting with a limit: the host ends by itself.
        if joiner.is_ok() {
            let _ = has_ended.recv_timeout(timeout);
        }
    }
}

/// Which executor it will be.
///
/// # Errors
/// When glommio is asked for and cannot be had.
pub(crate) fn choose(wanted: Executor, diagnostics: &DiagnosticLog) -> Result<Executor, StartError> {
    match wanted {
        Executor::Thread => Ok(Executor::Thread),
        Executor::Glommio => {
            probe::glommio().map(|()| Executor::Glommio).map_err(|reason| StartError::Glommio { reason })
        }
        Executor::Auto => match probe::glommio().and_then(|()| glommio_is_worth_it()) {
            Ok(()) => Ok(Executor::Glommio),
            Err(reason) => {
                diagnostics.add("executor", format!("thread instead of glommio: {reason}"));
                Ok(Executor::Thread)
            }
        },
    }
}

/// How many glommio executors a process may have had before it is given threads, unless it insists. Glommio 0.9 closes
/// neither the eventfd nor frees the state of one that has ended (DataDog/glommio#448): a program that makes containers for
/// ever would run out of descriptors.
const GLOMMIO_EXECUTORS_MAX: u32 = 64;

static GLOMMIO_EXECUTORS: AtomicU32 = AtomicU32::new(0);

fn glommio_is_worth_it() -> Result<(), GlommioUnavailable> {
    // Relaxed: a bound that may be overshot by a few.
    let made = GLOMMIO_EXECUTORS.load(Ordering::Relaxed);
    if made < GLOMMIO_EXECUTORS_MAX { Ok(()) } else { Err(GlommioUnavailable::Spent { made }) }
}

/// How long a host's thread may take to begin. A glommio executor can go to sleep before it has begun, with nothing that
/// would wake it (see `glommio::Lifelines`).
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Decides a race: either the host begins, or the thread that started it gives up.
#[derive(Debug, Clone, Default)]
struct BeginClaim(Arc<AtomicBool>);

impl BeginClaim {
    /// `true` for the first one.
    fn take(&self) -> bool {
        // Relaxed: one of two gets it; nothing is read on its strength.
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// Makes the shard on the host's own thread, and reports that to the thread that waits. `None` where that thread has given
/// up, or the shard could not be made.
fn begin(plan: ShardPlan, ready: Ready, claim: &BeginClaim) -> Option<Shard> {
    if !claim.take() {
        return None;
    }
    // The plan's plugins are made then, and what else it holds, the shard holds too: it is gone when this returns.
    let (shard, answer) = match Shard::new(&plan) {
        Ok(shard) => (Some(shard), Ok(())),
        Err(error) => (None, Err(error)),
    };
    drop(plan);
    let _ = ready.send(answer);
    shard
}

/// Starts a host and waits until its shard is made.
pub(crate) fn start(executor: Executor, plan: ShardPlan, cpu: Option<usize>) -> Result<Host, StartError> {
    HostStart::begin(executor, plan, cpu)?.wait()
}

/// A host that makes its shard.
#[derive(Debug)]
pub(crate) struct HostStart {
    host: Host,
    executor: Executor,
    is_ready: mpsc::Receiver<Result<(), StartError>>,
    claim: BeginClaim,
    deadline: Instant,
}

impl HostStart {
    pub(crate) fn begin(executor: Executor, plan: ShardPlan, cpu: Option<usize>) -> Result<Self, StartError> {
        let shard = plan.info.index;
        let name = format!("fapilog-{shard}");
        let (ready, is_ready) = mpsc::channel();
        let claim = BeginClaim::default();
        // Threads inherit the mask of the one that starts them.
        let _blocked = signals::block_all();
        let thread = match executor {
            #[cfg(all(target_os = "linux", feature = "glommio", not(fapilog_loom), not(miri)))]
            Executor::Glommio => {
                // Relaxed: see `glommio_is_worth_it`.
                GLOMMIO_EXECUTORS.fetch_add(1, Ordering::Relaxed);
                glommio::start(name, plan, cpu, ready, claim.clone())?
            }
            _ => thread::start(name, plan, cpu, ready, claim.clone())?,
        };
        let deadline = Instant::now() + BEGIN_TIMEOUT;
        Ok(Self { host: Host { shard, thread }, executor, is_ready, claim, deadline })
    }

    fn wait(self) -> Result<Host, StartError> {
        let answer = match self.is_ready.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            // The claim is taken: the host has begun, and its plugins take their time. Otherwise it does not begin any more.
            Err(RecvTimeoutError::Timeout) if !self.claim.take() => self.is_ready.recv().map_err(|_| ()),
            answer => answer.map_err(|_| ()),
        };
        self.end(answer)
    }

    /// As [`wait`](Self::wait), for a caller that comes back.
    ///
    /// # Errors
    /// The start itself, while its end is not known.
    pub(crate) fn poll(self) -> Result<Result<Host, StartError>, Self> {
        match self.is_ready.try_recv() {
            Err(TryRecvError::Empty) if Instant::now() < self.deadline || !self.claim.take() => Err(self),
            answer => Ok(self.end(answer.map_err(|_| ()))),
        }
    }

    /// Whether the making of the shard takes longer than that of a thread may.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.deadline <= now
    }

    /// `Err(())`: no answer comes.
    fn end(self, answer: Result<Result<(), StartError>, ()>) -> Result<Host, StartError> {
        match answer {
            Ok(Ok(())) => Ok(self.host),
            Ok(Err(error)) => Err(error),
            // The thread ended without an answer: glommio could not come up, or a plugin's factory panicked.
            Err(()) if self.executor == Executor::Glommio => {
                Err(StartError::Glommio { reason: GlommioUnavailable::DidNotStart })
            }
            Err(()) => Err(StartError::Thread { cause: io::Error::other("it panicked while its plugins were made") }),
        }
    }
}
