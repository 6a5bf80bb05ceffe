//! The breaker of a destination.

use super::*;
use crate::{accounts::BreakerState, delivery::sink_worker::SinkImpairment};

/// A breaker that opens with the third failure, for 10 s and at most 30 s.
fn policy() -> DeliveryPolicy {
    at_once().breaker(3, 10 * SECOND, 30 * SECOND).attempts(1000).retry_time(Duration::ZERO)
}

fn breaker(bench: &DeliveryBench) -> BreakerState {
    bench.counters().delivery.breaker()
}

#[test]
fn failures_in_a_row_stop_all_attempts_until_the_cool_down_is_over() {
    let mut bench = DeliveryBench::new(policy());
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.poll();
    assert_eq!((bench.attempts().len(), breaker(&bench)), (3, BreakerState::Open));
    assert_eq!(bench.worker.impairment(bench.now), Some(SinkImpairment::Fails));
    bench.submit(1);
    bench.after(10 * SECOND - Duration::from_nanos(1));
    assert_eq!(bench.attempts().len(), 3);
    bench.after(Duration::from_nanos(1));
    assert_eq!(bench.attempts().len(), 4);
}

#[test]
fn a_single_probe_is_in_flight_however_many_are_allowed() {
    let mut bench = DeliveryBench::new(policy().in_flight(4)).answers(vec![Answer::Busy(None); 4]);
    bench.script.answer_always(Answer::Hangs);
    (0..4).for_each(|_| bench.submit(1));
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.script.open()), (4, 0));
    bench.after(10 * SECOND);
    assert_eq!((bench.script.open(), breaker(&bench)), (1, BreakerState::HalfOpen));
    bench.after(SECOND);
    assert_eq!(bench.script.open(), 1);
}

#[test]
fn a_probe_that_succeeds_lets_all_others_pass_at_once() {
    let mut bench = DeliveryBench::new(policy()).answers(vec![Answer::Busy(None); 3]);
    (0..4).for_each(|_| bench.submit(1));
    bench.poll();
    bench.after(10 * SECOND);
    assert_eq!((bench.delivered(), breaker(&bench)), (4, BreakerState::Closed));
    assert_eq!((bench.script.acknowledged(), bench.worker.impairment(bench.now)), (vec![1, 2, 3, 4], None));
}

#[test]
fn a_probe_that_fails_doubles_the_cool_down_up_to_the_longest() {
    let mut bench = DeliveryBench::new(policy());
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.poll();
    bench.run(200 * SECOND);
    let times: Vec<u64> = bench.times().iter().skip(3).map(Duration::as_secs).collect();
    assert_eq!(times, [10, 30, 60, 90, 120, 150, 180]);
}

#[test]
fn a_destination_that_refuses_records_closes_the_breaker() {
    let refuses = Answer::Records { rejected: vec![0], retryable: vec![] };
    let mut bench = DeliveryBench::new(policy()).answers([Answer::Busy(None), Answer::Busy(None), refuses]);
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(2);
    bench.poll();
    assert_eq!((breaker(&bench), bench.delivered()), (BreakerState::Closed, 1));
    bench.submit(1);
    bench.poll();
    assert_eq!((bench.attempts().len(), breaker(&bench)), (6, BreakerState::Open));
}

#[test]
fn a_breaker_that_opens_is_a_diagnostic() {
    let mut bench = DeliveryBench::new(policy());
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.poll();
    let diagnostics = bench.worker.diagnostics.all();
    assert!(diagnostics.iter().any(|diagnostic| diagnostic.text.contains("its breaker is open")), "{diagnostics:?}");
}

#[test]
fn the_next_work_of_an_open_breaker_is_at_the_end_of_the_cool_down() {
    let mut bench = DeliveryBench::new(policy());
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.poll();
    assert_eq!(bench.worker.delivery_due(bench.now), Some(bench.start + 10 * SECOND));
}

#[test]
fn an_attempt_from_before_the_breaker_opened_that_fails_while_the_probe_is_in_flight_changes_nothing() {
    let policy = at_once().breaker(1, 10 * SECOND, 80 * SECOND).in_flight(2).timeout(15 * SECOND).attempts(9);
    let mut bench = DeliveryBench::new(policy).answers([Answer::Hangs, Answer::Busy(None), Answer::Hangs]);
    bench.submit(1);
    bench.submit(1);
    bench.poll();
    bench.after(10 * SECOND);
    assert_eq!((bench.script.open(), breaker(&bench)), (2, BreakerState::HalfOpen));
    bench.after(5 * SECOND);
    assert_eq!((bench.script.open(), breaker(&bench)), (1, BreakerState::HalfOpen));
    bench.after(10 * SECOND);
    assert_eq!((bench.script.open(), breaker(&bench)), (0, BreakerState::Open));
    assert_eq!(bench.worker.delivery_due(bench.now), Some(bench.now + 20 * SECOND));
}

#[test]
fn a_destination_that_refuses_payloads_for_good_is_not_down() {
    let mut bench = DeliveryBench::new(policy());
    bench.script.answer_always(Answer::Permanent);
    (0..9).for_each(|_| bench.submit(1));
    bench.poll();
    assert_eq!((bench.attempts().len(), breaker(&bench)), (9, BreakerState::Closed));
}

#[test]
fn a_destination_that_accepts_some_records_each_time_works() {
    let accepts_one_of = |records| Answer::Records { rejected: vec![], retryable: (1..records).collect() };
    let mut bench = DeliveryBench::new(policy()).answers([5, 4, 3, 2].map(accepts_one_of));
    bench.submit(5);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.delivered(), breaker(&bench)), (5, 5, BreakerState::Closed));
}
