//! How the payloads of a sink are delivered.

use std::time::Duration;

use crate::{problem::Problem, settings::write_duration};

/// How the payloads of a sink are delivered: the queue in front of it, retries, the time limit and the circuit breaker.
///
/// A payload waits in the queue until the sink takes it. An attempt that fails is repeated if its error is
/// [retryable](crate::sink::SinkErrorKind), after a wait at random between zero and a limit that grows with each attempt
/// ("full jitter"), or after the time that the destination asks for, if that is longer. After so many failed attempts in a row
/// the breaker opens, and no payload is delivered until the cool-down is over; then a single payload decides. An answer that refuses
/// a payload for good is no failed attempt: the destination works.
#[doc(alias = "RetryConfig")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct DeliveryPolicy {
    /// The most payloads in the queue. 0: the sink gets every payload at once, has a queue and retries of its own, and
    /// nothing else of this applies to it.
    pub queue_payloads: usize,
    /// The most bytes of all payloads in the queue.
    pub queue_bytes: u64,
    /// The most payloads that the sink delivers at once. With 1, payloads stay in order, also through retries.
    pub in_flight_payloads: usize,
    /// The most attempts to deliver a payload, the first one included.
    pub attempts: u32,
    /// The limit of the wait before the second attempt.
    pub backoff: Duration,
    /// The factor of that limit from attempt to attempt.
    pub backoff_factor: f64,
    /// The highest limit of the wait before an attempt.
    pub backoff_max: Duration,
    /// How long after the start of the first attempt another may start. Zero: there is no such limit.
    pub retry_time: Duration,
    /// The time limit of an attempt. Zero: there is none.
    pub timeout: Duration,
    /// The failed attempts in a row that open the breaker. 0: the sink has no breaker, unless it has a spill directory: then it
    /// opens when the attempts of a payload are used up.
    pub breaker_failures: u32,
    /// The first cool-down of the breaker. It doubles with each attempt at its end that fails.
    pub cool_down: Duration,
    /// The longest cool-down.
    pub cool_down_max: Duration,
}

impl Default for DeliveryPolicy {
    /// A queue of 64 payloads and 16 MiB, one payload in flight, 3 attempts within 5 minutes, waits up to 1 s, doubling, up to
    /// 60 s, a time limit of 30 s, a breaker after 5 failures that is open for 1 s to 60 s.
    fn default() -> Self {
        Self {
            queue_payloads: 64,
            queue_bytes: 16 << 20,
            in_flight_payloads: 1,
            attempts: 3,
            backoff: Duration::from_secs(1),
            backoff_factor: 2.0,
            backoff_max: Duration::from_secs(60),
            retry_time: Duration::from_secs(300),
            timeout: Duration::from_secs(30),
            breaker_failures: 5,
            cool_down: Duration::from_secs(1),
            cool_down_max: Duration::from_secs(60),
        }
    }
}

impl DeliveryPolicy {
    /// No queue: the sink gets every payload at once, and does all else itself.
    pub fn direct() -> Self {
        Self { queue_payloads: 0, ..Self::default() }
    }

    /// Whether the sink gets every payload at once.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.queue_payloads == 0
    }

    /// Sets the most payloads and bytes in the queue.
    pub fn queue(mut self, payloads: usize, bytes: u64) -> Self {
        (self.queue_payloads, self.queue_bytes) = (payloads, bytes);
        self
    }

    /// Sets the most payloads that the sink delivers at once.
    pub fn in_flight(mut self, payloads: usize) -> Self {
        self.in_flight_payloads = payloads;
        self
    }

    /// Sets the most attempts to deliver a payload.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the limits of the waits between attempts: the first, the factor, and the highest.
    pub fn backoff(mut self, first: Duration, factor: f64, max: Duration) -> Self {
        (self.backoff, self.backoff_factor, self.backoff_max) = (first, factor, max);
        self
    }

    /// Sets how long after the start of the first attempt another may start.
    pub fn retry_time(mut self, time: Duration) -> Self {
        self.retry_time = time;
        self
    }

    /// Sets the time limit of an attempt.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the breaker: the failures that open it, its first cool-down and its longest.
    pub fn breaker(mut self, failures: u32, cool_down: Duration, cool_down_max: Duration) -> Self {
        (self.breaker_failures, self.cool_down, self.cool_down_max) = (failures, cool_down, cool_down_max);
        self
    }

    /// Invalid values: the value, the error, and the allowed values.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |is_valid: bool, setting: &str, value: String, allowed: &str| {
            if !is_valid {
                problems.push(Problem::new(setting, value, format!("it must be {allowed}")));
            }
        };
        check(self.queue_bytes > 0, "queue_bytes", self.queue_bytes.to_string(), "at least 1");
        check(self.in_flight_payloads > 0, "in_flight_payloads", self.in_flight_payloads.to_string(), "at least 1");
        check(self.attempts > 0, "attempts", self.attempts.to_string(), "at least 1");
        let factor = self.backoff_factor;
        check((1.0..=100.0).contains(&factor), "backoff_factor", factor.to_string(), "1 to 100");
        check(self.backoff <= self.backoff_max, "backoff", write_duration(self.backoff), "at most backoff_max");
        let is_open_for_a_time = self.breaker_failures == 0 || self.cool_down >= Duration::from_millis(1);
        check(is_open_for_a_time, "cool_down", write_duration(self.cool_down), "at least 1 ms");
        let cool_down = write_duration(self.cool_down);
        check(self.cool_down <= self.cool_down_max, "cool_down", cool_down, "at most cool_down_max");
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_of_the_library_are_valid() {
        assert_eq!(DeliveryPolicy::default().check().len(), 0);
        assert_eq!(DeliveryPolicy::direct().check().len(), 0);
    }

    #[test]
    fn each_invalid_value_is_a_problem() {
        let second = Duration::from_secs(1);
        let policy = DeliveryPolicy::default()
            .queue(1, 0)
            .in_flight(0)
            .attempts(0)
            .backoff(2 * second, f64::NAN, second)
            .breaker(1, Duration::ZERO, second);
        let settings: Vec<String> = policy.check().iter().map(|problem| problem.path.clone()).collect();
        let expected = ["queue_bytes", "in_flight_payloads", "attempts", "backoff_factor", "backoff", "cool_down"];
        assert_eq!(settings, expected);
    }
}
