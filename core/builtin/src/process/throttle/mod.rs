//! Throttle: takes out events that come too fast.

mod bucket;
mod episodes;
mod keys;
pub(crate) mod settings;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    processor::Processor,
};
use fapilog_record::level::Level;

use crate::process::{
    FieldPath,
    throttle::{
        bucket::{Rate, TokenBucket},
        episodes::{Episodes, KeyPath, Whose},
        keys::FieldKeys,
    },
};

/// More than any program means to log from one source at one level: a drain core renders about half as many events in
/// a second, and a disk takes less. So a faster rate for longer than a [burst](Throttle::burst_events) is a loop that ran
/// away, and its events repeat each other.
const EVENTS_PER_SECOND: u64 = 20_000_000;

/// Time without an event taken out after which a bucket's throttling is over.
const QUIET: Duration = Duration::from_secs(1);

/// How many values of a field have buckets of their own. A bucket takes about a hundred bytes.
const KEYS_MAX: usize = 10_000;

/// Takes out events that come faster than they may.
///
/// Each source has a token bucket for each level; or, with [`key`](Self::key), each value of a field has one. A bucket is
/// filled by the time at which the events were logged, not by the time at which they are drained, so a backlog is judged
/// as it came. AUDIT and SECURITY are never taken out.
///
/// When it begins to take out, and when it has ended (no event was taken out of that bucket for a
/// [while](Self::quiet)), it reports that by a WARNING of target `fapilog::throttle`, with `tags.source` and `tags.level`, or
/// `tags.key` and the key field itself. The second has `metrics.dropped`: how many there were. Over all such events these add up
/// to what was filtered.
///
/// The rate is that of one shard.
///
/// ```
/// use fapilog_builtin::process::Throttle;
///
/// let by_tenant = Throttle::per_second(1000).burst_events(5000).key("tags.tenant");
/// # let _ = by_tenant;
/// ```
#[doc(alias = "ThrottleProcessor")]
#[doc(alias = "RateLimit")]
#[doc(alias = "rate_limit")]
#[derive(Debug, Clone)]
pub struct Throttle {
    rate: Rate,
    keys_max: usize,
    /// Buckets by the field that is the key, if there is a key.
    keys: Option<(FieldKeys, Arc<KeyPath>)>,
    /// By source and level, or by the places that `keys` gives out.
    buckets: Vec<TokenBucket>,
    episodes: Episodes,
}

impl Throttle {
    /// A throttle that lets so many events a second pass, by source and level, and as many at once.
    #[must_use]
    pub fn per_second(events: u64) -> Self {
        Self {
            rate: Rate { events_per_second: events, burst_events: events },
            keys_max: KEYS_MAX,
            keys: None,
            buckets: Vec::new(),
            episodes: Episodes::new(QUIET),
        }
    }

    /// How many events may come at once, after a silence. Default: a second's worth.
    #[must_use]
    pub fn burst_events(mut self, events: u64) -> Self {
        self.rate.burst_events = events;
        self
    }

    /// Throttles by the value of this field, whatever the source and the level. Events without it share a bucket.
    #[must_use]
    pub fn key(mut self, field: impl Into<FieldPath>) -> Self {
        let field = field.into();
        let path = Arc::new(field.clone().into());
        self.keys = Some((FieldKeys::new(field, self.keys_max), path));
        self
    }

    /// How many values of the [key](Self::key) have buckets of their own; those beyond share one. Values whose buckets
    /// have become full again make room for others. Default: 10,000.
    #[must_use]
    pub fn keys_max(mut self, keys: usize) -> Self {
        self.keys_max = keys;
        if let Some((known, _)) = &mut self.keys {
            known.set_keys_max(keys);
        }
        self
    }

    /// Time without an event taken out until the end is reported. Default: a second.
    #[must_use]
    pub fn quiet(mut self, quiet: Duration) -> Self {
        self.episodes.quiet = quiet;
        self
    }

    /// Takes a token out of the bucket of the event's source and level. `false` if there is none.
    #[inline]
    fn take_by_source(&mut self, event: &Event<'_>, now: Instant) -> bool {
        let place = event.source().id() as usize * Level::ALL.len() + event.level() as usize - 1;
        self.take(place, event, now)
    }

    #[inline]
    fn take(&mut self, place: usize, event: &Event<'_>, now: Instant) -> bool {
        if place >= self.buckets.len() {
            self.make_buckets(place);
        }
        let Some(bucket) = self.buckets.get_mut(place) else { return true };
        let has_token = bucket.take(event.timestamp(), self.rate);
        if !has_token && bucket.dropped == 1 {
            self.begin_episode(place, event, now);
        }
        has_token
    }

    fn take_by_key(&mut self, event: &Event<'_>, now: Instant) -> bool {
        let Some((keys, _)) = &mut self.keys else { return true };
        let place = keys.place(event);
        self.take(place, event, now)
    }

    /// New buckets are full. There are as many as sources or keys, which are bounded.
    #[cold]
    fn make_buckets(&mut self, place: usize) {
        self.buckets.resize(place + 1, TokenBucket::full(self.rate));
    }

    #[cold]
    fn begin_episode(&mut self, place: usize, event: &Event<'_>, now: Instant) {
        let whose = match &self.keys {
            None => Whose::source_and_level(event),
            Some((keys, path)) => Whose::Field(Arc::clone(path), keys.label(place, event)),
        };
        self.episodes.begin(place, whose, now);
    }
}

/// Twenty million events a second: only a loop that ran away reaches that.
impl Default for Throttle {
    fn default() -> Self {
        Self::per_second(EVENTS_PER_SECOND)
    }
}

impl Processor for Throttle {
    fn name(&self) -> &'static str {
        "throttle"
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let now = batch.instant();
        let is_exempt = |event: &Event<'_>| matches!(event.level(), Level::Audit | Level::Security);
        if let Some((keys, _)) = &mut self.keys {
            keys.make_room(batch, &self.buckets, self.rate);
            batch.retain(|event| is_exempt(event) || self.take_by_key(event, now));
        } else {
            batch.retain(|event| is_exempt(event) || self.take_by_source(event, now));
        }
        if !self.episodes.is_empty() {
            self.episodes.report(batch, &mut self.buckets);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.episodes.due()
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.episodes.report_all(batch, &mut self.buckets);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
    use fapilog_record::{
        field_group::FieldGroup,
        value::{OwnedValue, ValueRef},
    };
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn kept(throttle: &mut Throttle, stage: &TestBatches, seconds: &[u64]) -> usize {
        stage.batch(seconds, |batch| {
            throttle.process(batch).unwrap();
            batch.events().iter().filter(|event| !event.is_internal()).count()
        })
    }

    /// The throttle's reports when it is called without events: text, and number of those taken out.
    fn reports(stage: &TestBatches, call: impl FnOnce(&mut Batch<'_>)) -> Vec<(String, Option<u64>)> {
        stage.batch(&[], |batch| {
            call(batch);
            batch.events().iter().map(report_of).collect()
        })
    }

    fn report_of(event: &Event<'_>) -> (String, Option<u64>) {
        assert_eq!((event.level(), event.target()), (Level::Warning, "fapilog::throttle"));
        let ValueRef::Text(message) = event.message() else { panic!("the message is text") };
        let dropped = event.field(FieldGroup::Metrics, "dropped").map(|value| match value {
            ValueRef::U64(dropped) => dropped,
            other => panic!("the number of events is a number, not {other:?}"),
        });
        (message.to_owned(), dropped)
    }

    fn stage() -> TestBatches {
        TestBatches::new().pace(SECOND)
    }

    #[test]
    fn events_beyond_the_burst_are_taken_out() {
        let mut throttle = Throttle::per_second(2);
        assert_eq!(kept(&mut throttle, &stage(), &[100, 100, 100]), 2);
        assert_eq!(kept(&mut throttle, &stage(), &[100]), 0);
    }

    #[test]
    fn time_fills_the_bucket_up_to_the_burst_and_no_further() {
        let mut throttle = Throttle::per_second(2).burst_events(3);
        assert_eq!(kept(&mut throttle, &stage(), &[100; 5]), 3);
        assert_eq!(kept(&mut throttle, &stage(), &[101; 5]), 2);
        assert_eq!(kept(&mut throttle, &stage(), &[1000; 5]), 3);
    }

    #[test]
    fn each_source_has_its_own_rate() {
        let mut throttle = Throttle::per_second(2);
        assert_eq!(kept(&mut throttle, &stage().sources(2), &[100; 6]), 4);
    }

    #[test]
    fn each_level_has_its_own_rate() {
        let mut throttle = Throttle::per_second(2);
        assert_eq!(kept(&mut throttle, &stage(), &[100; 3]), 2);
        assert_eq!(kept(&mut throttle, &stage().level(Level::Error), &[100; 3]), 2);
    }

    #[test]
    fn a_backlog_is_judged_by_when_it_came() {
        let mut throttle = Throttle::per_second(1);
        let one_a_second: Vec<u64> = (100..120).collect();
        assert_eq!(kept(&mut throttle, &stage(), &one_a_second), 20);
    }

    #[test]
    fn audit_and_security_are_never_taken_out() {
        for level in [Level::Audit, Level::Security] {
            assert_eq!(kept(&mut Throttle::per_second(0), &stage().level(level), &[100; 9]), 9);
        }
    }

    #[test]
    fn time_that_goes_back_fills_nothing() {
        let mut throttle = Throttle::per_second(2);
        assert_eq!(kept(&mut throttle, &stage(), &[100; 3]), 2);
        assert_eq!(kept(&mut throttle, &stage(), &[50; 3]), 0);
        assert_eq!(kept(&mut throttle, &stage(), &[101; 3]), 2);
    }

    #[test]
    fn the_beginning_is_reported_once_and_the_end_with_the_number() {
        let (stage, mut throttle) = (stage(), Throttle::per_second(1));
        stage.at(Duration::from_secs(1));
        let first = stage.batch(&[1; 5], |batch| {
            throttle.process(batch).unwrap();
            batch.events().iter().filter(|event| event.is_internal()).map(report_of).collect::<Vec<_>>()
        });
        assert_eq!(first, [("throttle began for source source-0 level INFO".to_owned(), None)]);
        stage.at(Duration::from_millis(1500));
        assert_eq!(kept(&mut throttle, &stage, &[1; 2]), 0);
        assert_eq!(throttle.due(), Some(stage.instant(Duration::from_millis(2500))));
        stage.at(Duration::from_millis(2499));
        assert_eq!(reports(&stage, |batch| throttle.process(batch).unwrap()), []);
        stage.at(Duration::from_millis(2500));
        let end = ("throttle ended for source source-0 level INFO: 6 dropped".to_owned(), Some(6));
        assert_eq!(reports(&stage, |batch| throttle.process(batch).unwrap()), [end]);
        assert_eq!(throttle.due(), None);
    }

    #[test]
    fn an_open_episode_is_reported_at_the_end_of_all() {
        let (stage, mut throttle) = (stage(), Throttle::per_second(0));
        kept(&mut throttle, &stage, &[1; 3]);
        let end = ("throttle ended for source source-0 level INFO: 3 dropped".to_owned(), Some(3));
        assert_eq!(reports(&stage, |batch| throttle.finish(batch).unwrap()), [end]);
        assert_eq!(reports(&stage, |batch| throttle.finish(batch).unwrap()), []);
    }

    #[test]
    fn a_quiet_time_without_end_is_never_due() {
        let (stage, mut throttle) = (stage(), Throttle::per_second(0).quiet(Duration::MAX));
        kept(&mut throttle, &stage, &[1; 3]);
        assert_eq!(throttle.due(), None);
    }

    #[test]
    fn nothing_is_due_and_nothing_reported_while_nothing_is_taken_out() {
        let (stage, mut throttle) = (stage(), Throttle::default());
        assert_eq!(kept(&mut throttle, &stage, &[1; 3]), 3);
        assert_eq!(throttle.due(), None);
        assert_eq!(reports(&stage, |batch| throttle.finish(batch).unwrap()), []);
    }

    fn of_tenant(tenant: u64) -> TestEvent<'static> {
        test_event("request").field(FieldGroup::Tags, "tenant", tenant)
    }

    fn kept_of(throttle: &mut Throttle, stage: &TestBatches, events: &[TestEvent<'_>]) -> usize {
        stage.events(events, |batch| {
            throttle.process(batch).unwrap();
            batch.events().iter().filter(|event| !event.is_internal()).count()
        })
    }

    #[test]
    fn each_value_of_the_key_has_its_own_rate_and_events_without_it_share_one() {
        let (stage, mut throttle) = (TestBatches::new(), Throttle::per_second(2).key("tags.tenant"));
        stage.at(Duration::from_secs(1));
        let [one, two] = [1, 2].map(of_tenant);
        let events = [
            one.clone(),
            one.clone(),
            one.level(Level::Error),
            two.clone(),
            two,
            test_event("a"),
            test_event("b"),
            test_event("c"),
        ];
        assert_eq!(kept_of(&mut throttle, &stage, &events), 6);
        let reported = reports(&stage, |batch| throttle.finish(batch).unwrap());
        assert_eq!(
            reported.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(),
            ["throttle ended for tags.tenant 1: 1 dropped", "throttle ended for tags.tenant (none): 1 dropped",]
        );
    }

    /// The tenant in the reports about this value.
    fn reported_tenant(value: ValueRef<'_>) -> Option<String> {
        let (stage, mut throttle) = (TestBatches::new(), Throttle::per_second(1).key("tags.tenant"));
        let event = test_event("request").field(FieldGroup::Tags, "tenant", value);
        assert_eq!(kept_of(&mut throttle, &stage, &[event.clone(), event]), 1);
        let mut tenant = None;
        stage.batch(&[], |batch| {
            throttle.finish(batch).unwrap();
            tenant = batch.events()[0].field(FieldGroup::Tags, "tenant").map(|value| value.to_string());
        });
        tenant
    }

    #[test]
    fn a_summary_has_the_value_under_the_name_and_with_the_type_of_the_key() {
        for value in [ValueRef::U64(7), ValueRef::Text("acme"), ValueRef::Bool(true)] {
            assert_eq!(reported_tenant(value), Some(value.to_string()));
        }
        let map = OwnedValue::with(|out| out.map(|entries| entries.entry_with("id", |out| out.text("a"))));
        assert_eq!(reported_tenant(map.view()), Some(map.view().to_string()));
    }

    #[test]
    fn a_summary_has_the_front_of_a_long_text_and_no_part_of_a_long_map() {
        let text = "tenant ".repeat(100);
        let shown = reported_tenant(ValueRef::Text(&text)).unwrap();
        assert!(text.starts_with(&shown) && (200..=256).contains(&shown.len()), "{shown}");
        let map = OwnedValue::with(|out| out.map(|entries| entries.entry_with("id", |out| out.text(&text))));
        assert_eq!(reported_tenant(map.view()), None);
    }

    #[test]
    fn a_summary_of_events_without_the_key_has_no_value() {
        assert_eq!(reported_tenant(ValueRef::None), None);
    }

    #[test]
    fn values_beyond_the_limit_share_a_bucket_until_others_are_as_new() {
        let (stage, mut throttle) = (TestBatches::new(), Throttle::per_second(1).key("tags.tenant").keys_max(2));
        stage.at(Duration::from_secs(1));
        let tenants: Vec<_> = (0..6).map(of_tenant).collect();
        // Two with buckets of their own, and one of the four others.
        assert_eq!(kept_of(&mut throttle, &stage, &tenants), 3);
        stage.at(Duration::from_secs(10));
        // By now the buckets of the first two are full, and can go.
        assert_eq!(kept_of(&mut throttle, &stage, &tenants[3..5]), 2);
        assert!(throttle.buckets.len() <= 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_summaries_add_up_to_what_was_taken_out(
            batches in proptest::collection::vec((0..3000_u64, proptest::collection::vec(0..5_u64, 0..12)), 0..20),
            has_key in any::<bool>(),
        ) {
            let throttle = Throttle::per_second(2).keys_max(3);
            let mut throttle = if has_key { throttle.key("tags.tenant") } else { throttle };
            let (stage, mut millis) = (TestBatches::new(), 0);
            let (mut gone, mut reported_gone) = (0, 0);
            for (passed_millis, tenants) in batches {
                millis += passed_millis;
                stage.at(Duration::from_millis(millis));
                let events: Vec<_> = tenants.iter().map(|tenant| of_tenant(*tenant)).collect();
                stage.events(&events, |batch| {
                    throttle.process(batch).unwrap();
                    let own: Vec<_> = batch.events().iter().filter(|event| event.is_internal()).collect();
                    gone += events.len() - (batch.len() - own.len());
                    reported_gone += own.into_iter().filter_map(|event| report_of(event).1).sum::<u64>();
                });
            }
            let last = reports(&stage, |batch| throttle.finish(batch).unwrap());
            reported_gone += last.into_iter().filter_map(|(_, dropped)| dropped).sum::<u64>();
            prop_assert_eq!(reported_gone, gone as u64);
        }
    }
}
