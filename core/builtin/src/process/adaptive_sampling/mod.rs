//! Adaptive sampling: keeps rare events whole, and thins frequent ones to a target.

mod key_label;
mod key_rate;
mod keys;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    factory::ShardInfo,
    processor::Processor,
};
use fapilog_record::{field_group::FieldGroup, level::Level, timestamp::Timestamp, value::ValueRef};

use crate::process::{
    FieldPath,
    adaptive_sampling::{
        key_label::{KeyLabel, report},
        key_rate::{KeyBudget, RateChoice},
        keys::SampledKeys,
    },
    digest::DigestKey,
    sampling::{
        SAMPLE_RATE,
        randomness::{TraceIdPlace, TraceRandomness},
    },
};

/// Default of the time after which rates are set anew.
const INTERVAL: Duration = Duration::from_secs(10);
/// The shortest interval.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Default of the number of events of each key that stay in each interval at any rate.
const FIRST: u64 = 1;
/// Default number of keys with a rate of their own. Each takes about two hundred bytes.
const KEYS_MAX: usize = 10_000;
/// Default of the time from one report to the next.
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// The furthest that a clock lies behind itself without a step: it is adjusted slowly.
const BEHIND_MAX_NANOS: u64 = 10_000_000_000;

/// That by which [`AdaptiveSampling`] groups events: each group has a rate of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SamplingKey {
    /// The call site. Events without a call site go by target and level.
    #[default]
    CallSite,
    /// The level.
    Level,
    /// The value of a field. Events without it are one group.
    Field(FieldPath),
}

/// As settings write it: `call_site`, `level`, or the path of a field. A context field of one of these names is `context.level`.
impl From<&str> for SamplingKey {
    fn from(key: &str) -> Self {
        match key {
            "call_site" => Self::CallSite,
            "level" => Self::Level,
            path => Self::Field(path.into()),
        }
    }
}

impl From<String> for SamplingKey {
    fn from(key: String) -> Self {
        key.as_str().into()
    }
}

impl From<FieldPath> for SamplingKey {
    fn from(path: FieldPath) -> Self {
        Self::Field(path)
    }
}

/// As settings write it.
impl fmt::Display for SamplingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallSite => f.pad("call_site"),
            Self::Level => f.pad("level"),
            Self::Field(path) => path.fmt(f),
        }
    }
}

/// Keeps rare events whole, and thins frequent ones to a target of events per second.
///
/// Each [key](Self::key) (a call site, a level, the value of a field) has a rate of its own. After each
/// [interval](Self::interval) it is set to the target divided by the key's events, a moving average of which the last interval
/// is a half. A key with fewer events than its target stays whole. Within an interval, a key that has used up twice its target has
/// its rate halved, and again with each further use of the target: of `n` times the target, about `2 + log2(n / 2)` times the target stay.
///
/// The [first](Self::first) events of each key in each interval stay at any rate, so no key disappears. A kept event that stands for
/// others has the rate as `metrics.sample_rate`: a reader counts it as `1 / sample_rate` events. An event without it counts as one.
///
/// ERROR and above, AUDIT and SECURITY among them, [always stay](Self::keep_level); they are not counted, and not among the target.
///
/// Events of INFO and of target `fapilog::adaptive_sampling` report the keys of which events were taken out, one for each of them, at
/// most once a [minute](Self::report_every), with `metrics.dropped` and `metrics.events`. Over all such events, `metrics.dropped`
/// adds up to what was filtered.
///
/// Intervals go by the time at which events were logged, so a backlog is judged as it came. Each shard has rates of its own, for its
/// [part](Self::for_shard) of the target.
///
/// ```
/// use fapilog_builtin::process::AdaptiveSampling;
/// use fapilog_plugin::factory::Factory;
///
/// let sampling = AdaptiveSampling::per_second(50).key("tags.tenant");
/// let factory = Factory::processor(move |shard| sampling.clone().for_shard(shard));
/// # let _ = factory;
/// ```
#[doc(alias = "dynamic_sampling")]
#[derive(Debug, Clone)]
pub struct AdaptiveSampling {
    events_per_second: u64,
    shards: usize,
    key: SamplingKey,
    interval: Duration,
    first: u64,
    keys_max: usize,
    keep_level: Level,
    is_per_trace: bool,
    trace_id: TraceIdPlace,
    writes_rate: bool,
    report_every: Duration,
    digest: DigestKey,
    keys: SampledKeys,
    interval_start: Option<Timestamp>,
    /// `None` if there is nothing to report.
    report_due: Option<Instant>,
}

impl AdaptiveSampling {
    /// Keeps about so many events of each key in a second. The least is 1.
    #[must_use]
    pub fn per_second(events: u64) -> Self {
        Self {
            events_per_second: events.max(1),
            shards: 1,
            key: SamplingKey::default(),
            interval: INTERVAL,
            first: FIRST,
            keys_max: KEYS_MAX,
            keep_level: Level::Error,
            is_per_trace: false,
            trace_id: TraceIdPlace::default(),
            writes_rate: true,
            report_every: REPORT_EVERY,
            digest: DigestKey::random(),
            keys: SampledKeys::default(),
            interval_start: None,
            report_due: None,
        }
    }

    /// Divides the target by the number of shards. A key with events in one shard only has that shard's part. Without it, each
    /// shard has the whole target.
    #[must_use]
    pub fn for_shard(mut self, shard: ShardInfo) -> Self {
        self.shards = shard.count.max(1);
        self
    }

    /// That by which events are grouped. Default: the call site.
    #[must_use]
    pub fn key(mut self, key: impl Into<SamplingKey>) -> Self {
        self.key = key.into();
        self
    }

    /// The time after which rates are set anew. Default: 10 s; the least is 1 ms.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(INTERVAL_MIN);
        self
    }

    /// How many events of each key stay in each interval of each shard at any rate, beside the target. Default: 1.
    #[must_use]
    pub fn first(mut self, events: u64) -> Self {
        self.first = events;
        self
    }

    /// How many keys have rates of their own; those beyond share one. Keys without events make room for others. Default: 10,000;
    /// the least is 1.
    #[must_use]
    pub fn keys_max(mut self, keys: usize) -> Self {
        self.keys_max = keys.max(1);
        self
    }

    /// The level from which events always stay. AUDIT and SECURITY stay at any setting. Default: ERROR.
    #[must_use]
    pub fn keep_level(mut self, level: Level) -> Self {
        self.keep_level = level.min(Level::Audit);
        self
    }

    /// Whether events of one trace are chosen alike, as far as rates allow: a trace that stays at the rate of one key stays at
    /// every higher rate, in every process. Then a key whose events are of a few traces is far from its target. Default: each event
    /// is chosen on its own.
    #[must_use]
    pub fn per_trace(mut self, is_per_trace: bool) -> Self {
        self.is_per_trace = is_per_trace;
        self
    }

    /// The field that has the trace id, with [`per_trace`](Self::per_trace). Events without it have their correlation id as trace
    /// id. Default: none.
    #[must_use]
    pub fn trace_field(mut self, field: impl Into<FieldPath>) -> Self {
        self.trace_id.field = Some(field.into());
        self
    }

    /// Whether a kept event that stands for others has the rate as `metrics.sample_rate`. Default: it has.
    #[must_use]
    pub fn write_rate(mut self, is_written: bool) -> Self {
        self.writes_rate = is_written;
        self
    }

    /// The time from one report to the next. Default: a minute.
    #[must_use]
    pub fn report_every(mut self, every: Duration) -> Self {
        self.report_every = every;
        self
    }

    fn budget(&self) -> KeyBudget {
        let events = self.events_per_second as f64 * self.interval.as_secs_f64() / self.shards as f64;
        KeyBudget { first: self.first, events }
    }

    /// Ends the interval if the event is behind its end.
    #[inline]
    fn advance(&mut self, time: Timestamp, budget: KeyBudget) {
        let start = *self.interval_start.get_or_insert(time);
        let passed_nanos = time.unix_nanos().saturating_sub(start.unix_nanos());
        let interval_nanos = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX);
        if passed_nanos >= interval_nanos {
            self.keys.end_interval(budget, passed_nanos / interval_nanos);
            let into_nanos = passed_nanos % interval_nanos;
            self.interval_start = Some(Timestamp::from_unix_nanos(time.unix_nanos() - into_nanos));
        }
    }

    /// Begins the interval anew if it lies in the future: the clock was set back.
    fn set_back(&mut self, now: Timestamp) {
        let is_ahead = |start: Timestamp| start.unix_nanos().saturating_sub(now.unix_nanos()) > BEHIND_MAX_NANOS;
        self.interval_start = self.interval_start.filter(|start| !is_ahead(*start));
    }

    fn digest(&self, event: &Event<'_>) -> u128 {
        let mut digest = self.digest.digest();
        match &self.key {
            SamplingKey::CallSite if event.descriptor().is_dynamic() => {
                digest.number(event.level() as u64);
                digest.text(event.target());
            }
            SamplingKey::CallSite => return event.descriptor().id().into(),
            SamplingKey::Level => return event.level() as u128,
            SamplingKey::Field(field) => digest.value(field.of(event).unwrap_or(ValueRef::None)),
        }
        digest.finish()
    }

    /// Whether the event stays; adds the rate to one that stands for others.
    fn keeps(&mut self, event: &mut Event<'_>, budget: KeyBudget) -> bool {
        if event.level() >= self.keep_level || event.is_internal() {
            return true;
        }
        self.advance(event.timestamp(), budget);
        let digest = self.digest(event);
        let Self { keys, trace_id, is_per_trace, .. } = self;
        let Some((key, is_shared)) = keys.key(digest, self.keys_max, budget) else { return true };
        let randomness = || {
            let of_trace = if *is_per_trace { trace_id.randomness(event) } else { None };
            of_trace.unwrap_or_else(|| TraceRandomness::of_event(event))
        };
        key.events += 1;
        match key.rate.choose(budget, randomness) {
            RateChoice::Whole => true,
            RateChoice::Kept(rate) => {
                if self.writes_rate {
                    event.add_field(FieldGroup::Metrics, SAMPLE_RATE, ValueRef::F64(rate));
                }
                true
            }
            RateChoice::Dropped => {
                key.dropped += 1;
                if key.label.is_none() {
                    key.label = Some(if is_shared { KeyLabel::Others } else { KeyLabel::of(&self.key, event) });
                }
                false
            }
        }
    }

    fn report_all(&mut self, batch: &mut Batch<'_>) {
        let kind = self.key.to_string();
        self.keys.unreported().for_each(|key| report(key, &kind, batch));
        self.report_due = None;
    }
}

impl Processor for AdaptiveSampling {
    fn name(&self) -> &'static str {
        "adaptive_sampling"
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let (now, budget, before) = (batch.instant(), self.budget(), batch.len());
        self.set_back(batch.now());
        batch.retain_mut(|event| self.keeps(event, budget));
        if batch.len() < before && self.report_due.is_none() {
            self.report_due = now.checked_add(self.report_every);
        }
        if self.report_due.is_some_and(|due| due <= now) {
            self.report_all(batch);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.report_due
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.report_all(batch);
        Ok(())
    }
}
