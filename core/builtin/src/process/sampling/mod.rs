//! Sampling: keeps a part of the events, and traces as a whole.

pub(in crate::process) mod randomness;
pub(crate) mod settings;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    named_enum,
    per_call_site::PerCallSite,
    processor::Processor,
};
use fapilog_record::{call_site::Descriptor, field_group::FieldGroup, level::Level, value::ValueRef};
use thiserror::Error;

use crate::process::{
    FieldPath,
    digest::DigestKey,
    sampling::randomness::{SamplingThreshold, TraceIdPlace, TraceRandomness},
};

/// Number of messages made at run time that are known at once. A message beyond it has no first occurrence.
const MESSAGES_MAX: usize = 10_000;
/// The metric of a kept event: the part of such events that is kept.
pub(in crate::process) const SAMPLE_RATE: &str = "sample_rate";
/// Default of the time for which first occurrences are counted.
const WINDOW: Duration = Duration::from_secs(60);

named_enum! {
    /// The treatment of an event without a trace id.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum WithoutTrace {
        /// It is chosen on its own, at the rate.
        #[default]
        Sample = "sample",
        /// It stays.
        Keep = "keep",
        /// It is taken out.
        Drop = "drop",
    }
}

/// Keeps a part of the events, and traces as a whole.
///
/// Events of one trace are kept or taken out together, by every shard, process and host that samples at this rate; all that a
/// lower rate keeps is kept by a higher one, too. The id of a trace is the correlation id, or a [field](Self::trace_field).
/// Events without an id are chosen one by one, unless [set otherwise](Self::without_trace).
///
/// A trace stays if its randomness is at least `(1 - rate) * 2^56`. The randomness of a W3C trace id (32 hexadecimal digits) is
/// its low 56 bits, as in OpenTelemetry's consistent probability sampling: the logs of a trace stay where such a sampler of this
/// rate keeps its spans. Any other id is hashed, by SipHash-1-3 under a key of zeros.
///
/// A kept event has the rate as `metrics.sample_rate`, so a reader can count it as `1 / sample_rate` events.
///
/// ERROR and above, AUDIT and SECURITY among them, [always stay](Self::keep_level), and so do the first
/// [occurrences](Self::first); these have no `sample_rate`, as each stands for itself.
///
/// ```
/// use std::time::Duration;
/// use fapilog_builtin::process::Sampling;
///
/// let sampling = Sampling::new(0.1)?.first(5).window(Duration::from_secs(60));
/// # let _ = sampling;
/// # Ok::<(), fapilog_builtin::process::SamplingError>(())
/// ```
#[doc(alias = "SamplingProcessor")]
#[doc(alias = "trace_sampling")]
#[doc(alias = "first_occurrence")]
#[derive(Debug, Clone)]
pub struct Sampling {
    rate: f64,
    threshold: SamplingThreshold,
    is_per_trace: bool,
    trace_id: TraceIdPlace,
    without_trace: WithoutTrace,
    keep_level: Level,
    writes_rate: bool,
    first: u32,
    window: Duration,
    window_start: Option<Instant>,
    window_number: u64,
    sites: PerCallSite<Occurrences>,
    /// Messages that no call site has fixed, by their digest.
    messages: HashMap<u128, u32>,
    key: DigestKey,
}

/// How often a call site was seen in a window.
#[derive(Debug, Clone, Copy, Default)]
struct Occurrences {
    window: u64,
    count: u32,
}

/// A rate that is none.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("rate is {rate}; allowed are numbers from 0 to 1")]
pub struct SamplingError {
    /// The number.
    pub rate: f64,
}

impl Sampling {
    /// Keeps this part of the events: 0.25 for one in four.
    ///
    /// # Errors
    /// When the rate is not from 0 to 1.
    pub fn new(rate: f64) -> Result<Self, SamplingError> {
        if !(0.0..=1.0).contains(&rate) {
            return Err(SamplingError { rate });
        }
        Ok(Self {
            rate,
            threshold: SamplingThreshold::of_rate(rate),
            is_per_trace: true,
            trace_id: TraceIdPlace::default(),
            without_trace: WithoutTrace::default(),
            keep_level: Level::Error,
            writes_rate: true,
            first: 0,
            window: WINDOW,
            window_start: None,
            window_number: 1,
            sites: PerCallSite::new(),
            messages: HashMap::new(),
            key: DigestKey::random(),
        })
    }

    /// Whether events of one trace are kept or taken out together. Default: they are.
    #[must_use]
    pub fn per_trace(mut self, is_per_trace: bool) -> Self {
        self.is_per_trace = is_per_trace;
        self
    }

    /// The field that has the trace id, such as `trace_id`. Events without it have their correlation id as trace id. Default: none.
    #[must_use]
    pub fn trace_field(mut self, field: impl Into<FieldPath>) -> Self {
        self.trace_id.field = Some(field.into());
        self
    }

    /// The treatment of events without a trace id. Default: each is chosen on its own.
    #[must_use]
    pub fn without_trace(mut self, treatment: WithoutTrace) -> Self {
        self.without_trace = treatment;
        self
    }

    /// The level from which events always stay. AUDIT and SECURITY stay at any setting. Default: ERROR.
    #[must_use]
    pub fn keep_level(mut self, level: Level) -> Self {
        self.keep_level = level.min(Level::Audit);
        self
    }

    /// Whether a kept event has the rate as `metrics.sample_rate`. Default: it has.
    #[must_use]
    pub fn write_rate(mut self, is_written: bool) -> Self {
        self.writes_rate = is_written;
        self
    }

    /// How many events of each call site always stay in each [window](Self::window); events whose message is made at run
    /// time are distinguished by target and message, up to 10,000 of them. Default: none.
    #[must_use]
    pub fn first(mut self, events: u32) -> Self {
        self.first = events;
        self
    }

    /// How long the [first](Self::first) ones are counted until they are counted anew. Default: a minute.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    fn turn_window(&mut self, now: Instant) {
        let start = *self.window_start.get_or_insert(now);
        if now.saturating_duration_since(start) >= self.window {
            self.window_start = Some(now);
            self.window_number += 1;
            self.messages.clear();
        }
    }

    /// Whether the event is one of the first of its kind; counts it.
    fn is_among_first(&mut self, event: &Event<'_>) -> bool {
        let first = self.first;
        let count = if event.descriptor().site().message().is_empty() {
            self.message_count(event)
        } else {
            Some(self.site_count(event.descriptor()))
        };
        let Some(count) = count else { return false };
        let is_first = *count < first;
        *count = count.saturating_add(1);
        is_first
    }

    fn site_count(&mut self, site: &'static Descriptor) -> &mut u32 {
        let seen = self.sites.get_or_insert_with(site, Occurrences::default);
        if seen.window != self.window_number {
            *seen = Occurrences { window: self.window_number, count: 0 };
        }
        &mut seen.count
    }

    fn message_count(&mut self, event: &Event<'_>) -> Option<&mut u32> {
        let mut digest = self.key.digest();
        digest.text(event.target());
        digest.value(event.message());
        let message = digest.finish();
        if self.messages.len() >= MESSAGES_MAX && !self.messages.contains_key(&message) {
            return None;
        }
        Some(self.messages.entry(message).or_default())
    }

    /// Whether the event stays, and whether by chance: then it stands for others, too.
    fn choice(&self, event: &Event<'_>) -> SamplingChoice {
        let by_chance = |randomness| {
            if self.threshold.keeps(randomness) { SamplingChoice::KeptByChance } else { SamplingChoice::Dropped }
        };
        if !self.is_per_trace {
            return by_chance(TraceRandomness::of_event(event));
        }
        match (self.trace_id.randomness(event), self.without_trace) {
            (Some(randomness), _) => by_chance(randomness),
            (None, WithoutTrace::Sample) => by_chance(TraceRandomness::of_event(event)),
            (None, WithoutTrace::Keep) => SamplingChoice::Kept,
            (None, WithoutTrace::Drop) => SamplingChoice::Dropped,
        }
    }

    /// Whether all events stay as they are.
    fn keeps_all(&self) -> bool {
        self.rate >= 1.0 && !(self.is_per_trace && self.without_trace == WithoutTrace::Drop)
    }
}

/// The decision on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SamplingChoice {
    Dropped,
    Kept,
    KeptByChance,
}

impl Processor for Sampling {
    fn name(&self) -> &'static str {
        "sampling"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.keeps_all() {
            return Ok(());
        }
        if self.first > 0 {
            self.turn_window(batch.instant());
        }
        let writes_rate = self.writes_rate && self.rate < 1.0;
        batch.retain_mut(|event| {
            if event.level() >= self.keep_level || event.is_internal() || (self.first > 0 && self.is_among_first(event))
            {
                return true;
            }
            let choice = self.choice(event);
            if choice == SamplingChoice::KeptByChance && writes_rate {
                event.add_field(FieldGroup::Metrics, SAMPLE_RATE, ValueRef::F64(self.rate));
            }
            choice != SamplingChoice::Dropped
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};

    fn sampling(rate: f64) -> Sampling {
        Sampling::new(rate).unwrap()
    }

    fn kept(sampling: &mut Sampling, stage: &TestBatches, events: &[TestEvent<'_>]) -> Vec<Option<f64>> {
        stage.events(events, |batch| {
            sampling.process(batch).unwrap();
            let rates = batch.events().iter().map(|event| event.field(FieldGroup::Metrics, "sample_rate"));
            rates.map(|rate| rate.map(|rate| if let ValueRef::F64(rate) = rate { rate } else { f64::NAN })).collect()
        })
    }

    #[test]
    fn about_as_many_stay_as_the_rate_and_have_it_as_a_field() {
        let rates = kept(&mut sampling(0.25), &TestBatches::new(), &vec![test_event("event"); 10_000]);
        assert!((2300..2700).contains(&rates.len()), "{}", rates.len());
        assert!(rates.iter().all(|rate| *rate == Some(0.25)));
    }

    #[test]
    fn which_events_stay_does_not_change_from_run_to_run() {
        let ids = || {
            TestBatches::new().events(&vec![test_event("event"); 100], |batch| {
                sampling(0.5).process(batch).unwrap();
                batch.events().iter().map(Event::id).collect::<Vec<_>>()
            })
        };
        assert_eq!(ids(), ids());
    }

    #[test]
    fn events_of_one_correlation_id_stay_or_go_together() {
        for trace in 0..50 {
            let trace = format!("trace-{trace}");
            let event = test_event("event").field(FieldGroup::CorrelationId, "", trace.as_str());
            let together = kept(&mut sampling(0.5), &TestBatches::new(), &vec![event.clone(); 20]).len();
            assert!(together == 0 || together == 20, "{together}");
            let apart = kept(&mut sampling(0.5).per_trace(false), &TestBatches::new(), &vec![event; 20]).len();
            assert!(apart > 0 && apart < 20, "{apart}");
        }
    }

    #[test]
    fn every_process_chooses_the_same_traces() {
        // By SipHash-1-3 under a key of zeros: another version of it would part traces between services.
        let chosen = |trace: u64| {
            let trace = format!("trace-{trace}");
            !kept(
                &mut sampling(0.5),
                &TestBatches::new(),
                &[test_event("e").field(FieldGroup::CorrelationId, "", trace.as_str())],
            )
            .is_empty()
        };
        const CHOSEN: [u64; 7] = [3, 4, 8, 9, 10, 12, 15];
        assert_eq!((0..16).filter(|trace| chosen(*trace)).collect::<Vec<_>>(), CHOSEN);
    }

    #[test]
    fn errors_and_above_always_stay_and_stand_for_themselves() {
        for level in [Level::Error, Level::Critical, Level::Audit, Level::Security] {
            assert_eq!(kept(&mut sampling(0.0), &TestBatches::new(), &[test_event("event").level(level)]), [None]);
        }
        assert_eq!(kept(&mut sampling(0.0), &TestBatches::new(), &[test_event("event").level(Level::Warning)]), []);
    }

    #[test]
    fn the_level_that_always_stays_is_a_setting_below_audit() {
        let stay = |keep, level| {
            !kept(&mut sampling(0.0).keep_level(keep), &TestBatches::new(), &[test_event("event").level(level)])
                .is_empty()
        };
        assert!(stay(Level::Warning, Level::Warning) && !stay(Level::Warning, Level::Info));
        assert!(!stay(Level::Critical, Level::Error));
        assert!(stay(Level::Security, Level::Audit) && !stay(Level::Security, Level::Critical));
    }

    #[test]
    fn a_w3c_trace_stays_where_opentelemetry_keeps_its_spans() {
        // At a rate of 1/4, the low 56 bits must be c0000000000000 at least.
        let stays = |id: &str| {
            let event = test_event("event").field(FieldGroup::Context, "trace_id", id);
            kept(&mut sampling(0.25).trace_field("trace_id"), &TestBatches::new(), &[event]).len() == 1
        };
        assert!(stays("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert!(stays("ffffffffffffffffffc0000000000000") && !stays("ffffffffffffffffffbfffffffffffff"));
    }

    #[test]
    fn a_trace_field_counts_before_the_correlation_id_and_gives_the_same_choice() {
        for trace in 0..50 {
            let id = format!("trace-{trace}");
            let by_field = test_event("e").field(FieldGroup::CorrelationId, "", "trace-3");
            let by_field = by_field.field(FieldGroup::Tags, "trace", id.as_str());
            let by_id = test_event("e").field(FieldGroup::CorrelationId, "", id.as_str());
            let mut sampling = sampling(0.5).trace_field("tags.trace");
            let [by_field, by_id] =
                [by_field, by_id].map(|event| kept(&mut sampling, &TestBatches::new(), &[event]).len());
            assert_eq!(by_field, by_id, "{id}");
        }
    }

    #[test]
    fn events_without_a_trace_are_sampled_kept_or_dropped() {
        let rates = |rate, treatment| {
            let mut sampling = sampling(rate).without_trace(treatment);
            kept(&mut sampling, &TestBatches::new(), &vec![test_event("event"); 1000])
        };
        let sampled = rates(0.5, WithoutTrace::Sample);
        assert!(sampled.len() < 600 && sampled.iter().all(|rate| *rate == Some(0.5)), "{}", sampled.len());
        assert_eq!(rates(0.0, WithoutTrace::Keep), vec![None; 1000]);
        assert_eq!(rates(1.0, WithoutTrace::Drop), []);
        let mut dropping = sampling(1.0).without_trace(WithoutTrace::Drop);
        let traced = test_event("event").field(FieldGroup::CorrelationId, "", "7f3a");
        let audit = test_event("event").level(Level::Audit);
        assert_eq!(kept(&mut dropping, &TestBatches::new(), &[traced, audit]), [None, None]);
    }

    #[test]
    fn the_rate_is_not_written_if_that_is_set() {
        let rates = kept(&mut sampling(0.5).write_rate(false), &TestBatches::new(), &vec![test_event("event"); 100]);
        assert!(!rates.is_empty() && rates.iter().all(Option::is_none));
    }

    #[test]
    fn all_that_a_lower_rate_keeps_is_kept_by_a_higher_one() {
        let traces: Vec<String> = (0..200).map(|trace| format!("trace-{trace}")).collect();
        let events: Vec<_> =
            traces.iter().map(|id| test_event(id).field(FieldGroup::CorrelationId, "", id.as_str())).collect();
        let chosen = |rate| {
            TestBatches::new().events(&events, |batch| {
                sampling(rate).process(batch).unwrap();
                batch.events().iter().map(|event| event.id().sequence).collect::<Vec<_>>()
            })
        };
        let (low, high) = (chosen(0.1), chosen(0.4));
        assert!(!low.is_empty() && low.len() < high.len() && low.iter().all(|event| high.contains(event)));
    }

    #[test]
    fn the_first_of_each_message_stay_in_each_window() {
        let (stage, mut sampling) = (TestBatches::new(), sampling(0.0).first(2).window(Duration::from_secs(10)));
        let events = [test_event("a"), test_event("b"), test_event("a"), test_event("a")];
        assert_eq!(kept(&mut sampling, &stage, &events), [None; 3]);
        stage.at(Duration::from_secs(9));
        assert_eq!(kept(&mut sampling, &stage, &events), [None; 1]);
        stage.at(Duration::from_secs(20));
        assert_eq!(kept(&mut sampling, &stage, &events), [None; 3]);
    }

    #[test]
    fn the_first_of_each_call_site_stay() {
        let (stage, mut sampling) = (TestBatches::new(), sampling(0.0).first(2));
        let kept = |sampling: &mut Sampling| {
            stage.batch(&[1; 5], |batch| {
                sampling.process(batch).unwrap();
                batch.len()
            })
        };
        assert_eq!(kept(&mut sampling), 2);
    }

    #[test]
    fn at_rate_one_nothing_is_touched() {
        assert_eq!(kept(&mut sampling(1.0), &TestBatches::new(), &[test_event("event")]), [None]);
    }

    #[test]
    fn a_rate_that_is_none_is_named() {
        for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = Sampling::new(rate).unwrap_err();
            assert_eq!(error.to_string(), format!("rate is {rate}; allowed are numbers from 0 to 1"));
        }
    }
}
