//! The accounts of all lanes, living and gone.

use std::sync::Arc;

use fapilog_ring::sync::{Mutex, lock};

use crate::{
    accounts::{LaneCounters, LaneTotals, LossReason},
    port::ShardPort,
};

/// Every lane of a container, so that nothing is left out of a sum.
#[derive(Debug, Default)]
pub(crate) struct LaneRegistry {
    lanes: Mutex<Lanes>,
    /// Calls that never had a lane. Several threads write these.
    pub(crate) refused: LaneCounters,
}

#[derive(Debug, Default)]
struct Lanes {
    living: Vec<Living>,
    gone: LaneTotals,
}

/// A lane whose producer may log, or whose ring is not read to its end.
#[derive(Debug)]
struct Living {
    counters: Arc<LaneCounters>,
    port: Arc<ShardPort>,
}

impl Living {
    fn read(&self) -> LaneTotals {
        // Before the counts: once the shard has stopped, `drained` is final, and stays so visible to us.
        let is_stopped = self.port.is_stopped();
        let mut totals = self.counters.read();
        if is_stopped {
            // Events published after the shard's last look are never taken. No counter has them, because neither the
            // thread nor the shard can know which of the two should count them: the total adds them as lost.
            totals.lost.add_of(LossReason::ContainerClosed, totals.pending());
        }
        totals
    }
}

impl LaneRegistry {
    pub(crate) fn enter(&self, counters: &Arc<LaneCounters>, port: &Arc<ShardPort>) {
        lock(&self.lanes).living.push(Living { counters: Arc::clone(counters), port: Arc::clone(port) });
    }

    /// Keeps the sums of a lane whose producer is gone and whose ring is empty, and drops the lane.
    pub(crate) fn leave(&self, counters: &Arc<LaneCounters>) {
        let totals = counters.read();
        // Exact: the producer's drop, after which the ring was found closed, comes behind all that it counted.
        debug_assert_eq!(
            totals.submitted,
            totals.lost.total() + totals.drained,
            "a lane has gone and does not balance"
        );
        let mut lanes = lock(&self.lanes);
        lanes.gone.add(&totals);
        lanes.living.retain(|living| !Arc::ptr_eq(&living.counters, counters));
    }

    /// The number of lanes whose ring is not taken back yet.
    #[cfg(fapilog_loom)]
    pub(crate) fn living(&self) -> usize {
        lock(&self.lanes).living.len()
    }

    pub(crate) fn totals(&self) -> LaneTotals {
        let lanes = lock(&self.lanes);
        let mut totals = lanes.gone;
        for living in &lanes.living {
            totals.add(&living.read());
        }
        totals.add(&self.refused.read());
        totals
    }
}
