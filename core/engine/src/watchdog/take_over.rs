//! The take-over: a shard that hangs in a call of user code is abandoned, and another serves its rings.
//!
//! A thread cannot be ended from outside. So the thread that hangs is left to itself with all that the code on it may refer
//! to: the frames of the batch in hand, its plugins and sinks, and their payloads. Another shard begins on a new thread, on the
//! same port, with fresh plugins and sinks.
//!
//! # The protocol
//!
//! 1. **Calls.** A shard stores an odd number in its call word before it calls user code, with *release*, and makes it even behind the
//!    call by an exchange. Only if the exchange succeeds, the shard goes on. No number comes back.
//! 2. **Abandoning.** A watchdog that has seen the same odd number for longer than the limit makes it even by the same exchange,
//!    with *acquire*. A single one of the two succeeds: the call has returned, or the shard is abandoned. All that the
//!    shard did before the call comes before what follows.
//! 3. **Leaving.** A shard whose exchange fails was abandoned. It unwinds to its host from there, and touches nothing that it
//!    shares: neither port, rings nor counters. The host drops the plugins and sinks, which are its own, and ends. Where a panic
//!    ends the program, nothing can unwind: the thread sleeps for ever.
//! 4. **Rings.** Before each call that may refer to frames, a shard notes how far it has walked in each ring. The next shard begins
//!    there, by a second consumer: rule 10 of the [ring](fapilog_ring). It releases no space, so what the abandoned shard, or
//!    the code that it has called, may still read is written by nobody. A thread that finds such a ring full takes a new one, whose frames come
//!    behind those of the old one.
//! 5. **Once.** The watchdog closes the accounts of the abandoned shard, before another starts. The events in hand count as drained.
//!    Those among them that are counted nowhere, and those that sinks have taken and not delivered, are lost as `plugin_hung`, even if such
//!    a delivery succeeds later. The next shard's counters go on from there.
//! 6. **Bound.** A container abandons [`ABANDONED_MAX`] shards at most. After that it waits.
//! 7. **Starts.** A shard that cannot start, because a sink's file is still locked by the abandoned one, is started again, on a plain
//!    thread, [`STARTS_MAX`] times in all, at growing intervals. If none starts, the port ends: what is in its rings is lost as `plugin_hung`.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::lock;
use fapilog_record::{text::quoted::QuotedText, user_code::drop_catching_panics};

use crate::{
    accounts::HealthLevel,
    error::StartError,
    executor::Executor,
    host::{Host, HostStart},
    port::{ShardPort, hand_over::HandOver, rotate::OpenTicket},
    shard::{ShardPlan, take_over::end_without_shard},
    watchdog::call_word::UserCall,
};

/// The most shards that a container abandons.
const ABANDONED_MAX: u32 = 8;
/// How often a shard that takes over is started, until one starts.
const STARTS_MAX: u32 = 8;
/// The time before the second start. It doubles with each.
const START_INTERVAL: Duration = Duration::from_millis(250);
/// The longest time between two starts.
const START_INTERVAL_MAX: Duration = Duration::from_secs(8);

/// The payload by which an abandoned shard unwinds.
#[derive(Debug)]
pub(crate) struct Leaves;

/// Leaves a shard that was abandoned in a call (3). `result`: what the call returned; its drop is user code.
#[cold]
pub(crate) fn leave<R>(result: R) -> ! {
    drop_catching_panics(result);
    // A shard that unwinds already cannot unwind once more: it would end the program.
    if cfg!(panic = "unwind") && !std::thread::panicking() {
        // It calls no panic hook.
        resume_unwind(Box::new(Leaves));
    }
    loop {
        std::thread::park();
    }
}

/// The shards of a container, as their watchdog abandons and replaces them.
#[derive(Debug)]
pub(super) struct Successors {
    pub(super) hosts: Arc<Mutex<Vec<Host>>>,
    pub(super) executor: Executor,
    /// The number of shards that were abandoned.
    abandoned: u32,
    is_bound_reported: bool,
}

impl Successors {
    pub(super) fn new(hosts: Arc<Mutex<Vec<Host>>>, executor: Executor) -> Self {
        Self { hosts, executor, abandoned: 0, is_bound_reported: false }
    }
}

/// A port whose shard was abandoned, until another serves it.
#[derive(Debug)]
pub(super) enum Succession {
    /// A start is in flight.
    Starting { start: HostStart, starts: u32, is_reported: bool },
    /// The next start comes then.
    Waiting { next: Instant, starts: u32 },
}

/// A shard that was abandoned, and not reported yet.
#[derive(Debug)]
#[must_use = "a successor is to be started, and then the end of this one reported"]
pub(super) struct AbandonedShard {
    plugin: String,
    limit: Duration,
    lost: u64,
    tickets: Vec<Weak<OpenTicket>>,
}

/// Abandons the shard in this call (2). `None` if it has returned, or is waited for.
pub(super) fn abandon(
    plan: &mut ShardPlan,
    call: UserCall,
    limit: Duration,
    successors: &mut Successors,
) -> Option<AbandonedShard> {
    let port = Arc::clone(&plan.port);
    let (calls, hand_over) = (port.calls.get()?, port.hand_over.get()?);
    if successors.abandoned >= ABANDONED_MAX {
        if !std::mem::replace(&mut successors.is_bound_reported, true) {
            let text = format!("{ABANDONED_MAX} drains were abandoned: the log waits for the next plugin that hangs");
            plan.diagnostics.add("watchdog", text);
        }
        return None;
    }
    let plugin = port.running_plugin().unwrap_or_else(|| "a plugin".to_owned());
    if !calls.abandon(call) {
        return None;
    }
    successors.abandoned += 1;
    let (lost, lost_at_sinks) = hand_over.close_accounts(&port); // 5
    port.turn_watch.forget_turn();
    port.health.set(HealthLevel::Emergency);
    // Its thread is left to itself.
    lock(&successors.hosts).retain(|host| host.shard() != plan.info.index);
    plan.info = plan.info.after(plan.info.abandoned + 1);
    let tickets = hand_over.take_tickets();
    Some(AbandonedShard { plugin, limit, lost: lost + lost_at_sinks, tickets })
}

impl AbandonedShard {
    /// Reports it, once its successor is being started.
    pub(super) fn report(self, plan: &ShardPlan) {
        let Self { plugin, limit, lost, tickets } = self;
        HandOver::end_tickets(tickets);
        let text =
            format!("has not returned for {} s: its drain is abandoned, and another takes over", limit.as_secs_f64());
        plan.diagnostics.emergency(&format!("{plugin} {text}; {lost} events are lost (plugin_hung)"));
        plan.diagnostics.add(&plugin, text);
    }
}

impl Succession {
    /// Starts the next shard at once.
    pub(super) fn begin(plan: &ShardPlan, successors: &Successors, now: Instant) -> Self {
        Self::start(plan, successors, now, 1)
    }

    fn start(plan: &ShardPlan, successors: &Successors, now: Instant, starts: u32) -> Self {
        let mut plan = plan.clone();
        if let Some(hand_over) = plan.port.hand_over.get() {
            let live = hand_over.plan();
            (plan.pipeline, plan.sinks) = (live.pipeline, live.sinks);
        }
        let diagnostics = plan.diagnostics.clone();
        let executor = if starts == 1 { successors.executor } else { Executor::Thread };
        // It is not pinned: the code that hangs may use up the CPU of the thread before.
        match HostStart::begin(executor, plan, None) {
            Ok(start) => Self::Starting { start, starts, is_reported: false },
            Err(error) => {
                diagnostics.add("watchdog", not_started(&error));
                Self::after_failure(now, starts)
            }
        }
    }

    fn after_failure(now: Instant, starts: u32) -> Self {
        let interval = START_INTERVAL.saturating_mul(1 << starts.min(16)).min(START_INTERVAL_MAX);
        Self::Waiting { next: now + interval, starts }
    }

    /// Goes on. `None` if the port is served again, or has ended.
    pub(super) fn poll(self, plan: &ShardPlan, successors: &Successors, now: Instant) -> Option<Self> {
        match self {
            Self::Starting { start, starts, is_reported } => match start.poll() {
                Err(start) => {
                    let is_late = start.is_late(now);
                    if is_late && !is_reported {
                        report_late_start(plan);
                    }
                    Some(Self::Starting { start, starts, is_reported: is_late || is_reported })
                }
                Ok(Ok(host)) => {
                    lock(&successors.hosts).push(host);
                    None
                }
                Ok(Err(error)) => {
                    plan.diagnostics.add("watchdog", not_started(&error));
                    Self::after_failure(now, starts).unless_over(plan, now)
                }
            },
            Self::Waiting { next, starts } if next <= now => Some(Self::start(plan, successors, now, starts + 1)),
            waiting @ Self::Waiting { .. } => waiting.unless_over(plan, now),
        }
    }

    /// Ends the port instead of waiting, if there have been enough starts, or the container's end has come (7).
    fn unless_over(self, plan: &ShardPlan, now: Instant) -> Option<Self> {
        let Self::Waiting { starts, .. } = &self else { return Some(self) };
        let is_late = plan.port.flush.stop_requested().is_some_and(|deadline| deadline <= now);
        if *starts < STARTS_MAX && !is_late {
            return Some(self);
        }
        let index = plan.info.index;
        plan.diagnostics
            .emergency(&format!("no drain could take over from the one that hangs: shard {index} has ended"));
        plan.diagnostics
            .add("watchdog", format!("shard {index} has ended: no drain could take over, and its events are lost"));
        end_without_shard(&plan.port, &plan.frontend);
        None
    }

    /// How long to wait before the next poll.
    pub(super) fn due_in(&self, now: Instant) -> Duration {
        match self {
            Self::Starting { .. } => Duration::ZERO,
            Self::Waiting { next, .. } => next.saturating_duration_since(now),
        }
    }
}

/// The making of plugins is user code too, and is waited for.
#[cold]
fn report_late_start(plan: &ShardPlan) {
    let text = "the drain that takes over has not started: the making of a plugin or sink does not return";
    plan.diagnostics.emergency(text);
    plan.diagnostics.add("watchdog", text.to_owned());
}

fn not_started(error: &StartError) -> String {
    format!("the drain that takes over has not started: {}", QuotedText::new(error.to_string()))
}

/// Whether the shards of these ports may be abandoned.
pub(super) fn may_abandon(port: &ShardPort) -> bool {
    port.hand_over.get().is_some()
}
