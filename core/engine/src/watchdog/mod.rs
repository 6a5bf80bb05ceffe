//! The watchdog of a container: a thread that sees a shard hang without any traffic, and has another [take over](take_over) if the
//! settings want that.
//!
//! A shard notes when a turn begins and ends, and each call of user code. The watchdog looks at these notes at intervals. It
//! sleeps without a time limit while every shard is parked: an idle container has no wake-ups from it. A shard that comes back from a park
//! pays a fence, and a wake-up of the watchdog if that sleeps.
//!
//! # Sleep of the watchdog
//!
//! 1. **Park.** A shard that parks marks itself as parked, behind its last turn. A shard without a turn does not hang.
//! 2. **Unpark.** A shard that comes back from a park withdraws the mark, passes a fence, and looks whether the watchdog
//!    sleeps; if it does, the shard wakes it. Only then the shard takes a turn.
//! 3. **Sleep.** A watchdog that has found every shard parked marks itself as asleep, passes a fence, and looks at every shard
//!    once more. It sleeps only if every shard is still parked. So at least one side sees the other: a shard that was awake
//!    at the last look is watched, and one that unparks later wakes the watchdog.
//! 4. **Look.** While a shard is awake, the watchdog looks after a time in which a call may come to its limit: at least a quarter of
//!    a second, and a second at most. A call that a look finds again counts from the look that found it first. A look that comes late
//!    itself, because the process was stopped or had no CPU, counts as the first.
//!
//! A shard that has ended counts as parked.

pub(crate) mod alarm;
pub(crate) mod call_word;
pub(crate) mod take_over;

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fapilog_plugin::threads::{drain_thread, inherited, lock, signals};

use crate::{
    diagnostics::DiagnosticLog,
    executor::Executor,
    host::Host,
    on_hang::OnHang,
    port::{ShardPort, hand_over::HandOver, plan::PipelinePlan},
    shard::ShardPlan,
    watchdog::{
        alarm::WatchAlarm,
        call_word::{CallWord, UserCall},
        take_over::{Succession, Successors, abandon, may_abandon},
    },
};

/// The least time between two looks.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(250);
/// The longest time between two looks while a shard is awake. A reload may have shortened the limit meanwhile.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// How late a look may be. A busy machine delays a thread by some milliseconds.
const LATENESS_MAX: Duration = Duration::from_millis(500);
/// The time between two looks while a shard starts that takes over.
const START_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The watchdog of a container; one that has not been started watches nothing.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    alarm: Arc<WatchAlarm>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Watchdog {
    /// The watchdog of these shards, before their hosts are started: from its first call and its first park on, a shard must know it.
    pub(crate) fn of(plans: &[ShardPlan], on_hang: OnHang) -> Self {
        let watchdog = Self::default();
        let may_abandon = on_hang == OnHang::Abandon;
        for plan in plans {
            let port = &plan.port;
            port.turn_watch.set_alarm(&watchdog.alarm);
            let _ = port.calls.set(Arc::new(CallWord::new(may_abandon)));
            if may_abandon {
                let _ = port.hand_over.set(HandOver::new(&plan.pipeline, &plan.sinks));
            }
        }
        watchdog
    }

    /// Starts its thread. Without it, a shard that hangs is found by threads that wait for it, as a diagnostic reports.
    pub(crate) fn start(
        &self,
        plans: Vec<ShardPlan>,
        hosts: &Arc<Mutex<Vec<Host>>>,
        executor: Executor,
        diagnostics: &DiagnosticLog,
    ) {
        if cfg!(any(fapilog_loom, miri)) {
            return;
        }
        let mut watch = Watch {
            alarm: Arc::clone(&self.alarm),
            shards: plans.into_iter().map(WatchedShard::new).collect(),
            successors: Successors::new(Arc::clone(hosts), executor),
            due: None,
        };
        let alarm = Arc::clone(&self.alarm);
        // Threads inherit the mask of the one that starts them.
        let _blocked = signals::block_all();
        let started = std::thread::Builder::new().name("fapilog-watch".to_owned()).spawn(move || {
            inherited::shed();
            // A diagnostic's callback may log, and must not wait for the shard that hangs.
            let _mark = drain_thread::enter();
            watch.run();
            drop(watch);
            alarm.report_end();
        });
        match started {
            Ok(thread) => *lock(&self.thread) = Some(thread),
            Err(error) => diagnostics.add("watchdog", format!("not started: {error}")),
        }
    }

    /// Ends the thread, and waits for it, at most for `timeout`: a callback of the program may hang in it. It is left to itself then.
    pub(crate) fn end(&self, timeout: Duration) {
        self.alarm.end();
        let Some(thread) = lock(&self.thread).take() else { return };
        if self.alarm.wait_for_end(timeout) {
            drop(thread.join());
        }
    }
}

/// The work of a watchdog's thread.
struct Watch {
    alarm: Arc<WatchAlarm>,
    shards: Vec<WatchedShard>,
    successors: Successors,
    /// The time at which the next look is due; `None` while all shards are parked.
    due: Option<Instant>,
}

/// A shard, as its watchdog sees it.
struct WatchedShard {
    /// Without plugins and sinks: the hand-over has their plans as of now.
    plan: ShardPlan,
    /// The call that the last look found, and the time of the look that found it first.
    seen: Option<(UserCall, Instant)>,
    /// The shard was abandoned, and no other serves its port yet.
    succession: Option<Succession>,
}

impl WatchedShard {
    fn new(plan: ShardPlan) -> Self {
        let plan = ShardPlan { pipeline: PipelinePlan::default(), sinks: Vec::new(), ..plan };
        Self { plan, seen: None, succession: None }
    }

    fn port(&self) -> &ShardPort {
        &self.plan.port
    }

    fn is_at_ease(&self) -> bool {
        self.succession.is_none() && self.port().is_parked_or_ended()
    }

    /// Looks at the shard, which is awake. Returns the time until the next look.
    fn look(&mut self, now: Instant, successors: &mut Successors) -> Duration {
        if let Some(succession) = self.succession.take() {
            self.succession = succession.poll(&self.plan, successors, now);
            let due_in = self.succession.as_ref().map(|succession| succession.due_in(now));
            return due_in.unwrap_or_default().max(START_LOOK_INTERVAL);
        }
        let limit = self.port().turn_watch.limit();
        let until_limit = self.look_at_call(now, limit, successors);
        if self.succession.is_some() {
            return START_LOOK_INTERVAL;
        }
        until_limit.unwrap_or_else(|| self.port().turn_watch.until_limit(now)).max(LOOK_INTERVAL_MIN)
    }

    /// Looks at the call that the shard is in. Returns how long it is until it comes to its limit.
    fn look_at_call(&mut self, now: Instant, limit: Duration, successors: &mut Successors) -> Option<Duration> {
        let Some(call) = self.port().calls.get().and_then(|calls| calls.current()) else {
            self.seen = None;
            // Other code than plugins: a callback, a waker, a drop.
            self.port().report_if_it_hangs_at(now);
            return None;
        };
        let since = match self.seen {
            Some((seen, since)) if seen == call => since,
            _ => self.seen.insert((call, now)).1,
        };
        let left = limit.saturating_sub(now.saturating_duration_since(since));
        if !left.is_zero() {
            return Some(left);
        }
        if may_abandon(self.port())
            && let Some(abandoned) = abandon(&mut self.plan, call, limit, successors)
        {
            self.seen = None;
            self.succession = Some(Succession::begin(&self.plan, successors, now));
            // The callback for diagnostics is user code, and may hang: the next shard does not wait for it.
            abandoned.report(&self.plan);
            self.port().wake_all_waiters();
            return None;
        }
        self.port().report_if_it_hangs_at(now);
        None
    }
}

impl Watch {
    fn run(&mut self) {
        while !self.alarm.is_over() {
            match self.look(Instant::now()) {
                Some(time) => self.alarm.sleep(Some(time)), // 4
                None if self.alarm.fall_asleep(|| self.are_all_at_ease()) => self.alarm.sleep(None), // 3
                None => {}
            }
        }
        // A shard that has started meanwhile is joined by the container.
        let now = Instant::now();
        for shard in &mut self.shards {
            if let Some(starting @ Succession::Starting { .. }) = shard.succession.take() {
                shard.succession = starting.poll(&shard.plan, &self.successors, now);
            }
        }
    }

    fn are_all_at_ease(&self) -> bool {
        self.shards.iter().all(WatchedShard::is_at_ease)
    }

    /// Looks at each shard. Returns the time until the next look; `None` if every shard is parked.
    fn look(&mut self, now: Instant) -> Option<Duration> {
        if self.due.is_some_and(|due| now.saturating_duration_since(due) > LATENESS_MAX) {
            self.shards.iter_mut().for_each(|shard| shard.seen = None);
        }
        let successors = &mut self.successors;
        let awake = self.shards.iter_mut().filter(|shard| !shard.is_at_ease());
        let next = awake.map(|shard| shard.look(now, successors)).min().map(|time| time.min(LOOK_INTERVAL_MAX));
        self.due = next.map(|time| now + time);
        next
    }
}

#[cfg(test)]
mod tests;
