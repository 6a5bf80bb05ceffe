//! Batches without a ring, for unit tests of plugins.

use std::time::{Duration, Instant};

use bumpalo::Bump;
use fapilog_record::{
    arguments::{Arg, Arguments, End},
    call_site::{CallSite, DYNAMIC_ID, DescriptorCache, FieldName},
    dynamic::put_field,
    field_group::FieldGroup,
    head::Head,
    level::Level,
    timestamp::Timestamp,
    value::ValueRef,
    writer::write_record,
};

use crate::{
    event::{Batch, Event, EventParts, InstanceId, ProducerInfo, Source, internal::InternalEvents},
    factory::ShardInfo,
};

/// Makes batches: of one producer, one source, one call site with one `u64` argument, unless a setter changes it.
#[derive(Debug)]
pub struct TestBatches {
    producer: ProducerInfo,
    level: Level,
    argument: &'static str,
    message: &'static str,
    sources: Vec<Source>,
    /// Nanoseconds from one event to the next.
    pace: u64,
    internal: InternalEvents,
    /// When it was made: [`at`](Self::at) counts from then.
    start: Instant,
}

/// An event that describes itself: message and fields.
#[derive(Debug, Clone)]
pub struct TestEvent<'a> {
    /// Its level.
    pub level: Level,
    /// Its target.
    pub target: &'a str,
    /// Its message.
    pub message: &'a str,
    /// Its fields.
    pub fields: Vec<(FieldGroup, &'a str, ValueRef<'a>)>,
}

/// An INFO event of target `stage`.
pub fn test_event(message: &str) -> TestEvent<'_> {
    TestEvent { level: Level::Info, target: "stage", message, fields: Vec::new() }
}

impl<'a> TestEvent<'a> {
    /// With this level.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// With this target.
    pub fn target(mut self, target: &'a str) -> Self {
        self.target = target;
        self
    }

    /// With one more field.
    pub fn field(mut self, group: FieldGroup, name: &'a str, value: impl Into<ValueRef<'a>>) -> Self {
        self.fields.push((group, name, value.into()));
        self
    }
}

impl Default for TestBatches {
    fn default() -> Self {
        Self::new()
    }
}

impl TestBatches {
    /// Batches of one producer, one source `source-0`, level INFO, and an argument `n`.
    pub fn new() -> Self {
        let producer = ProducerInfo::new(InstanceId::default(), 1, 1, None);
        let internal =
            InternalEvents::new(Source::new(9, "fapilog".into()), InstanceId::default(), ShardInfo::new(0, 1));
        let start = internal.instant();
        Self {
            producer,
            level: Level::Info,
            argument: "n",
            message: "staged",
            sources: Vec::new(),
            pace: 1,
            internal,
            start,
        }
        .sources(1)
    }

    /// The producer's thread: its kernel id and its name.
    pub fn thread(mut self, id: u64, name: Option<&str>) -> Self {
        self.producer = ProducerInfo::new(self.producer.instance(), self.producer.id(), id, name.map(str::to_owned));
        self
    }

    /// The name of the call site's argument.
    pub fn argument(mut self, name: &'static str) -> Self {
        self.argument = name;
        self
    }

    /// Lives as long as the program.
    fn call_site(&self, fields: &'static [FieldName]) -> &'static CallSite {
        let site = CallSite::new(self.level, self.message, "stage", "staged.rs", 1, fields);
        let has_placeholders = self.message.contains('{');
        Box::leak(Box::new(if has_placeholders { site.with_placeholders() } else { site }))
    }

    /// The call site's message. With a brace in it, it has placeholders.
    pub fn message(mut self, message: &'static str) -> Self {
        self.message = message;
        self
    }

    /// The call site's level.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Number of sources: events have them one after the other.
    pub fn sources(mut self, count: u32) -> Self {
        self.sources = (0..count).map(|id| Source::new(id, format!("source-{id}").into())).collect();
        self
    }

    /// A single source, of this name.
    pub fn source(mut self, name: &str) -> Self {
        self.sources = vec![Source::new(0, name.into())];
        self
    }

    /// The producer's number.
    pub fn producer(mut self, id: u32) -> Self {
        let thread_name = self.producer.thread_name().map(str::to_owned);
        self.producer = ProducerInfo::new(self.producer.instance(), id, self.producer.thread_id(), thread_name);
        self
    }

    /// When batches are taken.
    pub fn taken(self, now: Timestamp, instant: Instant) -> Self {
        self.internal.set_now(now, instant);
        self
    }

    /// Nanoseconds from one event to the next.
    pub fn pace(mut self, nanos: u64) -> Self {
        self.pace = nanos;
        self
    }

    /// Lets this much time have passed since the stage was made, for the batches to come.
    pub fn at(&self, passed: Duration) -> &Self {
        self.internal.set_now(Timestamp::from_unix_nanos(passed.as_nanos() as u64), self.start + passed);
        self
    }

    /// The moment that [`at`](Self::at) stands for.
    pub fn instant(&self, passed: Duration) -> Instant {
        self.start + passed
    }

    /// A batch of events that describe themselves.
    pub fn events<R>(&self, events: &[TestEvent<'_>], test: impl FnOnce(&mut Batch<'_>) -> R) -> R {
        let arena = Bump::new();
        let mut batch = Batch::new_in(&arena, events.len(), &self.internal);
        for (index, event) in events.iter().enumerate() {
            let head = Head { source: 0, is_cut: false, scope_bytes: 0 };
            let mut record = head.to_bytes().to_vec();
            record.extend_from_slice(&[event.level as u8, 0]);
            put_field(&mut record, FieldGroup::Target, "", ValueRef::Text(event.target));
            put_field(&mut record, FieldGroup::Message, "", ValueRef::Text(event.message));
            event.fields.iter().for_each(|(group, name, value)| put_field(&mut record, *group, name, *value));
            let event = Event::of_itself(EventParts {
                timestamp: self.internal.now(),
                sequence: index as u64 + 1,
                producer: &self.producer,
                source: &self.sources[index % self.sources.len()],
                descriptor: DescriptorCache::new().get(DYNAMIC_ID).unwrap(),
                head,
                record: arena.alloc_slice_copy(&record),
                arena: &arena,
            });
            batch.push(event.unwrap());
        }
        test(&mut batch)
    }

    /// A batch of one event for each number, which is its argument and, times the pace, its time.
    pub fn batch<R>(&self, numbers: &[u64], test: impl FnOnce(&mut Batch<'_>) -> R) -> R {
        let name = FieldName::new(FieldGroup::Context, self.argument);
        let fields: &'static [FieldName] = Box::leak(Box::new([name]));
        let site = self.call_site(fields);
        let arena = Bump::new();
        let mut batch = Batch::new_in(&arena, numbers.len(), &self.internal);
        for (index, number) in numbers.iter().enumerate() {
            let tag = site.descriptor_id::<(Arg<'_, u64>, End)>();
            let mut slot = [0_u8; 64];
            let written = write_record(&mut slot, 0, &(Arg(number), End), &[]).unwrap();
            let record = arena.alloc_slice_copy(&slot[..written.used_bytes]);
            let event = Event::of_call_site(EventParts {
                timestamp: Timestamp::from_unix_nanos(number * self.pace),
                sequence: index as u64 + 1,
                producer: &self.producer,
                source: &self.sources[index % self.sources.len()],
                descriptor: DescriptorCache::new().get(tag).unwrap(),
                head: Head::read(record).unwrap(),
                record,
                arena: &arena,
            });
            batch.push(event.unwrap());
        }
        test(&mut batch)
    }

    /// A batch of the event that `record` holds, if it holds one: by itself, or by a call site with a field of each of
    /// the arguments `A`.
    pub fn record<A: Arguments, R>(&self, record: &[u8], test: impl FnOnce(&mut Batch<'_>) -> R) -> Option<R> {
        const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let fields = A::SHAPE.kinds().zip(NAMES).map(|(_, name)| FieldName::new(FieldGroup::Context, name));
        let fields: &'static [FieldName] = Box::leak(fields.collect());
        let site = self.call_site(fields);
        let tag = if fields.is_empty() { DYNAMIC_ID } else { site.descriptor_id::<A>() };
        let arena = Bump::new();
        let parts = EventParts {
            timestamp: Timestamp::from_unix_nanos(self.pace),
            sequence: 1,
            producer: &self.producer,
            source: &self.sources[0],
            descriptor: DescriptorCache::new().get(tag)?,
            head: Head::read(record)?,
            record,
            arena: &arena,
        };
        let event = if tag == DYNAMIC_ID { Event::of_itself(parts) } else { Event::of_call_site(parts) };
        let mut batch = Batch::new_in(&arena, 1, &self.internal);
        batch.push(event.ok()?);
        Some(test(&mut batch))
    }
}
