//! Flush and shutdown of a shard.

use std::{task::Context, time::Instant};

use fapilog_plugin::threads::drain_thread;
use fapilog_record::user_code::catch_panic;
use fapilog_ring::{seeded, sync::lock};

use crate::{
    accounts::LossReason,
    delivery::sink_worker::SinkWorker,
    error::ChangeError,
    port::flush::FlushLosses,
    shard::{
        Leaving, Shard,
        lifecycle::{FlushPhase, FlushState, Stop, StopPhase},
        pipeline::Pipeline,
        ring_state::RingState,
    },
};

impl Shard {
    /// Returns whether a step was made.
    pub(super) fn work_on_flush(&mut self, context: &mut Context<'_>) -> bool {
        match self.lifecycle.flush.phase {
            FlushPhase::Idle => false,
            FlushPhase::Walking { ticket } => {
                if !self.source.is_pass_over() {
                    return false;
                }
                if !seeded::bug("flush_answered_undelivered") {
                    self.sinks.workers.iter_mut().for_each(SinkWorker::begin_flush);
                }
                self.lifecycle.flush.phase = FlushPhase::Delivering { ticket };
                true
            }
            FlushPhase::Delivering { ticket } => {
                if !self.are_workers_flushed(context) {
                    return false;
                }
                self.lifecycle.flush = FlushState { answered: ticket, phase: FlushPhase::Idle };
                self.collect_losses();
                let failed = |worker: &mut SinkWorker| worker.take_failure().then(|| worker.name().to_owned());
                let failed_sinks = self.sinks.workers.iter_mut().filter_map(failed).collect();
                let events = self.source.losses.take_since_flush();
                self.port.flush.answer(ticket, FlushLosses { failed_sinks, events });
                true
            }
        }
    }

    /// Polls the flush of each worker, also when the one before it is not done.
    fn are_workers_flushed(&mut self, context: &mut Context<'_>) -> bool {
        let mut are_flushed = true;
        for worker in &mut self.sinks.workers {
            are_flushed &= worker.poll_flush(context);
        }
        are_flushed
    }

    /// Returns whether the shard has ended.
    pub(super) fn work_on_stop(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(stop) = self.lifecycle.stop else { return false };
        let is_late = now >= stop.deadline;
        match stop.phase {
            _ if is_late => {
                self.end(LossReason::ShutdownDeadline);
                true
            }
            StopPhase::Draining => {
                let is_flushing = !matches!(self.lifecycle.flush.phase, FlushPhase::Idle);
                if is_flushing || !self.source.is_drained() {
                    return false;
                }
                if self.has_last_report_left(now) || self.has_notes() {
                    return false;
                }
                if !self.stages.has_finished {
                    if !self.sinks.are_ready(now) {
                        return false;
                    }
                    self.stages.has_finished = true;
                    self.take_summaries(now, Pipeline::finish);
                }
                self.sinks.workers.iter_mut().for_each(SinkWorker::begin_flush);
                self.lifecycle.stop = Some(Stop { phase: StopPhase::Flushing, ..stop });
                false
            }
            StopPhase::Flushing => {
                if !self.are_workers_flushed(context) || self.sinks.workers.iter().any(SinkWorker::is_delivering) {
                    return false;
                }
                let is_submitted = self.sinks.is_all_submitted() || seeded::bug("ends_with_a_payload_unshipped");
                if !self.sinks.leaving.is_empty() {
                    // They are given up at the deadline, as the others are.
                    return false;
                }
                if !is_submitted || !self.source.is_drained() {
                    // A thread that was in the middle of a call has published meanwhile.
                    self.lifecycle.stop = Some(Stop { phase: StopPhase::Draining, ..stop });
                    return false;
                }
                if self.report_after_flush(now) {
                    self.lifecycle.stop = Some(Stop { phase: StopPhase::Draining, ..stop });
                    return false;
                }
                self.end(LossReason::ContainerClosed);
                true
            }
        }
    }

    /// Ends the shard. Events left in the rings are counted. Those published after this look are found by
    /// [`LaneRegistry::totals`](crate::producer::LaneRegistry::totals).
    pub(super) fn end(&mut self, reason: LossReason) {
        debug_assert!(!self.port.is_stopped(), "a shard ends twice");
        self.source.adopt_rings();
        let left = self.source.rings.iter_mut().map(RingState::discard).sum();
        self.port.counters.lost.add(reason, left);
        // The accounts of a container that has ended without its shard are closed.
        self.sinks.end(self.port.is_abandoned());
        if !self.port.is_abandoned() {
            self.sinks.count_failed_attempts(&self.port);
            self.report_lost_at_end();
        }
        for Leaving { worker, answer, .. } in &mut self.sinks.leaving {
            lock(&self.port.sinks).retain(|view| view.name != worker.name());
            answer.give(Err(ChangeError::ShutDown));
        }
        self.port.changes.close();
        self.stages.pipeline.stop();
        self.stages.discard_prepared();
        self.source.rings.clear();
        self.port.stop();
        // While the executor still runs: a waker of glommio's that is dropped later, on another thread, keeps its task's
        // memory and a descriptor for ever.
        self.port.doorbell.deregister();
        self.port.flush.end();
        // After the end is reported, because a disk may delay it.
        self.drop_workers();
    }

    /// With panics caught, because a sink's drop is user code. A function of its own: sinks are moved through its frame, and the stacks of the
    /// models are small.
    #[cold]
    #[inline(never)]
    fn drop_workers(&mut self) {
        let leaving = self.sinks.leaving.drain(..).map(|leaving| leaving.worker);
        for worker in self.sinks.workers.drain(..).rev().chain(leaving) {
            let _ = catch_panic(|| drop(worker));
        }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        if self.lifecycle.has_left {
            return self.drop_plugins();
        }
        // Also without a stop request (a host that unwinds, a program that drops its manual drain), no thread may wait for
        // it any more, and everything is counted.
        if !self.port.is_stopped() && !self.is_in_forked_child() {
            let _mark = drain_thread::enter();
            self.end(LossReason::ShutdownDeadline);
        }
    }
}
