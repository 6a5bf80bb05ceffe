//! How events leave their rings: one drain's state, and one turn of it.
//!
//! A [`Shard`] is plain synchronous state with one [`turn`](Shard::turn). A *host* runs it: a pinned
//! glommio executor, a plain thread, or the program itself.
//!
//! # What a turn does
//!
//! 1. **Requests.** It reads stop and flush requests with *acquire*, before anything else: what was published before a
//!    request was made is seen by all that follows.
//!    Between two batches it also takes up [changes](crate::port::changes) of its plugins and sinks.
//! 2. **Registrations.** At the start of each *pass* it adopts the rings that are new, and only then
//! 3. **Snapshot** takes, for each ring, how far it is published. A pass ends when every snapshot has been walked. So a
//!    pass that began after a request takes everything that was published before it.
//! 4. **Batch.** It views frames in place, by time across rings, until the batch or the pass is full.
//! 5. **Check** at the [sanitizer](sanitize), **enrich, process, encode.** When every sink has encoded the batch, nothing refers to the rings any more, and
//! 6. **Release** gives their space back, once a ring and batch.
//! 7. **Deliver.** Payloads that are full or overdue go out; those under way are polled.
//! 8. **Flush.** A request is answered when a pass that began after it has ended, every payload of that time is
//!    delivered, and every sink has flushed.
//! 9. **Stop.** After a stop request, passes go on until one finds every ring empty; then payloads are flushed, and if
//!    nothing came meanwhile, that is the end. What is left at the deadline is counted as lost; what is published after
//!    the last look of all is lost to the closed container, and reckoned whenever the accounts are drawn up.

mod apply_changes;
mod batch_reader;
mod degradation;
mod heartbeat;
pub(crate) mod idle;
mod in_band;
mod pipeline;
mod ring_state;
mod sanitize;
mod shutdown;
mod sleep;

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bumpalo::Bump;
use fapilog_plugin::{
    event::{Batch, internal::InternalEvents},
    factory::ShardInfo,
};
use fapilog_record::{call_site::DescriptorCache, timestamp::Timestamp};
use fapilog_ring::{seeded, sync::lock};

use crate::{
    accounts::LossReason,
    clock::StampClock,
    delivery::sink_worker::SinkWorker,
    diagnostics::DiagnosticLog,
    error::StartError,
    guard::GuardPolicy,
    order::EventOrder,
    port::{
        NewRing, ShardPort,
        plan::{PipelinePlan, SinkPlan},
    },
    producer::{Frontend, sources::SourceCache},
    shard::{
        apply_changes::Leaving,
        batch_reader::{BatchReader, group_of, next_group},
        degradation::{Emergency, health},
        heartbeat::Heartbeat,
        idle::{Idle, IdleSettings, IdleStep},
        in_band::LossReport,
        pipeline::Pipeline,
        ring_state::RingState,
        sanitize::Sanitizer,
        shutdown::{FlushPhase, FlushState, Stop, StopPhase},
    },
};

/// How often a shard that owes an answer to a flush looks at the time: the tasks that wait have no timer of their own.
const LATE_CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// How often losses are looked for.
///
/// In a model, not by the clock at all: loom demands that one execution is like another.
const LOSS_CHECK_INTERVAL: Duration = if cfg!(fapilog_loom) { Duration::MAX } else { Duration::from_millis(100) };

/// What a shard is made from, on its own thread.
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

/// One drain's state.
pub(crate) struct Shard {
    pub(super) port: Arc<ShardPort>,
    frontend: Arc<Frontend>,
    rings: Vec<RingState>,
    registered: u64,
    /// The ring that the next group of merged rings starts with.
    first: usize,
    descriptors: DescriptorCache,
    sources: SourceCache,
    has_unknown_source: bool,
    clock: StampClock,
    sanitizer: Sanitizer,
    pipeline: Pipeline,
    /// What a reload has made, until it is decided for all shards whether it is to work.
    prepared: Option<Pipeline>,
    workers: Vec<SinkWorker>,
    /// Sinks that are removed, and have still to deliver what they hold.
    leaving: Vec<Leaving>,
    arena: Bump,
    losses: LossReport,
    heartbeat: Option<Heartbeat>,
    own: InternalEvents,
    losses_checked: Instant,
    settings: ShardSettings,
    emergency: Emergency,
    info: ShardInfo,
    diagnostics: DiagnosticLog,
    policy: GuardPolicy,
    /// The processors have said their last words.
    has_finished: bool,
    /// Turns with work, in a row.
    busy_turns: u32,
    /// It has slept, and has not said since that it is awake.
    is_marked_asleep: bool,
    idle: Idle,
    flush: FlushState,
    stop: Option<Stop>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The shard goes on after this sleep.
    Idle(IdleStep),
    /// The shard has ended.
    Ended,
}

impl Shard {
    /// Makes the shard with all its plugins. On the thread that will run it.
    pub(super) fn new(plan: &ShardPlan) -> Result<Self, StartError> {
        let ShardPlan { info, frontend, port, pipeline, sinks, settings, diagnostics } = plan;
        let mut workers = Vec::with_capacity(sinks.len());
        let mut views = Vec::with_capacity(sinks.len());
        for sink in sinks {
            let made = SinkWorker::new(sink, *info, settings.flush_interval, diagnostics, pipeline.policy);
            let (worker, view) = made.map_err(|source| StartError::Sink { sink: sink.name.clone(), source })?;
            workers.push(worker);
            views.push(view);
        }
        *lock(&port.sinks) = views;
        Ok(Self {
            port: Arc::clone(port),
            frontend: Arc::clone(frontend),
            rings: Vec::new(),
            registered: 0,
            first: 0,
            descriptors: DescriptorCache::new(),
            sources: SourceCache::new(Arc::clone(&frontend.sources)),
            has_unknown_source: false,
            clock: StampClock::new(frontend.stamps()),
            sanitizer: Sanitizer::new(settings.message_max_chars),
            pipeline: Pipeline::new(pipeline, *info, port, diagnostics)?,
            prepared: None,
            workers,
            leaving: Vec::new(),
            arena: Bump::new(),
            losses: LossReport::default(),
            heartbeat: heartbeat(*info, settings.heartbeat),
            own: InternalEvents::new(frontend.sources.intern("fapilog")),
            losses_checked: Instant::now(),
            settings: *settings,
            emergency: Emergency::default(),
            info: *info,
            diagnostics: diagnostics.clone(),
            policy: pipeline.policy,
            has_finished: false,
            busy_turns: 0,
            is_marked_asleep: false,
            idle: Idle::new(settings.idle),
            flush: FlushState { answered: 0, phase: FlushPhase::Idle },
            stop: None,
        })
    }

    /// Does what there is to do, for a batch at most. The numbers are those of the [module's page](super).
    pub(super) fn turn(&mut self, waker: &Waker) -> Turn {
        let now = Instant::now();
        let mut context = Context::from_waker(waker);

        let ends_early = seeded::bug("looks_before_stop")
            && self.stop.is_none()
            && self.is_everything_drained()
            && self.is_all_shipped();
        self.read_requests(); // 1
        if ends_early && self.stop.is_some() {
            self.end(LossReason::ContainerClosed);
            return Turn::Ended;
        }
        if self.port.changes.has_some() {
            self.take_up_changes(now);
        }
        if self.is_pass_over() {
            self.begin_pass(); // 2, 3
        }
        let batch_taken = self.take_batch(now); // 4, 5, 6
        let landed = self.deliver(now, &mut context); // 7
        let flushed = self.work_on_flush(&mut context); // 8
        if self.work_on_stop(now, &mut context) {
            return Turn::Ended; // 9
        }
        let owes_answer = !cfg!(fapilog_loom) && self.port.flush.requested() != self.flush.answered;
        if owes_answer {
            self.port.flush.wake_late(now);
        }

        if batch_taken || landed || flushed {
            self.stay_awake();
            return Turn::Idle(self.idle.busy());
        }
        self.busy_turns = 0;
        self.clock.refresh(now);
        let delivering = self.workers.iter().any(SinkWorker::is_to_be_looked_at) || !self.leaving.is_empty();
        let held_back = !self.is_pass_over();
        let beat = self.heartbeat.as_ref().map(Heartbeat::due);
        let sinks_due = self.workers.iter_mut().filter_map(|worker| worker.sink_due(now)).min();
        let due = self.workers.iter().filter_map(SinkWorker::due).chain(self.pipeline.due(now)).chain(beat);
        let due = due.chain(sinks_due);
        // A task may come to wait at any time, without a word to the shard.
        let due = due.chain(owes_answer.then(|| now + LATE_CHECK_INTERVAL)).min();
        Turn::Idle(self.idle.idle(now, delivering || held_back || self.stop.is_some(), due))
    }

    fn read_requests(&mut self) {
        if self.stop.is_none()
            && let Some(deadline) = self.port.flush.stop_requested()
        {
            self.stop = Some(Stop { deadline, phase: StopPhase::Draining });
            // Last first, as they are let go of in the end.
            self.workers.iter_mut().rev().for_each(|worker| worker.stop(deadline));
        }
    }

    fn is_pass_over(&self) -> bool {
        self.rings.iter().all(RingState::is_walked)
    }

    /// Rule 3: requests first, then the registrations, then the snapshots.
    fn begin_pass(&mut self) {
        // Here and not when there is nothing to do: a drain that is never idle must take rings back too.
        self.retire_rings();
        if seeded::bug("snapshot_before_request") {
            self.take_snapshots();
        }
        let requested = self.port.flush.requested();
        if matches!(self.flush.phase, FlushPhase::Idle) && requested != self.flush.answered {
            self.flush.phase = FlushPhase::Walking { ticket: requested };
        }
        if seeded::bug("roster_after_snapshots") {
            self.take_snapshots();
            return self.adopt_rings();
        }
        self.adopt_rings();
        if !seeded::bug("snapshot_before_request") {
            self.take_snapshots();
        }
    }

    fn adopt_rings(&mut self) {
        let rings = &mut self.rings;
        self.port.registrations.take_new(&mut self.registered, |ring: NewRing| rings.push(RingState::new(ring)));
    }

    fn take_snapshots(&mut self) {
        let mut fullest = 0;
        for ring in &mut self.rings {
            fullest = fullest.max(ring.take_snapshot());
        }
        self.port.ring_fill.record(fullest as u64);
    }

    /// Takes a batch through the pipeline into the workers. Returns whether there was one.
    fn take_batch(&mut self, now: Instant) -> bool {
        let report_due = self.check_losses(now);
        let beat_due = self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.due() <= now);
        let plugin_due = self.pipeline.due(now).is_some_and(|due| due <= now);
        let is_due = report_due || beat_due || plugin_due;
        if self.is_pass_over() && !is_due {
            return false;
        }
        if !self.are_outlets_ready() {
            return false;
        }
        self.clock.refresh(now);
        self.own.set_now(self.clock.now(), now);
        if self.has_unknown_source {
            self.sources.update();
        }

        let mut batch = Batch::new_in(&self.arena, self.settings.batch_events, &self.own);
        if report_due {
            self.losses.tell(now, &mut batch);
        }
        if let Some(heartbeat) = self.heartbeat.as_mut().filter(|_| beat_due) {
            heartbeat.beat(now, &crate::totals::accounts(&self.frontend), &mut batch);
        }
        self.port.counters.own.add(batch.len() as u64);
        let group = group_of(&self.rings, self.first);
        let mut reader = BatchReader {
            rings: group,
            order: self.settings.order,
            clock: &self.clock,
            descriptors: &mut self.descriptors,
            sources: &self.sources,
            arena: &self.arena,
            events_max: self.settings.batch_events,
            sources_are_new: self.has_unknown_source,
            unreadable: 0,
        };
        self.has_unknown_source = !reader.fill(&mut batch);
        self.port.counters.lost.add(LossReason::Unreadable, reader.unreadable);

        if let Some(first) = batch.events().first() {
            self.port.latencies.drain_lag.record(passed(first.timestamp(), self.own.now()));
        }
        self.sanitizer.check(&mut batch);
        // It is empty if its first event is of a source that is not known yet.
        if plugin_due || !batch.is_empty() {
            self.pipeline.run(&mut batch, &self.port);
        }
        self.port.health.set(health(&self.pipeline, &self.workers));
        encode(&batch, &mut self.workers, &self.leaving, &self.port, now);
        drop(batch);
        self.arena.reset();
        self.rings.iter_mut().for_each(RingState::settle);
        self.first = next_group(&self.rings, self.first);
        true
    }

    fn deliver(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut landed = false;
        let (clock, port) = (&self.clock, &self.port);
        let latency = |oldest| port.latencies.end_to_end.record(passed(oldest, clock.now()));
        for worker in &mut self.workers {
            worker.tend(now);
            worker.ship_if_due(now);
            landed |= worker.poll(context, latency);
        }
        if !self.leaving.is_empty() {
            landed |= self.see_sinks_off(now, context);
        }
        if landed {
            self.port.health.set(health(&self.pipeline, &self.workers));
            self.say_if_no_sink_works(now);
        }
        landed
    }

    fn are_outlets_ready(&mut self) -> bool {
        self.workers.iter_mut().all(SinkWorker::is_ready)
    }

    /// A batch without events for plugins to speak into, on its way to the sinks.
    fn take_words(&mut self, now: Instant, speak: impl FnOnce(&mut Pipeline, &mut Batch<'_>, &ShardPort)) {
        self.clock.refresh(now);
        self.own.set_now(self.clock.now(), now);
        let mut batch = Batch::new_in(&self.arena, 0, &self.own);
        speak(&mut self.pipeline, &mut batch, &self.port);
        encode(&batch, &mut self.workers, &self.leaving, &self.port, now);
        drop(batch);
        self.arena.reset();
    }

    /// Looks for losses once in a while. Returns whether the log is to tell of them now.
    fn check_losses(&mut self, now: Instant) -> bool {
        let is_last = self.stop.is_some();
        if is_last || now.saturating_duration_since(self.losses_checked) >= LOSS_CHECK_INTERVAL {
            self.losses_checked = now;
            for ring in &mut self.rings {
                tell_losses(ring, &mut self.losses);
            }
        }
        self.losses.is_due(now, is_last)
    }

    /// Takes back rings whose threads are gone.
    fn retire_rings(&mut self) {
        for mut ring in self.rings.extract_if(.., |ring| ring.is_finished()) {
            tell_losses(&mut ring, &mut self.losses);
            self.frontend.lane_registry.leave(&ring.counters);
            let is_kept = ring.into_consumer().into_idle().is_ok_and(|idle| self.port.keep_idle(idle));
            if !is_kept {
                self.frontend.forget_ring();
            }
        }
    }

    /// Whether this process is a forked child of the one whose shard this is.
    pub(super) fn is_in_forked_child(&self) -> bool {
        self.frontend.is_in_forked_child()
    }
}

/// Encodes a batch for every sink.
#[inline]
fn encode(batch: &Batch<'_>, workers: &mut [SinkWorker], leaving: &[Leaving], port: &ShardPort, now: Instant) {
    if batch.is_empty() {
        return;
    }
    port.counters.passed.add(batch.len() as u64);
    for worker in workers {
        worker.encode(batch, now);
    }
    // They are still in the accounts.
    for Leaving { worker, .. } in leaving {
        worker.passed_by(batch.len() as u64);
    }
}

/// The first shard speaks for all.
fn heartbeat(shard: ShardInfo, interval: Option<Duration>) -> Option<Heartbeat> {
    interval.filter(|_| shard.index == 0).map(|interval| Heartbeat::new(interval, Instant::now()))
}

/// How long it is from one point in time to another. Clocks of two cores may differ a little.
fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_nanos(to.unix_nanos().saturating_sub(from.unix_nanos()))
}

fn tell_losses(ring: &mut RingState, report: &mut LossReport) {
    let lost = ring.counters.refused.lost.read();
    if lost != ring.told {
        report.add(&lost.since(&ring.told));
        ring.told = lost;
    }
}
