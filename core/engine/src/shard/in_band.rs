//! Losses are reported in the log itself, in the diagnostics, and by the next flush.
//!
//! Every place where events are lost is read every 100 ms, and reported at most once a second. Reports pass the enrichers and
//! the redactors, and no processor: a filter must not hide that something is lost. For the same reason they go to every sink
//! that has room, whatever its route. Where a redactor fails, a report goes on without the fields of enrichers. A sink that
//! had no room gets a report of its own losses when it takes events again. A sink that fails gets it as an
//! [attempt](crate::delivery::sink_reports).

use std::time::{Duration, Instant};

use fapilog_plugin::event::Batch;
use fapilog_ring::sync::lock;

use crate::{
    accounts::{LossCounters, LossReason, Losses},
    audit_notes::AuditNote,
    delivery::{encode::Readiness, sink_worker::SinkWorker},
    port::{ShardPort, hand_over::KnownLosses},
    shard::{Shard, loss_place::LossPlace},
};

/// The least time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How often a shard with work looks for losses.
///
/// In a model, not by the clock at all: loom demands that one execution is like another.
const LOOK_INTERVAL: Duration = if cfg!(fapilog_loom) { Duration::MAX } else { Duration::from_millis(100) };

/// When a parked shard wakes up to look for losses behind its last batch. A program that logs ten times a second would wake
/// it twice for each event otherwise.
const LAST_LOOK_DELAY: Duration = if cfg!(fapilog_loom) { Duration::MAX } else { Duration::from_secs(1) };

/// The least time between two audit events of losses at one place. A sink that fails drops the audit events, too, and each would make
/// another.
const AUDIT_INTERVAL: Duration = Duration::from_secs(60);

/// Losses at a place, for its next audit event.
#[derive(Debug)]
struct UnauditedLosses {
    place: LossPlace,
    losses: Losses,
    last_event: Option<Instant>,
}

/// Sums up losses by place, and reports them at most once a second.
#[derive(Debug, Default)]
pub(super) struct LossReports {
    unreported: Vec<(LossPlace, Losses)>,
    /// Losses of calls and of the pipeline that were added already.
    calls: Losses,
    pipeline: Losses,
    /// Likewise of each plugin of the port, as far as this list goes.
    plugins: Vec<Losses>,
    unaudited: Vec<UnauditedLosses>,
    last_look: Option<Instant>,
    /// A batch was taken since the last look.
    is_look_needed: bool,
    last_report: Option<Instant>,
    /// The report of a shard that stops is made.
    has_reported_last: bool,
    /// The report of what was lost in the last flush is made.
    has_reported_flush: bool,
    /// Events lost since the last flush was answered.
    since_flush: u64,
}

impl LossReports {
    pub(super) fn add(&mut self, place: LossPlace, losses: &Losses) {
        if losses.total() == 0 {
            return;
        }
        // Losses from before the container was there are none of the flush's.
        self.since_flush += losses.total() - losses.of(LossReason::NoContainer);
        match self.unreported.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => sum.add(losses),
            None => self.unreported.push((place, *losses)),
        }
    }

    /// Leaves out the losses that were there before a shard was abandoned: that one has reported them.
    pub(super) fn skip(&mut self, known: &KnownLosses) {
        self.pipeline = known.pipeline;
        self.plugins.clone_from(&known.plugins);
    }

    /// Leaves out the losses of calls without a ring that are there by now.
    pub(super) fn skip_calls(&mut self, lost: &LossCounters) {
        self.calls = lost.read();
    }

    fn add_calls(&mut self, lost: &LossCounters) {
        if let Some(new) = lost.read_new(&mut self.calls) {
            self.add(LossPlace::Calls, &new);
        }
    }

    pub(super) fn add_pipeline(&mut self, port: &ShardPort) {
        for (place, losses) in self.read_pipeline(port) {
            self.add(place, &losses);
        }
    }

    /// The new losses before any sink, by plugin. Where there are none, a single load shows that.
    pub(super) fn read_pipeline(&mut self, port: &ShardPort) -> Vec<(LossPlace, Losses)> {
        let Some(mut others) = port.counters.lost.read_new(&mut self.pipeline) else { return Vec::new() };
        let mut by_place = Vec::new();
        let of_plugins = [LossReason::PluginPanicked, LossReason::PluginHung, LossReason::RedactorFailed];
        if of_plugins.iter().any(|reason| others.of(*reason) > 0) {
            // The list only grows, and a removed plugin stays in it.
            let views = lock(&port.plugins);
            self.plugins.resize(views.len(), Losses::default());
            for (view, seen) in views.iter().zip(&mut self.plugins) {
                if let Some(lost) = view.counters.lost.read_new(seen) {
                    others = others.since(&lost);
                    by_place.push((LossPlace::Plugin(view.name.clone()), lost));
                }
            }
        }
        by_place.push((LossPlace::Pipeline, others));
        by_place
    }

    /// The losses at this sink that are in no report.
    fn of_sink(&mut self, name: &str) -> Option<&mut Losses> {
        self.unreported.iter_mut().find(|(place, _)| place.is_sink(name)).map(|(_, losses)| losses)
    }

    /// Whether it is time to look for losses.
    fn begin_look(&mut self, now: Instant) -> bool {
        let last = *self.last_look.get_or_insert(now);
        let is_due = now.saturating_duration_since(last) >= LOOK_INTERVAL;
        if is_due {
            self.last_look = Some(now);
            self.is_look_needed = false;
        }
        is_due
    }

    /// A batch is taken: it may have lost events.
    pub(super) fn batch_taken(&mut self) {
        self.is_look_needed = true;
    }

    /// Keeps losses for an audit event.
    fn keep_for_audit(&mut self, place: &LossPlace, losses: &Losses) {
        match self.unaudited.iter_mut().find(|known| known.place == *place) {
            Some(known) => known.losses.add(losses),
            None => {
                self.unaudited.push(UnauditedLosses { place: place.clone(), losses: *losses, last_event: None });
            }
        }
    }

    /// The notes for audit events that are due: at once for the first losses at a place, and then once a minute.
    fn take_audit_notes(&mut self, now: Instant, is_last: bool) -> Vec<AuditNote> {
        let is_due = |last: Instant| is_last || now.saturating_duration_since(last) >= AUDIT_INTERVAL;
        let due = |known: &&mut UnauditedLosses| known.losses.total() > 0 && known.last_event.is_none_or(is_due);
        let note = |known: &mut UnauditedLosses| {
            known.last_event = Some(now);
            known.place.note(&std::mem::take(&mut known.losses))
        };
        self.unaudited.iter_mut().filter(due).map(note).collect()
    }

    /// When to look again though no event comes. `None`: nothing can have been lost, and nothing is left to report.
    fn due(&self, has_unreported: bool) -> Option<Instant> {
        let last = self.last_look?;
        if !has_unreported {
            return last.checked_add(LAST_LOOK_DELAY).filter(|_| self.is_look_needed);
        }
        let look = last.checked_add(LOOK_INTERVAL)?;
        let report = self.last_report.and_then(|last| last.checked_add(REPORT_INTERVAL));
        Some(report.map_or(look, |report| report.max(look)))
    }

    /// Whether a report may be made. `is_last`: the shard stops. There is one report then: a sink could drop that, too.
    fn may_report(&self, now: Instant, is_last: bool) -> bool {
        if is_last {
            return !self.has_reported_last;
        }
        self.last_report.is_none_or(|last| now.saturating_duration_since(last) >= REPORT_INTERVAL)
    }

    /// Events lost since the last call.
    pub(super) fn take_since_flush(&mut self) -> u64 {
        std::mem::take(&mut self.since_flush)
    }
}

/// Losses that are reported in one batch.
pub(super) struct Reports<'a> {
    losses: &'a [(LossPlace, Losses)],
    /// The place of the sink that they are for; `None` stands for all sinks that have room.
    pub(super) only: Option<usize>,
    /// In an attempt, those that stay unreported until the sink has delivered it.
    pub(super) attempt_kept: Option<Losses>,
}

impl Reports<'_> {
    fn emit(&self, batch: &mut Batch<'_>) {
        self.losses.iter().for_each(|(place, losses)| place.emit(losses, batch));
    }

    /// The losses at this sink.
    pub(super) fn of_sink(&self, name: &str) -> Losses {
        let own = self.losses.iter().find(|(place, _)| place.is_sink(name));
        own.map_or_else(Losses::default, |(_, losses)| *losses)
    }
}

impl Shard {
    /// Looks for losses, and for impaired sinks, every 100 ms.
    pub(super) fn look_for_losses(&mut self, now: Instant) {
        if self.source.losses.begin_look(now) {
            self.collect_losses();
            self.report_impaired_sinks(now);
            self.note_impaired_sinks(now);
            self.note_losses(now, false);
            if let Some(text) = self.frontend.sources.take_overrun() {
                self.sinks.diagnostics.add("loggers", text);
            }
        }
    }

    /// When to look for losses though no event comes.
    pub(super) fn look_due(&self) -> Option<Instant> {
        self.source.losses.due(self.has_unreported_losses())
    }

    fn has_unreported_losses(&self) -> bool {
        !self.source.losses.unreported.is_empty() || self.sinks.workers.iter().any(SinkWorker::has_unreported_losses)
    }

    /// Reads the losses of every place.
    pub(super) fn collect_losses(&mut self) {
        self.source.collect_losses();
        let losses = &mut self.source.losses;
        // Calls without a ring belong to no shard: the first one reports them.
        if self.info.index == 0 {
            losses.add_calls(&self.frontend.lane_registry.refused.refused.lost);
        }
        self.collect_losses_of_drain();
    }

    /// Reads the losses that this thread counts: those of plugins and sinks.
    fn collect_losses_of_drain(&mut self) {
        let losses = &mut self.source.losses;
        losses.add_pipeline(&self.port);
        let leaving = self.sinks.leaving.iter_mut().map(|leaving| &mut leaving.worker);
        for worker in self.sinks.workers.iter_mut().chain(leaving) {
            if let Some(lost) = worker.collect_losses() {
                losses.add(LossPlace::Sink(worker.name().to_owned()), &lost);
            }
        }
    }

    /// Whether losses are to be reported now, and a sink takes the report, or may take it before long.
    pub(super) fn has_report_due(&mut self, now: Instant, is_last: bool) -> bool {
        self.has_unreported_losses() && self.source.losses.may_report(now, is_last) && self.sinks.may_take_report(now)
    }

    /// Reports the losses that are to be reported now. Returns whether there is a report.
    pub(super) fn report_due_losses(&mut self, now: Instant) -> bool {
        if !self.has_unreported_losses() {
            return false;
        }
        self.settle_attempts();
        let has_reported = self.has_report_due(now, false) && self.report_losses(now);
        has_reported | self.attempt_reports(now, false)
    }

    /// Leaves notes of losses for audit events.
    fn note_losses(&mut self, now: Instant, is_last: bool) {
        for note in self.source.losses.take_audit_notes(now, is_last) {
            self.frontend.add_audit_note(note);
        }
    }

    /// Whether a shard that stops, and whose rings are empty, has to report losses still. Reports them if a sink has room.
    pub(super) fn has_last_report_left(&mut self, now: Instant) -> bool {
        self.collect_losses();
        self.settle_attempts();
        if self.has_report_due(now, true) {
            if self.report_losses(now) {
                self.source.losses.has_reported_last = true;
            }
            return true;
        }
        self.note_losses(now, true);
        // The last flush waits for them.
        self.attempt_reports(now, true);
        false
    }

    /// Reports what is unreported after the last flush: events that a sink has lost in it, and losses at a sink that failed
    /// before and has delivered a payload in it. Returns whether there is such a report, so that the sinks are to be flushed
    /// again. It is the last one.
    pub(super) fn report_after_flush(&mut self, now: Instant) -> bool {
        let is_failing = || self.sinks.workers.iter().any(SinkWorker::is_failing);
        if self.source.losses.has_reported_flush || !(self.has_unreported_losses() || is_failing()) {
            return false;
        }
        self.collect_losses_of_drain();
        self.settle_attempts();
        let gets_own = |worker: &SinkWorker| worker.has_unreported_losses() && !worker.is_failing();
        let has_some = !self.source.losses.unreported.is_empty() || self.sinks.workers.iter().any(gets_own);
        self.source.losses.has_reported_flush = has_some && self.report_losses(now);
        self.source.losses.has_reported_flush
    }

    /// At the end of the shard, what is lost since the last report goes to the diagnostics. No sink gets it: the deadline of
    /// all of them has passed.
    pub(super) fn report_lost_at_end(&mut self) {
        self.collect_losses_of_drain();
        for (place, losses) in std::mem::take(&mut self.source.losses.unreported) {
            place.add_diagnostic(&losses, &self.sinks.diagnostics);
        }
        if self.has_notes() {
            let left = self.frontend.audit_notes.take().len();
            let text = format!("{left} audit events of the log itself found no sink with room");
            self.sinks.diagnostics.add("audit", text);
        }
    }

    /// Reports losses at sinks that fail in these sinks, as attempts. Returns whether there is one.
    fn attempt_reports(&mut self, now: Instant, is_last: bool) -> bool {
        let mut has_attempted = false;
        for place in 0..self.sinks.workers.len() {
            has_attempted |= self.attempt_report(place, now, is_last);
        }
        has_attempted
    }

    fn attempt_report(&mut self, place: usize, now: Instant, is_last: bool) -> bool {
        let Some(worker) = self.sinks.workers.get_mut(place).filter(|worker| worker.is_failing()) else { return false };
        // Losses that no sink has had a report of. They stay for the others: this one may go on failing.
        let kept = self.source.losses.of_sink(worker.name()).map_or_else(Losses::default, |losses| *losses);
        let has_some = kept.total() > 0 || worker.has_unreported_losses();
        if !has_some || !worker.is_attempt_due(now, is_last) {
            return false;
        }
        let mut all = worker.begin_attempt(is_last);
        all.add(&kept);
        let losses = [(LossPlace::Sink(worker.name().to_owned()), all)];
        self.encode_reports(&Reports { losses: &losses, only: Some(place), attempt_kept: Some(kept) }, now);
        if let Some(worker) = self.sinks.workers.get_mut(place) {
            worker.submit();
        }
        // It may have failed as early as in the encoder.
        self.sinks.count_failed_attempts(&self.port);
        true
    }

    /// Losses of which a sink has delivered an attempted report are reported.
    fn settle_attempts(&mut self) {
        for worker in &mut self.sinks.workers {
            let Some(reported) = worker.take_reported() else { continue };
            match self.source.losses.of_sink(worker.name()) {
                Some(losses) => losses.subtract(&reported),
                // Another sink has had a report of them meanwhile.
                None => worker.subtract_losses(&reported),
            }
        }
        self.source.losses.unreported.retain(|(_, losses)| losses.total() > 0);
    }

    /// Reports losses to the sinks that have room. Returns whether there was such a sink.
    pub(super) fn report_losses(&mut self, now: Instant) -> bool {
        if !self.sinks.takes_report(now) {
            return false;
        }
        self.source.losses.last_report = Some(now);
        let unreported = std::mem::take(&mut self.source.losses.unreported);
        for (place, losses) in &unreported {
            if self.frontend.audit_notes.is_on() {
                self.source.losses.keep_for_audit(place, losses);
            }
            place.add_diagnostic(losses, &self.sinks.diagnostics);
            self.keep_losses_of_full_sinks(place, losses, now);
        }
        self.note_losses(now, false);
        self.encode_reports(&Reports { losses: &unreported, only: None, attempt_kept: None }, now);
        for place in 0..self.sinks.workers.len() {
            let Some(worker) = self.sinks.workers.get_mut(place).filter(|worker| worker.has_unreported_losses()) else {
                continue;
            };
            if worker.readiness_for_report(now) == Readiness::HasRoom {
                let losses = worker.take_unreported_losses();
                let own = [(LossPlace::Sink(worker.name().to_owned()), losses)];
                self.encode_reports(&Reports { losses: &own, only: Some(place), attempt_kept: None }, now);
            }
        }
        true
    }

    /// A sink that has lost events, and takes no report of them now, gets it later.
    fn keep_losses_of_full_sinks(&mut self, place: &LossPlace, losses: &Losses, now: Instant) {
        let LossPlace::Sink(name) = place else { return };
        for worker in self.sinks.workers.iter_mut().filter(|worker| worker.name() == name) {
            if worker.readiness_for_report(now) != Readiness::HasRoom {
                worker.keep_losses(losses);
            }
        }
    }

    /// Makes an event of each loss, and encodes it.
    fn encode_reports(&mut self, reports: &Reports<'_>, now: Instant) {
        if reports.losses.is_empty() {
            return;
        }
        self.set_batch_time(now);
        let mut batch = Batch::new_in(&self.arena, reports.losses.len(), &self.stages.internal);
        reports.emit(&mut batch);
        self.port.counters.internal.add(batch.len() as u64);
        self.port.counters.in_hand.set(0, batch.len() as u64);
        self.source.losses.add_pipeline(&self.port);
        if !self.stages.pipeline.run_report(&mut batch, &self.port) {
            replace_unseen(|batch| reports.emit(batch), &mut batch, &self.port);
        }
        // A report that the pipeline drops makes no other report.
        let _ = self.source.losses.read_pipeline(&self.port);
        // A redactor may take the reports out.
        if !batch.is_empty() {
            self.sinks.encode_reports(reports, &batch, &self.port, now);
        }
        drop(batch);
        self.arena.reset();
    }
}

/// Puts new reports in the place of those that a redactor could not see: an enricher may have added to these what only a
/// redactor takes out. The new ones have the library's own text and fields alone, so they pass no plugin.
#[cold]
pub(super) fn replace_unseen(emit: impl FnOnce(&mut Batch<'_>), batch: &mut Batch<'_>, port: &ShardPort) {
    let unseen = batch.len() as u64;
    batch.retain(|_| false);
    emit(batch);
    let new = batch.len() as u64;
    // A replaced report is one event to the accounts. Events that a plugin has added are lost.
    port.counters.internal.add(new.saturating_sub(unseen));
    port.counters.lost.add(LossReason::RedactorFailed, unseen.saturating_sub(new));
    port.counters.in_hand.set(batch.taken(), new);
}
