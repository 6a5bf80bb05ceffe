//! A shard on a plain thread.

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use fapilog_plugin::threads::{drain_thread, inherited};

use crate::{
    error::StartError,
    host::{BeginClaim, Ready, begin},
    shard::{Shard, ShardPlan, sleep::HostStep},
};

pub(super) fn start(
    name: String,
    plan: ShardPlan,
    cpu: Option<usize>,
    ready: Ready,
    claim: BeginClaim,
) -> Result<JoinHandle<()>, StartError> {
    thread::Builder::new()
        .name(name)
        .spawn(move || {
            pin(cpu);
            let _mark = drain_thread::enter();
            if let Some(shard) = begin(plan, ready, &claim) {
                run_on_this_thread(shard);
            }
        })
        .map_err(|cause| StartError::Thread { cause })
}

/// Pins this thread, which has what the process was loaded with before, and not what the starting thread has. A shard that is not pinned is slower, and as correct.
pub(super) fn pin(cpu: Option<usize>) {
    inherited::shed();
    if let Some(id) = cpu {
        let _ = inherited::pin_to(id);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

pub(super) fn run_on_this_thread(shard: Shard) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    run(Box::new(shard), &waker, |time| match time {
        Some(time) => thread::park_timeout(time),
        None => thread::park(),
    });
}

/// Runs the shard until it ends. `sleep` returns when the waker is called or has been since the last sleep, when the time
/// is up, or for no reason.
pub(super) fn run(mut shard: Box<Shard>, waker: &Waker, sleep: impl Fn(Option<Duration>)) {
    shard.port.doorbell.register(waker);
    while let Some(step) = shard.host_turn(waker) {
        match step {
            HostStep::Continue => {}
            HostStep::Spin => std::hint::spin_loop(),
            HostStep::Sleep { time, .. } => sleep(time),
        }
    }
}
