//! Sampling: keeps a part of the events, and traces as a whole.

pub(crate) mod settings;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    per_call_site::PerCallSite,
    processor::Processor,
};
use fapilog_record::{call_site::Descriptor, field_group::FieldGroup, value::ValueRef};
use thiserror::Error;

use crate::process::digest::DigestKey;

/// Number of messages made at run time that are known at once. A message beyond it has no first occurrence.
const MESSAGES_MAX: usize = 10_000;
/// Default of the time for which first occurrences are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Keeps a part of the events, chosen by hash.
///
/// Events of one correlation id are kept or taken out together, by every process that samples at this rate; others are
/// chosen one by one. A kept event has the rate as `metrics.sample_rate`, so a reader can count it as `1 / sample_rate`
/// events.
///
/// ERROR and above, AUDIT and SECURITY among them, always stay, and so do the first [occurrences](Self::first); these have
/// no `sample_rate`, as each stands for itself.
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
    is_per_trace: bool,
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
            is_per_trace: true,
            first: 0,
            window: WINDOW,
            window_start: None,
            window_number: 1,
            sites: PerCallSite::new(),
            messages: HashMap::new(),
            key: DigestKey::random(),
        })
    }

    /// Whether events of one correlation id are kept or taken out together. Default: they are.
    #[must_use]
    pub fn per_trace(mut self, is_per_trace: bool) -> Self {
        self.is_per_trace = is_per_trace;
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

    fn is_chosen(&self, event: &Event<'_>) -> bool {
        // Known to all, so that all processes choose the same traces.
        let mut digest = DigestKey::fixed().digest();
        match event.correlation_id().filter(|_| self.is_per_trace) {
            Some(id) => digest.text(id),
            None => {
                digest.number(event.id().producer.into());
                digest.number(event.id().sequence);
            }
        }
        share(digest.finish_short()) < self.rate
    }
}

/// A hash as a number from 0, below 1: its upper 53 bits, which an `f64` holds.
fn share(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

impl Processor for Sampling {
    fn name(&self) -> &'static str {
        "sampling"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.rate >= 1.0 {
            return Ok(());
        }
        if self.first > 0 {
            self.turn_window(batch.instant());
        }
        let rate = ValueRef::F64(self.rate);
        batch.retain_mut(|event| {
            if event.level().is_urgent() || event.is_internal() || (self.first > 0 && self.is_among_first(event)) {
                return true;
            }
            let is_chosen = self.is_chosen(event);
            if is_chosen {
                event.add_field(FieldGroup::Metrics, "sample_rate", rate);
            }
            is_chosen
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
    use fapilog_record::level::Level;

    use super::*;

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
