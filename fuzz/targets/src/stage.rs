//! Events of any bytes, without a ring.

use std::time::Instant;

use bumpalo::Bump;
use fapilog_plugin::{
    event::{Batch, Event, EventParts, InstanceId, ProducerInfo, Source, internal::InternalEvents},
    factory::ShardInfo,
    timestamp::Timestamp,
};
use fapilog_record::{call_site::Descriptor, head::Head};

/// A record, with the call site that it claims to be of.
#[derive(Debug)]
pub(crate) struct StagedRecord {
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) bytes: Vec<u8>,
}

impl StagedRecord {
    /// The event of a record, if there is one in its bytes.
    fn event<'b>(&'b self, stage: &'b Stage, sequence: u64) -> Option<Event<'b>> {
        let parts = EventParts {
            timestamp: stage.timestamp,
            sequence,
            producer: &stage.producer,
            source: &stage.source,
            descriptor: self.descriptor,
            head: Head::read(&self.bytes)?,
            record: &self.bytes,
            arena: &stage.arena,
        };
        let event = if self.descriptor.is_dynamic() { Event::of_itself(parts) } else { Event::of_call_site(parts) };
        event.ok()
    }
}

/// A thread, a logger, and a moment.
#[derive(Debug)]
pub(crate) struct Stage {
    timestamp: Timestamp,
    producer: ProducerInfo,
    source: Source,
    internal: InternalEvents,
    arena: Bump,
}

impl Stage {
    pub(crate) fn new(unix_nanos: u64, source: &str, thread: &str) -> Self {
        let timestamp = Timestamp::from_unix_nanos(unix_nanos);
        let instance = InstanceId::default();
        let internal = InternalEvents::new(Source::new(1, "fapilog".into()), instance, ShardInfo::new(0, 1));
        internal.set_now(timestamp, Instant::now());
        Self {
            timestamp,
            producer: ProducerInfo::new(instance, 1, 1, Some(thread.to_owned())),
            source: Source::new(0, source.into()),
            internal,
            arena: Bump::new(),
        }
    }

    /// A batch of those records that hold an event.
    pub(crate) fn batch<'b>(&'b self, records: &'b [StagedRecord]) -> Batch<'b> {
        let mut batch = Batch::new_in(&self.arena, records.len(), &self.internal);
        let events = records.iter().zip(1..).filter_map(|(record, sequence)| record.event(self, sequence));
        events.for_each(|event| batch.push(event));
        batch
    }
}
