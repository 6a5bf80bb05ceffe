//! Panics of a sink: each costs the events that the call was for, and no others.

use script::PanicPlace;

use super::*;

#[test]
fn a_call_or_a_future_that_panics_fails_the_payload_for_good() {
    for answer in [Answer::PanicsInDeliver, Answer::PanicsInPoll] {
        let mut bench = DeliveryBench::new(at_once()).answers([answer.clone()]);
        bench.submit(2);
        bench.submit(3);
        bench.poll();
        assert_eq!((bench.attempts().len(), bench.delivered()), (2, 3), "{answer:?}");
        assert_eq!((bench.lost(LossReason::SinkFailed), bench.lost_total()), (2, 2), "{answer:?}");
    }
}

#[test]
fn a_future_that_panics_when_its_time_limit_ends_it_costs_nothing() {
    let mut bench = DeliveryBench::new(at_once().timeout(SECOND)).answers([Answer::PanicsInDrop]);
    bench.submit(2);
    bench.poll();
    bench.after(SECOND);
    assert_eq!((bench.script.dropped(), bench.delivered(), bench.lost_total()), (1, 2, 0));
}

#[test]
fn futures_that_panic_when_the_sink_is_given_up_are_counted_as_lost() {
    let mut bench = DeliveryBench::new(at_once().in_flight(3));
    bench.script.answer_always(Answer::PanicsInDrop);
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    bench.worker.give_up();
    assert_eq!((bench.script.dropped(), bench.lost(LossReason::ShutdownDeadline)), (3, 3));
}

#[test]
fn futures_that_panic_when_the_sink_is_dropped_do_not_end_the_program() {
    let mut bench = DeliveryBench::new(at_once().in_flight(3));
    bench.script.answer_always(Answer::PanicsInDrop);
    (0..3).for_each(|_| bench.submit(1));
    bench.poll();
    let script = bench.script.clone();
    drop(bench);
    assert_eq!((script.dropped(), script.open()), (3, 0));
}

#[test]
fn a_batch_over_which_the_sink_panics_is_lost_and_leaves_no_half_of_a_record() {
    let mut bench = DeliveryBench::new(at_once());
    bench.encode(2);
    bench.script.panic_at(Some(PanicPlace::Encode));
    bench.encode(3);
    bench.script.panic_at(None);
    bench.encode(1);
    bench.worker.submit();
    bench.poll();
    assert_eq!((bench.script.acknowledged(), bench.lost(LossReason::PluginPanicked)), (vec![1, 2, 6], 3));
}

#[test]
fn a_batch_that_the_formatter_refuses_is_lost_with_the_reason_and_is_no_panic() {
    let mut bench = DeliveryBench::new(at_once());
    bench.encode(2);
    bench.script.panic_at(Some(PanicPlace::EncodeRefused));
    bench.encode(3);
    bench.script.panic_at(None);
    bench.encode(1);
    bench.worker.submit();
    bench.poll();
    assert_eq!((bench.script.acknowledged(), bench.lost(LossReason::SinkFailed)), (vec![1, 2, 6], 3));
    assert_eq!(bench.lost_total(), 3);
    let diagnostics = bench.worker.diagnostics.all();
    assert!(diagnostics.iter().any(|diagnostic| diagnostic.text.contains("planted")), "{diagnostics:?}");
}

#[test]
fn a_sink_that_panics_over_a_new_payload_drops_the_batch() {
    let mut bench = DeliveryBench::new(at_once());
    bench.script.panic_at(Some(PanicPlace::Payload));
    bench.encode(3);
    bench.script.panic_at(None);
    bench.submit(1);
    bench.poll();
    assert_eq!((bench.script.acknowledged(), bench.lost(LossReason::PluginPanicked)), (vec![4], 3));
}

#[test]
fn a_flush_or_a_stop_that_panics_is_an_error() {
    let mut bench = DeliveryBench::new(at_once());
    bench.script.panic_at(Some(PanicPlace::Flush));
    bench.worker.begin_flush();
    assert!(bench.poll_flush() && bench.worker.take_failure());
    bench.script.panic_at(Some(PanicPlace::Stop));
    let before = bench.counters().errors.get();
    bench.stop(SECOND);
    assert_eq!(bench.counters().errors.get(), before + 1);
}
