//! The deliveries of a sink, as its entry in `sinks` has them.

use std::time::Duration;

use fapilog_engine::container::{DeadLetterOptions, SpillOptions};
use fapilog_plugin::{
    problem::Problem,
    settings::{duration, size_bytes, suggestion::suggestion, write_duration, write_size},
    sink::{DeliveryPolicy, OnFull},
};

use crate::{Settings, SinkEntry};

/// The settings of a sink's deliveries, of declarations: each with its doc, and with the text of a value.
macro_rules! delivery_settings {
    ($(
        $(#[doc = $doc:literal])*
        $(#[serde($($serde:tt)*)])?
        $name:ident: $type:ty, $write:expr;
    )*) => {
        /// How the payloads of a sink are delivered. Settings that are not given are the sink's own
        /// [policy](fapilog_plugin::sink::SinkFactory::delivery).
        ///
        /// ```
        /// use std::time::Duration;
        /// use fapilog_settings::{DeliverySettings, SinkEntry};
        ///
        /// let delivery = DeliverySettings::new().attempts(10).timeout(Duration::from_secs(5));
        /// let sink = SinkEntry::new("agent").delivery(delivery);
        /// assert_eq!(sink.delivery.attempts, Some(10));
        /// ```
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct DeliverySettings {
            $(
                $(#[doc = $doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                $(#[serde($($serde)*)])?
                pub $name: Option<$type>,
            )*
        }

        impl DeliverySettings {
            /// The names of all settings of deliveries.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            $(
                $(#[doc = $doc])*
                #[must_use]
                pub fn $name(mut self, value: $type) -> Self {
                    self.$name = Some(value);
                    self
                }
            )*

            /// The settings that are given, with their values as text.
            fn given(&self) -> Vec<(&'static str, String)> {
                let all = [$((stringify!($name), self.$name.map($write))),*];
                all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
            }

            /// The name, the doc and the default of each setting.
            fn reference() -> Vec<(&'static str, &'static str, String)> {
                let all = Self::from(DeliveryPolicy::default()).given();
                let docs = [$(concat!($($doc),*)),*];
                all.into_iter().zip(docs).map(|((name, default), doc)| (name, doc, default)).collect()
            }
        }
    };
}

delivery_settings! {
    /// The most payloads in the queue. 0: the sink has no queue, and no other of these settings applies to it.
    queue_payloads: usize, |payloads| payloads.to_string();
    /// The most bytes of all payloads in the queue.
    #[serde(with = "size_bytes::maybe")]
    queue_bytes: usize, write_size;
    /// The most payloads that the sink delivers at once. With 1, payloads stay in order, also through retries.
    in_flight_payloads: usize, |payloads| payloads.to_string();
    /// The most attempts to deliver a payload, the first one included.
    attempts: u32, |attempts| attempts.to_string();
    /// The limit of the wait before the second attempt. A wait is at random between zero and its limit.
    #[serde(with = "duration::maybe")]
    backoff: Duration, write_duration;
    /// The factor of that limit from attempt to attempt, 1 to 100.
    backoff_factor: f64, |factor| factor.to_string();
    /// The highest limit of the wait before an attempt.
    #[serde(with = "duration::maybe")]
    backoff_max: Duration, write_duration;
    /// The time from the start of the first attempt in which another may start. 0: there is no such limit.
    #[serde(with = "duration::maybe")]
    retry_time: Duration, write_duration;
    /// The time limit of an attempt. 0: there is none.
    #[serde(with = "duration::maybe")]
    timeout: Duration, write_duration;
    /// The failed attempts in a row that open the breaker. 0: the sink has no breaker.
    breaker_failures: u32, |failures| failures.to_string();
    /// The first cool-down of the breaker. It doubles with each attempt at its end that fails.
    #[serde(with = "duration::maybe")]
    cool_down: Duration, write_duration;
    /// The longest cool-down.
    #[serde(with = "duration::maybe")]
    cool_down_max: Duration, write_duration;
}

/// All settings of a policy.
impl From<DeliveryPolicy> for DeliverySettings {
    fn from(policy: DeliveryPolicy) -> Self {
        Self {
            queue_payloads: Some(policy.queue_payloads),
            queue_bytes: Some(usize::try_from(policy.queue_bytes).unwrap_or(usize::MAX)),
            in_flight_payloads: Some(policy.in_flight_payloads),
            attempts: Some(policy.attempts),
            backoff: Some(policy.backoff),
            backoff_factor: Some(policy.backoff_factor),
            backoff_max: Some(policy.backoff_max),
            retry_time: Some(policy.retry_time),
            timeout: Some(policy.timeout),
            breaker_failures: Some(policy.breaker_failures),
            cool_down: Some(policy.cool_down),
            cool_down_max: Some(policy.cool_down_max),
        }
    }
}

impl DeliverySettings {
    /// No setting is given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no setting is given.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The policy of a sink with these settings in place of its own.
    pub(crate) fn over(&self, mut policy: DeliveryPolicy) -> DeliveryPolicy {
        set(&mut policy.queue_payloads, self.queue_payloads);
        set(&mut policy.queue_bytes, self.queue_bytes.map(|bytes| bytes as u64));
        set(&mut policy.in_flight_payloads, self.in_flight_payloads);
        set(&mut policy.attempts, self.attempts);
        set(&mut policy.backoff, self.backoff);
        set(&mut policy.backoff_factor, self.backoff_factor);
        set(&mut policy.backoff_max, self.backoff_max);
        set(&mut policy.retry_time, self.retry_time);
        set(&mut policy.timeout, self.timeout);
        set(&mut policy.breaker_failures, self.breaker_failures);
        set(&mut policy.cool_down, self.cool_down);
        set(&mut policy.cool_down_max, self.cool_down_max);
        policy
    }

    /// Settings that nothing reads: those of the queue, where the sink has none.
    pub(crate) fn unread_problems(&self, policy: &DeliveryPolicy) -> Vec<Problem> {
        if !policy.is_direct() {
            return Vec::new();
        }
        let unread = |(name, value): (&str, String)| {
            Problem::new(name, value, "the sink has no queue, and does this itself: queue_payloads is 0")
        };
        self.given().into_iter().filter(|(name, _)| *name != "queue_payloads").map(unread).collect()
    }

    /// The problems that there are with the policy of any sink.
    fn problems(&self) -> Vec<Problem> {
        // A value that is given alone fits all others of this policy.
        let fitting = DeliveryPolicy::default().backoff(Duration::ZERO, 1.0, Duration::MAX);
        self.over(fitting.breaker(0, Duration::ZERO, Duration::MAX)).check()
    }

    /// The settings as a table of Markdown.
    pub(crate) fn reference_markdown() -> String {
        let row = |(name, doc, default): (&str, &str, String)| format!("| `{name}` | {default} |{doc} |\n");
        let rows: String = Self::reference().into_iter().map(row).collect();
        format!("| setting | default | effect |\n|---|---|---|\n{rows}")
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

impl Settings {
    /// The problems of all deliveries, as far as they do not depend on the sinks' own policies.
    pub(crate) fn delivery_problems(&self) -> Vec<Problem> {
        let of_sink = |(index, sink): (usize, &SinkEntry)| {
            let problems = sink.delivery.problems().into_iter().map(|problem| problem.below("delivery"));
            let problems =
                problems.chain(self.fallback_problem(sink)).chain(on_full_problem(sink)).chain(disk_problems(sink));
            problems.map(|problem| problem.below(&format!("sinks[{index}]"))).collect::<Vec<_>>()
        };
        self.sinks.iter().enumerate().flat_map(of_sink).collect()
    }

    fn fallback_problem(&self, sink: &SinkEntry) -> Option<Problem> {
        let name = sink.fallback.as_deref()?;
        let others = || self.sinks.iter().map(|other| other.name.as_str()).filter(|other| *other != sink.name);
        if others().any(|other| other == name) {
            return None;
        }
        let allowed = match others().collect::<Vec<_>>().as_slice() {
            [] => "it must be the name of another sink, and there is none".to_owned(),
            others => format!("it must be the name of another sink; allowed are {}", others.join(", ")),
        };
        let mut problem = Problem::new("fallback", format!("{name:?}"), allowed);
        problem.suggestion = suggestion(name, others());
        Some(problem)
    }
}

fn on_full_problem(sink: &SinkEntry) -> Option<Problem> {
    let is_without_place = sink.on_full == Some(OnFull::Spill) && sink.spill.is_none();
    let allowed = "it needs a directory: give spill; allowed without it are block, drop, drop_low_severity";
    is_without_place.then(|| Problem::new("on_full", "\"spill\"", allowed))
}

/// The problems of the places on disk, behind their names.
fn disk_problems(sink: &SinkEntry) -> impl Iterator<Item = Problem> {
    let of_spill = sink.spill.iter().flat_map(SpillOptions::check).map(|problem| problem.below("spill"));
    let of_letters = sink.dead_letters.iter().flat_map(DeadLetterOptions::check);
    of_spill.chain(of_letters.map(|problem| problem.below("dead_letters"))).map(as_written)
}

/// A problem of the engine, in the words of settings.
pub(crate) fn as_written(mut problem: Problem) -> Problem {
    let is_of_disk = ["spill.", "dead_letters."].iter().any(|table| problem.path.starts_with(table));
    if is_of_disk {
        problem.path = problem.path.replace(".bytes_max", ".bytes");
    }
    if !problem.allowed.starts_with("it must be ") {
        problem.allowed = format!("allowed are {}", problem.allowed);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn settings_of_a_policy_make_that_policy_of_any_other() {
        let policy = DeliveryPolicy::default()
            .queue(1, 2)
            .in_flight(3)
            .attempts(4)
            .backoff(5 * SECOND, 6.0, 7 * SECOND)
            .retry_time(8 * SECOND)
            .timeout(9 * SECOND)
            .breaker(10, 11 * SECOND, 12 * SECOND);
        let settings = DeliverySettings::from(policy.clone());
        assert_eq!(settings.over(DeliveryPolicy::direct()), policy);
        assert_eq!(settings.given().len(), DeliverySettings::NAMES.len());
    }

    #[test]
    fn settings_that_are_not_given_are_the_policys() {
        let policy = DeliveryPolicy::default().attempts(9).timeout(9 * SECOND);
        assert_eq!(DeliverySettings::new().over(policy.clone()), policy);
        let changed = DeliverySettings::new().attempts(2).over(policy.clone());
        assert_eq!(changed, policy.attempts(2));
    }

    #[test]
    fn a_valid_value_alone_is_no_problem_and_two_that_do_not_fit_are_one() {
        let valid = DeliverySettings::from(DeliveryPolicy::default().backoff(90 * SECOND, 1.0, 100 * SECOND));
        let alone = [
            DeliverySettings { backoff: valid.backoff, ..DeliverySettings::new() },
            DeliverySettings { backoff_max: valid.backoff_max, ..DeliverySettings::new() },
            DeliverySettings { cool_down: Some(90 * SECOND), ..DeliverySettings::new() },
        ];
        assert!(alone.iter().all(|settings| settings.problems().is_empty()));
        let both = DeliverySettings::new().backoff(2 * SECOND).backoff_max(SECOND);
        assert_eq!(both.problems().iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["backoff"]);
    }
}
