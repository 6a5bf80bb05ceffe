//! One drain's state, and one turn of it.

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bumpalo::Bump;
use fapilog_ring::{Sleep, seeded, sync::lock};

use super::{
    border::Border,
    changes::{Answer, Change, ChangeError},
    gather::{Gather, group_of, next_group},
    heartbeat::Heartbeat,
    here,
    idle::{Idle, IdleSettings, Rest},
    in_band::LossReport,
    outlet::{Outlet, SinkPlan},
    pipeline::{Pipeline, PipelinePlan},
    ring_state::RingState,
};
use crate::{
    accounts::{LossReason, Rung},
    call_site::DescriptorCache,
    clock::StampClock,
    container::StartError,
    event::{Batch, SourceCache, Timestamp, own::OwnEvents},
    intake::{Intake, NewRing, ShardPort},
    notices::Notices,
    order::EventOrder,
    plugin::{GuardPolicy, ShardInfo, guarded},
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
    pub(crate) intake: Arc<Intake>,
    pub(crate) port: Arc<ShardPort>,
    pub(crate) pipeline: PipelinePlan,
    pub(crate) sinks: Vec<SinkPlan>,
    pub(crate) settings: ShardSettings,
    pub(crate) notices: Notices,
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
    intake: Arc<Intake>,
    rings: Vec<RingState>,
    enlisted: u64,
    /// The ring that the next group of merged rings starts with.
    first: usize,
    descriptors: DescriptorCache,
    sources: SourceCache,
    has_unknown_source: bool,
    clock: StampClock,
    border: Border,
    pipeline: Pipeline,
    /// What a reload has made, until it is decided for all shards whether it is to work.
    #[cfg(feature = "settings")]
    prepared: Option<Pipeline>,
    outlets: Vec<Outlet>,
    /// Sinks that are removed, and have still to deliver what they hold.
    leaving: Vec<Leaving>,
    arena: Bump,
    losses: LossReport,
    heartbeat: Option<Heartbeat>,
    own: OwnEvents,
    losses_checked: Instant,
    settings: ShardSettings,
    emergency: Emergency,
    info: ShardInfo,
    notices: Notices,
    policy: GuardPolicy,
    /// The processors have said their last words.
    has_finished: bool,
    /// Turns with work, in a row.
    busy_turns: u32,
    /// It has dozed, and has not said since that it is awake.
    is_said_to_doze: bool,
    idle: Idle,
    flush: FlushState,
    stop: Option<Stop>,
}

/// How far a flush has come.
#[derive(Debug, Clone, Copy)]
struct FlushState {
    answered: u64,
    phase: FlushPhase,
}

#[derive(Debug, Clone, Copy)]
enum FlushPhase {
    Idle,
    /// Everything published before the ticket is in a snapshot that is being walked.
    Walking {
        ticket: u64,
    },
    /// Everything is encoded; the outlets are at it.
    Delivering {
        ticket: u64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Stop {
    deadline: Instant,
    phase: StopPhase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopPhase {
    Draining,
    Flushing,
}

/// A sink on its way out.
struct Leaving {
    outlet: Outlet,
    answer: Arc<Answer>,
    deadline: Instant,
}

/// How long a sink that is removed may take to deliver what it holds.
const LEAVING_TIMEOUT: Duration = Duration::from_secs(5);

/// What stderr has been told of events that no sink took.
#[derive(Debug, Default)]
struct Emergency {
    told: u64,
    last: Option<Instant>,
}

impl Emergency {
    /// How many events to tell of, if it is time to.
    fn begin(&mut self, lost: u64, now: Instant) -> Option<u64> {
        const INTERVAL: Duration = Duration::from_secs(1);
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            return None;
        }
        self.last = Some(now);
        let events = lost.saturating_sub(self.told);
        self.told = lost;
        Some(events)
    }
}

/// So many busy turns in a row are more than a short burst.
const BURST_TURNS: u32 = 8;

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The shard goes on after this rest.
    Rest(Rest),
    /// The shard has ended.
    Ended,
}

impl Shard {
    /// Makes the shard with all its plugins. On the thread that will run it.
    pub(super) fn new(plan: &ShardPlan) -> Result<Self, StartError> {
        let ShardPlan { info, intake, port, pipeline, sinks, settings, notices } = plan;
        let mut outlets = Vec::with_capacity(sinks.len());
        let mut views = Vec::with_capacity(sinks.len());
        for sink in sinks {
            let made = Outlet::new(sink, *info, settings.flush_interval, notices, pipeline.policy);
            let (outlet, view) = made.map_err(|source| StartError::Sink { sink: sink.name.clone(), source })?;
            outlets.push(outlet);
            views.push(view);
        }
        *lock(&port.sinks) = views;
        Ok(Self {
            port: Arc::clone(port),
            intake: Arc::clone(intake),
            rings: Vec::new(),
            enlisted: 0,
            first: 0,
            descriptors: DescriptorCache::new(),
            sources: SourceCache::new(Arc::clone(&intake.sources)),
            has_unknown_source: false,
            clock: StampClock::new(intake.stamps()),
            border: Border::new(settings.message_max_chars),
            pipeline: Pipeline::new(pipeline, *info, port, notices)?,
            #[cfg(feature = "settings")]
            prepared: None,
            outlets,
            leaving: Vec::new(),
            arena: Bump::new(),
            losses: LossReport::default(),
            heartbeat: heartbeat(*info, settings.heartbeat),
            own: OwnEvents::new(intake.sources.intern("fapilog")),
            losses_checked: Instant::now(),
            settings: *settings,
            emergency: Emergency::default(),
            info: *info,
            notices: notices.clone(),
            policy: pipeline.policy,
            has_finished: false,
            busy_turns: 0,
            is_said_to_doze: false,
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
            return Turn::Rest(self.idle.busy());
        }
        self.busy_turns = 0;
        self.clock.refresh(now);
        let delivering = self.outlets.iter().any(Outlet::is_to_be_looked_at) || !self.leaving.is_empty();
        let held_back = !self.is_pass_over();
        let beat = self.heartbeat.as_ref().map(Heartbeat::due);
        let sinks_due = self.outlets.iter_mut().filter_map(|outlet| outlet.sink_due(now)).min();
        let due = self.outlets.iter().filter_map(Outlet::due).chain(self.pipeline.due(now)).chain(beat);
        let due = due.chain(sinks_due);
        // A task may come to wait at any time, without a word to the shard.
        let due = due.chain(owes_answer.then(|| now + LATE_CHECK_INTERVAL)).min();
        Turn::Rest(self.idle.idle(now, delivering || held_back || self.stop.is_some(), due))
    }

    fn read_requests(&mut self) {
        if self.stop.is_none()
            && let Some(deadline) = self.port.flush.stop_requested()
        {
            self.stop = Some(Stop { deadline, phase: StopPhase::Draining });
            // Last first, as they are let go of in the end.
            self.outlets.iter_mut().rev().for_each(|outlet| outlet.stop(deadline));
        }
    }

    fn is_pass_over(&self) -> bool {
        self.rings.iter().all(RingState::is_walked)
    }

    /// Rule 3: requests first, then the roster, then the snapshots.
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
        self.port.roster.take_new(&mut self.enlisted, |ring: NewRing| rings.push(RingState::new(ring)));
    }

    fn take_snapshots(&mut self) {
        let mut fullest = 0;
        for ring in &mut self.rings {
            fullest = fullest.max(ring.take_snapshot());
        }
        self.port.ring_fill.record(fullest as u64);
    }

    /// Takes a batch through the pipeline into the outlets. Returns whether there was one.
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
            heartbeat.beat(now, &crate::container::accounts(&self.intake), &mut batch);
        }
        self.port.tallies.own.add(batch.len() as u64);
        let group = group_of(&self.rings, self.first);
        let mut gather = Gather {
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
        self.has_unknown_source = !gather.fill(&mut batch);
        self.port.tallies.lost.add(LossReason::Unreadable, gather.unreadable);

        if let Some(first) = batch.events().first() {
            self.port.latencies.drain_lag.record(passed(first.timestamp(), self.own.now()));
        }
        self.border.check(&mut batch);
        // It is empty if its first event is of a source that is not known yet.
        if plugin_due || !batch.is_empty() {
            self.pipeline.run(&mut batch, &self.port);
        }
        self.port.rung.set(rung(&self.pipeline, &self.outlets));
        encode(&batch, &mut self.outlets, &self.leaving, &self.port, now);
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
        for outlet in &mut self.outlets {
            outlet.tend(now);
            outlet.ship_if_due(now);
            landed |= outlet.poll(context, latency);
        }
        if !self.leaving.is_empty() {
            landed |= self.see_sinks_off(now, context);
        }
        if landed {
            self.port.rung.set(rung(&self.pipeline, &self.outlets));
            self.say_if_no_sink_works(now);
        }
        landed
    }

    /// The last rung: when every sink has failed, stderr is told, in one line a second at most, and of counts only.
    fn say_if_no_sink_works(&mut self, now: Instant) {
        let lost: u64 = self.outlets.iter().map(Outlet::failed_events).sum();
        if self.outlets.iter().all(Outlet::is_failing) && lost > self.emergency.told {
            let Some(events) = self.emergency.begin(lost, now) else { return };
            self.notices.emergency(&format!("no sink works: {events} events lost; see the container's notices"));
        }
    }

    fn are_outlets_ready(&mut self) -> bool {
        self.outlets.iter_mut().all(Outlet::is_ready)
    }

    /// A batch without events for plugins to speak into, on its way to the sinks.
    fn take_words(&mut self, now: Instant, speak: impl FnOnce(&mut Pipeline, &mut Batch<'_>, &ShardPort)) {
        self.clock.refresh(now);
        self.own.set_now(self.clock.now(), now);
        let mut batch = Batch::new_in(&self.arena, 0, &self.own);
        speak(&mut self.pipeline, &mut batch, &self.port);
        encode(&batch, &mut self.outlets, &self.leaving, &self.port, now);
        drop(batch);
        self.arena.reset();
    }

    #[cold]
    pub(super) fn take_up_changes(&mut self, now: Instant) {
        while let Some((change, answer)) = self.port.changes.take() {
            match change {
                // Whoever asked has looked; but a change may have been under way then.
                Change::AddEnricher(_) | Change::AddProcessor(_) | Change::AddRedactor(_) | Change::AddSink(_)
                    if change.name().is_some_and(|name| self.has(name)) =>
                {
                    let name = change.name().unwrap_or_default().to_owned();
                    answer.give(Err(ChangeError::Taken { name }));
                }
                Change::Remove(name) if matches!(self.outlets.as_slice(), [last] if last.name() == name) => {
                    answer.give(Err(ChangeError::LastSink { name }));
                }
                Change::AddEnricher(plan) => {
                    answer.give(self.pipeline.add_enricher(&plan, &self.port).map_err(Into::into))
                }
                Change::AddProcessor(plan) => {
                    answer.give(self.pipeline.add_processor(&plan, &self.port).map_err(Into::into))
                }
                Change::AddRedactor(plan) => {
                    answer.give(self.pipeline.add_redactor(&plan, &self.port).map_err(Into::into))
                }
                Change::AddSink(plan) => answer.give(self.add_sink(&plan)),
                #[cfg(feature = "settings")]
                Change::PreparePipeline(plan) => answer.give(self.prepare_pipeline(&plan)),
                #[cfg(feature = "settings")]
                Change::ReplacePipeline => {
                    self.replace_pipeline(now);
                    answer.give(Ok(()));
                }
                #[cfg(feature = "settings")]
                Change::DiscardPipeline => {
                    self.discard_prepared();
                    answer.give(Ok(()));
                }
                Change::SetEnabled(name, is_enabled) => {
                    self.pipeline.set_enabled(&name, is_enabled);
                    let outlets = self.outlets.iter_mut().filter(|outlet| outlet.name() == name);
                    outlets.for_each(|outlet| outlet.set_enabled(is_enabled));
                    answer.give(Ok(()));
                }
                Change::Remove(name) => self.remove(&name, now, answer),
            }
        }
    }

    /// Whether there is a plugin or sink of this name, be it on its way out.
    fn has(&self, name: &str) -> bool {
        let mut outlets = self.outlets.iter().chain(self.leaving.iter().map(|leaving| &leaving.outlet));
        self.pipeline.has(name) || outlets.any(|outlet| outlet.name() == name)
    }

    fn add_sink(&mut self, plan: &SinkPlan) -> Result<(), ChangeError> {
        let made = Outlet::new(plan, self.info, self.settings.flush_interval, &self.notices, self.policy);
        let (outlet, view) = made.map_err(|source| ChangeError::Sink { name: plan.name.clone(), source })?;
        outlet.passed_by(self.port.tallies.passed.get());
        lock(&self.port.sinks).push(view);
        self.outlets.push(outlet);
        Ok(())
    }

    #[cfg(feature = "settings")]
    fn prepare_pipeline(&mut self, plan: &PipelinePlan) -> Result<(), ChangeError> {
        self.discard_prepared();
        self.prepared = Some(Pipeline::new(plan, self.info, &self.port, &self.notices)?);
        Ok(())
    }

    /// Lets the old plugins say their last words and the new ones work. What was done by hand stays.
    #[cfg(feature = "settings")]
    fn replace_pipeline(&mut self, now: Instant) {
        let Some(mut new) = self.prepared.take() else { return };
        self.take_words(now, Pipeline::finish_all_but_by_hand);
        new.take_over(&mut self.pipeline);
        std::mem::swap(&mut self.pipeline, &mut new);
        new.retire();
        self.policy = self.pipeline.policy();
        self.outlets.iter_mut().for_each(|outlet| outlet.set_policy(self.policy));
    }

    #[cfg(feature = "settings")]
    fn discard_prepared(&mut self) {
        if let Some(mut prepared) = self.prepared.take() {
            prepared.retire();
        }
    }

    fn remove(&mut self, name: &str, now: Instant, answer: Arc<Answer>) {
        if self.pipeline.has(name) {
            self.take_words(now, |pipeline, batch, port| {
                pipeline.remove(name, batch, port);
                if !batch.is_empty() {
                    pipeline.redact(batch, port);
                }
            });
        }
        let Some(place) = self.outlets.iter().position(|outlet| outlet.name() == name) else {
            return answer.give(Ok(()));
        };
        let mut outlet = self.outlets.remove(place);
        let deadline = now + LEAVING_TIMEOUT;
        outlet.begin_flush();
        outlet.stop(deadline);
        self.leaving.push(Leaving { outlet, answer, deadline });
    }

    /// Lets go of removed sinks that have delivered everything, or have had the time to.
    fn see_sinks_off(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let before = self.leaving.len();
        let is_gone = |leaving: &mut Leaving| {
            leaving.outlet.poll(context, |_| {});
            leaving.outlet.poll_flush(context) || leaving.deadline <= now
        };
        for Leaving { outlet, answer, deadline } in self.leaving.extract_if(.., is_gone) {
            let is_late = outlet.is_delivering() && deadline <= now;
            lock(&self.port.sinks).retain(|view| view.name != outlet.name());
            // A sink's drop is foreign code; and what it closes is closed when the answer comes.
            let _ = guarded(|| drop(outlet));
            answer.give(if is_late { Err(ChangeError::Deadline) } else { Ok(()) });
        }
        self.leaving.len() != before
    }

    /// Returns whether a step was made.
    fn work_on_flush(&mut self, context: &mut Context<'_>) -> bool {
        match self.flush.phase {
            FlushPhase::Idle => false,
            FlushPhase::Walking { ticket } => {
                if !self.is_pass_over() {
                    return false;
                }
                self.outlets.iter_mut().for_each(Outlet::begin_flush);
                self.flush.phase = FlushPhase::Delivering { ticket };
                true
            }
            FlushPhase::Delivering { ticket } => {
                if !self.are_outlets_flushed(context) {
                    return false;
                }
                self.flush = FlushState { answered: ticket, phase: FlushPhase::Idle };
                let failed = |outlet: &mut Outlet| outlet.take_failure().then(|| outlet.name().to_owned());
                let failed = self.outlets.iter_mut().filter_map(failed).collect();
                self.port.flush.answer(ticket, failed);
                true
            }
        }
    }

    /// Polls the flush of each outlet, whatever the one before it says.
    fn are_outlets_flushed(&mut self, context: &mut Context<'_>) -> bool {
        let mut are_flushed = true;
        for outlet in &mut self.outlets {
            are_flushed &= outlet.poll_flush(context);
        }
        are_flushed
    }

    /// Returns whether the shard has ended.
    fn work_on_stop(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(stop) = self.stop else { return false };
        let is_late = now >= stop.deadline;
        match stop.phase {
            _ if is_late => {
                self.end(LossReason::ShutdownDeadline);
                true
            }
            StopPhase::Draining => {
                let is_flushing = !matches!(self.flush.phase, FlushPhase::Idle);
                if is_flushing || !self.is_everything_drained() || self.check_losses(now) {
                    return false;
                }
                if !self.has_finished {
                    if !self.are_outlets_ready() {
                        return false;
                    }
                    self.has_finished = true;
                    self.take_words(now, Pipeline::finish);
                }
                self.outlets.iter_mut().for_each(Outlet::begin_flush);
                self.stop = Some(Stop { phase: StopPhase::Flushing, ..stop });
                false
            }
            StopPhase::Flushing => {
                if !self.are_outlets_flushed(context) || self.outlets.iter().any(Outlet::is_delivering) {
                    return false;
                }
                let is_shipped = self.is_all_shipped() || seeded::bug("ends_with_a_payload_unshipped");
                if !self.leaving.is_empty() {
                    // They are given up at the deadline, as the others are.
                    return false;
                }
                if !is_shipped || !self.is_everything_drained() {
                    // A thread that was in the middle of a call has published meanwhile.
                    self.stop = Some(Stop { phase: StopPhase::Draining, ..stop });
                    return false;
                }
                self.end(LossReason::ContainerClosed);
                true
            }
        }
    }

    fn is_everything_drained(&mut self) -> bool {
        self.adopt_rings();
        self.rings.iter().all(RingState::is_drained)
    }

    fn is_all_shipped(&self) -> bool {
        self.outlets.iter().all(Outlet::is_shipped)
    }

    /// The last thing it does. What is left in the rings is counted, and what is published after this look is found by
    /// [`Roll::totals`](crate::intake::Roll::totals).
    fn end(&mut self, reason: LossReason) {
        let _ = self.is_everything_drained();
        let left = self.rings.iter_mut().map(RingState::discard).sum();
        self.port.tallies.lost.add(reason, left);
        self.outlets.iter_mut().for_each(Outlet::give_up);
        for Leaving { outlet, answer, .. } in &mut self.leaving {
            outlet.give_up();
            lock(&self.port.sinks).retain(|view| view.name != outlet.name());
            answer.give(Err(ChangeError::ShutDown));
        }
        self.port.changes.close();
        self.pipeline.stop();
        #[cfg(feature = "settings")]
        self.discard_prepared();
        self.rings.clear();
        self.port.stop();
        // Here, where its executor still runs: a waker of glommio's that is dropped later, elsewhere, keeps its task's memory
        // and a descriptor for ever.
        self.port.doorbell.deregister();
        self.port.flush.end();
        // Behind the last word, because a disk may hold it up; and guarded, because a sink's drop is foreign code.
        let leaving = self.leaving.drain(..).map(|leaving| leaving.outlet);
        for outlet in self.outlets.drain(..).rev().chain(leaving) {
            let _ = guarded(|| drop(outlet));
        }
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
            self.intake.roll.leave(&ring.tallies);
            let is_kept = ring.into_consumer().into_idle().is_ok_and(|idle| self.port.keep_idle(idle));
            if !is_kept {
                self.intake.forget_ring();
            }
        }
    }

    /// Says that the shard is about to sleep, and looks once more (rule 8 of the ring). Returns the rest that is left to
    /// take.
    pub(super) fn before_rest(&self, rest: Rest) -> Rest {
        let sleep = match rest {
            Rest::None | Rest::Spin => return rest,
            Rest::Doze(_) => Sleep::Doze,
            Rest::Park(_) => Sleep::Park,
        };
        let may_park = self.port.doorbell.fall_asleep(sleep);
        if self.has_work() && !seeded::bug("sleeps_without_a_last_look") {
            self.port.doorbell.wake_up();
            return Rest::None;
        }
        match rest {
            Rest::Park(_) if !may_park => Rest::Doze(Duration::from_millis(1)),
            rest => rest,
        }
    }

    /// Says that the shard is awake, after it was parked. After a doze it says so only when there is more to do than a
    /// short burst (see [`stay_awake`](Self::stay_awake)).
    pub(super) fn after_rest(&mut self, rest: Rest) {
        match rest {
            Rest::Doze(_) => self.is_said_to_doze = true,
            _ => self.port.doorbell.wake_up(),
        }
    }

    /// Says that the shard is awake, once it has been busy for some turns in a row.
    ///
    /// Producers read the bell's state with every frame, and a store to it costs the next frame a cache miss: a program that
    /// logs a few events now and then would pay for it each time. As long as the bell says that the shard dozes, an urgent
    /// frame rings it, which does no harm, and puts it right.
    #[inline]
    fn stay_awake(&mut self) {
        self.busy_turns = self.busy_turns.saturating_add(1);
        if self.is_said_to_doze && self.busy_turns >= BURST_TURNS {
            self.is_said_to_doze = false;
            self.port.doorbell.wake_up();
        }
    }

    /// Whether this process is a forked child of the one whose shard this is.
    pub(super) fn is_foreign(&self) -> bool {
        self.intake.is_foreign()
    }

    /// The last look: a request, a change, a new ring or a frame.
    fn has_work(&self) -> bool {
        let is_asked =
            (self.stop.is_none() && self.port.flush.stop_requested().is_some()) || self.port.changes.has_some();
        // A shard that a sink holds back in the middle of a pass could take none of the rest. It only dozes, and looks
        // again when the sink may have room.
        is_asked || (self.is_pass_over() && self.has_something_to_take())
    }

    fn has_something_to_take(&self) -> bool {
        !self.port.roster.is_seen(self.enlisted)
            || (matches!(self.flush.phase, FlushPhase::Idle) && self.port.flush.requested() != self.flush.answered)
            || !self.rings.iter().all(RingState::is_drained)
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // However it comes to its end (a host that unwinds, a program that drops its manual drain), nobody may wait for
        // it any more, and everything is counted.
        if !self.port.is_stopped() && !self.is_foreign() {
            let _here = here::enter();
            self.end(LossReason::ShutdownDeadline);
        }
    }
}

/// Encodes a batch for every sink.
#[inline]
fn encode(batch: &Batch<'_>, outlets: &mut [Outlet], leaving: &[Leaving], port: &ShardPort, now: Instant) {
    if batch.is_empty() {
        return;
    }
    port.tallies.passed.add(batch.len() as u64);
    for outlet in outlets {
        outlet.encode(batch, now);
    }
    // They are still in the accounts.
    for Leaving { outlet, .. } in leaving {
        outlet.passed_by(batch.len() as u64);
    }
}

/// How much of the pipeline works.
fn rung(pipeline: &Pipeline, outlets: &[Outlet]) -> Rung {
    let failing = outlets.iter().filter(|outlet| outlet.is_failing()).count();
    if failing > 0 && failing == outlets.len() {
        return Rung::Emergency;
    }
    match (failing > 0, pipeline.is_reduced()) {
        (true, _) => Rung::WorkingSinks,
        (false, true) => Rung::EssentialPlugins,
        (false, false) => Rung::Full,
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
    let lost = ring.tallies.refused.lost.read();
    if lost != ring.told {
        report.add(&lost.since(&ring.told));
        ring.told = lost;
    }
}
