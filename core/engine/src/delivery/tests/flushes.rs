//! Flushes of a sink.

use super::*;

#[test]
fn a_flush_waits_for_the_payloads_before_it_and_for_no_later_one() {
    let mut bench = DeliveryBench::new(at_once().timeout(Duration::ZERO));
    bench.script.answer([Answer::Slow(1, Box::new(Answer::Taken)), Answer::Hangs]);
    bench.encode(2);
    bench.worker.begin_flush();
    bench.submit(1);
    bench.poll();
    assert!(!bench.poll_flush());
    assert_eq!(bench.script.flushes(), 0);
    bench.poll();
    assert!(bench.poll_flush());
    assert_eq!((bench.delivered(), bench.script.open(), bench.script.flushes()), (2, 1, 1));
}

#[test]
fn a_flush_waits_for_the_retries_of_a_payload() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(5 * SECOND)), Answer::Busy(Some(SECOND))]);
    bench.encode(1);
    bench.worker.begin_flush();
    bench.run(6 * SECOND - Duration::from_nanos(1));
    assert!(!bench.poll_flush());
    bench.after(Duration::from_nanos(1));
    assert!(bench.poll_flush());
    assert!(!bench.worker.take_failure());
}

#[test]
fn a_flush_ends_and_fails_when_a_payload_is_lost() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Permanent]);
    bench.encode(1);
    bench.worker.begin_flush();
    bench.poll();
    assert!(bench.poll_flush() && bench.worker.take_failure());
    assert!(!bench.worker.take_failure());
}

#[test]
fn a_flush_of_nothing_ends_at_once() {
    let mut bench = DeliveryBench::new(at_once());
    bench.worker.begin_flush();
    assert!(bench.poll_flush());
    assert_eq!((bench.attempts().len(), bench.script.flushes()), (0, 1));
}

#[test]
fn a_flush_submits_what_is_not_full() {
    let mut bench = DeliveryBench::new(at_once());
    bench.encode(1);
    bench.poll();
    assert_eq!(bench.attempts().len(), 0);
    bench.worker.begin_flush();
    bench.poll();
    assert!(bench.poll_flush());
    assert_eq!(bench.delivered(), 1);
}
