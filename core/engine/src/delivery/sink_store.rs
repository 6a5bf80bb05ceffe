//! The store of a sink, as its worker uses it: what is on disk, what is on its way there, and the payload that was read.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    factory::ShardInfo,
    sink::{PayloadId, Reporter, SinkError},
};

use crate::{
    accounts::DeliveryFigures,
    delivery::{
        failure::DeliveryFailure,
        payload_ids::PayloadIds,
        pending::{PayloadOrigin, PendingPayload},
        store::{
            delivery_store::DeliveryStore,
            options::{DeadLetterOptions, SpillOptions},
            stored_payload::{DeadLetter, DeliveryStoreAnswer, StoredPayload},
        },
    },
};

/// The wait after a read that failed.
const READ_RETRY_WAIT: Duration = Duration::from_secs(1);

/// How long the queue stays in memory after the disk has refused a payload.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

/// The store of one sink of one shard.
pub(super) struct SinkStore {
    store: DeliveryStore,
    /// The last payload before the store was opened.
    last_before: PayloadId,
    has_spill: bool,
    has_dead_letters: bool,
    /// The thread has looked at the payloads that it found.
    has_recovered: bool,
    on_disk: OnDisk,
    reading: Reading,
    /// The last read has failed.
    read_not_before: Option<Instant>,
    /// Payloads on their way to the spill directory, in order.
    appending: VecDeque<LeavingPayload>,
    /// The highest place in the order of submission among the payloads that went there since there were none.
    last_appended: u64,
    /// The disk has refused a payload: until then, it takes others only where the order demands it.
    refuses_until: Option<Instant>,
    /// Payloads on their way to the file for dead letters, in order.
    burying: VecDeque<LeavingPayload>,
}

/// A payload on its way to the disk, and why it goes there.
#[derive(Debug)]
pub(super) struct LeavingPayload {
    pub(super) payload: PendingPayload,
    pub(super) failure: DeliveryFailure,
}

/// The payloads in the spill directory that are not delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OnDisk {
    payloads: u64,
    /// The events of this container among theirs.
    local_events: u64,
    /// The events that an earlier container has stored.
    recovered_events: u64,
    bytes: u64,
}

/// Events by their origin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EventsByOrigin {
    pub(super) local: u64,
    pub(super) recovered: u64,
}

/// The payload at the head of the spill directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    None,
    /// The thread reads it.
    Asked,
    /// It is in the queue or in flight.
    Loaded {
        bytes: u64,
        /// The parts that it has been split into, and that are not done with.
        parts: u32,
    },
}

/// News of the store.
#[derive(Debug)]
pub(super) enum StoreNews {
    /// It is known what the directory has.
    Recovered { events: u64 },
    /// The payload is on disk.
    Spilled(PendingPayload),
    /// The payload is not on disk.
    NotSpilled(LeavingPayload),
    /// The payload at the head.
    Loaded(PendingPayload),
    /// These events cannot be read back.
    Unreadable(EventsByOrigin),
    /// The dead letter is written.
    Buried(PendingPayload),
    /// The dead letter is not written.
    NotBuried(LeavingPayload),
}

impl EventsByOrigin {
    pub(super) fn new(events: u64, is_recovered: bool) -> Self {
        match is_recovered {
            true => Self { local: 0, recovered: events },
            false => Self { local: events, recovered: 0 },
        }
    }
}

impl SinkStore {
    /// `None` if there is nothing to store.
    pub(super) fn open(
        spill: Option<SpillOptions>,
        dead_letters: Option<DeadLetterOptions>,
        sink: &str,
        shard: ShardInfo,
        reporter: Reporter,
        ids: &PayloadIds,
    ) -> Result<Option<Self>, SinkError> {
        let (has_spill, has_dead_letters) = (spill.is_some(), dead_letters.is_some());
        if !has_spill && !has_dead_letters {
            return Ok(None);
        }
        Ok(Some(Self {
            store: DeliveryStore::open(spill, dead_letters, sink, shard, reporter)?,
            last_before: ids.last(),
            has_spill,
            has_dead_letters,
            has_recovered: false,
            on_disk: OnDisk::default(),
            reading: Reading::None,
            read_not_before: None,
            appending: VecDeque::new(),
            last_appended: 0,
            refuses_until: None,
            burying: VecDeque::new(),
        }))
    }

    pub(super) fn has_spill(&self) -> bool {
        self.has_spill
    }

    pub(super) fn has_dead_letters(&self) -> bool {
        self.has_dead_letters
    }

    /// Whether it is known what the spill directory has.
    pub(super) fn has_recovered(&self) -> bool {
        self.has_recovered
    }

    /// Whether payloads are on disk, or on their way there: later ones go there too, so that the order is kept.
    pub(super) fn is_spilling(&self) -> bool {
        self.on_disk.payloads > 0 || !self.appending.is_empty()
    }

    /// Whether the payload of this place in the order of submission comes before others on disk. It stays in memory then: on disk,
    /// it would come behind them.
    pub(super) fn comes_first(&self, order: u64) -> bool {
        self.is_spilling() && order < self.last_appended
    }

    /// Whether the queue may go to disk now.
    pub(super) fn takes_queue(&self) -> bool {
        self.has_spill && self.has_recovered && (self.is_spilling() || self.refuses_until.is_none())
    }

    /// The disk has refused a payload.
    pub(super) fn begin_refusal(&mut self, now: Instant) {
        self.refuses_until = now.checked_add(REFUSAL_WAIT);
    }

    /// The disk may take payloads again after a while.
    pub(super) fn end_refusal(&mut self, now: Instant) {
        self.refuses_until = self.refuses_until.filter(|until| now < *until);
    }

    /// Whether no payload on disk is older than those in memory.
    pub(super) fn has_nothing_on_disk(&self) -> bool {
        self.on_disk.payloads == 0
    }

    /// Whether payloads are on their way to the disk.
    pub(super) fn is_writing(&self) -> bool {
        !self.appending.is_empty() || !self.burying.is_empty()
    }

    /// The bytes in memory that wait for the disk.
    pub(super) fn pending_bytes(&self) -> u64 {
        self.store.pending_bytes()
    }

    /// Payloads on their way to the disk.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &PendingPayload> {
        self.appending.iter().chain(&self.burying).map(|leaving| &leaving.payload)
    }

    /// The events of this container on disk.
    pub(super) fn local_events(&self) -> u64 {
        self.on_disk.local_events
    }

    /// Writes the figures of what is on disk.
    pub(super) fn show(&self, figures: &DeliveryFigures) {
        figures.spilled_payloads.set(self.on_disk.payloads);
        figures.spilled_events.set(self.on_disk.local_events + self.on_disk.recovered_events);
        figures.spilled_bytes.set(self.on_disk.bytes);
    }

    /// Puts a payload behind all others on disk.
    pub(super) fn append(&mut self, mut payload: PendingPayload, failure: DeliveryFailure) {
        let Some(bytes) = payload.payload.take() else { return };
        debug_assert!(!matches!(payload.origin, PayloadOrigin::Fallback(_)), "a payload of another sink is spilled");
        self.store.append(StoredPayload {
            payload: bytes,
            events: payload.contents.events,
            oldest: payload.contents.oldest,
        });
        if !self.is_spilling() {
            self.last_appended = 0;
        }
        if let PayloadOrigin::Encoded = payload.origin {
            self.last_appended = self.last_appended.max(payload.order);
        }
        self.appending.push_back(LeavingPayload { payload, failure });
    }

    /// Writes a dead letter.
    pub(super) fn bury(&mut self, mut payload: PendingPayload, failure: DeliveryFailure) {
        let Some(bytes) = payload.payload.take() else { return };
        self.store.bury(DeadLetter {
            payload: bytes,
            records: None,
            events: payload.contents.events,
            reason: payload.last_error.clone(),
            attempts: payload.attempts,
        });
        self.burying.push_back(LeavingPayload { payload, failure });
    }

    /// When the payload at the head may be asked for, if that is not at once.
    pub(super) fn read_not_before(&self) -> Option<Instant> {
        self.read_not_before
    }

    /// Whether the payload at the head may be asked for.
    pub(super) fn can_read(&self) -> bool {
        self.has_recovered && self.on_disk.payloads > 0 && self.reading == Reading::None
    }

    /// Asks for the payload at the head.
    pub(super) fn read(&mut self) {
        debug_assert!(self.can_read(), "{:?}", self.reading);
        self.reading = Reading::Asked;
        self.read_not_before = None;
        self.store.read_next();
    }

    /// The payload at the head goes two ways from now on.
    pub(super) fn split(&mut self) {
        if let Reading::Loaded { parts, .. } = &mut self.reading {
            *parts += 1;
        }
    }

    /// A part of the payload at the head is done with. After the last one, the payload is never read again.
    pub(super) fn end_part(&mut self) {
        let Reading::Loaded { bytes, parts } = &mut self.reading else {
            debug_assert!(false, "no payload was read: {:?}", self.reading);
            return;
        };
        *parts -= 1;
        if *parts == 0 {
            let bytes = *bytes;
            self.subtract_payloads(1, bytes);
            self.reading = Reading::None;
            self.store.acknowledge();
        }
    }

    /// Puts a part of the payload at the head behind all others on disk. Only then is the head done with: between the two, the
    /// program may be killed.
    pub(super) fn append_part(&mut self, payload: PendingPayload, failure: DeliveryFailure) {
        let events = payload.events_by_origin();
        self.append(payload, failure);
        self.leave(events);
    }

    /// So many events of the payload at the head, a part of it or the whole, are counted elsewhere and done with.
    pub(super) fn leave(&mut self, events: EventsByOrigin) {
        self.subtract(events);
        self.end_part();
    }

    /// The payload at the head is read again later.
    pub(super) fn rewind(&mut self) {
        if self.reading != Reading::None {
            self.reading = Reading::None;
            self.store.rewind();
        }
    }

    /// Events of the payload at the head are counted elsewhere.
    pub(super) fn subtract(&mut self, events: EventsByOrigin) {
        let OnDisk { local_events, recovered_events, .. } = self.on_disk;
        debug_assert!(
            events.local <= local_events && events.recovered <= recovered_events,
            "{events:?} of {:?}",
            self.on_disk
        );
        self.on_disk.local_events = local_events.saturating_sub(events.local);
        self.on_disk.recovered_events = recovered_events.saturating_sub(events.recovered);
    }

    /// The next news.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<StoreNews> {
        loop {
            let Poll::Ready(answer) = self.store.poll(context) else { return None };
            if let Some(news) = self.take_up(answer) {
                return Some(news);
            }
        }
    }

    /// Ends the thread when it has executed all requests. Returns whether it has ended.
    pub(super) fn begin_close(&mut self) -> bool {
        self.store.begin_close()
    }

    /// Waits until everything is on disk that is on its way there. Returns the news.
    pub(super) fn close(&mut self, deadline: Instant) -> Vec<StoreNews> {
        let answers = self.store.close(deadline);
        answers.into_iter().filter_map(|answer| self.take_up(answer)).collect()
    }

    /// Whether it was stored before this store was opened: by another container, or by a former sink of this name.
    fn is_recovered(&self, id: PayloadId) -> bool {
        let PayloadId { instance, shard, sequence, .. } = self.last_before;
        (id.instance, id.shard) != (instance, shard) || id.sequence <= sequence
    }

    /// So many payloads less are on disk.
    fn subtract_payloads(&mut self, payloads: u64, bytes: u64) {
        self.on_disk.payloads = self.on_disk.payloads.saturating_sub(payloads);
        // The bytes of those that were recovered, and of those that cannot be read, are not known one by one.
        self.on_disk.bytes = if self.on_disk.payloads == 0 { 0 } else { self.on_disk.bytes.saturating_sub(bytes) };
    }

    fn take_up(&mut self, answer: DeliveryStoreAnswer) -> Option<StoreNews> {
        match answer {
            DeliveryStoreAnswer::Recovered { payloads, events, bytes } => {
                self.has_recovered = true;
                self.on_disk.payloads += payloads;
                self.on_disk.recovered_events += events;
                self.on_disk.bytes += bytes;
                Some(StoreNews::Recovered { events })
            }
            DeliveryStoreAnswer::Appended => {
                let LeavingPayload { payload, .. } = self.appending.pop_front()?;
                let EventsByOrigin { local, recovered } = payload.events_by_origin();
                self.on_disk.payloads += 1;
                self.on_disk.local_events += local;
                self.on_disk.recovered_events += recovered;
                self.on_disk.bytes += payload.contents.bytes;
                Some(StoreNews::Spilled(payload))
            }
            DeliveryStoreAnswer::Refused { payload: StoredPayload { payload: bytes, .. }, error } => {
                let mut refused = self.appending.pop_front()?;
                refused.payload.payload = Some(bytes);
                refused.payload.add_error(&error.to_string());
                Some(StoreNews::NotSpilled(refused))
            }
            DeliveryStoreAnswer::Buried(Ok(())) => Some(StoreNews::Buried(self.burying.pop_front()?.payload)),
            DeliveryStoreAnswer::Buried(Err((letter, _))) => {
                let mut refused = self.burying.pop_front()?;
                refused.payload.payload = Some(letter.payload);
                Some(StoreNews::NotBuried(refused))
            }
            DeliveryStoreAnswer::Read(Some(stored)) => {
                debug_assert_eq!(self.reading, Reading::Asked, "a payload that was not asked for");
                self.reading = Reading::Loaded { bytes: stored.payload.len() as u64, parts: 1 };
                let is_recovered = self.is_recovered(stored.payload.id());
                Some(StoreNews::Loaded(PendingPayload::stored(stored, is_recovered)))
            }
            DeliveryStoreAnswer::Read(None) => {
                // The disk fails, or the process has no descriptor left: another attempt may succeed.
                self.reading = Reading::None;
                self.read_not_before = Instant::now().checked_add(READ_RETRY_WAIT);
                None
            }
            DeliveryStoreAnswer::Unreadable { payloads, events } => {
                self.subtract_payloads(payloads, 0);
                // Payloads of earlier containers come first.
                let recovered = events.min(self.on_disk.recovered_events);
                let local = (events - recovered).min(self.on_disk.local_events);
                let unreadable = EventsByOrigin { local, recovered };
                self.subtract(unreadable);
                Some(StoreNews::Unreadable(unreadable))
            }
        }
    }
}

/// For tests: the thread is held, and killed.
#[cfg(test)]
impl SinkStore {
    /// Holds the thread until the sender is dropped.
    pub(super) fn hold(&mut self) -> std::sync::mpsc::Sender<()> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let receiver = std::sync::Mutex::new(receiver);
        self.store.work(move || _ = fapilog_plugin::threads::lock(&receiver).recv());
        sender
    }

    /// Waits until the thread has executed all requests.
    pub(super) fn wait_for_thread(&mut self) {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.store.work(move || _ = sender.send(()));
        receiver.recv().unwrap();
    }

    /// Whether an answer is still to come.
    pub(super) fn owes_answer(&self) -> bool {
        self.is_writing() || self.reading == Reading::Asked
    }

    /// Ends the thread as if the process were killed behind so many of the requests that are not executed yet.
    pub(super) fn crash_behind(self, requests: usize, held: Option<std::sync::mpsc::Sender<()>>) {
        self.store.crash_behind(requests, || drop(held));
    }

    /// The events that earlier containers have stored, and that are not delivered or lost.
    pub(super) fn recovered_events(&self) -> u64 {
        self.on_disk.recovered_events + self.leaving().map(|payload| payload.events_by_origin().recovered).sum::<u64>()
    }

    /// Sets whether the thread has looked at the payloads that it found.
    pub(super) fn set_recovered(&mut self, has_recovered: bool) {
        self.has_recovered = has_recovered;
    }
}
