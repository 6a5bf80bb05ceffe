//! The shard's part of a take-over: leaving, when it was abandoned, and beginning where an abandoned one was. The numbers are those of
//! the rules on the [page of the take-over](crate::watchdog::take_over).

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    task::Waker,
};

use fapilog_record::user_code::drop_catching_panics;
use fapilog_ring::sync::lock;

use crate::{
    accounts::{HealthLevel, LossReason, SinkAccounts},
    port::{
        ShardPort,
        changes::Change,
        hand_over::{HandOver, LeftSink},
    },
    producer::Frontend,
    shard::{Shard, TurnOutcome, ring_state::RingState, sinks::ShardSinks, source::ShardSource},
    watchdog::take_over::Leaves,
};

impl Shard {
    /// A turn, which ends without an outcome if the shard was abandoned in it (3).
    #[inline]
    pub(super) fn turn_until_abandoned(&mut self, waker: &Waker) -> Option<TurnOutcome> {
        if self.port.hand_over.get().is_none() {
            return Some(self.turn(waker));
        }
        match catch_unwind(AssertUnwindSafe(|| self.turn(waker))) {
            Ok(outcome) => Some(outcome),
            Err(payload) if payload.is::<Leaves>() => {
                self.lifecycle.has_left = true;
                None
            }
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Drops the plugins of a shard that has left. They are not stopped: others work in their place. Its sinks are dropped with it.
    pub(super) fn drop_plugins(&mut self) {
        // The watchdog may not have marked them as held yet: a thread that found them without a consumer would drop events.
        self.source.rings.drain(..).for_each(|ring| ring.into_consumer().leave());
        self.stages.pipeline.drop_plugins();
        if let Some(mut prepared) = self.stages.prepared.take() {
            prepared.drop_plugins();
        }
    }

    /// Begins where the shard before it was abandoned (4).
    pub(super) fn take_over(&mut self, hand_over: &HandOver) {
        // SAFETY: the watchdog makes a shard with a number of abandoned ones before it only after it has abandoned the last one, by
        // the exchange in the call word (2). That one finds this out before it touches anything of the port (3).
        unsafe { self.source.take_over(hand_over) };
        if self.info.index == 0 {
            self.source.losses.skip_calls(&self.frontend.lane_registry.refused.refused.lost);
        }
        self.lifecycle.flush.answered = self.port.flush.answered();
        let names = hand_over.names_at_run_time();
        names.removed.iter().for_each(|name| self.stages.pipeline.discard(name));
        names.disabled.iter().for_each(|name| self.set_enabled(name, false));
        self.prepare_again(hand_over);
        self.sinks.take_over(hand_over, &self.port);
        self.port.health.set(HealthLevel::Full);
    }

    /// A reload may be between its two steps: the second one finds what the shard before has made in the first.
    fn prepare_again(&mut self, hand_over: &HandOver) {
        let Some(plan) = hand_over.prepared() else { return };
        if let Err(not_made) = self.make_prepared(&plan) {
            hand_over.record(&Change::DiscardPipeline);
            self.stages.not_prepared = Some(not_made);
        }
    }
}

impl ShardSinks {
    /// Counts the calls of the sinks among those of the shard.
    pub(super) fn count_calls(&self, port: &ShardPort) {
        let Some(calls) = port.calls.get() else { return };
        lock(&port.sinks).iter().for_each(|view| view.supervisor_counters.count_calls(calls));
    }

    /// Goes on with the accounts of the sinks of the shard before (5). A sink that was not among them comes late.
    fn take_over(&mut self, hand_over: &HandOver, port: &ShardPort) {
        let mut left = hand_over.accounts();
        let sinks = left.take_sinks();
        let views = lock(&port.sinks).clone();
        for (worker, view) in self.workers.iter_mut().zip(views) {
            let Some(LeftSink { account, hung, supervisor }) = sinks.iter().find(|sink| sink.account.name == view.name)
            else {
                worker.passed_by(port.counters.passed.get());
                continue;
            };
            let SinkAccounts { delivered, filtered, lost, bytes, errors, .. } = account;
            view.supervisor_counters.add_all(supervisor);
            let counters = &view.counters;
            counters.offered.add(port.counters.passed.get());
            counters.delivered.add(*delivered);
            counters.filtered.add(*filtered);
            counters.bytes.add(*bytes);
            counters.errors.add(*errors);
            let mut before = *lost;
            before.subtract_of(LossReason::PluginHung, *hung);
            counters.lost.add_all(&before);
            // These are reported. Those that follow are not.
            let _ = worker.collect_losses();
            counters.lost.add(LossReason::PluginHung, *hung);
        }
    }
}

/// Ends the port of a shard that was abandoned and in whose place no other could be started: what is in its rings is lost.
pub(crate) fn end_without_shard(port: &Arc<ShardPort>, frontend: &Arc<Frontend>) {
    let Some(hand_over) = port.hand_over.get() else { return };
    let mut source = ShardSource::new(port, frontend);
    // SAFETY: as in `Shard::take_over`: the caller has abandoned the shard, and starts no other.
    unsafe { source.take_over(hand_over) };
    source.adopt_rings();
    let left = source.rings.iter_mut().map(RingState::discard).sum();
    port.counters.lost.add(LossReason::PluginHung, left);
    port.changes.close();
    drop_catching_panics(source);
    port.stop();
    port.doorbell.deregister();
    port.flush.end();
}
