//! The parts of an event, and the event that is made of them.

use bumpalo::Bump;
use fapilog_record::{
    call_site::{DYNAMIC_ID, Descriptor},
    head::Head,
    level::{Category, Level},
    timestamp::Timestamp,
};
use thiserror::Error;

use crate::event::{Event, ProducerInfo, Source};

/// A frame that holds no record. Hidden, because only the engine and the test kit read records.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame of {record_bytes} bytes holds no record")]
pub struct RecordError {
    record_bytes: usize,
}

/// The parts that an event is made of. Hidden, because only the engine and the test kit read records.
#[doc(hidden)]
#[derive(Debug)]
pub struct EventParts<'batch> {
    /// When it was logged.
    pub timestamp: Timestamp,
    /// Its number at its producer, from 1.
    pub sequence: u64,
    /// The thread that logged it.
    pub producer: &'batch ProducerInfo,
    /// Its logger's name.
    pub source: &'batch Source,
    /// Its call site.
    pub descriptor: &'static Descriptor,
    /// The head of its record.
    pub head: Head,
    /// The whole record, head included.
    pub record: &'batch [u8],
    /// Memory that lives as long as the batch.
    pub arena: &'batch Bump,
}

impl<'batch> Event<'batch> {
    /// An event of a call site. Hidden, because only the engine and the test kit read records.
    ///
    /// Inlined whole, and its address never taken: so that it is put together in registers, at its place in the batch. An
    /// event that is copied there costs ten nanoseconds.
    #[doc(hidden)]
    #[inline(always)]
    pub fn of_call_site(parts: EventParts<'batch>) -> Result<Self, RecordError> {
        let level = parts.descriptor.level();
        Self::of(parts, level, level.category())
    }

    /// An event that describes itself. Hidden, because only the engine and the test kit read records.
    #[doc(hidden)]
    pub fn of_itself(parts: EventParts<'batch>) -> Result<Self, RecordError> {
        let bad = RecordError { record_bytes: parts.record.len() };
        let [level, category, ..] = *parts.record.get(Head::BYTES..).ok_or(bad)? else { return Err(bad) };
        let level = Level::from_byte(level).ok_or(bad)?;
        let mut event = Self::of(parts, level, Category::from_byte(category).unwrap_or_else(|| level.category()))?;
        event.apply_own_severity();
        Ok(event)
    }

    #[inline(always)]
    fn of(parts: EventParts<'batch>, level: Level, category: Category) -> Result<Self, RecordError> {
        let EventParts { timestamp, sequence, producer, source, descriptor, head, record, arena } = parts;
        let bad = RecordError { record_bytes: record.len() };
        let scope_start = record.len().checked_sub(usize::from(head.scope_bytes)).ok_or(bad)?;
        Ok(Self {
            timestamp,
            sequence,
            producer,
            source,
            descriptor,
            record,
            // A record is shorter than its ring, which is 2^30 bytes at most.
            scope_start: scope_start as u32,
            added: &[],
            shared: &[],
            arena,
            is_dynamic: descriptor.id() == DYNAMIC_ID,
            is_rewritten: false,
            level,
            category,
            severity: level.severity(),
            is_cut: head.is_cut,
        })
    }
}
