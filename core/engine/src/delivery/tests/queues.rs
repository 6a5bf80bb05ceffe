//! The queue of a sink, and the treatment of events while it is full.

use super::*;
use crate::delivery::encode::Readiness;

/// A sink whose destination hangs, with a queue of so many payloads, each of one batch.
fn hanging(payloads: usize, on_full: OnFull) -> DeliveryBench {
    let ids = PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(0, 1));
    let policy = at_once().queue(payloads, u64::MAX).timeout(Duration::ZERO);
    let bench = DeliveryBench::of(Script::default().payload_bytes(1), "hangs", options(policy, on_full), &ids);
    bench.script.answer_always(Answer::Hangs);
    bench
}

#[test]
fn a_full_queue_takes_no_more_payloads_and_drops_events() {
    let mut bench = hanging(3, OnFull::Drop);
    for _ in 0..3 {
        assert_eq!(bench.worker.readiness(bench.now), Readiness::HasRoom);
        bench.encode(2);
        bench.poll();
    }
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Drops);
    bench.encode(5);
    bench.poll();
    assert_eq!((bench.lost(LossReason::SinkBusy), bench.lost_total(), bench.pending()), (5, 5, 6));
    assert_eq!(bench.counters().delivery.queued_payloads.get(), 3);
}

#[test]
fn the_bytes_of_a_queue_are_bounded() {
    let ids = PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(0, 1));
    let policy = at_once().queue(1000, 20).timeout(Duration::ZERO);
    let sink = options(policy, OnFull::Drop);
    let mut bench = DeliveryBench::of(Script::default().payload_bytes(1), "hangs", sink, &ids);
    bench.script.answer_always(Answer::Hangs);
    // Each event is of two bytes.
    (0..9).for_each(|_| bench.encode(1));
    bench.poll();
    assert_eq!((bench.counters().delivery.queued_bytes.get(), bench.lost_total()), (18, 0));
    bench.encode(1);
    bench.poll();
    assert_eq!((bench.counters().delivery.queued_bytes.get(), bench.lost_total()), (21, 0));
    bench.encode(1);
    assert_eq!((bench.lost(LossReason::SinkBusy), bench.pending()), (1, 10));
}

#[test]
fn a_queue_has_room_again_when_a_payload_has_ended() {
    let mut bench = hanging(2, OnFull::Drop);
    bench.script.answer([Answer::Slow(1, Box::new(Answer::Taken))]);
    bench.encode(1);
    bench.encode(1);
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Drops);
    bench.poll();
    bench.poll();
    assert_eq!((bench.delivered(), bench.worker.readiness(bench.now)), (1, Readiness::HasRoom));
}

#[test]
fn of_a_queue_that_is_short_of_room_the_last_eighth_is_for_urgent_events() {
    let mut bench = hanging(16, OnFull::DropLowSeverity);
    (0..14).for_each(|_| bench.encode(1));
    bench.poll();
    assert_eq!(bench.lost_total(), 0);
    bench.encode_of(Level::Warning, 3);
    assert_eq!((bench.lost(LossReason::LowSeverity), bench.pending()), (3, 14));
    bench.encode_of(Level::Error, 1);
    bench.encode_of(Level::Error, 1);
    assert_eq!((bench.lost_total(), bench.pending()), (3, 16));
    bench.encode_of(Level::Error, 1);
    assert_eq!((bench.lost(LossReason::SinkBusy), bench.pending()), (1, 16));
}

#[test]
fn a_full_queue_that_blocks_does_so_for_a_second() {
    let mut bench = hanging(1, OnFull::Block);
    bench.encode(1);
    bench.poll();
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Full);
    bench.after(SECOND - Duration::from_nanos(1));
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Full);
    bench.after(Duration::from_nanos(1));
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Stalled);
}

#[test]
fn an_attempt_that_fails_does_not_begin_that_second_anew() {
    let mut bench = hanging(1, OnFull::Block);
    let half = SECOND / 2;
    bench.script.answer([Answer::Busy(Some(half))]);
    bench.encode(1);
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Full);
    bench.after(half);
    assert_eq!((bench.attempts().len(), bench.worker.readiness(bench.now)), (1, Readiness::Full));
    bench.after(half);
    assert_eq!((bench.attempts().len(), bench.worker.readiness(bench.now)), (2, Readiness::Stalled));
}

#[test]
fn a_sink_that_is_disabled_delivers_the_events_that_it_holds() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(SECOND))]);
    bench.submit(2);
    bench.poll();
    bench.worker.set_enabled(false);
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Drops);
    bench.encode(3);
    bench.run(2 * SECOND);
    assert_eq!((bench.delivered(), bench.counters().filtered.get()), (2, 3));
}

#[test]
fn figures_show_what_waits_and_since_when() {
    let mut bench = hanging(8, OnFull::Drop);
    (0..3).for_each(|_| bench.encode(1));
    bench.poll();
    let figures = &bench.counters().delivery;
    // The time of an event is its number.
    let shown = (figures.queued_payloads.get(), figures.queued_bytes.get(), figures.oldest_unix_nanos.get());
    assert_eq!(shown, (3, 6, 1));
}

#[test]
fn figures_show_nothing_when_all_is_delivered() {
    let mut bench = DeliveryBench::new(at_once());
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    let figures = &bench.counters().delivery;
    let shown = (figures.queued_payloads.get(), figures.queued_bytes.get(), figures.oldest_unix_nanos.get());
    assert_eq!(shown, (0, 0, 0));
}

#[test]
fn a_payload_is_filled_further_while_the_destination_is_busy() {
    let slow = Answer::Slow(10, Box::new(Answer::Taken));
    let mut bench = DeliveryBench::new(at_once().timeout(Duration::ZERO)).answers([slow]);
    for _ in 0..3 {
        bench.encode(1);
        bench.now += 60 * SECOND;
        bench.worker.submit_if_due(bench.now);
        bench.poll();
    }
    assert_eq!((bench.attempted(), bench.worker.submission_due()), (vec![vec![1]], None));
    for _ in 0..10 {
        bench.worker.submit_if_due(bench.now);
        bench.poll();
    }
    assert_eq!(bench.attempted(), [vec![1], vec![2, 3]]);
}
