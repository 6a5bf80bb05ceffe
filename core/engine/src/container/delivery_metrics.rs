//! The figures of a container's deliveries.

use std::time::Duration;

use fapilog_record::timestamp::Timestamp;
use serde::Serialize;

use crate::{
    accounts::BreakerState,
    port::{SinkView, latency::as_nanos},
};

/// The figures of one sink's deliveries, over all shards. The counts of its events are in the
/// [accounts](crate::accounts::SinkAccounts).
#[doc(alias = "CircuitBreaker")]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct DeliveryMetrics {
    /// The sink's name in the container.
    pub sink: String,
    /// Payloads that wait for an attempt or are in flight. 0 for a sink without a queue.
    pub queued_payloads: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// How long ago the oldest event of a payload in memory was logged that is not delivered yet; zero if there is none.
    /// Payloads on disk do not count.
    #[serde(rename = "oldest_ns", serialize_with = "as_nanos")]
    pub oldest: Duration,
    /// The breaker of the destination: the worst state of all shards.
    pub breaker: BreakerState,
    /// Attempts whose time was up.
    pub timeouts: u64,
    /// Events that the fallback has delivered. The accounts have them among the delivered ones of this sink.
    pub fell_back: u64,
    /// Payloads that wait on disk.
    pub spill: SpillMetrics,
    /// Events in the file for dead letters. The accounts have them among the lost ones (`dead_lettered`), but for the log's
    /// own reports of losses.
    pub dead_lettered: u64,
    /// Events that an earlier container has stored. They are in no account of this one.
    pub recovered: RecoveredEvents,
}

/// The payloads of a sink on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct SpillMetrics {
    /// Payloads that are not delivered.
    pub payloads: u64,
    /// Their events. The accounts have those of this container among the pending ones.
    pub events: u64,
    /// Their bytes, without those of the files around them.
    pub bytes: u64,
    /// Events that went to disk so far.
    pub stored: u64,
    /// Events from disk that are delivered.
    pub replayed: u64,
}

/// Events that an earlier container has stored: found = delivered + lost + pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RecoveredEvents {
    /// Events that were found on disk.
    pub found: u64,
    /// Those that are delivered.
    pub delivered: u64,
    /// Those that are lost: they could not be read back, or were given up.
    pub lost: u64,
}

impl RecoveredEvents {
    /// Those that wait on disk, or are being delivered.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.found.saturating_sub(self.delivered).saturating_sub(self.lost)
    }
}

/// Adds the figures of a sink of one shard.
pub(super) fn add(sinks: &mut Vec<DeliveryMetrics>, view: &SinkView, now: Timestamp) {
    let place = sinks.iter().position(|known| known.sink == view.name).unwrap_or_else(|| {
        sinks.push(DeliveryMetrics { sink: view.name.clone(), ..DeliveryMetrics::default() });
        sinks.len() - 1
    });
    let Some(sum) = sinks.get_mut(place) else { return };
    let figures = &view.counters.delivery;
    sum.queued_payloads += figures.queued_payloads.get();
    sum.queued_bytes += figures.queued_bytes.get();
    sum.oldest = sum.oldest.max(age(figures.oldest_unix_nanos.get(), now));
    sum.breaker = sum.breaker.max(figures.breaker());
    sum.timeouts += figures.timeouts.get();
    sum.fell_back += figures.fell_back.get();
    sum.spill.payloads += figures.spilled_payloads.get();
    sum.spill.events += figures.spilled_events.get();
    sum.spill.bytes += figures.spilled_bytes.get();
    sum.spill.stored += figures.spilled.get();
    sum.spill.replayed += figures.replayed.get();
    sum.dead_lettered += figures.dead_lettered.get();
    sum.recovered.found += figures.recovered.get();
    sum.recovered.delivered += figures.recovered_delivered.get();
    sum.recovered.lost += figures.recovered_lost.get();
}

fn age(oldest_unix_nanos: u64, now: Timestamp) -> Duration {
    match oldest_unix_nanos {
        0 => Duration::ZERO,
        oldest => Duration::from_nanos(now.unix_nanos().saturating_sub(oldest)),
    }
}
