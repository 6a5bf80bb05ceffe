//! Single cases.

use fapilog_plugin::sink::{Payload, SinkError};

use super::*;
use crate::{
    delivery::{
        encode::Readiness,
        pending::{PayloadContents, PendingPayload},
        remainder::split,
    },
    port::rotate::RotateRequest,
};

#[test]
fn a_payload_that_waits_for_its_next_attempt_comes_before_those_that_went_to_disk_meanwhile() {
    let mut bench = SpillBench::new(policy().attempts(5).breaker(9, SECOND, SECOND));
    bench.script.reply([ScriptedReply::Hangs, ScriptedReply::Busy(10 * SECOND)]);
    (0..6).for_each(|_| bench.submit(1));
    assert_eq!(bench.on_disk(), 5);
    // The time of the first attempt is up, and the second one is answered by a wait.
    bench.after(30 * SECOND);
    assert_eq!(bench.script.attempts(), 2);
    bench.submit(1);
    bench.after(10 * SECOND);
    bench.after(10 * SECOND);
    assert_eq!(bench.script.numbers(), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_payload_that_comes_back_from_the_fallback_behind_one_that_went_to_disk_goes_there_too() {
    let mut bench = SpillBench::with(policy(), |options, _| options.fallback("fallback"));
    bench.script.reply_always(ScriptedReply::Down);
    bench.fallback_script.reply_always(ScriptedReply::Refuses);
    (0..3).for_each(|_| bench.encode(1));
    bench.settle();
    bench.after(SECOND);
    assert_eq!(bench.on_disk(), 3);
    bench.script.reply_always(ScriptedReply::Takes);
    bench.after(10 * SECOND);
    assert_eq!(bench.script.numbers(), [1, 2, 3]);
}

#[test]
fn a_payload_that_comes_back_from_the_fallback_after_the_cool_down_comes_behind_those_on_disk() {
    let mut bench = SpillBench::with(policy(), |options, _| options.fallback("fallback"));
    bench.script.reply_always(ScriptedReply::Down);
    bench.fallback_script.reply([ScriptedReply::Refuses, ScriptedReply::Hangs, ScriptedReply::Refuses]);
    (0..2).for_each(|_| bench.encode(1));
    bench.settle();
    assert_eq!(bench.on_disk(), 1);
    bench.script.reply_always(ScriptedReply::Takes);
    bench.after(30 * SECOND);
    bench.after(SECOND);
    assert_eq!(bench.script.numbers(), [1, 2]);
}

#[test]
fn a_fallback_writes_no_dead_letter_for_another_sink() {
    let mut bench = SpillBench::with(policy(), |options, _| options.fallback("fallback"));
    let letters = DeadLetterOptions::new(bench.root.path().join("dead.jsonl"));
    let options = SinkOptions::new().delivery(policy()).dead_letters(letters);
    bench.fallback = Some(made("fallback", &bench.fallback_script, &options, &bench.ids));
    bench.script.reply_always(ScriptedReply::Down);
    bench.fallback_script.reply_always(ScriptedReply::Hangs);
    bench.submit(1);
    bench.fallback.as_mut().unwrap().give_up();
    bench.settle();
    assert_eq!((bench.on_disk(), bench.buried()), (1, vec![]));
}

#[test]
fn records_of_a_payload_from_disk_that_are_left_survive_a_crash_at_any_point() {
    for requests in 0..4 {
        let mut bench = SpillBench::new(policy());
        bench.script.reply_always(ScriptedReply::Down);
        bench.submit(3);
        assert_eq!(bench.on_disk(), 3);
        // Two of three records are taken, the last one is put on disk again.
        bench.now += SECOND;
        bench.settle_until_loaded();
        bench.hold();
        bench.script.reply([ScriptedReply::TakesOnly(2), ScriptedReply::Down]);
        bench.settle();
        bench.after(10 * SECOND);
        bench.crash_behind(requests);
        bench.script.reply_always(ScriptedReply::Takes);
        bench.after(10 * SECOND);
        assert!(bench.script.numbers().contains(&3), "behind {requests} requests: {:?}", bench.script.acknowledged());
    }
}

#[test]
fn a_payload_from_disk_that_is_refused_is_a_dead_letter_after_a_crash_at_any_point() {
    for requests in 0..4 {
        let mut bench = SpillBench::new(policy());
        bench.script.reply_always(ScriptedReply::Down);
        bench.submit(1);
        assert_eq!(bench.on_disk(), 1);
        bench.now += SECOND;
        bench.settle_until_loaded();
        bench.hold();
        bench.script.reply_always(ScriptedReply::Refuses);
        bench.settle();
        bench.crash_behind(requests);
        bench.after(10 * SECOND);
        assert!(bench.buried().contains(&1), "behind {requests} requests");
    }
}

#[test]
fn a_sink_that_is_added_again_delivers_what_the_former_sink_of_its_name_has_left_on_disk() {
    let mut bench = SpillBench::new(policy());
    bench.script.reply_always(ScriptedReply::Down);
    bench.submit(2);
    bench.replace_worker();
    let recovered = |bench: &SpillBench| bench.counters().delivery.recovered_delivered.get();
    assert_eq!((bench.on_disk(), recovered(&bench)), (2, 0));
    bench.script.reply_always(ScriptedReply::Takes);
    bench.after(10 * SECOND);
    assert_eq!((bench.on_disk(), recovered(&bench), bench.counters().delivered.get()), (0, 2, 0));
}

#[test]
fn no_bytes_are_on_disk_when_all_payloads_are_delivered() {
    let mut bench = SpillBench::new(policy());
    bench.script.reply_always(ScriptedReply::Down);
    (0..3).for_each(|_| bench.submit(3));
    bench.restart();
    assert_eq!(bench.on_disk(), 9);
    bench.script.reply_always(ScriptedReply::Takes);
    bench.after(10 * SECOND);
    assert_eq!((bench.on_disk(), bench.counters().delivery.spilled_bytes.get()), (0, 0));
}

#[test]
fn payloads_beyond_the_queue_do_not_stay_in_memory_while_it_is_not_known_what_is_on_disk() {
    let mut bench = SpillBench::new(policy());
    bench.set_recovered(false);
    (0..20).for_each(|_| bench.submit(1));
    assert!(bench.in_memory() <= 5, "{} events in memory", bench.in_memory());
    bench.set_recovered(true);
    bench.settle();
    assert_eq!(bench.script.numbers().len() as u64 + bench.lost(), 20);
}

#[test]
fn a_full_queue_blocks_for_a_second_at_most_while_it_is_not_known_what_is_on_disk() {
    let mut bench = SpillBench::new(policy());
    bench.set_recovered(false);
    bench.script.reply_always(ScriptedReply::Hangs);
    (0..5).for_each(|_| bench.submit(1));
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Full);
    bench.now += SECOND;
    assert_eq!(bench.worker.readiness(bench.now), Readiness::Drops);
    bench.set_recovered(true);
    assert_eq!(bench.worker.readiness(bench.now), Readiness::HasRoom);
}

#[test]
fn dead_letters_that_wait_for_the_disk_do_not_fill_the_memory() {
    let mut bench = SpillBench::new(policy().queue(4, 100).breaker(0, SECOND, SECOND));
    bench.script.reply_always(ScriptedReply::Refuses);
    bench.hold();
    (0..100).for_each(|_| bench.submit(10));
    assert!(bench.in_memory() <= 100 + 10, "{} events in memory", bench.in_memory());
    bench.held = None;
    bench.settle();
    assert_eq!((bench.lost(), bench.in_memory()), (bench.last, 0));
}

#[test]
fn a_flush_fails_while_its_events_are_on_disk() {
    let mut bench = SpillBench::new(policy());
    bench.script.reply_always(ScriptedReply::Down);
    for _ in 0..3 {
        bench.submit(1);
        assert!(bench.worker.take_failure());
    }
    bench.script.reply_always(ScriptedReply::Takes);
    bench.after(10 * SECOND);
    assert!(!bench.worker.take_failure());
}

#[test]
fn a_disk_that_is_full_costs_no_payload_that_the_queue_has_room_for() {
    let mut bench = SpillBench::with(policy(), |options, root| {
        // A payload of a directory that cannot be made again.
        options.spill(SpillOptions::new(root.path().join("spill")))
    });
    bench.break_spill_directory();
    bench.script.reply([ScriptedReply::Hangs]);
    (0..6).for_each(|_| bench.submit(1));
    assert_eq!((bench.on_disk(), bench.lost()), (0, 2));
    bench.after(31 * SECOND);
    assert_eq!(bench.script.numbers(), [1, 2, 3, 4]);
}

#[test]
fn a_sink_that_is_removed_does_not_wait_for_the_disk() {
    let mut bench = SpillBench::new(policy());
    bench.script.reply_always(ScriptedReply::Down);
    bench.submit(3);
    bench.worker.stop(bench.now + SECOND);
    bench.hold();
    let start = Instant::now();
    assert!(!bench.worker.has_closed_store());
    assert!(start.elapsed() < SECOND / 2, "it waits");
    bench.held = None;
    let deadline = Instant::now() + 30 * SECOND;
    while !bench.worker.has_closed_store() {
        assert!(Instant::now() < deadline, "it ends never");
        std::thread::yield_now();
    }
    bench.worker.give_up();
    bench.start_again();
    assert_eq!(bench.on_disk(), 3);
}

#[test]
fn sinks_that_end_with_a_disk_that_hangs_wait_for_it_once() {
    let mut bench = SpillBench::new(policy());
    bench.hold();
    bench.worker.stop(Instant::now() - SECOND);
    let start = Instant::now();
    bench.worker.give_up();
    assert!(start.elapsed() < SECOND / 4, "{:?}", start.elapsed());
}

#[test]
fn a_sink_that_spills_has_a_cool_down() {
    let is_problem = |cool_down| {
        let policy = policy().breaker(0, cool_down, SECOND);
        let options = SinkOptions::new().delivery(policy).spill(SpillOptions::new("spill"));
        let factory = std::sync::Arc::new(SpillScript::default());
        let plan = SinkPlan { name: "scripted".to_owned(), factory, options };
        !plan.own_delivery_problems().is_empty()
    };
    assert!(is_problem(Duration::ZERO) && !is_problem(Duration::from_millis(1)));
}

#[test]
fn a_destination_that_is_down_is_attempted_after_the_cool_down_alone() {
    let mut bench = SpillBench::new(policy().breaker(0, SECOND, SECOND));
    bench.script.reply_always(ScriptedReply::Down);
    bench.submit(1);
    let mut attempts = vec![bench.script.attempts()];
    for time in [SECOND / 2, SECOND / 2, SECOND / 2, SECOND / 2] {
        bench.after(time);
        attempts.push(bench.script.attempts());
    }
    assert_eq!(attempts, [2, 2, 3, 3, 4]);
}

#[test]
fn a_new_file_begins_behind_the_payload_in_memory_and_before_those_on_disk() {
    let mut bench = SpillBench::new(policy());
    bench.script.reply([ScriptedReply::Hangs, ScriptedReply::Hangs]);
    (0..6).for_each(|_| bench.submit(1));
    let request = std::sync::Arc::new(RotateRequest::new(None, Instant::now() + 90 * SECOND));
    bench.worker.rotate(request.ticket("scripted"));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert!(!bench.worker.poll_rotation(bench.now, &mut context));
        bench.submit(1);
        bench.after(30 * SECOND);
    }
    // The attempts at the first one are used up, and the third one follows the cool-down.
    bench.after(SECOND);
    assert_eq!(bench.script.numbers(), [1]);
    assert!(bench.worker.poll_rotation(bench.now, &mut context));
    bench.settle();
    assert_eq!(bench.script.numbers(), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn payloads_that_were_removed_from_the_disk_are_lost_and_later_ones_are_delivered() {
    let mut bench = SpillBench::new(policy());
    bench.script.reply_always(ScriptedReply::Down);
    (0..3).for_each(|_| bench.submit(2));
    assert_eq!(bench.on_disk(), 6);
    for entry in fs::read_dir(bench.root.path().join("spill/scripted-0")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "spill") {
            fs::remove_file(path).unwrap();
        }
    }
    bench.script.reply_always(ScriptedReply::Takes);
    bench.after(SECOND);
    assert_eq!((bench.on_disk(), bench.lost(), bench.counters().delivery.spilled_bytes.get()), (0, 6, 0));
    bench.submit(1);
    bench.after(SECOND);
    assert_eq!(bench.script.numbers(), [7]);
}

#[test]
fn a_payload_of_which_records_without_marks_are_refused_is_a_part() {
    let contents = PayloadContents { events: 3, ..PayloadContents::default() };
    let pending = PendingPayload::new(Some(Payload::new(8)), contents, PayloadOrigin::Encoded, 1);
    let refused = split(pending, &SinkError::rejected([1], "one")).refused.unwrap();
    assert!(refused.is_part && refused.contents.events == 1);
}

#[test]
fn a_disk_that_refuses_payloads_is_asked_again_after_a_while() {
    let mut bench = SpillBench::new(policy().breaker(2, 5 * SECOND, 5 * SECOND));
    bench.break_spill_directory();
    bench.script.reply_always(ScriptedReply::Down);
    (0..4).for_each(|_| bench.encode(1));
    bench.settle();
    // The attempts at the first one are used up.
    assert_eq!((bench.on_disk(), bench.lost(), bench.in_memory()), (0, 1, 3));
    bench.mend_spill_directory();
    bench.after(SECOND / 2);
    assert_eq!(bench.on_disk(), 0);
    bench.after(SECOND / 2);
    assert_eq!((bench.on_disk(), bench.lost(), bench.in_memory()), (3, 1, 0));
}

#[test]
fn nothing_is_due_while_it_is_not_known_what_is_on_disk() {
    let mut bench = SpillBench::new(policy());
    bench.set_recovered(false);
    bench.submit(1);
    assert_eq!(bench.worker.delivery_due(bench.now), None);
}

#[test]
fn a_dead_letter_of_a_payload_that_the_disk_refuses_has_the_reason_alone() {
    let mut bench = SpillBench::new(policy());
    bench.break_spill_directory();
    bench.script.reply([ScriptedReply::Hangs]);
    (0..6).for_each(|_| bench.submit(1));
    let text = fs::read_to_string(bench.root.path().join("dead.jsonl")).unwrap();
    assert!(text.lines().count() > 0 && !text.contains(r#""reason":"; "#), "{text}");
}
