//! The shard: the state of a drain, which takes events out of their rings, and its turn.
//!
//! A [`Shard`] is plain synchronous state with one [`turn`](Shard::turn). A *host* runs it: a pinned
//! glommio executor, a plain thread, or the program itself.
//!
//! # Steps of a turn
//!
//! 1. **Requests.** It reads stop and flush requests with *acquire*, before anything else: what was published before a
//!    request was made is seen by all that follows.
//!    Between two batches it also takes up [changes](crate::port::changes) of its plugins and sinks.
//! 2. **Registrations.** At the start of each *pass* it takes back the rings whose threads have ended, and adopts the rings
//!    that are new. Only then
//! 3. **Snapshot** takes, for each ring, how far it is published. A pass ends when every snapshot has been walked. So a
//!    pass that began after a request takes everything that was published before it.
//! 4. **Batch.** It views frames in place, by time across rings, until the batch or the pass is full.
//! 5. **Check** at the [sanitizer](sanitize), **enrich, process, encode.** When every sink has encoded the batch, nothing
//!    refers to the rings any more, and
//! 6. **Release** gives their space back, once a ring and batch.
//! 7. **Deliver.** Payloads that are full or overdue go out; those in flight are polled.
//! 8. **Flush.** A request is answered when a pass that began after it has ended, every payload of that time is
//!    delivered, and every sink has flushed.
//! 9. **Stop.** After a stop request, passes go on until one finds every ring empty; then payloads are flushed, and if
//!    nothing came meanwhile, the shard ends. Events left at the deadline are counted as lost. Events published after
//!    the last look are lost to the closed container: the accounts add them when they are read.
//! 10. **Sleep.** After a turn without work, the shard marks itself asleep at the doorbell and looks once more for whatever
//!     rings the doorbell: a request, a change, a new ring, a frame, a ring whose thread has ended (rule 8 of the
//!     [ring](fapilog_ring)). Only when it finds nothing does its host sleep.

mod apply_changes;
mod audit_events;
mod batch_reader;
mod degradation;
mod heartbeat;
pub(crate) mod idle;
mod in_band;
mod lifecycle;
mod loss_place;
mod pipeline;
mod ring_state;
mod sanitize;
mod shutdown;
mod sinks;
pub(crate) mod sleep;
mod source;
mod stage;
mod stages;
pub(crate) mod take_over;

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bumpalo::Bump;
use fapilog_plugin::{event::Batch, factory::ShardInfo};
use fapilog_record::{text::quoted::QuotedText, timestamp::Timestamp};
use fapilog_ring::seeded;

use crate::{
    accounts::LossReason,
    delivery::{payload_ids::PayloadIds, sink_worker::SinkWorker},
    diagnostics::DiagnosticLog,
    error::StartError,
    order::EventOrder,
    port::{
        ShardPort,
        plan::{PipelinePlan, SinkPlan},
    },
    producer::Frontend,
    shard::{
        apply_changes::Leaving,
        batch_reader::{BatchReader, group_of, next_group},
        degradation::health,
        heartbeat::Heartbeat,
        idle::{IdleSettings, IdleStep},
        lifecycle::{FlushPhase, Lifecycle, Stop, StopPhase},
        pipeline::Pipeline,
        ring_state::RingState,
        sinks::ShardSinks,
        source::ShardSource,
        stages::ShardStages,
    },
};

/// The most events of a batch after a sink had no room. A reader that takes 100 KB a second makes space for so many events
/// within the time that a thread waits for space.
const BLOCKED_BATCH_EVENTS: usize = 16;

/// How often a shard that owes an answer to a flush looks at the time: the tasks that wait have no timer of their own.
const LATE_CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// The parts that a shard is made of, on its own thread.
#[derive(Clone)]
pub(crate) struct ShardPlan {
    pub(crate) info: ShardInfo,
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) port: Arc<ShardPort>,
    pub(crate) pipeline: PipelinePlan,
    pub(crate) sinks: Vec<SinkPlan>,
    pub(crate) settings: ShardSettings,
    pub(crate) diagnostics: DiagnosticLog,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardSettings {
    pub(crate) order: EventOrder,
    pub(crate) batch_events: usize,
    pub(crate) flush_interval: Duration,
    pub(crate) message_max_chars: usize,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) idle: IdleSettings,
}

/// The state of a drain. Its four parts are used one after the other: the source fills a batch, the stages change it, the
/// sinks take it, and the lifecycle decides what comes next.
pub(crate) struct Shard {
    pub(super) port: Arc<ShardPort>,
    frontend: Arc<Frontend>,
    info: ShardInfo,
    settings: ShardSettings,
    /// The most events of the next batch: few after a sink had no room, so that space in the rings is made in small steps.
    batch_events: usize,
    arena: Bump,
    source: ShardSource,
    stages: ShardStages,
    sinks: ShardSinks,
    lifecycle: Lifecycle,
}

/// The result of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnOutcome {
    /// The shard goes on after this sleep.
    Idle(IdleStep),
    /// The shard has ended.
    Ended,
}

impl Shard {
    /// Makes the shard with all its plugins. On the thread that will run it.
    pub(super) fn new(plan: &ShardPlan) -> Result<Self, StartError> {
        let ShardPlan { info, frontend, port, pipeline, sinks, settings, diagnostics } = plan;
        port.turn_watch.report_to(diagnostics);
        port.turn_watch.set_limit(pipeline.policy.timeout);
        // The sinks come first: a plugin's name must differ from theirs.
        let ids = PayloadIds::new(frontend.instance(), *info);
        let sinks = ShardSinks::new(sinks, *info, settings, diagnostics, pipeline.policy, port, ids)?;
        sinks.count_calls(port);
        let mut shard = Self {
            port: Arc::clone(port),
            frontend: Arc::clone(frontend),
            info: *info,
            settings: *settings,
            batch_events: settings.batch_events,
            arena: Bump::new(),
            source: ShardSource::new(port, frontend),
            stages: ShardStages::new(pipeline, *info, settings, frontend, port, diagnostics)?,
            sinks,
            lifecycle: Lifecycle::new(settings.idle),
        };
        if info.abandoned > 0
            && let Some(hand_over) = port.hand_over.get()
        {
            shard.take_over(hand_over);
        }
        Ok(shard)
    }

    /// Does what there is to do, for a batch at most. The numbers are those of the [module's page](super).
    pub(super) fn turn(&mut self, waker: &Waker) -> TurnOutcome {
        self.turn_at(Instant::now(), waker)
    }

    /// As [`turn`](Self::turn), at this time.
    pub(super) fn turn_at(&mut self, now: Instant, waker: &Waker) -> TurnOutcome {
        debug_assert!(!self.port.is_stopped(), "a shard that has ended takes a turn");
        self.port.turn_watch.begin(now);
        let outcome = self.take_turn(now, waker);
        if let Some(took) = self.port.turn_watch.end() {
            self.port.report_return(Some(took));
        }
        outcome
    }

    fn take_turn(&mut self, now: Instant, waker: &Waker) -> TurnOutcome {
        let mut context = Context::from_waker(waker);

        let ends_early = seeded::bug("looks_before_stop")
            && self.lifecycle.stop.is_none()
            && self.source.is_drained()
            && self.sinks.is_all_submitted();
        self.read_requests(); // 1
        if ends_early && self.lifecycle.stop.is_some() {
            self.end(LossReason::ContainerClosed);
            return TurnOutcome::Ended;
        }
        if self.port.changes.has_some() {
            self.take_up_changes(now);
        }
        if self.source.is_pass_over() {
            self.begin_pass(); // 2, 3
        }
        let batch_taken = self.take_batch(now); // 4, 5, 6
        self.port.wake_due_waiters();
        if self.port.is_abandoned() {
            self.end(LossReason::ShutdownDeadline);
            return TurnOutcome::Ended;
        }
        let completed = self.deliver(now, &mut context); // 7
        let flushed = self.work_on_flush(&mut context); // 8
        if self.work_on_stop(now, &mut context) {
            return TurnOutcome::Ended; // 9
        }
        let owes_answer = !cfg!(fapilog_loom) && self.port.flush.requested() != self.lifecycle.flush.answered;
        if owes_answer {
            self.port.flush.wake_late(now);
        }

        if batch_taken {
            self.lifecycle.idle.batch(now);
        }
        if batch_taken || completed || flushed {
            self.stay_awake();
            return TurnOutcome::Idle(self.lifecycle.idle.busy());
        }
        self.lifecycle.busy_rounds = 0;
        self.source.clock.refresh(now);
        let delivering = self.sinks.workers.iter().any(SinkWorker::needs_polling) || !self.sinks.leaving.is_empty();
        let is_mid_pass = !self.source.is_pass_over();
        let beat = self.stages.heartbeat.as_ref().map(Heartbeat::due);
        let sinks_due = self.sinks.workers.iter_mut().filter_map(|worker| worker.sink_due(now)).min();
        let due = self
            .sinks
            .workers
            .iter()
            .filter_map(SinkWorker::submission_due)
            .chain(self.stages.pipeline.due(now))
            .chain(beat);
        let rotations_due = self.sinks.workers.iter().filter_map(|worker| worker.rotation_due(now));
        let deliveries_due = self.sinks.workers.iter().filter_map(|worker| worker.delivery_due(now));
        let due = due.chain(sinks_due).chain(self.look_due()).chain(rotations_due).chain(deliveries_due);
        let due = due.chain(self.has_notes().then_some(now));
        // A task may begin to wait at any time, and does not wake the shard.
        let due = due.chain(owes_answer.then(|| now + LATE_CHECK_INTERVAL)).min();
        TurnOutcome::Idle(self.lifecycle.idle.idle(
            now,
            delivering || is_mid_pass || self.lifecycle.stop.is_some(),
            due,
        ))
    }

    fn read_requests(&mut self) {
        if self.lifecycle.stop.is_none()
            && let Some(deadline) = self.port.flush.stop_requested()
        {
            self.lifecycle.stop = Some(Stop { deadline, phase: StopPhase::Draining });
            // The last one first, as they are dropped at the end.
            self.sinks.workers.iter_mut().rev().for_each(|worker| worker.stop(deadline));
        }
    }

    /// Rule 3: requests first, then the registrations, then the snapshots.
    fn begin_pass(&mut self) {
        // At each pass, not only when idle: a drain that is never idle must take rings back too.
        self.source.retire_rings();
        if seeded::bug("snapshot_before_request") {
            self.source.take_snapshots();
        }
        let requested = self.port.flush.requested();
        debug_assert!(self.lifecycle.flush.answered <= requested, "tickets went back to {requested}");
        if matches!(self.lifecycle.flush.phase, FlushPhase::Idle) && requested != self.lifecycle.flush.answered {
            self.lifecycle.flush.phase = FlushPhase::Walking { ticket: requested };
        }
        if seeded::bug("registrations_after_snapshots") {
            self.source.take_snapshots();
            return self.source.adopt_rings();
        }
        self.source.adopt_rings();
        if !seeded::bug("snapshot_before_request") {
            self.source.take_snapshots();
        }
    }

    /// Takes a batch through the pipeline into the workers. Returns whether there was one.
    fn take_batch(&mut self, now: Instant) -> bool {
        self.look_for_losses(now);
        let has_reported = self.report_due_losses(now) | self.write_notes(now);
        let beat_due = self.stages.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.due() <= now);
        let plugin_due = self.stages.pipeline.due(now).is_some_and(|due| due <= now);
        if self.source.is_pass_over() && !beat_due && !plugin_due {
            return has_reported;
        }
        if !self.sinks.are_ready(now) {
            self.batch_events = BLOCKED_BATCH_EVENTS.min(self.settings.batch_events);
            return has_reported;
        }
        self.set_batch_time(now);
        if self.source.has_unknown_source {
            self.source.sources.update();
        }

        let mut batch = Batch::new_in(&self.arena, self.batch_events, &self.stages.internal);
        if let Some(heartbeat) = self.stages.heartbeat.as_mut().filter(|_| beat_due) {
            heartbeat.beat(now, &crate::totals::accounts(&self.frontend), &mut batch);
        }
        self.port.counters.internal.add(batch.len() as u64);
        let group = group_of(&self.source.rings, self.source.first);
        let mut reader = BatchReader {
            rings: group,
            order: self.settings.order,
            clock: &self.source.clock,
            descriptors: &mut self.source.descriptors,
            sources: &self.source.sources,
            arena: &self.arena,
            events_max: self.batch_events,
            sources_are_new: self.source.has_unknown_source,
            unreadable: 0,
        };
        self.source.has_unknown_source = !reader.fill(&mut batch);
        let unreadable = reader.unreadable;
        self.source.rings.iter().for_each(RingState::note_walked);
        batch.add_taken(unreadable);
        self.port.counters.lost.add(LossReason::Unreadable, unreadable);
        self.port.counters.in_hand.set(batch.taken(), batch.len() as u64);

        self.port.throughput.record(now, batch.taken());
        if let Some(first) = batch.events().first() {
            self.port.latencies.drain_lag.record(passed(first.timestamp(), self.stages.internal.now()));
        }
        self.port.counters.cut.add(self.stages.sanitizer.check(&mut batch));
        // It is empty if its first event is of a source that is not known yet.
        if plugin_due || !batch.is_empty() {
            self.stages.pipeline.run(&mut batch, &self.port);
        }
        self.port.health.set(health(&self.stages.pipeline, &self.sinks.workers, now));
        self.sinks.encode(&batch, &self.port, now);
        drop(batch);
        self.arena.reset();
        self.port.counters.in_hand.set(0, 0);
        self.source.rings.iter_mut().for_each(RingState::settle);
        self.port.space.released();
        self.port.waiters.released();
        self.source.losses.batch_taken();
        self.batch_events = (self.batch_events * 2).min(self.settings.batch_events);
        self.source.first = next_group(&self.source.rings, self.source.first);
        true
    }

    fn deliver(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut completed = false;
        let (clock, port) = (&self.source.clock, &self.port);
        let latency = |oldest| port.latencies.end_to_end.record(passed(oldest, clock.now()));
        for worker in &mut self.sinks.workers {
            worker.work(now);
            worker.submit_if_due(now);
            completed |= worker.poll(now, context, latency);
            completed |= worker.poll_rotation(now, context);
        }
        completed |= self.sinks.exchange_fallbacks(now);
        if completed {
            self.sinks.count_failed_attempts(&self.port);
        }
        if !self.sinks.leaving.is_empty() {
            completed |= self.drop_removed_sinks(now, context);
        }
        if completed {
            self.port.health.set(health(&self.stages.pipeline, &self.sinks.workers, now));
            self.report_if_no_sink_works(now);
        }
        completed
    }

    /// Lets plugins emit their summaries into an empty batch, and encodes it for the sinks.
    fn take_summaries(&mut self, now: Instant, emit: impl FnOnce(&mut Pipeline, &mut Batch<'_>, &ShardPort)) {
        self.set_batch_time(now);
        let mut batch = Batch::new_in(&self.arena, 0, &self.stages.internal);
        emit(&mut self.stages.pipeline, &mut batch, &self.port);
        self.sinks.encode(&batch, &self.port, now);
        drop(batch);
        self.arena.reset();
    }

    /// Sets the time of the next batch.
    fn set_batch_time(&mut self, now: Instant) {
        self.source.clock.refresh(now);
        self.stages.internal.set_now(self.source.clock.now(), now);
        if let Some(source) = self.source.clock.given_up_for(now) {
            self.sinks.diagnostics.add("clock", counter_given_up(&source));
        }
    }

    /// Whether this process is a forked child of the one whose shard this is.
    pub(super) fn is_in_forked_child(&self) -> bool {
        self.frontend.is_in_forked_child()
    }
}

/// How long it is from one point in time to another. Clocks of two cores may differ a little.
fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_nanos(to.unix_nanos().saturating_sub(from.unix_nanos()))
}

fn counter_given_up(source: &str) -> String {
    let source = QuotedText::new(source);
    format!(
        "the kernel no longer keeps time by the time-stamp counter, but by {source}: the counter is wrong on this machine, \
         and times of events may be. Start the program again: it will ask the system for the time"
    )
}

#[cfg(test)]
mod tests;
