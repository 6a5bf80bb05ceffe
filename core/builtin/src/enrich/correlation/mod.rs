//! Correlation enricher: ids that bind events together.

pub(crate) mod settings;

use std::fmt;

use bumpalo::Bump;
use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    event::{Batch, Event, ProducerInfo},
    named_enum,
    uuid_v7::{RandomPart, TEXT_BYTES, UuidV7},
};
use fapilog_record::{field_group::FieldGroup, timestamp::Timestamp, value::ValueRef};

named_enum! {
    /// The treatment of an event that has no correlation id.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum WhenMissing {
        /// It has none.
        #[default]
        Leave = "leave",
        /// It gets the id of the thread that logged it: the same for all events of a thread, and another for each thread of
        /// a container. Events of which the thread is not known are left without: those of threads that share a ring, and
        /// those of the library itself.
        PerProducer = "per_producer",
        /// It gets an id of its own.
        PerEvent = "per_event",
    }
}

/// Gives a correlation id to events that have none, if that is wanted.
///
/// An event that was logged in a `Scope` with an id, or that named one itself, has it without this
/// enricher, and keeps it. By default, others are [left](WhenMissing::Leave) without.
///
/// Ids are UUIDs of version 7 (RFC 9562, section 5.7), as text. That of an event begins with the time of the event; those
/// of producers begin with the time of the first batch, and are gone with the enricher: another one, of another
/// container or after the plugin was added anew, makes others.
///
/// # Cost
///
/// An id is the event's own, so formatters write such an event field by field, at several times the cost of one that only
/// has what its call site names. The random bytes come from the system, for a hundred ids at once.
#[doc(alias = "CorrelationEnricher")]
#[must_use]
pub struct Correlation {
    when_missing: WhenMissing,
    randomness: Randomness,
    /// Made when the first producer's id is wanted.
    producer_ids: Option<ProducerIds>,
}

impl Correlation {
    /// The enricher that leaves events as they are.
    pub fn new() -> Self {
        Self { when_missing: WhenMissing::Leave, randomness: Randomness::new(fill), producer_ids: None }
    }

    /// The treatment of an event that has no correlation id. Default: [`WhenMissing::Leave`].
    pub fn when_missing(mut self, then: WhenMissing) -> Self {
        self.when_missing = then;
        self
    }

    fn add_producer_ids<'batch>(&mut self, batch: &mut Batch<'batch>) -> Result<(), PluginError> {
        let (now, arena) = (batch.now(), batch.arena());
        let ids = match &self.producer_ids {
            Some(ids) => ids,
            None => self.producer_ids.insert(ProducerIds { start: now, random: self.randomness.next()? }),
        };
        let mut last: Option<(u32, &'batch str)> = None;
        let is_of_one_thread = |event: &&mut Event<'_>| event.producer().thread_id() != 0;
        for event in batch.events_mut().iter_mut().filter(is_of_one_thread) {
            if event.is_correlated() {
                continue;
            }
            let id = match last {
                Some((producer, id)) if producer == event.producer().id() => id,
                _ => ids.of(event.producer(), arena),
            };
            last = Some((event.producer().id(), id));
            add(event, id);
        }
        Ok(())
    }

    fn add_event_ids(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        for event in batch.events_mut().iter_mut().filter(|event| !event.is_correlated()) {
            add(event, text(event.timestamp(), self.randomness.next()?, arena));
        }
        Ok(())
    }
}

impl Default for Correlation {
    fn default() -> Self {
        Self::new()
    }
}

/// The clone does the same, and makes ids of its own.
impl Clone for Correlation {
    fn clone(&self) -> Self {
        Self { when_missing: self.when_missing, randomness: Randomness::new(self.randomness.fill), producer_ids: None }
    }
}

/// The randomness of future ids is secret.
impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correlation").field("when_missing", &self.when_missing).finish_non_exhaustive()
    }
}

impl Enricher for Correlation {
    fn name(&self) -> &'static str {
        "correlation"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        match self.when_missing {
            WhenMissing::Leave => Ok(()),
            WhenMissing::PerProducer => self.add_producer_ids(batch),
            WhenMissing::PerEvent => self.add_event_ids(batch),
        }
    }
}

fn add<'batch>(event: &mut Event<'batch>, id: &'batch str) {
    event.add_field(FieldGroup::CorrelationId, "", ValueRef::Text(id));
}

fn text(time: Timestamp, random: RandomPart, arena: &Bump) -> &str {
    arena.alloc_str(UuidV7::new(time, random).encode(&mut [0; TEXT_BYTES]))
}

/// An id for each producer, computed from its number: nothing is kept of producers that come and go.
struct ProducerIds {
    start: Timestamp,
    random: RandomPart,
}

impl ProducerIds {
    /// Producers have different numbers, so their ids differ. Version and variant lie in front of the last four bytes.
    fn of<'batch>(&self, producer: &ProducerInfo, arena: &'batch Bump) -> &'batch str {
        let mut random = self.random;
        let number = producer.id().to_be_bytes();
        random.iter_mut().rev().zip(number.iter().rev()).for_each(|(byte, number)| *byte ^= number);
        text(self.start, random, arena)
    }
}

/// Random bytes of the system, asked for in one go for many ids: a call takes longer than an event.
struct Randomness {
    bytes: [u8; 1000],
    /// Where those begin that have not been used.
    next: usize,
    fill: Fill,
}

type Fill = fn(&mut [u8]) -> Result<(), getrandom::Error>;

fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(bytes)
}

impl Randomness {
    fn new(fill: Fill) -> Self {
        Self { bytes: [0; 1000], next: usize::MAX, fill }
    }

    fn next(&mut self) -> Result<RandomPart, PluginError> {
        if let Some(part) = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk) {
            self.next += part.len();
            return Ok(*part);
        }
        self.refill()
    }

    #[cold]
    fn refill(&mut self) -> Result<RandomPart, PluginError> {
        // If it fails, all bytes that are there have been used.
        self.next = usize::MAX;
        (self.fill)(&mut self.bytes).map_err(PluginError::failed)?;
        let part = self.bytes.first_chunk().copied().unwrap_or_default();
        self.next = part.len();
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Instant};

    use fapilog_plugin::testing::TestBatches;
    use uuid::{Uuid, Variant};

    use super::*;

    /// Milliseconds since 1970.
    const NOW: u64 = 1_700_000_000_123;

    fn stage() -> TestBatches {
        TestBatches::new().taken(Timestamp::from_unix_nanos(NOW * 1_000_000), Instant::now()).pace(1_000_000)
    }

    fn ids(stage: &TestBatches, enricher: &mut Correlation, millis: &[u64]) -> Vec<Option<String>> {
        stage.batch(millis, |batch| {
            enricher.enrich(batch).unwrap();
            batch.events().iter().map(|event| event.correlation_id().map(str::to_owned)).collect()
        })
    }

    fn per(when_missing: WhenMissing) -> Correlation {
        Correlation::new().when_missing(when_missing)
    }

    /// The time in an id of version 7.
    fn millis_of(id: &str) -> u64 {
        let id = Uuid::try_parse(id).unwrap();
        assert_eq!((id.get_version_num(), id.get_variant()), (7, Variant::RFC4122));
        u64::from_be_bytes(*id.as_bytes().first_chunk().unwrap()) >> 16
    }

    #[test]
    fn by_default_events_are_left_as_they_are() {
        assert_eq!(ids(&stage(), &mut Correlation::new(), &[1, 2]), [None, None]);
    }

    #[test]
    fn each_event_gets_an_id_of_its_own_that_begins_with_its_time() {
        let times: Vec<u64> = (NOW..NOW + 1000).collect();
        let ids = ids(&stage(), &mut per(WhenMissing::PerEvent), &times);
        let ids: Vec<String> = ids.into_iter().flatten().collect();
        assert_eq!(ids.iter().map(|id| millis_of(id)).collect::<Vec<_>>(), times);
        let random_parts: HashSet<&str> = ids.iter().map(|id| &id[14..]).collect();
        assert_eq!(random_parts.len(), 1000);
    }

    #[test]
    fn all_events_of_a_thread_get_one_id() {
        let mut enricher = per(WhenMissing::PerProducer);
        let first = ids(&stage(), &mut enricher, &[1, 2]);
        let later = ids(&stage(), &mut enricher, &[3]);
        assert_eq!(millis_of(first[0].as_deref().unwrap()), NOW);
        assert_eq!((&first[0], &first[0]), (&first[1], &later[0]));
    }

    #[test]
    fn each_thread_gets_another_id_however_many_there_are() {
        let mut enricher = per(WhenMissing::PerProducer);
        let mut of = |producer| ids(&stage().producer(producer), &mut enricher, &[1]).remove(0).unwrap();
        let all: HashSet<String> = (1..=5000).chain([u32::MAX]).map(&mut of).collect();
        assert_eq!(all.len(), 5001);
        assert!(all.contains(&of(1)));
    }

    #[test]
    fn events_of_several_threads_get_no_threads_id() {
        let stage = stage().thread(0, None);
        assert_eq!(ids(&stage, &mut per(WhenMissing::PerProducer), &[1]), [None]);
    }

    #[test]
    fn a_users_own_id_stays_also_where_it_is_no_text() {
        for when_missing in [WhenMissing::PerProducer, WhenMissing::PerEvent] {
            for (own, kept) in [(ValueRef::Text("mine"), Some("mine")), (ValueRef::U64(7), None)] {
                stage().batch(&[1], |batch| {
                    batch.events_mut()[0].add_field(FieldGroup::CorrelationId, "", own);
                    per(when_missing).enrich(batch).unwrap();
                    assert_eq!(batch.events()[0].correlation_id(), kept);
                });
            }
        }
    }

    #[test]
    fn a_clone_makes_other_ids() {
        let mut enricher = per(WhenMissing::PerProducer);
        let first = ids(&stage(), &mut enricher, &[1]);
        assert_ne!(ids(&stage(), &mut enricher.clone(), &[1]), first);
    }

    #[test]
    fn without_randomness_it_fails_and_leaves_the_events_as_they_are() {
        for when_missing in [WhenMissing::PerProducer, WhenMissing::PerEvent] {
            let mut enricher = per(when_missing);
            enricher.randomness = Randomness::new(|_| Err(getrandom::Error::UNSUPPORTED));
            stage().batch(&[1], |batch| {
                assert!(matches!(enricher.enrich(batch), Err(PluginError::Failed(_))));
                assert_eq!(batch.events()[0].correlation_id(), None);
            });
        }
    }
}
