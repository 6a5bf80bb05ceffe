//! Bytes on their way to a destination.

use std::{ops::Range, sync::Arc};

use crate::sink::PayloadId;

/// Bytes on their way to a sink's destination: whole records, in order.
///
/// Clones of a payload that is being delivered share its bytes: an attempt to deliver it again copies nothing.
#[derive(Debug, Clone)]
pub struct Payload {
    bytes: PayloadBytes,
    start: usize,
    full_at: usize,
    /// The ends of the records in `bytes`, where the sink has marked them.
    record_ends: Vec<usize>,
    label: PayloadLabel,
}

/// The bytes of a payload: its own while it is filled, and shared with its clones from the first clone on.
#[derive(Debug)]
enum PayloadBytes {
    Owned(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

/// A payload's place among others, and among the attempts to deliver it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PayloadLabel {
    id: PayloadId,
    attempt: u32,
    is_replayed: bool,
}

/// The end of a payload's records at some time. Hidden, because only the engine goes back to it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct PayloadMark {
    bytes: usize,
    records: usize,
}

impl Payload {
    /// An empty payload that counts as full at `full_bytes`.
    #[must_use]
    pub fn new(full_bytes: usize) -> Self {
        Self::in_buffer(Vec::with_capacity(full_bytes), full_bytes)
    }

    /// A payload in memory of the sink's own. Bytes that `bytes` holds already stay in front of the records, and do not
    /// count; it is full when `bytes` is `full_at` long.
    #[must_use]
    pub fn in_buffer(bytes: Vec<u8>, full_at: usize) -> Self {
        let label = PayloadLabel { id: PayloadId::default(), attempt: 1, is_replayed: false };
        Self { start: bytes.len(), bytes: PayloadBytes::Owned(bytes), full_at, record_ends: Vec::new(), label }
    }

    /// Where records are appended. Shared bytes are copied first.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        match &mut self.bytes {
            PayloadBytes::Owned(bytes) => bytes,
            PayloadBytes::Shared(bytes) => Arc::make_mut(bytes),
        }
    }

    /// Marks the end of a record. A sink whose destination answers record by record marks the end of each: the answer names
    /// records by their [index](Self::record).
    pub fn end_record(&mut self) {
        self.record_ends.push(self.bytes().len());
    }

    /// Appends the records of another payload, with the ends that are marked in it.
    pub fn append(&mut self, other: &Self) {
        let shift = self.bytes().len();
        self.buffer().extend_from_slice(other.records());
        self.record_ends.extend(other.record_ends.iter().map(|end| end.saturating_sub(other.start) + shift));
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        self.bytes().get(self.start..).unwrap_or_default()
    }

    /// The number of records whose ends are [marked](Self::end_record).
    #[must_use]
    pub fn marked_records(&self) -> usize {
        self.record_ends.len()
    }

    /// The record of this index, from 0, if its end is marked.
    #[must_use]
    pub fn record(&self, index: usize) -> Option<&[u8]> {
        self.bytes().get(self.range_of(index)?)
    }

    /// The records whose ends are marked, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.marked_records()).filter_map(|index| self.record(index))
    }

    /// Appends a record, and marks its end.
    pub fn push_record(&mut self, record: &[u8]) {
        self.buffer().extend_from_slice(record);
        self.end_record();
    }

    fn range_of(&self, index: usize) -> Option<Range<usize>> {
        let end = *self.record_ends.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.record_ends.get(before)).copied();
        Some(before.unwrap_or(self.start)..end)
    }

    /// Length of the records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len().saturating_sub(self.start)
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// It is to be delivered now, however short it is.
    pub fn set_full(&mut self) {
        self.full_at = 0;
    }

    /// Whether it is time to deliver it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes().len() >= self.full_at
    }

    /// The memory back, for another payload. Bytes that are shared are copied. They may have others in front of the records: those
    /// that the memory had, or records that are delivered. A sink sends the [`records`](Self::records).
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        match self.bytes {
            PayloadBytes::Owned(bytes) => bytes,
            PayloadBytes::Shared(bytes) => Arc::unwrap_or_clone(bytes),
        }
    }

    /// The id: the same for each attempt to deliver this payload, also after a restart of the program. A destination that
    /// keeps the ids of late accepts each payload once. The default id until the payload is submitted.
    #[must_use]
    pub fn id(&self) -> PayloadId {
        self.label.id
    }

    /// The number of this attempt to deliver the payload, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.label.attempt
    }

    /// Whether the payload was on disk meanwhile, because the destination did not take it. A destination may get it later than
    /// payloads that were filled after it, and where the program ended meanwhile, a second time.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.label.is_replayed
    }

    fn bytes(&self) -> &Vec<u8> {
        match &self.bytes {
            PayloadBytes::Owned(bytes) => bytes,
            PayloadBytes::Shared(bytes) => bytes,
        }
    }
}

/// For the engine, which delivers payloads.
#[doc(hidden)]
impl Payload {
    /// A payload that was stored: its records, and the ends that were marked, from the first byte of the records.
    #[must_use]
    pub fn replayed(id: PayloadId, records: Vec<u8>, record_ends: Vec<usize>) -> Self {
        let full_at = records.len();
        let label = PayloadLabel { id, attempt: 1, is_replayed: true };
        Self { bytes: PayloadBytes::Shared(Arc::new(records)), start: 0, full_at, record_ends, label }
    }

    /// The ends that are marked, from the first byte of the records.
    #[must_use]
    pub fn record_ends(&self) -> Vec<usize> {
        self.record_ends.iter().map(|end| end.saturating_sub(self.start)).collect()
    }

    /// The end of the records so far.
    #[must_use]
    pub fn mark(&self) -> PayloadMark {
        PayloadMark { bytes: self.bytes().len(), records: self.record_ends.len() }
    }

    /// Drops all records behind a mark.
    pub fn truncate(&mut self, mark: PayloadMark) {
        self.buffer().truncate(mark.bytes);
        self.record_ends.truncate(mark.records);
    }

    /// Sets the id.
    pub fn set_id(&mut self, id: PayloadId) {
        self.label.id = id;
    }

    /// Sets the number of the attempt.
    pub fn set_attempt(&mut self, attempt: u32) {
        self.label.attempt = attempt;
    }

    /// A payload that shares the bytes.
    #[must_use]
    pub fn share(&mut self) -> Self {
        if let PayloadBytes::Owned(bytes) = &mut self.bytes {
            self.bytes = PayloadBytes::Shared(Arc::new(std::mem::take(bytes)));
        }
        self.clone()
    }

    /// A payload without the records in front of this one, whose bytes are shared. `bytes` is the length of those records.
    #[must_use]
    pub fn without_first(&mut self, bytes: usize) -> Self {
        let mut remainder = self.share();
        remainder.start = (self.start + bytes).min(self.bytes().len());
        remainder.record_ends.retain(|end| *end > remainder.start);
        remainder
    }

    /// A payload of these records alone, as far as there are such records. Its bytes are copied.
    #[must_use]
    pub fn of_records(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut part = Self { label: self.label, ..Self::in_buffer(Vec::new(), 0) };
        for record in indices.into_iter().filter_map(|index| self.record(index)) {
            part.buffer().extend_from_slice(record);
            part.end_record();
        }
        part
    }
}

impl Clone for PayloadBytes {
    fn clone(&self) -> Self {
        match self {
            Self::Owned(bytes) => Self::Shared(Arc::new(bytes.clone())),
            Self::Shared(bytes) => Self::Shared(Arc::clone(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::InstanceId;

    fn payload(front: &[u8], records: &[&[u8]]) -> Payload {
        let mut payload = Payload::in_buffer(front.to_vec(), 100);
        for record in records {
            payload.buffer().extend_from_slice(record);
            payload.end_record();
        }
        payload
    }

    #[test]
    fn records_are_found_by_their_index() {
        let payload = payload(b"front", &[b"one", b"", b"three"]);
        assert_eq!(
            [0, 1, 2, 3].map(|index| payload.record(index)),
            [Some(&b"one"[..]), Some(b""), Some(b"three"), None]
        );
        assert_eq!(payload.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn a_part_has_these_records_and_the_id_of_the_whole() {
        let mut payload = payload(b"front", &[b"one", b"two", b"three"]);
        payload.set_id(PayloadId::new(InstanceId::from_bits(7), 1, 2));
        let part = payload.of_records([2, 0, 9]);
        assert_eq!((part.records(), part.marked_records(), part.id()), (&b"threeone"[..], 2, payload.id()));
    }

    #[test]
    fn a_payload_without_its_first_records_keeps_the_ends_of_the_others() {
        let mut payload = payload(b"front", &[b"one", b"two", b"three"]);
        let remainder = payload.without_first(6);
        assert_eq!(
            (remainder.records(), remainder.record(0), remainder.len()),
            (&b"three"[..], Some(&b"three"[..]), 5)
        );
        assert_eq!((payload.without_first(99).len(), payload.records()), (0, &b"onetwothree"[..]));
    }

    #[test]
    fn a_shared_payload_is_not_copied_until_it_is_changed() {
        let mut first = payload(b"", &[b"one"]);
        let mut second = first.share();
        assert_eq!(first.records().as_ptr(), second.records().as_ptr());
        second.buffer().push(b'!');
        assert_eq!((first.records(), second.records()), (&b"one"[..], &b"one!"[..]));
        assert_eq!(first.into_buffer(), b"one");
    }

    #[test]
    fn appended_records_keep_their_ends() {
        let mut payload_of_two = payload(b"front", &[b"one", b"two"]);
        payload_of_two.append(&payload(b"other front", &[b"three", b"four"]));
        assert_eq!((payload_of_two.record(2), payload_of_two.record(3)), (Some(&b"three"[..]), Some(&b"four"[..])));
    }

    #[test]
    fn a_stored_payload_comes_back_as_it_was() {
        let stored = payload(b"front", &[b"one", b"two"]);
        let replayed = Payload::replayed(stored.id(), stored.records().to_vec(), stored.record_ends());
        assert_eq!((replayed.records(), replayed.record(1)), (stored.records(), stored.record(1)));
        assert!(replayed.is_replayed() && !stored.is_replayed());
    }
}
