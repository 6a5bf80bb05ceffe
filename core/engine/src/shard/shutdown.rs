//! Flushes, and the end.

use std::{task::Context, time::Instant};

use fapilog_plugin::threads::drain_thread;
use fapilog_record::user_code::catch_panic;
use fapilog_ring::{seeded, sync::lock};

use crate::{
    accounts::LossReason,
    delivery::outlet::Outlet,
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
    /// Everything is encoded; the outlets are at it.
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

    pub(super) fn is_everything_drained(&mut self) -> bool {
        self.adopt_rings();
        self.rings.iter().all(RingState::is_drained)
    }

    pub(super) fn is_all_shipped(&self) -> bool {
        self.outlets.iter().all(Outlet::is_shipped)
    }

    /// The last thing it does. What is left in the rings is counted, and what is published after this look is found by
    /// [`Roll::totals`](crate::producer::Roll::totals).
    pub(super) fn end(&mut self, reason: LossReason) {
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
            let _ = catch_panic(|| drop(outlet));
        }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // However it comes to its end (a host that unwinds, a program that drops its manual drain), nobody may wait for
        // it any more, and everything is counted.
        if !self.port.is_stopped() && !self.is_foreign() {
            let _mark = drain_thread::enter();
            self.end(LossReason::ShutdownDeadline);
        }
    }
}
