//! The wait before another attempt to deliver a payload.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use fapilog_plugin::sink::DeliveryPolicy;

/// The wait after so many attempts, from 1: at random between zero and a limit that grows with each attempt ("full jitter").
/// Sinks that fail together, because their destination is down, do not all come back at once.
pub(super) fn wait_after(attempts: u32, policy: &DeliveryPolicy) -> Duration {
    // The standard library seeds it at random once a thread, and otherwise for each call.
    let random = RandomState::new().hash_one(attempts) as f64 / u64::MAX as f64;
    limit_after(attempts, policy).mul_f64(random)
}

fn limit_after(attempts: u32, policy: &DeliveryPolicy) -> Duration {
    if policy.backoff.is_zero() {
        // Zero times infinity is no number.
        return Duration::ZERO;
    }
    let steps = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = policy.backoff.as_secs_f64() * policy.backoff_factor.powi(steps);
    Duration::try_from_secs_f64(seconds).unwrap_or(policy.backoff_max).min(policy.backoff_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn limits_grow_by_the_factor_up_to_the_highest() {
        let policy = DeliveryPolicy::default();
        let limits = [1, 2, 3, 6, 7, 100, u32::MAX].map(|attempts| limit_after(attempts, &policy).as_secs());
        assert_eq!(limits, [1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn waits_are_at_random_between_zero_and_the_limit() {
        let policy = DeliveryPolicy::default().backoff(SECOND, 1.0, SECOND);
        let waits: Vec<Duration> = (0..100).map(|_| wait_after(1, &policy)).collect();
        assert!(waits.iter().all(|wait| *wait <= SECOND));
        assert!(waits.iter().any(|wait| *wait < SECOND / 2) && waits.iter().any(|wait| *wait > SECOND / 2));
    }
}
