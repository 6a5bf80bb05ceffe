//! Internal events: reports of losses, and summaries of plugins. Hidden, because the engine and the test kit make them; a
//! plugin emits events through its batch.

use std::{
    cell::Cell,
    time::{Instant, SystemTime},
};

use bumpalo::Bump;
use fapilog_record::{
    call_site::Descriptor, dynamic, field_group::FieldGroup, head::Head, level::Level, timestamp::Timestamp,
    value::ValueRef,
};

use crate::{
    event::{Event, EventParts, FieldRef, InstanceId, ProducerInfo, RecordError, Source},
    factory::ShardInfo,
};

/// Makes a shard's internal events: from source `fapilog`, by producer 0, each with a number of its event.
///
/// Producer 0 is the same for all shards: each numbers its events from its place on, in steps of the number of shards. A shard that
/// takes over from an abandoned one begins far behind it.
#[derive(Debug)]
pub struct InternalEvents {
    source: Source,
    info: ProducerInfo,
    sequence: Cell<u64>,
    step: u64,
    /// When the batch was taken, by the clock that stamps events.
    now: Cell<Timestamp>,
    /// The same moment, for reckoning with durations.
    instant: Cell<Instant>,
}

/// Level, target, message and fields of an internal event.
#[derive(Debug, Clone, Copy)]
pub struct InternalEvent<'a> {
    pub level: Level,
    pub target: &'a str,
    pub message: &'a str,
    pub fields: &'a [FieldRef<'a>],
}

impl InternalEvents {
    pub fn new(source: Source, instance: InstanceId, shard: ShardInfo) -> Self {
        /// More events than a shard emits.
        const EVENTS_MAX: u64 = 1 << 40;
        let info = ProducerInfo::new(instance, 0, 0, None);
        let step = shard.count.max(1) as u64;
        let first = u64::from(shard.abandoned).saturating_mul(EVENTS_MAX).saturating_mul(step);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            source,
            info,
            sequence: Cell::new(first + shard.index as u64 + 1),
            step,
            // Past 2554 the clock stands still.
            now: Cell::new(Timestamp::from_unix_nanos(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))),
            instant: Cell::new(Instant::now()),
        }
    }

    /// Sets the time of the next batch.
    pub fn set_now(&self, now: Timestamp, instant: Instant) {
        self.now.set(now);
        self.instant.set(instant);
    }

    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub fn instant(&self) -> Instant {
        self.instant.get()
    }

    /// Writes the event into the arena.
    pub fn make<'batch>(
        &'batch self,
        event: &InternalEvent<'_>,
        arena: &'batch Bump,
    ) -> Result<Event<'batch>, RecordError> {
        let sequence = self.sequence.get();
        self.sequence.set(sequence + self.step);
        let head = Head { source: self.source.id(), is_cut: false, scope_bytes: 0 };
        let mut record = head.to_bytes().to_vec();
        // No category of its own: the level's.
        record.extend_from_slice(&[event.level as u8, 0]);
        dynamic::put_field(&mut record, FieldGroup::Target, "", ValueRef::Text(event.target));
        dynamic::put_field(&mut record, FieldGroup::Message, "", ValueRef::Text(event.message));
        for field in event.fields {
            dynamic::put_field(&mut record, field.group, field.name, field.value);
        }
        Event::of_itself(EventParts {
            timestamp: self.now.get(),
            sequence,
            producer: &self.info,
            source: &self.source,
            descriptor: Descriptor::dynamic(),
            head,
            record: arena.alloc_slice_copy(&record),
            arena,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_two_shards_have_different_ids() {
        let arena = Bump::new();
        let event = InternalEvent { level: Level::Info, target: "fapilog", message: "summary", fields: &[] };
        let numbers = |index| {
            let shard = ShardInfo::new(index, 2);
            let events = InternalEvents::new(Source::new(0, "fapilog".into()), InstanceId::default(), shard);
            [(); 3].map(|()| events.make(&event, &arena).unwrap().id().sequence)
        };
        assert_eq!((numbers(0), numbers(1)), ([1, 3, 5], [2, 4, 6]));
    }

    #[test]
    fn events_of_a_shard_that_takes_over_have_other_ids() {
        let arena = Bump::new();
        let event = InternalEvent { level: Level::Info, target: "fapilog", message: "summary", fields: &[] };
        let shard = ShardInfo::new(1, 2).after(3);
        let events = InternalEvents::new(Source::new(0, "fapilog".into()), InstanceId::default(), shard);
        let first = 2 * 3 * (1 << 40) + 2;
        assert_eq!([(); 2].map(|()| events.make(&event, &arena).unwrap().id().sequence), [first, first + 2]);
    }
}
