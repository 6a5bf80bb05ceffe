//! The shutdown of a sink.

use super::*;

/// A breaker that is open after one failure, for an hour.
fn down() -> DeliveryPolicy {
    at_once().breaker(1, 3600 * SECOND, 3600 * SECOND)
}

#[test]
fn a_destination_that_is_down_gets_one_last_attempt_at_shutdown() {
    let mut bench = DeliveryBench::new(down());
    bench.script.answer_always(Answer::Busy(None));
    (0..5).for_each(|_| bench.submit(1));
    bench.poll();
    assert_eq!(bench.attempts().len(), 1);
    bench.stop(60 * SECOND);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.pending(), bench.lost(LossReason::SinkFailed)), (2, 0, 5));
}

#[test]
fn a_destination_that_is_up_again_at_shutdown_gets_all() {
    let mut bench = DeliveryBench::new(down()).answers([Answer::Busy(None)]);
    (0..5).for_each(|_| bench.submit(1));
    bench.poll();
    bench.stop(60 * SECOND);
    bench.poll();
    assert_eq!((bench.script.acknowledged(), bench.delivered()), (vec![1, 2, 3, 4, 5], 5));
}

#[test]
fn a_destination_that_fails_during_the_shutdown_has_its_attempts() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(None), Answer::Busy(None)]);
    bench.submit(1);
    bench.stop(60 * SECOND);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.delivered()), (3, 1));
}

#[test]
fn a_time_that_a_destination_asks_for_and_that_ends_before_the_deadline_is_waited_for() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(5 * SECOND))]);
    bench.submit(1);
    bench.poll();
    bench.stop(6 * SECOND);
    bench.run(6 * SECOND);
    assert_eq!((bench.times(), bench.delivered()), (vec![Duration::ZERO, 5 * SECOND], 1));
}

#[test]
fn a_time_that_a_destination_asks_for_and_that_ends_after_the_deadline_is_not_waited_for() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(5 * SECOND))]);
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    bench.stop(5 * SECOND);
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.pending(), bench.lost(LossReason::SinkFailed)), (1, 0, 3));
}

#[test]
fn a_wait_between_attempts_that_ends_after_the_deadline_is_cut_short() {
    let mut bench = DeliveryBench::new(at_once().backoff(3600 * SECOND, 1.0, 3600 * SECOND).retry_time(Duration::ZERO));
    bench.script.answer([Answer::Busy(None)]);
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    let wait = bench.worker.delivery_due(bench.now).unwrap() - bench.now;
    bench.stop(wait.min(SECOND));
    bench.poll();
    assert_eq!((bench.attempts().len(), bench.delivered()), (4, 3));
}

#[test]
fn no_wait_between_attempts_ends_after_the_deadline() {
    let policy = at_once().backoff(3600 * SECOND, 1.0, 3600 * SECOND).retry_time(Duration::ZERO);
    let mut bench = DeliveryBench::new(policy);
    bench.script.answer_always(Answer::Busy(None));
    bench.submit(1);
    bench.stop(Duration::from_nanos(1));
    bench.poll();
    assert_eq!((bench.pending(), bench.lost(LossReason::SinkFailed)), (0, 1));
}

#[test]
fn events_that_are_given_up_are_lost_to_the_deadline() {
    let mut bench = DeliveryBench::new(at_once().timeout(Duration::ZERO).in_flight(2));
    bench.script.answer_always(Answer::Hangs);
    (0..4).for_each(|_| bench.submit(2));
    bench.poll();
    bench.encode(3);
    bench.stop(SECOND);
    bench.after(SECOND);
    bench.worker.give_up();
    assert_eq!((bench.lost(LossReason::ShutdownDeadline), bench.lost_total(), bench.pending()), (11, 11, 0));
    assert_eq!((bench.script.open(), bench.script.dropped()), (0, 2));
}

#[test]
fn figures_show_nothing_after_the_shutdown() {
    let mut bench = DeliveryBench::new(at_once().timeout(Duration::ZERO));
    bench.script.answer_always(Answer::Hangs);
    (0..4).for_each(|_| bench.submit(2));
    bench.poll();
    bench.worker.give_up();
    let figures = &bench.counters().delivery;
    let shown = (figures.queued_payloads.get(), figures.queued_bytes.get(), figures.oldest_unix_nanos.get());
    assert_eq!(shown, (0, 0, 0));
}

#[test]
fn a_delivery_that_has_ended_counts_when_the_sink_is_given_up() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Slow(1, Box::new(Answer::Taken))]);
    bench.submit(2);
    bench.poll();
    bench.worker.give_up();
    assert_eq!((bench.delivered(), bench.lost_total()), (2, 0));
}

#[test]
fn no_attempt_starts_when_the_sink_is_given_up() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Slow(1, Box::new(Answer::Taken))]);
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    bench.stop(3600 * SECOND);
    bench.worker.give_up();
    assert_eq!((bench.attempts().len(), bench.delivered(), bench.lost(LossReason::ShutdownDeadline)), (1, 1, 2));
}

#[test]
fn a_sink_that_is_abandoned_delivers_nothing_more() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Slow(1, Box::new(Answer::Taken))]);
    bench.submit(1);
    bench.poll();
    bench.worker.abandon();
    assert_eq!((bench.delivered(), bench.lost(LossReason::ShutdownDeadline)), (0, 1));
}
