//! Answers for a part of a payload: records that are delivered are never sent again.

use super::*;

fn partial(records: usize, others: Answer) -> Answer {
    Answer::Partial(records, Box::new(others))
}

fn records(rejected: &[usize], retryable: &[usize]) -> Answer {
    Answer::Records { rejected: rejected.to_vec(), retryable: retryable.to_vec() }
}

/// Events delivered, refused, and lost in total.
fn ends(bench: &DeliveryBench) -> (u64, u64, u64) {
    (bench.delivered(), bench.lost(LossReason::Rejected), bench.lost_total())
}

#[test]
fn records_behind_those_that_are_delivered_are_attempted_again() {
    let answers = [partial(2, Answer::Busy(None)), partial(1, Answer::Busy(None))];
    let mut bench = DeliveryBench::new(at_once()).answers(answers);
    bench.submit(5);
    bench.poll();
    assert_eq!(bench.attempted(), [vec![1, 2, 3, 4, 5], vec![3, 4, 5], vec![4, 5]]);
    assert_eq!((ends(&bench), bench.counters().bytes.get()), ((5, 0, 0), 10));
    let attempts = bench.attempts();
    assert_eq!(attempts[1].address, attempts[0].address + 4, "the records were copied");
}

#[test]
fn records_behind_those_that_are_delivered_are_lost_if_the_error_is_permanent() {
    let mut bench = DeliveryBench::new(at_once()).answers([partial(2, Answer::Permanent)]);
    bench.submit(5);
    bench.poll();
    assert_eq!((bench.attempts().len(), ends(&bench)), (1, (2, 0, 3)));
}

#[test]
fn records_that_may_be_delivered_later_are_attempted_again_and_those_that_are_refused_are_not() {
    let mut bench = DeliveryBench::new(at_once()).answers([records(&[0, 3], &[1]), records(&[], &[0])]);
    bench.submit(5);
    bench.poll();
    assert_eq!(bench.attempted(), [vec![1, 2, 3, 4, 5], vec![2], vec![2]]);
    assert_eq!((bench.script.acknowledged(), ends(&bench)), (vec![3, 5, 2], (3, 2, 2)));
}

#[test]
fn an_answer_by_record_behind_a_partial_one_names_the_records_of_its_own_attempt() {
    let mut bench = DeliveryBench::new(at_once()).answers([partial(2, Answer::Busy(None)), records(&[0], &[2])]);
    bench.submit(5);
    bench.poll();
    assert_eq!(bench.attempted(), [vec![1, 2, 3, 4, 5], vec![3, 4, 5], vec![5]]);
    assert_eq!((bench.script.acknowledged(), ends(&bench)), (vec![1, 2, 4, 5], (4, 1, 1)));
}

#[test]
fn a_partial_answer_behind_one_by_record_counts_the_records_of_its_own_attempt() {
    let mut bench = DeliveryBench::new(at_once()).answers([records(&[], &[4, 1, 2]), partial(1, Answer::Busy(None))]);
    bench.submit(5);
    bench.poll();
    assert_eq!(bench.attempted(), [vec![1, 2, 3, 4, 5], vec![2, 3, 5], vec![3, 5]]);
    assert_eq!(ends(&bench), (5, 0, 0));
}

#[test]
fn records_without_marks_are_not_attempted_again() {
    let options = SinkOptions::new().delivery(at_once());
    let ids = PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(0, 1));
    let mut bench = DeliveryBench::of(Script::default().without_marks(), "unmarked", options, &ids);
    bench.script.answer([records(&[0], &[1])]);
    bench.submit(5);
    bench.poll();
    assert_eq!((bench.attempts().len(), ends(&bench)), (1, (3, 2, 2)));
}

#[test]
fn an_index_that_comes_twice_or_does_not_exist_changes_nothing() {
    let mut bench = DeliveryBench::new(at_once()).answers([records(&[0, 0, 1, 99], &[1, 1, 77])]);
    bench.submit(3);
    bench.poll();
    assert_eq!((bench.attempted(), ends(&bench)), (vec![vec![1, 2, 3], vec![2]], (2, 1, 1)));
}

#[test]
fn a_payload_all_of_whose_records_are_delivered_is_not_attempted_again() {
    let mut bench = DeliveryBench::new(at_once()).answers([partial(3, Answer::Busy(None))]);
    bench.submit(3);
    bench.poll();
    assert_eq!((bench.attempts().len(), ends(&bench)), (1, (3, 0, 0)));
}

#[test]
fn each_attempt_of_a_part_counts_as_an_attempt_of_the_payload() {
    let mut bench = DeliveryBench::new(at_once().attempts(2));
    bench.script.answer_always(partial(1, Answer::Busy(None)));
    bench.submit(5);
    bench.poll();
    assert_eq!((bench.attempts().len(), ends(&bench)), (2, (2, 0, 3)));
}

/// The losses of which a report is made.
fn failed(count: u64) -> crate::accounts::Losses {
    let mut losses = crate::accounts::Losses::default();
    losses.add_of(LossReason::SinkFailed, count);
    losses
}

fn attempted_report() -> OwnLosses {
    OwnLosses::Attempted { all: failed(3), kept: failed(1) }
}

#[test]
fn a_report_that_is_delivered_in_part_is_no_loss() {
    for answer in [partial(1, Answer::Permanent), records(&[1], &[]), records(&[], &[0]), records(&[0], &[1])] {
        let mut bench = DeliveryBench::new(at_once().attempts(1)).answers([answer.clone()]);
        bench.report(2, attempted_report());
        bench.worker.submit();
        bench.poll();
        let (delivered, failed_attempts) = (bench.delivered(), bench.worker.take_failed_attempts());
        assert_eq!((bench.lost_total(), delivered + failed_attempts), (0, 2), "{answer:?}");
        assert_eq!(bench.counters().filtered.get(), failed_attempts, "{answer:?}");
        assert_eq!(bench.worker.take_unreported_losses(), failed(2), "{answer:?}");
    }
}

#[test]
fn without_marks_a_report_that_is_refused_in_part_is_no_loss() {
    let options = SinkOptions::new().delivery(at_once());
    let ids = PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(0, 1));
    let mut bench = DeliveryBench::of(Script::default().without_marks(), "unmarked", options, &ids);
    bench.script.answer([records(&[0], &[])]);
    bench.report(2, attempted_report());
    bench.worker.submit();
    bench.poll();
    assert_eq!((bench.delivered(), bench.counters().filtered.get(), bench.lost_total()), (1, 1, 0));
}

#[test]
fn a_report_that_is_delivered_at_the_second_attempt_is_reported() {
    let mut bench = DeliveryBench::new(at_once()).answers([partial(1, Answer::Busy(None))]);
    bench.report(2, attempted_report());
    bench.worker.submit();
    bench.poll();
    assert_eq!((bench.delivered(), bench.worker.take_reported()), (2, Some(failed(1))));
    assert!(!bench.worker.has_unreported_losses());
}
