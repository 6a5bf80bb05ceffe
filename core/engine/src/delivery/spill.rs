//! Spill and dead letters: payloads that the destination does not take now wait on disk, and payloads that are given up go to a
//! file of their own.
//!
//! 1. **When.** A payload is spilled when its attempts are used up, and the fallback has not taken it; when the queue is full, and
//!    the policy is to spill; and while the breaker is open. A payload whose error is permanent is never spilled: it would fail
//!    again.
//! 2. **Order.** When one payload of the queue goes to disk, all do. While payloads are on disk, or on their way there, later ones
//!    go there, too. A payload that is older than one of those on disk stays in memory, and comes first: it was in flight, at the
//!    fallback, or refused by the disk then. If its attempts are used up, it waits for the cool-down in memory.
//! 3. **Replay.** When nothing waits in memory and the destination may be attempted, the payload at the head is read and attempted,
//!    one at a time. It is acknowledged when it is delivered or given up, and is then never read again. If its attempts are used
//!    up, it stays at the head, and the breaker opens.
//!    While the disk refuses payloads, and has none, the queue stays in memory, as far as it has room.
//! 4. **Parts.** A payload from disk may be delivered in part. The other records go behind all others on disk when their
//!    attempts are used up, and the whole is acknowledged after that. A dead letter is written before the payload is acknowledged, too.
//!    So a program that is killed in between delivers records twice, and drops none.
//! 5. **Accounts.** Events on disk are pending, and a flush fails while there are any. Events that an earlier container, or a former
//!    sink of the name, has stored are no events of this one: they have counts of their own.
//! 6. **Start.** Until it is known what is on disk, no attempt starts.
//! 7. **Stop.** Nothing more is read. Payloads that are not delivered at the end go to disk, behind all others there, and stay there.

use std::{
    task::Context,
    time::{Duration, Instant},
};

use crate::delivery::{
    failure::DeliveryFailure,
    pending::{PayloadOrigin, PendingPayload},
    sink_store::{EventsByOrigin, LeavingPayload, SinkStore, StoreNews},
    sink_worker::SinkWorker,
};

/// How much longer than their deadline the sinks of a shard may wait for the disk, all together.
const CLOSE_TIME: Duration = Duration::from_millis(300);

/// The least time that a sink waits for the disk.
const CLOSE_TIME_MIN: Duration = Duration::from_millis(20);

const DISK_REFUSES: &str =
    "payloads do not go to disk: the spill directory is full, by its limit or the disk's, or it fails";
const LETTERS_ARE_REFUSED: &str =
    "dead letters are not written: the file is full, by its limit or the disk's, or it fails";

impl SinkWorker {
    /// Takes up the news of the store, and asks for the payload at the head. Returns whether there were any.
    pub(super) fn work_on_store(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        self.destination.store.iter_mut().for_each(|store| store.end_refusal(now));
        let mut has_news = false;
        while let Some(news) = self.destination.store.as_mut().and_then(|store| store.poll(context)) {
            has_news = true;
            self.take_up_news(news, now);
        }
        if self.destination.read_due(now).is_some_and(|due| due <= now)
            && let Some(store) = &mut self.destination.store
        {
            store.read();
        }
        has_news
    }

    fn take_up_news(&mut self, news: StoreNews, now: Instant) {
        match news {
            StoreNews::Recovered { events } => {
                self.counters.delivery.recovered.add(events);
                if events > 0 {
                    let text = "payloads of an earlier run were found on disk: they are delivered first";
                    self.diagnostics.add(&self.name, text.to_owned());
                    self.spill_queue();
                }
            }
            StoreNews::Spilled(payload) => {
                self.counters.delivery.spilled.add(payload.contents.events);
                self.health.reports.settle(&payload.contents.reports);
            }
            StoreNews::NotSpilled(refused) => self.take_back(refused, now),
            StoreNews::Loaded(payload) => match self.destination.stop_deadline {
                Some(_) => self.rewind(),
                None => self.destination.queue.insert(payload),
            },
            StoreNews::Unreadable(EventsByOrigin { local, recovered }) => {
                self.count_lost(DeliveryFailure::Unreadable, local);
                self.counters.delivery.recovered_lost.add(recovered);
            }
            StoreNews::Buried(payload) => {
                self.counters.delivery.dead_lettered.add(payload.contents.events);
                self.count_lost_payload(&payload, DeliveryFailure::DeadLettered);
            }
            StoreNews::NotBuried(LeavingPayload { payload, failure }) => {
                self.diagnostics.add(&self.name, LETTERS_ARE_REFUSED.to_owned());
                self.count_lost_payload(&payload, failure);
            }
        }
    }

    /// A payload that the disk refuses goes back into the queue, if that has room, it has attempts left, and nothing on disk is
    /// older.
    fn take_back(&mut self, LeavingPayload { payload, failure }: LeavingPayload, now: Instant) {
        let Some(store) = &mut self.destination.store else { return self.bury_or_count(payload, failure) };
        store.begin_refusal(now);
        // Without the numbers of the error, so that the log of diagnostics keeps it once.
        self.diagnostics.add(&self.name, DISK_REFUSES.to_owned());
        let is_from_queue = matches!((&payload.origin, failure), (PayloadOrigin::Encoded, DeliveryFailure::NoRoom));
        match is_from_queue && store.has_nothing_on_disk() && self.destination.queue_has_room() {
            true => self.destination.queue.insert(payload),
            false => self.bury_or_count(payload, failure),
        }
    }

    fn rewind(&mut self) {
        self.destination.store.iter_mut().for_each(SinkStore::rewind);
    }

    /// Whether the payload goes to disk now, and not into the queue.
    pub(super) fn spills_at_once(&self) -> bool {
        let store = self.destination.store.as_ref().filter(|store| store.takes_queue());
        store.is_some_and(|store| store.is_spilling() || !self.destination.queue_has_room())
    }

    /// Puts a payload of the queue or of an attempt on disk. Returns it if it cannot go there.
    pub(super) fn spill(
        &mut self,
        mut payload: PendingPayload,
        failure: DeliveryFailure,
        now: Instant,
    ) -> Option<PendingPayload> {
        let Some(store) = self.destination.store.as_mut().filter(|store| store.has_spill()) else {
            return Some(payload);
        };
        if !failure.may_be_spilled() || payload.payload.is_none() {
            return Some(payload);
        }
        self.health.has_failed_since_flush = true;
        let is_stopping = self.destination.stop_deadline.is_some();
        // The destination is down: the next attempt waits for the cool-down.
        if !is_stopping && self.destination.breaker.is_closed() {
            self.destination.breaker.open(now);
        }
        match payload.origin {
            PayloadOrigin::Fallback(_) => return Some(payload),
            PayloadOrigin::Stored { .. } if payload.is_part => {
                store.append_part(payload, failure);
            }
            PayloadOrigin::Stored { .. } => store.rewind(),
            PayloadOrigin::Encoded if store.comes_first(payload.order) && !is_stopping => {
                payload.start_again();
                self.destination.queue.insert(payload);
            }
            PayloadOrigin::Encoded => {
                store.append(payload, failure);
                self.spill_queue();
            }
        }
        None
    }

    /// Puts the payloads of the queue on disk, but for those that come before others there.
    pub(super) fn spill_queue(&mut self) {
        let Some(store) = self.destination.store.as_mut().filter(|store| store.has_spill()) else { return };
        // The queue is in order: a payload that goes to disk puts no later one in front of others there.
        let goes_to_disk = |payload: &PendingPayload| {
            matches!(payload.origin, PayloadOrigin::Encoded) && !store.comes_first(payload.order)
        };
        let payloads = self.destination.queue.extract(goes_to_disk);
        payloads.into_iter().for_each(|payload| store.append(payload, DeliveryFailure::NoRoom));
    }

    /// Writes a dead letter, or counts the events as lost.
    fn bury_or_count(&mut self, payload: PendingPayload, failure: DeliveryFailure) {
        // Nor do letters fill the memory while the disk hangs.
        let bytes_max = self.destination.policy.queue_bytes;
        let has_room = |store: &SinkStore| store.has_dead_letters() && store.pending_bytes() < bytes_max;
        match self.destination.store.as_mut().filter(|store| has_room(store)) {
            Some(store) if payload.payload.is_some() && !matches!(payload.origin, PayloadOrigin::Fallback(_)) => {
                store.bury(payload, failure);
            }
            _ => self.count_lost_payload(&payload, failure),
        }
    }

    /// Writes a dead letter, or counts the events as lost. A payload from disk is done with after that, because the program may be
    /// killed meanwhile.
    pub(super) fn end_undelivered(&mut self, payload: PendingPayload, failure: DeliveryFailure) {
        let stored_events = payload.stored_events();
        self.bury_or_count(payload, failure);
        if let (Some(events), Some(store)) = (stored_events, &mut self.destination.store) {
            store.leave(events);
        }
    }

    /// Events of a payload from disk are counted elsewhere.
    pub(super) fn subtract_stored(&mut self, origin: &PayloadOrigin, events: u64) {
        if let (PayloadOrigin::Stored { is_recovered }, Some(store)) = (origin, &mut self.destination.store) {
            store.subtract(EventsByOrigin::new(events, *is_recovered));
        }
    }

    /// A part of the payload from disk is done with.
    pub(super) fn end_stored_part(&mut self, origin: &PayloadOrigin) {
        if let (PayloadOrigin::Stored { .. }, Some(store)) = (origin, &mut self.destination.store) {
            store.end_part();
        }
    }

    /// A payload from disk goes two ways.
    pub(super) fn split_stored(&mut self, origin: &PayloadOrigin) {
        if let (PayloadOrigin::Stored { .. }, Some(store)) = (origin, &mut self.destination.store) {
            store.split();
        }
    }

    /// The sink stops: a payload that was read stays on disk.
    pub(super) fn leave_stored_on_disk(&mut self) {
        let Some(store) = &mut self.destination.store else { return };
        let is_on_disk =
            |payload: &PendingPayload| matches!(payload.origin, PayloadOrigin::Stored { .. }) && !payload.is_part;
        if !self.destination.queue.extract(is_on_disk).is_empty() {
            store.rewind();
        }
    }

    /// The sink ends: the payload goes to disk, or is lost.
    pub(super) fn store_or_count(&mut self, payload: PendingPayload) {
        let failure = DeliveryFailure::GivenUp;
        let is_on_disk = matches!(payload.origin, PayloadOrigin::Stored { .. }) && !payload.is_part;
        let store = self.destination.store.as_mut().filter(|store| store.has_spill());
        match (store, &payload.origin) {
            (Some(_), _) if is_on_disk => {}
            (Some(store), PayloadOrigin::Stored { .. }) => store.append_part(payload, failure),
            (Some(store), PayloadOrigin::Encoded) if payload.payload.is_some() => store.append(payload, failure),
            _ => self.end_undelivered(payload, failure),
        }
    }

    /// Whether the disk has all that is to go there. From the first call on, nothing else goes there.
    pub(crate) fn has_closed_store(&mut self) -> bool {
        self.destination.store.as_mut().is_none_or(SinkStore::begin_close)
    }

    /// The sink ends: waits for the disk, and counts what is not there.
    pub(super) fn close_store(&mut self) {
        let now = Instant::now();
        let deadline = self.destination.stop_deadline.unwrap_or(now);
        let deadline = deadline.checked_add(CLOSE_TIME).unwrap_or(deadline).max(now + CLOSE_TIME_MIN);
        let Some(mut store) = self.destination.store.take() else { return };
        let mut news = store.close(deadline);
        // A dead letter for a payload that was refused comes too late: the store is closed.
        self.destination.store = Some(store);
        news.drain(..).for_each(|news| match news {
            StoreNews::NotSpilled(LeavingPayload { payload, failure }) => self.count_lost_payload(&payload, failure),
            StoreNews::Loaded(_) => {}
            news => self.take_up_news(news, deadline),
        });
    }
}
