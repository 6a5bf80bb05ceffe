//! The state of a sink's deliveries: what waits, what is in flight, what another sink has, and when the next attempt may start.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{DeliveryPolicy, OnFull};
use fapilog_record::timestamp::Timestamp;

use crate::{
    accounts::DeliveryFigures,
    delivery::{
        breaker::DeliveryBreaker,
        fallback::{FallbackResult, HandedOver},
        in_flight::{InFlightPayloads, TimeLimit},
        payload_ids::PayloadIds,
        pending::{DeliveryQueue, PendingPayload},
        sink_store::SinkStore,
    },
};

/// How often a fallback without room is asked again.
const FALLBACK_ROOM_INTERVAL: Duration = Duration::from_millis(1);

/// The deliveries of one sink of a shard.
pub(super) struct Destination {
    pub(super) policy: DeliveryPolicy,
    pub(super) queue: DeliveryQueue,
    pub(super) in_flight: InFlightPayloads,
    pub(super) breaker: DeliveryBreaker,
    /// The destination has asked to wait until then.
    pub(super) not_before: Option<Instant>,
    /// The name of the sink that gets the payloads that this one cannot deliver.
    pub(super) fallback: Option<String>,
    /// Payloads that the fallback has, by the numbers of their tickets.
    pub(super) at_fallback: Vec<(u64, PendingPayload)>,
    /// Payloads on their way to the fallback.
    pub(super) handed_over: VecDeque<HandedOver>,
    /// Results of payloads of other sinks, whose fallback this one is.
    pub(super) fallback_results: Vec<FallbackResult>,
    /// The deadline that the sink was stopped with.
    pub(super) stop_deadline: Option<Instant>,
    /// The last payload before a new file, while the sink has not been asked for the file.
    new_file_behind: Option<u64>,
    pub(super) ids: PayloadIds,
    /// `None`: nothing goes to disk.
    pub(super) store: Option<SinkStore>,
    submitted: u64,
}

impl Destination {
    pub(super) fn new(
        policy: DeliveryPolicy,
        fallback: Option<String>,
        ids: PayloadIds,
        store: Option<SinkStore>,
    ) -> Self {
        Self {
            breaker: DeliveryBreaker::new(&policy),
            policy,
            queue: DeliveryQueue::default(),
            in_flight: InFlightPayloads::default(),
            not_before: None,
            fallback,
            at_fallback: Vec::new(),
            handed_over: VecDeque::new(),
            fallback_results: Vec::new(),
            stop_deadline: None,
            new_file_behind: None,
            ids,
            store,
            submitted: 0,
        }
    }

    /// The place of the next payload in the order of submission.
    pub(super) fn next_order(&mut self) -> u64 {
        self.submitted += 1;
        self.submitted
    }

    /// The place of the last payload that was submitted.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// The first payload in the order of submission that has not ended.
    pub(super) fn first_pending(&self) -> Option<u64> {
        self.pending().chain(self.leaving()).map(|payload| payload.order).min()
    }

    /// The payloads that have not ended.
    fn pending(&self) -> impl Iterator<Item = &PendingPayload> {
        self.queue.iter().chain(self.taken())
    }

    /// The payloads that have not ended, and that do not wait: they are few.
    fn taken(&self) -> impl Iterator<Item = &PendingPayload> {
        self.in_flight.iter().chain(self.at_fallback.iter().map(|(_, payload)| payload))
    }

    /// Payloads on their way to the disk.
    fn leaving(&self) -> impl Iterator<Item = &PendingPayload> {
        self.store.iter().flat_map(SinkStore::leaving)
    }

    /// The events of this container that are not delivered, given up or refused.
    pub(super) fn local_events(&self) -> u64 {
        let in_memory: u64 = self.pending().map(PendingPayload::local_events).sum();
        let leaving: u64 = self.leaving().map(|payload| payload.events_by_origin().local).sum();
        in_memory + leaving + self.store.as_ref().map_or(0, SinkStore::local_events)
    }

    /// Whether nothing is on its way to the destination or the disk.
    pub(super) fn is_idle(&self) -> bool {
        self.has_no_attempt() && !self.store.as_ref().is_some_and(SinkStore::is_writing)
    }

    /// Whether nothing is on its way to the destination.
    fn has_no_attempt(&self) -> bool {
        self.pending().next().is_none()
    }

    /// When the payload at the head of the spill directory is to be read, if there is one whose turn it is.
    pub(super) fn read_due(&self, now: Instant) -> Option<Instant> {
        let store = self.store.as_ref().filter(|store| store.can_read())?;
        let is_blocked = self.stop_deadline.is_some() || !self.has_no_attempt();
        let is_probing = !self.breaker.is_closed() && self.breaker.open_until().is_none();
        let times = [self.not_before, self.breaker.open_until(), store.read_not_before()];
        let has_room = store.pending_bytes() < self.policy.queue_bytes;
        (!is_blocked && !is_probing && has_room).then(|| times.into_iter().flatten().max().unwrap_or(now))
    }

    /// The payloads that take memory, and their bytes. Those of a sink without a queue are in its own memory.
    fn load(&self) -> (usize, u64) {
        let kept = self.taken().filter(|payload| payload.payload.is_some());
        kept.fold((self.queue.len(), self.queue.bytes()), |(payloads, bytes), payload| {
            (payloads + 1, bytes + payload.contents.bytes)
        })
    }

    /// Writes the figures of what waits.
    pub(super) fn show(&self, figures: &DeliveryFigures) {
        self.store.iter().for_each(|store| store.show(figures));
        let (payloads, bytes) = self.load();
        // A payload that waits is older than those behind it.
        let oldest =
            self.queue.front().into_iter().chain(self.taken()).filter_map(|payload| payload.contents.oldest).min();
        figures.queued_payloads.set(payloads as u64);
        figures.queued_bytes.set(bytes);
        figures.oldest_unix_nanos.set(oldest.map_or(0, Timestamp::unix_nanos));
        figures.set_breaker(self.breaker.state());
    }

    /// Whether a payload that is submitted now would wait in the queue for others.
    pub(super) fn is_busy(&self) -> bool {
        let store = self.store.as_ref().filter(|store| store.has_spill());
        let goes_elsewhere = match self.breaker.is_closed() {
            true => store.is_some_and(SinkStore::is_spilling),
            false => store.is_some() || self.fallback.is_some(),
        };
        let has_free_attempt = self.in_flight.len() < self.policy.in_flight_payloads && self.breaker.is_closed();
        !self.policy.is_direct() && !goes_elsewhere && (!self.queue.is_empty() || !has_free_attempt)
    }

    /// Whether another payload may be filled.
    pub(super) fn has_room(&self, on_full: OnFull) -> bool {
        if self.policy.is_direct() {
            return true;
        }
        match self.store.as_ref().filter(|store| store.has_spill()) {
            Some(store) if store.is_spilling() => store.pending_bytes() < self.policy.queue_bytes,
            Some(store) if on_full == OnFull::Spill && store.takes_queue() => true,
            _ => self.queue_has_room(),
        }
    }

    /// Whether it is not known yet what is on disk.
    pub(super) fn awaits_recovery(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.has_spill() && !store.has_recovered())
    }

    /// Whether the queue takes another payload.
    pub(super) fn queue_has_room(&self) -> bool {
        let (payloads, bytes) = self.load();
        payloads < self.policy.queue_payloads && bytes < self.policy.queue_bytes
    }

    /// Whether an eighth of the queue is left, or less; of a short queue, a payload.
    pub(super) fn is_short_of_room(&self) -> bool {
        if self.policy.is_direct() {
            return false;
        }
        let (payloads, bytes) = self.load();
        let (payloads_max, bytes_max) = (self.policy.queue_payloads, self.policy.queue_bytes);
        let reserved = (payloads_max / 8).max(1).min(payloads_max.saturating_sub(1));
        payloads >= payloads_max - reserved || bytes >= bytes_max - bytes_max / 8
    }

    /// Whether the sink may be asked for a new file: it has delivered all that was submitted before. A sink without a queue has
    /// those payloads already. Until then, no attempt at a later payload starts.
    pub(super) fn begins_new_file(&mut self) -> bool {
        let behind = *self.new_file_behind.get_or_insert(self.submitted);
        let has_all = self.policy.is_direct() || self.first_pending().is_none_or(|first| behind < first);
        if has_all {
            self.new_file_behind = None;
        }
        has_all
    }

    /// The next payload, if an attempt may start now.
    pub(super) fn begin_attempt(&mut self, now: Instant) -> Option<PendingPayload> {
        let is_due = self.next_start(now)? <= now;
        (is_due && self.breaker.begin_attempt(now)).then(|| self.queue.pop())?
    }

    /// The start of the next attempt, as far as time decides: `None` if nothing waits, or the end of another attempt decides.
    fn next_start(&self, now: Instant) -> Option<Instant> {
        let next = self.queue.front()?;
        let is_blocked = self.in_flight.len() >= self.policy.in_flight_payloads
            || self.new_file_behind.is_some_and(|behind| behind < next.order)
            || (!self.breaker.is_closed() && self.breaker.open_until().is_none())
            || self.store.as_ref().is_some_and(|store| !store.has_recovered());
        // At shutdown, a last attempt before the deadline is better than a wait that ends behind it.
        let is_in_time = |start: &Instant| self.stop_deadline.is_none_or(|deadline| *start < deadline);
        let not_before = next.not_before.filter(is_in_time);
        let times = [not_before, self.not_before, self.breaker.open_until()];
        (!is_blocked).then(|| times.into_iter().flatten().max().unwrap_or(now))
    }

    /// The time of the next work on deliveries.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if self.policy.is_direct() {
            return None;
        }
        // The fallback does not wake this sink when it has room.
        let fallback_due = (!self.handed_over.is_empty()).then(|| now + FALLBACK_ROOM_INTERVAL);
        let times = [self.next_start(now), self.in_flight.due(), self.read_due(now), fallback_due];
        times.into_iter().flatten().min().map(|due| due.max(now))
    }

    /// The time limit of an attempt that starts now.
    pub(super) fn time_limit(&self, now: Instant) -> Option<TimeLimit> {
        let time = self.policy.timeout;
        let end = now.checked_add(time).filter(|_| !time.is_zero())?;
        Some(TimeLimit { time, end })
    }

    /// Whether another attempt may start after this wait.
    pub(super) fn allows_retry(&self, payload: &PendingPayload, now: Instant, wait: Duration) -> bool {
        let Some(start) = now.checked_add(wait) else { return false };
        let is_in_time = self.policy.retry_time.is_zero()
            || payload
                .first_attempt
                .is_none_or(|first| start.saturating_duration_since(first) <= self.policy.retry_time);
        payload.payload.is_some()
            && payload.attempts < self.policy.attempts
            && is_in_time
            && self.stop_deadline.is_none_or(|deadline| start < deadline)
    }
}
