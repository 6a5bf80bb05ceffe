//! When an event was logged, and when it was drained.

pub(crate) mod settings;

use fapilog_plugin::{common_fields::CommonFields, enricher::Enricher, error::PluginError, event::Batch};
use fapilog_record::value::ValueRef;

const DRAINED_AT: &str = "drained_at";

/// Corrects times of the future, and adds the time of the drain where that is wanted.
///
/// Every event has its time without this enricher: a log call reads a clock. That time can lie behind the drain's own
/// (by the clocks of two cores that differ by some nanoseconds, by a clock that was set back meanwhile, or by a counter
/// whose speed is not known to the last digit yet). By default, a time that is later than [`Batch::now`] becomes that: the
/// event was in the ring when the batch was taken, so it was logged before. Times in the past are left as they are, as
/// wrong as they may be: a clock that was set forward looks like an event that has waited.
///
/// A clock that is set back takes the times of later batches with it: lines then go back in time from batch to batch, as
/// the clock did.
#[doc(alias = "TimestampEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct Time {
    corrects_future: bool,
    adds_drained_at: bool,
    common: CommonFields,
}

impl Time {
    /// The enricher that corrects times of the future, and adds nothing.
    pub fn new() -> Self {
        Self { corrects_future: true, adds_drained_at: false, common: CommonFields::new([DRAINED_AT]) }
    }

    /// Whether times of the future become that of the batch. Default: yes.
    pub fn correct_future(mut self, correct: bool) -> Self {
        self.corrects_future = correct;
        self
    }

    /// Whether `drained_at` is added to each event's context: when its batch was taken. The time
    /// from `timestamp` to it is the event's wait in its ring. Default: no.
    pub fn drained_at(mut self, add: bool) -> Self {
        self.adds_drained_at = add;
        self
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Time {
    fn name(&self) -> &'static str {
        "timestamp"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let now = batch.now();
        if self.corrects_future {
            let early = batch.events_mut().iter_mut().filter(|event| event.timestamp() > now);
            early.for_each(|event| event.set_timestamp(now));
        }
        if self.adds_drained_at {
            let (seconds, nanos) = (now.unix_nanos() / 1_000_000_000, now.unix_nanos() % 1_000_000_000);
            // 2^64 ns are fewer than 2^35 s, and a remainder of 10^9 fits `u32`.
            let drained_at = ValueRef::Time { seconds: seconds as i64, nanos: nanos as u32 };
            self.common.add(batch, |_, fields| fields.push(DRAINED_AT, drained_at));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use fapilog_plugin::testing::TestBatches;
    use fapilog_record::{field_group::FieldGroup, timestamp::Timestamp};

    use super::*;

    /// Batches that are taken at 2.000000500 s.
    fn stage() -> TestBatches {
        TestBatches::new().taken(Timestamp::from_unix_nanos(2_000_000_500), Instant::now())
    }

    fn times(enricher: &mut Time, nanos: &[u64]) -> Vec<u64> {
        stage().batch(nanos, |batch| {
            enricher.enrich(batch).unwrap();
            batch.events().iter().map(|event| event.timestamp().unix_nanos()).collect()
        })
    }

    #[test]
    fn no_event_is_from_the_future() {
        let times = times(&mut Time::new(), &[2_000_000_499, 2_000_000_500, 2_000_000_501, u64::MAX]);
        assert_eq!(times, [2_000_000_499, 2_000_000_500, 2_000_000_500, 2_000_000_500]);
    }

    #[test]
    fn the_future_stays_if_it_is_to_stay() {
        let times = times(&mut Time::new().correct_future(false), &[2_000_000_501]);
        assert_eq!(times, [2_000_000_501]);
    }

    #[test]
    fn the_time_of_the_drain_is_added_if_that_is_wanted() {
        stage().batch(&[1], |batch| {
            Time::new().drained_at(true).enrich(batch).unwrap();
            let drained_at = batch.events()[0].field(FieldGroup::Context, DRAINED_AT);
            assert_eq!(drained_at, Some(ValueRef::Time { seconds: 2, nanos: 500 }));
        });
    }

    #[test]
    fn nothing_is_added_by_default() {
        stage().batch(&[1], |batch| {
            Time::new().enrich(batch).unwrap();
            assert!(batch.events()[0].shared_context().is_empty() && batch.events()[0].is_plain());
        });
    }

    #[test]
    fn a_users_own_key_stays() {
        TestBatches::new().argument(DRAINED_AT).batch(&[7], |batch| {
            Time::new().drained_at(true).enrich(batch).unwrap();
            assert_eq!(batch.events()[0].field(FieldGroup::Context, DRAINED_AT), Some(ValueRef::U64(7)));
        });
    }
}
