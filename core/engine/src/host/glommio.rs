//! A shard on a pinned glommio executor.
//!
//! The executor pins the thread, polls the shard, and sleeps in io_uring. The shard's file writers have rings of their
//! own, so nothing waits for glommio's; a third party's sink may use glommio's I/O, because its deliveries are polled
//! inside the executor.
//!
//! Glommio panics where the system refuses what it asks for, at the start (the topology of the machine in `/sys`) and later
//! (io_uring, in a sandbox that was entered meanwhile). So the executor is made and run on a thread of ours, never on the
//! caller's, and is not asked to pin anything. When it panics between two batches, the shard goes on without it, on the same
//! thread. Its waker, too, panics where its eventfd is gone, and log calls wake the drain: [`CatchingWaker`] is between them.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::drain_thread;
use fapilog_record::user_code::{catch_panic, drop_catching_panics};
use fapilog_ring::Sleep;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, timer::Timer};

use crate::{
    error::StartError,
    host::{
        BeginClaim, Ready, begin,
        probe::GlommioUnavailable,
        thread::{pin, run_on_this_thread},
    },
    shard::{Shard, ShardPlan, sleep::HostStep},
};

/// How long a turn may keep others on the executor waiting: glommio's own default. Shorter would serve the I/O of a third
/// party's sink better, but see [`Lifelines`]: the longer, the less often are they needed.
const PREEMPT_TIMER: Duration = Duration::from_millis(100);

/// The memory that glommio reserves for I/O buffers. The writers of this workspace have their own.
const IO_MEMORY_BYTES: usize = 64 * 1024;

pub(super) fn start(
    name: String,
    plan: ShardPlan,
    cpu: Option<usize>,
    ready: Ready,
    claim: BeginClaim,
) -> Result<JoinHandle<()>, StartError> {
    let work = move || {
        pin(cpu);
        // The thread runs nothing but this shard and what its plugins spawn.
        let _mark = drain_thread::enter();
        let Some(executor) = executor() else {
            let _ = ready.send(Err(StartError::Glommio { reason: GlommioUnavailable::DidNotStart }));
            return;
        };
        let diagnostics = plan.diagnostics.clone();
        let shard = SharedShard::default();
        let ended = catch_panic(|| {
            executor.run(async {
                // Inside the executor: a plugin may use it from its making on.
                if let Some(made) = begin(plan, ready, &claim) {
                    shard.0.replace(Some(made));
                    run(&shard).await;
                    // A shard that was abandoned has its sinks still, which may use the executor when they are dropped.
                    drop(shard.0.take());
                }
            });
        });
        drop_catching_panics(executor);
        if ended.is_err()
            && let Some(left) = shard.0.take()
        {
            diagnostics.add("executor", "thread instead of glommio from now on: glommio panicked".to_owned());
            diagnostics.emergency("glommio panicked: the drain goes on without it, on a plain thread");
            run_on_this_thread(left);
        }
    };
    thread::Builder::new().name(name).spawn(work).map_err(|cause| StartError::Thread { cause })
}

/// An executor for this thread; `None` where the system refuses what it needs.
fn executor() -> Option<LocalExecutor> {
    let builder = LocalExecutorBuilder::new(Placement::Unbound);
    let builder = builder.preempt_timer(PREEMPT_TIMER).io_memory(IO_MEMORY_BYTES);
    catch_panic(|| builder.make()).ok()?.ok()
}

/// The shard, while it is not running. A shard that panics while it runs is not run again.
#[derive(Default)]
struct SharedShard(RefCell<Option<Shard>>);

impl SharedShard {
    fn turn(&self, waker: &Waker) -> Option<HostStep> {
        let mut shard = self.0.take()?;
        let step = shard.host_turn(waker);
        self.0.replace(Some(shard));
        step
    }
}

async fn run(shard: &SharedShard) {
    let waker = poll_fn(|context| Poll::Ready(CatchingWaker::around(context.waker().clone()))).await;
    if let Some(shard) = &*shard.0.borrow() {
        shard.port.doorbell.register(&waker);
    }
    let mut lifelines = Lifelines::new();
    while let Some(step) = shard.turn(&waker) {
        lifelines.hold(&waker, step);
        match step {
            // Pending after each turn: other tasks of the executor, and its ring, have theirs.
            HostStep::Continue | HostStep::Spin => glommio::executor().yield_now().await,
            HostStep::Sleep { time, .. } => woken_or_after(time).await,
        }
    }
}

/// Wakes a task of glommio, from any thread, without a panic.
struct CatchingWaker(Option<Waker>);

impl CatchingWaker {
    fn around(waker: Waker) -> Waker {
        Waker::from(Arc::new(Self(Some(waker))))
    }
}

impl Wake for CatchingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // An executor that cannot be woken panics itself at its next sleep, and the shard leaves it.
        let _ = catch_panic(|| self.0.as_ref().map(Waker::wake_by_ref));
    }
}

impl Drop for CatchingWaker {
    fn drop(&mut self) {
        drop_catching_panics(self.0.take());
    }
}

/// Timers that end a sleep from which glommio would not wake by itself.
///
/// Glommio 0.9 may fall asleep with a task that is ready to run (seen on a busy machine). Before it looks at its tasks it
/// arms the preemption timer; if the thread is descheduled for that long just then, it finds itself preempted, runs
/// nothing, takes that for having nothing to run, and sleeps until I/O or a timer ends it. Neither the doorbell, which
/// has already called the waker, nor anything else ends it. So there is always a timer ahead; and because the timer that
/// ends such a sleep may be followed by another such sleep, there are several, each later than the one before it.
struct Lifelines {
    lines: [Option<(Timer, Instant)>; Self::SPANS.len()],
}

impl Lifelines {
    const SPANS: [Duration; 6] = [
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(20),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(200),
    ];

    fn new() -> Self {
        Self { lines: [const { None }; Self::SPANS.len()] }
    }

    /// Sees to it that all timers are ahead, and none too far: later ones while the shard is parked. Until then producers
    /// may be waiting; then each timer that fires wakes an idle drain for nothing.
    fn hold(&mut self, waker: &Waker, step: HostStep) {
        // A wake-up takes glommio a fifth of a millisecond: so they are a fifth of a percent of a core.
        const PARKED_TIMES: u32 = 40;
        let is_parked = matches!(step, HostStep::Sleep { depth: Sleep::Park, .. });
        let now = Instant::now();
        for (line, span) in self.lines.iter_mut().zip(Self::SPANS) {
            let span = if is_parked { span * PARKED_TIMES } else { span };
            // A timer of before it was parked would wake it for nothing.
            let earliest = if is_parked { now + span / 2 } else { now };
            if line.as_ref().is_some_and(|(_, due)| *due > earliest && *due <= now + span) {
                continue;
            }
            let mut timer = Timer::new(span);
            // Polled once, it is the executor's to fire; what it wakes is the shard's own task.
            let _ = Pin::new(&mut timer).poll(&mut Context::from_waker(waker));
            *line = Some((timer, now + span));
        }
    }
}

/// Until anything wakes the task (the doorbell, a delivery), or the time is up.
async fn woken_or_after(time: Option<Duration>) {
    let mut timer = time.map(Timer::new);
    let mut is_first = true;
    poll_fn(|context| {
        if !std::mem::take(&mut is_first) {
            return Poll::Ready(());
        }
        timer.as_mut().map_or(Poll::Pending, |timer| Pin::new(timer).poll(context).map(drop))
    })
    .await;
}
