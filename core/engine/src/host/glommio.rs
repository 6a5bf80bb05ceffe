//! A shard on a pinned glommio executor.
//!
//! The executor pins the thread, polls the shard, and sleeps in io_uring. The shard's file writers have rings of their
//! own, so nothing waits for glommio's; a third party's sink may use glommio's I/O, because its deliveries are polled
//! inside the executor.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::drain_thread;
use fapilog_ring::Sleep;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement, timer::Timer};

use crate::{
    error::StartError,
    host::{BeginClaim, Ready, begin, probe::GlommioUnavailable},
    shard::{Shard, ShardPlan, sleep::HostStep},
};

/// How long a turn may keep others on the executor waiting: glommio's own default. Shorter would serve the I/O of a third
/// party's sink better, but see [`Lifelines`]: the longer, the less often are they needed.
const PREEMPT_TIMER: Duration = Duration::from_millis(100);

/// The memory that glommio reserves for I/O buffers. The writers of this workspace have their own.
const IO_MEMORY_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct GlommioHost(ExecutorJoinHandle<()>);

impl GlommioHost {
    pub(super) fn join(self) {
        drop(self.0.join());
    }
}

pub(super) fn start(
    name: &str,
    plan: ShardPlan,
    cpu: Option<usize>,
    ready: Ready,
    claim: BeginClaim,
) -> Result<GlommioHost, StartError> {
    let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
    LocalExecutorBuilder::new(placement)
        .name(name)
        .preempt_timer(PREEMPT_TIMER)
        .io_memory(IO_MEMORY_BYTES)
        .spawn(move || async move {
            // The executor's thread runs nothing but this shard and what its plugins spawn.
            let _mark = drain_thread::enter();
            if let Some(shard) = begin(plan, ready, &claim) {
                run(shard).await;
            }
        })
        .map(GlommioHost)
        .map_err(|_| StartError::Glommio { reason: GlommioUnavailable::DidNotStart })
}

async fn run(mut shard: Shard) {
    let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
    shard.port.doorbell.register(&waker);
    let mut lifelines = Lifelines::new();
    while let Some(step) = shard.host_turn(&waker) {
        lifelines.hold(&waker, step);
        match step {
            // Pending after each turn: other tasks of the executor, and its ring, have theirs.
            HostStep::Continue | HostStep::Spin => glommio::executor().yield_now().await,
            HostStep::Sleep { time, .. } => woken_or_after(time).await,
        }
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
            if line.as_ref().is_some_and(|(_, due)| *due > now && *due <= now + span) {
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
