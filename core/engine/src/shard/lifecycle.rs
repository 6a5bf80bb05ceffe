//! The lifecycle of a shard: awake or asleep, flushing, stopping.

use std::time::Instant;

use fapilog_ring::Sleep;

use crate::shard::idle::{Idle, IdleSettings};

/// The state of a shard beside its batches.
#[derive(Debug)]
pub(super) struct Lifecycle {
    pub(super) flush: FlushState,
    /// `None` while the shard runs.
    pub(super) stop: Option<Stop>,
    pub(super) idle: Idle,
    /// The number of rounds with work in a row.
    pub(super) busy_rounds: u32,
    /// The sleep that the doorbell was set to, until it is set to awake again. A ring may have done that before.
    pub(super) marked_asleep: Option<Sleep>,
    /// The shard was abandoned, and touches nothing that it shares.
    pub(super) has_left: bool,
}

impl Lifecycle {
    pub(super) fn new(idle: IdleSettings) -> Self {
        Self {
            flush: FlushState { answered: 0, phase: FlushPhase::Idle },
            stop: None,
            idle: Idle::new(idle),
            busy_rounds: 0,
            marked_asleep: None,
            has_left: false,
        }
    }
}

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
    /// Everything is encoded; the workers deliver it.
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
