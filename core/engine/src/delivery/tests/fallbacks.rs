//! Payloads that a sink cannot deliver, and that its fallback does.

use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
};
use fapilog_ring::sync::lock;
use script::PanicPlace;

use super::*;
use crate::{
    accounts::{Accounts, SinkAccounts},
    container::Container,
    host::ManualDrain,
    port::changes::Change,
    producer::{LogCall, ProducerLane},
    route::Route,
};

/// A container with a sink `own`, and a sink `other`, which is its fallback and gets no events of its own but reports of losses.
pub(super) struct FallbackBench {
    pub(super) container: Container,
    drain: ManualDrain,
    lane: ProducerLane,
    pub(super) own: Script,
    pub(super) other: Script,
    now: Instant,
    last: u64,
}

/// Payloads of one batch.
fn script() -> Script {
    Script::default().payload_bytes(1)
}

impl FallbackBench {
    fn new(own: DeliveryPolicy, other: DeliveryPolicy) -> Self {
        let other = SinkOptions::new().delivery(other).route(Route::default().targets(["nothing"]));
        Self::with(SinkOptions::new().delivery(own).fallback("other"), other)
    }

    /// Whether the sink is the fallback of its fallback: `is_mutual`.
    pub(super) fn of_policies((own, other): (DeliveryPolicy, DeliveryPolicy), is_mutual: bool) -> Self {
        let is_mutual = is_mutual && !other.is_direct();
        let other = SinkOptions::new().delivery(other).route(Route::default().targets(["nothing"]));
        let other = if is_mutual { other.fallback("own") } else { other };
        Self::with(SinkOptions::new().delivery(own).fallback("other"), other)
    }

    fn with(own_options: SinkOptions, other_options: SinkOptions) -> Self {
        Self::of(script(), own_options, other_options, Duration::ZERO)
    }

    fn of(other: Script, own_options: SinkOptions, other_options: SinkOptions, flush_interval: Duration) -> Self {
        Self::of_scripts(script(), other, own_options, other_options, flush_interval)
    }

    /// A sink whose records have the first form, and a fallback whose records have the second one, or a formatter's.
    fn of_forms(own: &'static str, other: Option<&'static str>) -> Self {
        let other = other.map_or_else(script, |form| script().with_form(form));
        let other_options = SinkOptions::new().delivery(at_once()).route(Route::default().targets(["nothing"]));
        let own_options = SinkOptions::new().delivery(at_once()).fallback("other");
        Self::of_scripts(script().with_form(own), other, own_options, other_options, Duration::ZERO)
    }

    fn of_scripts(
        own: Script,
        other: Script,
        own_options: SinkOptions,
        other_options: SinkOptions,
        flush_interval: Duration,
    ) -> Self {
        let builder = Container::builder().flush_interval(flush_interval).emergency_lines(false);
        let builder = builder.sink_with("own", own.clone(), own_options);
        let builder = builder.sink_with("other", other.clone(), other_options);
        let (container, drain) = builder.start_manual().unwrap();
        let lane = container.frontend().open_lane().unwrap();
        Self { container, drain, lane, own, other, now: Instant::now(), last: 0 }
    }

    /// Logs so many events, which are one batch and one payload.
    pub(super) fn log(&mut self, events: u64) {
        static SITE: CallSite =
            CallSite::new(Level::Info, "", "test", "", 0, &[FieldName::new(FieldGroup::Context, "n")]);
        for _ in 0..events {
            self.last += 1;
            let call = LogCall::new(Level::Info, SITE.descriptor_id::<(Arg<'_, u64>, End)>(), 0);
            self.lane.log(call, &(Arg(&self.last), End), &[]);
        }
        self.after(Duration::ZERO);
    }

    /// Lets time pass, and does all that there is to do then.
    pub(super) fn after(&mut self, time: Duration) {
        self.now += time;
        for script in [&self.own, &self.other] {
            script.set_now(self.now);
        }
        for _ in 0..40 {
            if self.has_ended() {
                return;
            }
            self.drain.turn_at(self.now);
        }
    }

    fn has_ended(&self) -> bool {
        self.container.frontend().ports[0].is_stopped()
    }

    pub(super) fn accounts(&self) -> Accounts {
        let accounts = self.container.accounts();
        accounts.check().unwrap();
        accounts
    }

    fn account(&self, name: &str) -> SinkAccounts {
        self.accounts().sinks.into_iter().find(|sink| sink.name == name).unwrap()
    }

    /// The delivered and the lost events of the sink `own`.
    fn ends(&self) -> (u64, u64) {
        let own = self.account("own");
        (own.delivered, own.lost.total())
    }

    fn fell_back(&self) -> u64 {
        self.fell_back_from("own")
    }

    /// The events of this sink that its fallback has delivered.
    pub(super) fn fell_back_from(&self, sink: &str) -> u64 {
        let views = lock(&self.container.frontend().ports[0].sinks);
        views.iter().find(|view| view.name == sink).map_or(0, |view| view.counters.delivery.fell_back.get())
    }

    /// The numbers of the program's events that the fallback has acknowledged.
    fn at_other(&self) -> Vec<u64> {
        self.other.acknowledged().into_iter().filter(|number| *number > 0).collect()
    }

    pub(super) fn set_enabled(&mut self, sink: &str, is_enabled: bool) {
        self.container.frontend().ports[0].changes.post(Change::SetEnabled(sink.to_owned(), is_enabled));
        self.after(Duration::ZERO);
    }

    pub(super) fn remove(&mut self, sink: &str) {
        self.container.frontend().ports[0].changes.post(Change::Remove(sink.to_owned()));
        self.after(Duration::ZERO);
    }

    /// Ends the drain, with so much time.
    pub(super) fn end(&mut self, time: Duration) {
        self.container.request_shutdown(self.now + time);
        for _ in 0..100 {
            self.after(time / 50);
        }
        assert!(self.has_ended());
    }

    /// Shuts down, with so much time.
    fn shut_down(mut self, time: Duration) -> (Accounts, Script, Script) {
        self.end(time);
        let accounts = self.accounts();
        assert_eq!(accounts.pending_total(), 0, "{accounts}");
        (accounts, self.own, self.other)
    }
}

#[test]
fn events_that_the_fallback_delivers_count_as_delivered_at_the_sink_itself() {
    let mut bench = FallbackBench::new(at_once(), at_once());
    bench.own.answer([Answer::Permanent]);
    bench.log(3);
    bench.log(2);
    assert_eq!((bench.ends(), bench.fell_back(), bench.at_other()), ((5, 0), 3, vec![1, 2, 3]));
    assert_eq!(bench.own.acknowledged(), [4, 5]);
    assert_eq!(bench.account("other").delivered, 0);
    let (accounts, ..) = bench.shut_down(SECOND);
    assert_eq!((accounts.submitted, accounts.lost_total()), (5, 0));
}

#[test]
fn payloads_go_to_the_fallback_when_the_attempts_are_used_up() {
    let mut bench = FallbackBench::new(at_once().attempts(3), at_once());
    bench.own.answer_always(Answer::Busy(None));
    bench.log(1);
    assert_eq!((bench.own.attempts().len(), bench.ends(), bench.at_other()), (3, (1, 0), vec![1]));
}

#[test]
fn payloads_go_to_the_fallback_at_once_while_the_breaker_is_open() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND).attempts(9), at_once());
    bench.own.answer_always(Answer::Busy(None));
    (0..3).for_each(|_| bench.log(1));
    assert_eq!((bench.own.attempts().len(), bench.ends(), bench.at_other()), (1, (3, 0), vec![1, 2, 3]));
    bench.own.answer_always(Answer::Taken);
    bench.after(60 * SECOND);
    bench.log(1);
    assert_eq!((bench.own.acknowledged(), bench.at_other().len()), (vec![4], 3));
}

#[test]
fn a_payload_that_fails_at_both_is_lost_after_one_attempt_each_if_the_error_is_permanent() {
    let mut bench = FallbackBench::new(at_once(), at_once());
    bench.own.answer([Answer::Permanent]);
    bench.other.answer([Answer::Permanent]);
    bench.log(2);
    assert_eq!((bench.own.attempts().len(), bench.ends()), (1, (0, 2)));
    assert_eq!(bench.other.attempts()[0].numbers, [1, 2]);
}

#[test]
fn records_that_a_destination_refuses_never_go_there_again_even_if_the_fallback_fails() {
    let mut bench = FallbackBench::new(at_once(), at_once());
    bench.own.answer([Answer::Records { rejected: vec![1], retryable: vec![] }]);
    bench.other.answer([Answer::Busy(None)]);
    bench.log(3);
    assert_eq!((bench.own.attempts().len(), bench.ends()), (1, (2, 1)));
    assert_eq!(bench.account("own").lost.of(LossReason::Rejected), 1);
}

#[test]
fn a_payload_that_the_fallback_has_no_room_for_in_a_second_is_lost_if_no_attempt_is_left() {
    let mut bench = FallbackBench::new(at_once().attempts(2), at_once());
    bench.own.answer_always(Answer::Busy(None));
    bench.other.set_room(false);
    bench.log(2);
    assert_eq!(bench.account("own").pending, 2);
    bench.after(SECOND);
    assert_eq!((bench.own.attempts().len(), bench.other.attempts().len(), bench.ends()), (2, 0, (0, 2)));
}

#[test]
fn a_payload_that_the_fallback_has_no_room_for_in_a_second_keeps_the_attempts_that_are_left() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND), at_once());
    bench.own.answer([Answer::Busy(None)]);
    bench.other.set_room(false);
    (0..3).for_each(|_| bench.log(1));
    assert_eq!((bench.own.attempts().len(), bench.account("own").pending), (1, 3));
    bench.after(60 * SECOND);
    assert_eq!((bench.own.acknowledged(), bench.ends()), (vec![1, 2, 3], (3, 0)));
}

#[test]
fn records_that_the_fallback_has_delivered_are_not_attempted_again() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND), at_once());
    bench.own.answer([Answer::Busy(None)]);
    bench.other.answer([Answer::Partial(2, Box::new(Answer::Busy(None)))]);
    bench.log(5);
    assert_eq!((bench.at_other(), bench.ends(), bench.fell_back()), (vec![1, 2], (2, 0), 2));
    bench.after(60 * SECOND);
    assert_eq!((bench.own.acknowledged(), bench.ends()), (vec![3, 4, 5], (5, 0)));
}

#[test]
fn a_fallback_that_writes_records_in_a_form_of_its_own_leaves_whole_records() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND), at_once());
    bench.own.answer([Answer::Busy(None)]);
    bench.other.change_records();
    bench.other.answer([Answer::Partial(2, Box::new(Answer::Busy(None)))]);
    bench.log(5);
    bench.after(60 * SECOND);
    assert_eq!((bench.at_other(), bench.own.acknowledged(), bench.ends()), (vec![1, 2], vec![3, 4, 5], (5, 0)));
    assert_eq!(bench.own.attempts()[1].numbers, [3, 4, 5]);
}

#[test]
fn a_fallback_of_the_same_form_gets_the_records_as_they_are() {
    let mut bench = FallbackBench::of_forms("frames", Some("frames"));
    bench.own.answer([Answer::Permanent]);
    bench.log(3);
    assert_eq!((bench.other.attempts()[0].text.as_str(), bench.ends()), ("1;2;3;", (3, 0)));
}

#[test]
fn a_fallback_of_another_form_gets_text_and_its_answer_names_the_same_records() {
    for form in [None, Some("columns")] {
        let mut bench = FallbackBench::of_forms("frames", form);
        bench.own.answer([Answer::Permanent]);
        bench.other.answer([Answer::Records { rejected: vec![1], retryable: vec![] }]);
        bench.log(3);
        assert_eq!((bench.other.attempts()[0].text.as_str(), bench.ends()), ("01;02;03;", (2, 1)));
    }
}

#[test]
fn text_waits_for_room_at_the_fallback_and_is_rendered_once() {
    let mut bench = FallbackBench::of_forms("frames", None);
    bench.own.answer([Answer::Permanent]);
    bench.other.set_room(false);
    bench.log(2);
    bench.after(SECOND / 2);
    bench.other.set_room(true);
    bench.after(SECOND / 10);
    assert_eq!((bench.other.attempts()[0].text.as_str(), bench.ends()), ("01;02;", (2, 0)));
}

#[test]
fn a_sink_that_cannot_render_each_record_as_text_does_not_hand_the_payload_over() {
    for panics in [false, true] {
        let mut bench = FallbackBench::of_forms("frames", None);
        bench.own.answer([Answer::Permanent]);
        if panics {
            bench.own.panic_at(Some(PanicPlace::AppendAsText))
        } else {
            bench.own.skip_texts()
        }
        bench.log(3);
        assert_eq!((bench.other.attempts().len(), bench.fell_back(), bench.ends()), (0, 0, (0, 3)));
    }
}

#[test]
fn parts_of_a_payload_that_come_back_stay_in_order() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND), at_once());
    bench.own.answer([Answer::Busy(None)]);
    bench.other.answer([Answer::Records { rejected: vec![0], retryable: vec![1] }]);
    bench.log(3);
    bench.after(60 * SECOND);
    assert_eq!((bench.at_other(), bench.own.acknowledged()), (vec![3], vec![1, 2]));
}

#[test]
fn parts_of_a_payload_that_are_at_the_fallback_together_are_not_confused() {
    let mut bench = FallbackBench::new(at_once().attempts(1), at_once().in_flight(2));
    bench.own.answer([Answer::Records { rejected: vec![0], retryable: vec![1, 2] }]);
    bench.other.answer([Answer::Slow(2, Box::new(Answer::Permanent)), Answer::Taken]);
    bench.log(4);
    assert_eq!((bench.own.acknowledged(), bench.at_other()), (vec![4], vec![2, 3]));
    assert_eq!((bench.own.attempts().len(), bench.ends(), bench.fell_back()), (1, (3, 1), 2));
    assert_eq!(bench.account("own").lost.of(LossReason::Rejected), 1);
}

#[test]
fn a_fallback_that_has_failed_once_gets_the_next_payload() {
    for policy in [at_once(), DeliveryPolicy::direct()] {
        let mut bench = FallbackBench::new(at_once(), policy);
        bench.own.answer_always(Answer::Permanent);
        bench.other.answer([Answer::Permanent]);
        bench.log(1);
        bench.log(1);
        assert_eq!((bench.ends(), bench.at_other()), ((1, 1), vec![2]));
    }
}

#[test]
fn a_fallback_whose_breaker_was_open_gets_payloads_after_its_cool_down() {
    let mut bench = FallbackBench::new(at_once(), at_once().breaker(1, 10 * SECOND, 10 * SECOND));
    bench.own.answer_always(Answer::Permanent);
    bench.other.answer([Answer::Busy(None)]);
    bench.log(1);
    bench.log(1);
    assert_eq!((bench.other.attempts().len(), bench.ends()), (1, (0, 2)));
    bench.after(10 * SECOND);
    bench.log(1);
    assert_eq!((bench.at_other(), bench.ends()), (vec![3], (1, 2)));
}

#[test]
fn a_fallback_gets_no_payload_while_its_breaker_is_open() {
    let mut bench = FallbackBench::new(at_once(), at_once().breaker(1, 10 * SECOND, 10 * SECOND));
    bench.own.answer_always(Answer::Permanent);
    bench.other.answer_always(Answer::Busy(None));
    (0..5).for_each(|_| bench.log(1));
    let of_program = bench.other.attempts().iter().filter(|attempt| attempt.numbers != [0]).count();
    assert_eq!((of_program, bench.ends()), (1, (0, 5)));
}

#[test]
fn the_payload_of_another_sink_goes_behind_what_the_fallback_has_encoded() {
    let other = SinkOptions::new().delivery(at_once());
    let mut bench = FallbackBench::with(SinkOptions::new().delivery(at_once()).fallback("other"), other);
    bench.own.answer([Answer::Permanent]);
    bench.log(2);
    assert_eq!(bench.at_other(), [1, 2, 1, 2]);
    let other = bench.account("other");
    assert_eq!((other.delivered, other.bytes, other.lost.total()), (2, 8, 0));
}

#[test]
fn a_fallback_submits_the_payload_that_it_fills_before_that_of_another_sink() {
    let own = SinkOptions::new().delivery(at_once()).fallback("other");
    let mut bench = FallbackBench::of(Script::default(), own, SinkOptions::new().delivery(at_once()), 60 * SECOND);
    bench.own.answer([Answer::Permanent]);
    bench.log(2);
    let attempted: Vec<Vec<u64>> = bench.other.attempts().into_iter().map(|attempt| attempt.numbers).collect();
    assert_eq!((attempted, bench.account("other").delivered), (vec![vec![1, 2], vec![1, 2]], 2));
}

#[test]
fn a_fallback_hands_no_payload_of_another_sink_over() {
    let other = at_once().breaker(1, 60 * SECOND, 60 * SECOND).timeout(5 * SECOND);
    let mut bench = FallbackBench::of_policies((at_once(), other), true);
    bench.own.answer([Answer::Permanent, Answer::Permanent]);
    bench.other.answer([Answer::Hangs]);
    bench.log(1);
    bench.log(1);
    bench.after(5 * SECOND);
    assert_eq!((bench.ends(), bench.account("own").pending), ((0, 1), 1));
    bench.after(60 * SECOND);
    assert_eq!((bench.at_other(), bench.own.acknowledged().contains(&2)), (vec![2], false));
    assert_eq!(bench.account("own").lost.total(), 1);
}

#[test]
fn two_sinks_that_are_the_fallback_of_each_other_attempt_each_payload_once_each() {
    let options = |fallback| SinkOptions::new().delivery(at_once()).fallback(fallback);
    let mut bench = FallbackBench::with(options("other"), options("own"));
    bench.own.answer_always(Answer::Permanent);
    bench.other.answer_always(Answer::Permanent);
    bench.log(1);
    let of_program = |script: &Script| script.attempts().iter().filter(|attempt| attempt.numbers == [1]).count();
    assert_eq!((of_program(&bench.own), of_program(&bench.other)), (2, 2));
    let (accounts, ..) = bench.shut_down(SECOND);
    assert_eq!(accounts.lost_total(), 1);
}

#[test]
fn a_fallback_that_panics_over_the_records_does_not_take_them() {
    let mut bench = FallbackBench::new(at_once(), at_once());
    bench.own.answer([Answer::Permanent]);
    bench.other.panic_at(Some(PanicPlace::AppendRecords));
    bench.log(2);
    bench.other.panic_at(None);
    assert_eq!((bench.ends(), bench.at_other()), ((0, 2), vec![]));
    bench.own.answer([Answer::Permanent]);
    bench.log(1);
    assert_eq!((bench.ends(), bench.at_other()), ((1, 2), vec![3]));
}

#[test]
fn without_its_fallback_which_was_removed_a_sink_goes_on() {
    let mut bench = FallbackBench::new(at_once(), at_once());
    bench.own.answer([Answer::Permanent]);
    bench.remove("other");
    bench.after(SECOND);
    bench.log(1);
    bench.log(1);
    assert_eq!((bench.ends(), bench.own.acknowledged()), ((1, 1), vec![2]));
}

#[test]
fn a_payload_that_a_removed_fallback_has_in_flight_is_delivered() {
    let mut bench = FallbackBench::new(at_once(), at_once().timeout(Duration::ZERO));
    bench.own.answer([Answer::Permanent]);
    bench.other.answer([Answer::Slow(60, Box::new(Answer::Taken))]);
    bench.log(1);
    bench.remove("other");
    bench.after(Duration::ZERO);
    assert_eq!((bench.ends(), bench.at_other(), bench.accounts().sinks.len()), ((1, 0), vec![1], 1));
}

#[test]
fn a_removed_sink_waits_for_its_fallback() {
    let mut bench = FallbackBench::new(at_once(), at_once().timeout(Duration::ZERO));
    bench.own.answer([Answer::Permanent]);
    bench.other.answer([Answer::Slow(60, Box::new(Answer::Taken))]);
    bench.log(1);
    let answer = bench.container.frontend().ports[0].changes.post(Change::Remove("own".to_owned()));
    bench.after(Duration::ZERO);
    bench.after(Duration::ZERO);
    assert_eq!((bench.at_other(), answer.wait(Instant::now()).is_ok()), (vec![1], true));
}

#[test]
fn a_sink_that_is_given_up_before_its_fallback_has_ended_counts_its_events_once() {
    let mut bench = FallbackBench::new(at_once(), at_once().timeout(Duration::ZERO));
    bench.own.answer([Answer::Permanent]);
    bench.other.answer([Answer::Hangs]);
    bench.log(2);
    let (accounts, ..) = bench.shut_down(SECOND);
    assert_eq!(accounts.sinks[0].lost.of(LossReason::ShutdownDeadline), 2);
}

#[test]
fn what_the_fallback_acknowledges_at_the_deadline_is_delivered() {
    let mut bench = FallbackBench::new(at_once(), at_once().timeout(Duration::ZERO));
    bench.own.answer([Answer::Permanent]);
    bench.other.answer([Answer::Hangs]);
    bench.log(2);
    bench.other.end_hanging();
    bench.container.request_shutdown(bench.now);
    drop(bench.drain);
    let accounts = bench.container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.sinks[0].lost.total()), (2, 0));
}

#[test]
fn a_shutdown_waits_for_the_fallback() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND), at_once());
    bench.own.answer_always(Answer::Busy(None));
    bench.other.answer_always(Answer::Slow(3, Box::new(Answer::Taken)));
    bench.log(1);
    bench.log(1);
    let (accounts, _, other) = bench.shut_down(60 * SECOND);
    assert_eq!((accounts.sinks[0].delivered, accounts.lost_total(), other.acknowledged()), (2, 0, vec![1, 2]));
}

#[test]
fn a_fallback_without_room_for_a_moment_gets_the_payloads_when_it_has_room() {
    let mut bench = FallbackBench::new(at_once().breaker(1, 60 * SECOND, 60 * SECOND), at_once());
    bench.own.answer_always(Answer::Busy(None));
    bench.other.set_room(false);
    (0..3).for_each(|_| bench.log(1));
    bench.other.set_room(true);
    bench.after(SECOND);
    assert_eq!((bench.at_other(), bench.ends()), (vec![1, 2, 3], (3, 0)));
}
