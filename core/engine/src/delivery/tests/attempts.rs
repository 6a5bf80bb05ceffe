//! Retries: which attempts are made, when, and with which payload.

use super::*;

#[test]
fn a_retryable_error_is_followed_by_another_attempt_with_the_same_bytes_and_id() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(None), Answer::Busy(None)]);
    bench.submit(3);
    bench.poll();
    let attempts = bench.attempts();
    assert_eq!(bench.attempted(), [[1, 2, 3]; 3]);
    assert_eq!(attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(attempts.iter().all(|attempt| attempt.id == attempts[0].id), "{attempts:?}");
    assert!(attempts.iter().all(|attempt| attempt.address == attempts[0].address), "the bytes were copied");
    assert_eq!((bench.delivered(), bench.counters().retries.get(), bench.lost_total()), (3, 2, 0));
}

#[test]
fn payloads_of_all_sinks_of_a_shard_have_ids_of_their_own() {
    let ids = PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(3, 4));
    let bench = |name| DeliveryBench::of(Script::default(), name, SinkOptions::new().delivery(at_once()), &ids);
    let mut benches = [bench("first"), bench("second")];
    for _ in 0..2 {
        benches.iter_mut().for_each(|bench| bench.submit(1));
    }
    let mut attempts: Vec<AttemptRecord> = Vec::new();
    for bench in &mut benches {
        bench.poll();
        attempts.extend(bench.attempts());
    }
    let mut sequences: Vec<u64> = attempts.iter().map(|attempt| attempt.id.sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert!(attempts.iter().all(|attempt| (attempt.id.instance, attempt.id.shard) == (InstanceId::from_bits(7), 3)));
}

#[test]
fn attempts_end_after_as_many_as_the_policy_allows() {
    for attempts in [1, 2, 5] {
        let mut bench = DeliveryBench::new(at_once().attempts(attempts));
        bench.script.answer_always(Answer::Busy(None));
        bench.submit(2);
        bench.poll();
        assert_eq!(bench.attempts().len(), attempts as usize);
        assert_eq!((bench.lost(LossReason::SinkFailed), bench.pending()), (2, 0));
    }
}

#[test]
fn a_permanent_error_is_not_followed_by_another_attempt() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Permanent]);
    bench.submit(2);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.lost(LossReason::SinkFailed)), (1, 2));
    assert!(bench.worker.is_failing());
    bench.submit(1);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.delivered(), bench.worker.is_failing()), (2, 1, false));
}

#[test]
fn each_wait_is_at_most_the_limit_that_grows_with_the_attempts() {
    let policy = at_once().attempts(6).backoff(SECOND, 2.0, 4 * SECOND).retry_time(Duration::ZERO);
    for _ in 0..20 {
        let mut bench = DeliveryBench::new(policy.clone());
        bench.script.answer_always(Answer::Busy(None));
        bench.submit(1);
        bench.poll();
        bench.run(60 * SECOND);
        let waits: Vec<Duration> = bench.times().windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(waits.len(), 5);
        let is_within = |(wait, limit): (&Duration, u32)| *wait <= limit * SECOND;
        assert!(waits.iter().zip([1, 2, 4, 4, 4]).all(is_within), "{waits:?}");
    }
}

#[test]
fn without_a_backoff_there_is_no_wait_however_many_attempts_are_made() {
    let policy = at_once().attempts(1100).backoff(Duration::ZERO, 2.0, SECOND).retry_time(Duration::ZERO);
    let mut bench = DeliveryBench::new(policy);
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.lost_total()), (1100, 1));
}

#[test]
fn an_attempt_starts_exactly_when_its_wait_is_over() {
    let mut bench = DeliveryBench::new(DeliveryPolicy::default()).answers([Answer::Busy(None)]);
    bench.submit(1);
    bench.poll();
    let due = bench.worker.delivery_due(bench.now).unwrap();
    assert!(bench.now < due && due <= bench.now + SECOND);
    bench.after(due - bench.now - Duration::from_nanos(1));
    assert_eq!(bench.attempts().len(), 1);
    bench.after(Duration::from_nanos(1));
    assert_eq!((bench.attempts().len(), bench.delivered(), bench.worker.delivery_due(bench.now)), (2, 1, None));
}

#[test]
fn attempts_end_when_the_time_for_retries_is_over() {
    let policy = at_once().attempts(1000).backoff(SECOND, 1.0, SECOND).retry_time(10 * SECOND);
    let mut bench = DeliveryBench::new(policy);
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.poll();
    bench.run(60 * SECOND);
    let last = *bench.times().last().unwrap();
    assert!(last <= 10 * SECOND && last > 5 * SECOND, "{last:?}");
    assert_eq!(bench.lost(LossReason::SinkFailed), 1);
}

#[test]
fn the_time_that_a_destination_asks_for_holds_for_all_payloads() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(7 * SECOND))]);
    bench.submit(1);
    bench.poll();
    bench.submit(1);
    bench.run(60 * SECOND);
    assert_eq!(bench.times(), [Duration::ZERO, 7 * SECOND, 7 * SECOND]);
    assert_eq!((bench.attempted(), bench.delivered()), (vec![vec![1], vec![1], vec![2]], 2));
}

#[test]
fn a_payload_that_was_in_flight_meanwhile_does_not_end_the_time_that_a_destination_asks_for() {
    let mut bench = DeliveryBench::new(at_once().in_flight(2))
        .answers([Answer::Busy(Some(7 * SECOND)), Answer::Slow(1, Box::new(Answer::Taken))]);
    bench.submit(1);
    bench.submit(1);
    bench.poll();
    assert_eq!(bench.delivered(), 1);
    bench.run(60 * SECOND);
    assert_eq!(bench.times(), [Duration::ZERO, Duration::ZERO, 7 * SECOND]);
}

#[test]
fn of_two_times_that_a_destination_asks_for_the_longer_one_holds() {
    let answers = [Answer::Busy(Some(7 * SECOND)), Answer::Busy(Some(2 * SECOND))];
    let mut bench = DeliveryBench::new(at_once().in_flight(2)).answers(answers);
    bench.submit(1);
    bench.submit(1);
    bench.run(60 * SECOND);
    assert_eq!(bench.times(), [Duration::ZERO, Duration::ZERO, 7 * SECOND, 7 * SECOND]);
}

#[test]
fn a_payload_is_given_up_if_the_destination_asks_for_more_time_than_there_is() {
    for wait in [11 * SECOND, Duration::MAX] {
        let mut bench = DeliveryBench::new(at_once().retry_time(10 * SECOND)).answers([Answer::Busy(Some(wait))]);
        bench.submit(1);
        bench.poll();
        assert_eq!((bench.attempts().len(), bench.lost(LossReason::SinkFailed)), (1, 1), "{wait:?}");
    }
}

#[test]
fn a_wait_without_end_that_a_destination_asks_for_holds_for_the_next_payload() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(Duration::MAX))]);
    bench.submit(1);
    bench.submit(1);
    bench.run(3600 * SECOND);
    assert_eq!((bench.attempts().len(), bench.pending()), (1, 1));
}

#[test]
fn the_wait_is_the_longer_of_the_policy_s_and_the_destination_s() {
    let policy = at_once().backoff(100 * SECOND, 1.0, 100 * SECOND);
    let waits: Vec<Duration> = std::iter::repeat_with(|| {
        let mut bench = DeliveryBench::new(policy.clone()).answers([Answer::Busy(Some(SECOND))]);
        bench.submit(1);
        bench.run(200 * SECOND);
        bench.times()[1]
    })
    .take(20)
    .collect();
    assert!(waits.iter().all(|wait| (SECOND..=100 * SECOND).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > SECOND), "{waits:?}");
}

#[test]
fn the_time_limit_ends_an_attempt_and_drops_its_future() {
    let mut bench = DeliveryBench::new(at_once().timeout(30 * SECOND)).answers([Answer::Hangs]);
    bench.submit(1);
    bench.poll();
    assert_eq!(bench.worker.delivery_due(bench.now), Some(bench.start + 30 * SECOND));
    bench.after(30 * SECOND - Duration::from_nanos(1));
    assert_eq!((bench.attempts().len(), bench.script.open()), (1, 1));
    bench.after(Duration::from_nanos(1));
    assert_eq!((bench.script.dropped(), bench.script.open(), bench.delivered()), (1, 0, 1));
    assert_eq!((bench.times(), bench.counters().delivery.timeouts.get()), (vec![Duration::ZERO, 30 * SECOND], 1));
}

#[test]
fn a_delivery_that_ends_at_its_time_limit_is_delivered() {
    let mut bench = DeliveryBench::new(at_once().timeout(SECOND)).answers([Answer::Slow(1, Box::new(Answer::Taken))]);
    bench.submit(1);
    bench.poll();
    bench.after(SECOND);
    assert_eq!((bench.delivered(), bench.counters().delivery.timeouts.get()), (1, 0));
}

#[test]
fn without_a_time_limit_an_attempt_may_take_for_ever() {
    let mut bench = DeliveryBench::new(at_once().timeout(Duration::ZERO)).answers([Answer::Hangs]);
    bench.submit(1);
    bench.run(10_000 * SECOND);
    assert_eq!((bench.attempts().len(), bench.script.dropped(), bench.pending()), (1, 0, 1));
}

#[test]
fn payloads_stay_in_order_through_retries() {
    let answers = [Answer::Busy(None), Answer::Taken, Answer::Busy(None), Answer::Busy(None), Answer::Taken];
    let mut bench = DeliveryBench::new(at_once()).answers(answers);
    (0..5).for_each(|_| bench.submit(2));
    bench.poll();
    assert_eq!(bench.script.acknowledged(), (1..=10).collect::<Vec<u64>>());
}

#[test]
fn a_payload_that_is_given_up_lets_the_next_one_pass() {
    let mut bench = DeliveryBench::new(at_once().attempts(2)).answers([Answer::Busy(None), Answer::Busy(None)]);
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    assert_eq!((bench.script.acknowledged(), bench.lost_total()), (vec![2, 3], 1));
}

#[test]
fn as_many_payloads_are_in_flight_as_the_policy_allows() {
    let mut bench = DeliveryBench::new(at_once().in_flight(3));
    bench.script.answer_always(Answer::Hangs);
    (0..5).for_each(|_| bench.submit(1));
    bench.poll();
    assert_eq!((bench.script.open(), bench.attempted()), (3, vec![vec![1], vec![2], vec![3]]));
}

#[test]
fn a_sink_without_a_queue_gets_each_payload_at_once_and_once() {
    let mut bench = DeliveryBench::new(DeliveryPolicy::direct());
    bench.script.answer_always(Answer::Busy(Some(SECOND)));
    (0..7).for_each(|_| bench.submit(1));
    assert_eq!(bench.script.open(), 7);
    bench.run(100 * SECOND);
    assert_eq!((bench.attempts().len(), bench.lost(LossReason::SinkFailed)), (7, 7));
    assert_eq!(bench.worker.impairment(bench.now), Some(crate::delivery::sink_worker::SinkImpairment::Fails));
}
