//! Flushes, and the end.

use std::{task::Context, time::Instant};

use fapilog_plugin::threads::drain_thread;
use fapilog_record::user_code::catch_panic;
use fapilog_ring::{seeded, sync::lock};

use crate::{
    accounts::LossReason,
    delivery::sink_worker::SinkWorker,
    error::ChangeError,
    shard::{Leaving, Shard, pipeline::Pipeline, ring_state::RingState},
};

/// How far a flush has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlushState {
    pub(super) answered: u64,
    pub(super) phase: FlushPhase,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum FlushPhase {
    Idle,
    /// Everything published before the ticket is in a snapshot that is being walked.
    Walking {
        ticket: u64,
    },
    /// Everything is encoded; the workers are at it.
    Delivering {
        ticket: u64,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) deadline: Instant,
    pub(super) phase: StopPhase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopPhase {
    Draining,
    Flushing,
}

impl Shard {
    /// Returns whether a step was made.
    pub(super) fn work_on_flush(&mut self, context: &mut Context<'_>) -> bool {
        match self.flush.phase {
            FlushPhase::Idle => false,
            FlushPhase::Walking { ticket } => {
                if !self.is_pass_over() {
                    return false;
                }
                self.workers.iter_mut().for_each(SinkWorker::begin_flush);
                self.flush.phase = FlushPhase::Delivering { ticket };
                true
            }
            FlushPhase::Delivering { ticket } => {
                if !self.are_outlets_flushed(context) {
                    return false;
                }
                self.flush = FlushState { answered: ticket, phase: FlushPhase::Idle };
                let failed = |worker: &mut SinkWorker| worker.take_failure().then(|| worker.name().to_owned());
                let failed = self.workers.iter_mut().filter_map(failed).collect();
                self.port.flush.answer(ticket, failed);
                true
            }
        }
    }

    /// Polls the flush of each worker, whatever the one before it says.
    fn are_outlets_flushed(&mut self, context: &mut Context<'_>) -> bool {
        let mut are_flushed = true;
        for worker in &mut self.workers {
            are_flushed &= worker.poll_flush(context);
        }
        are_flushed
    }

    /// Returns whether the shard has ended.
    pub(super) fn work_on_stop(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
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
                self.workers.iter_mut().for_each(SinkWorker::begin_flush);
                self.stop = Some(Stop { phase: StopPhase::Flushing, ..stop });
                false
            }
            StopPhase::Flushing => {
                if !self.are_outlets_flushed(context) || self.workers.iter().any(SinkWorker::is_delivering) {
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

    pub(super) fn is_everything_drained(&mut self) -> bool {
        self.adopt_rings();
        self.rings.iter().all(RingState::is_drained)
    }

    pub(super) fn is_all_shipped(&self) -> bool {
        self.workers.iter().all(SinkWorker::is_shipped)
    }

    /// The last thing it does. What is left in the rings is counted, and what is published after this look is found by
    /// [`LaneRegistry::totals`](crate::producer::LaneRegistry::totals).
    pub(super) fn end(&mut self, reason: LossReason) {
        let _ = self.is_everything_drained();
        let left = self.rings.iter_mut().map(RingState::discard).sum();
        self.port.counters.lost.add(reason, left);
        self.workers.iter_mut().for_each(SinkWorker::give_up);
        for Leaving { worker, answer, .. } in &mut self.leaving {
            worker.give_up();
            lock(&self.port.sinks).retain(|view| view.name != worker.name());
            answer.give(Err(ChangeError::ShutDown));
        }
        self.port.changes.close();
        self.pipeline.stop();
        self.discard_prepared();
        self.rings.clear();
        self.port.stop();
        // Here, where its executor still runs: a waker of glommio's that is dropped later, elsewhere, keeps its task's memory
        // and a descriptor for ever.
        self.port.doorbell.deregister();
        self.port.flush.end();
        // Behind the last word, because a disk may hold it up; and guarded, because a sink's drop is foreign code.
        let leaving = self.leaving.drain(..).map(|leaving| leaving.worker);
        for worker in self.workers.drain(..).rev().chain(leaving) {
            let _ = catch_panic(|| drop(worker));
        }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // However it comes to its end (a host that unwinds, a program that drops its manual drain), nobody may wait for
        // it any more, and everything is counted.
        if !self.port.is_stopped() && !self.is_in_forked_child() {
            let _mark = drain_thread::enter();
            self.end(LossReason::ShutdownDeadline);
        }
    }
}
