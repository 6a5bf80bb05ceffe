//! The payloads that a store takes and gives, and its answers.

use fapilog_plugin::sink::Payload;
use fapilog_record::timestamp::Timestamp;

use crate::delivery::store::error::StoreError;

/// A payload that waits on disk. Clones share its bytes.
#[derive(Debug, Clone)]
pub(crate) struct StoredPayload {
    pub(crate) payload: Payload,
    /// The number of events in it.
    pub(crate) events: u64,
    /// When the first of them was logged.
    pub(crate) oldest: Option<Timestamp>,
}

/// A payload, or some of its records, that is given up. Clones share its bytes.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
    pub(crate) payload: Payload,
    /// The indices of the records that are given up; `None`: all of them.
    pub(crate) records: Option<Vec<usize>>,
    /// The number of events that are given up.
    pub(crate) events: u64,
    /// Why.
    pub(crate) reason: String,
    /// The attempts to deliver it.
    pub(crate) attempts: u32,
}

/// An answer of a store. The answers to requests of one kind come in the order of the requests.
#[derive(Debug)]
pub(crate) enum DeliveryStoreAnswer {
    /// The first answer, once: the payloads that were found on disk, and are not acknowledged.
    Recovered { payloads: u64, events: u64, bytes: u64 },
    /// The payload is stored: it survives the end of the process.
    Appended,
    /// The payload is not stored.
    Refused { payload: StoredPayload, error: StoreError },
    /// The payload at the read position; `None` behind the last one. `None` also while it cannot be read, for want of descriptors or
    /// by an error of the disk: then payloads are left, and a later read is another attempt.
    Read(Option<StoredPayload>),
    /// Payloads that were appended or recovered cannot be read back, and never come. The reason is reported.
    Unreadable { payloads: u64, events: u64 },
    /// The letter is written to the file, or is not.
    Buried(Result<(), (DeadLetter, StoreError)>),
}

/// A number of payloads, with their events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PayloadCounts {
    pub(super) payloads: u64,
    pub(super) events: u64,
}

impl PayloadCounts {
    /// Adds a payload with so many events.
    pub(super) fn add_payload(&mut self, events: u64) {
        self.add(Self { payloads: 1, events });
    }

    pub(super) fn add(&mut self, other: Self) {
        self.payloads = self.payloads.saturating_add(other.payloads);
        self.events = self.events.saturating_add(other.events);
    }

    /// The counts without those of `part`.
    pub(super) fn without(self, part: Self) -> Self {
        Self { payloads: self.payloads.saturating_sub(part.payloads), events: self.events.saturating_sub(part.events) }
    }
}
