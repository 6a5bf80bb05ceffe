//! The figures of a container's deliveries.

use std::time::Duration;

use fapilog_record::timestamp::Timestamp;

use crate::{accounts::BreakerState, port::SinkView};

/// The figures of one sink's deliveries, over all shards. The counts of its events are in the
/// [accounts](crate::accounts::SinkAccounts).
#[doc(alias = "CircuitBreaker")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DeliveryMetrics {
    /// The sink's name in the container.
    pub sink: String,
    /// Payloads that wait for an attempt or are in flight. 0 for a sink without a queue.
    pub queued_payloads: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// How long ago the oldest event of a payload was logged that is not delivered yet; zero if there is none.
    pub oldest: Duration,
    /// The breaker of the destination: the worst state of all shards.
    pub breaker: BreakerState,
    /// Attempts whose time was up.
    pub timeouts: u64,
    /// Events that the fallback has delivered. The accounts have them among the delivered ones of this sink.
    pub fell_back: u64,
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
}

fn age(oldest_unix_nanos: u64, now: Timestamp) -> Duration {
    match oldest_unix_nanos {
        0 => Duration::ZERO,
        oldest => Duration::from_nanos(now.unix_nanos().saturating_sub(oldest)),
    }
}
