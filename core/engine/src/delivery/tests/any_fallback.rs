//! Any sequence of events, answers and times, with a fallback that fails, too: the accounts of both sinks balance at each step,
//! and no event that one of the two has acknowledged is delivered again.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{
    any_sequence::{answer, policy},
    fallbacks::FallbackBench,
    *,
};

#[derive(Debug, Clone)]
enum FallbackStep {
    /// A batch of so many events.
    Log { events: u64 },
    /// Time passes.
    After { millis: u64 },
    /// The fallback has room, or has none.
    Room(bool),
    /// A sink is enabled or disabled.
    Enable { sink: &'static str, is_enabled: bool },
    /// A flush is requested.
    Flush,
    /// A sink is removed.
    Remove(&'static str),
}

fn sink() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["own", "other"])
}

fn step() -> impl Strategy<Value = FallbackStep> {
    prop_oneof![
        30 => (1..6_u64).prop_map(|events| FallbackStep::Log { events }),
        30 => (0..3000_u64).prop_map(|millis| FallbackStep::After { millis }),
        6 => any::<bool>().prop_map(FallbackStep::Room),
        3 => (sink(), any::<bool>()).prop_map(|(sink, is_enabled)| FallbackStep::Enable { sink, is_enabled }),
        5 => Just(FallbackStep::Flush),
        1 => sink().prop_map(FallbackStep::Remove),
    ]
}

fn take(bench: &mut FallbackBench, step: &FallbackStep) {
    match *step {
        FallbackStep::Log { events } => bench.log(events),
        FallbackStep::After { millis } => bench.after(Duration::from_millis(millis)),
        FallbackStep::Room(has_room) => bench.other.set_room(has_room),
        FallbackStep::Enable { sink, is_enabled } => bench.set_enabled(sink, is_enabled),
        FallbackStep::Flush => bench.container.request_flush(),
        FallbackStep::Remove(sink) => bench.remove(sink),
    }
}

fn check(bench: &FallbackBench) -> Result<(), TestCaseError> {
    let accounts = bench.accounts();
    let (at_own, at_other) = (bench.own.acknowledged(), bench.other.acknowledged());
    let mut distinct = HashSet::new();
    for number in at_own.iter().chain(&at_other).filter(|number| **number > 0) {
        prop_assert!(distinct.insert(*number), "event {} is delivered twice", number);
    }
    let delivered = |name| accounts.sinks.iter().find(|sink| sink.name == name).map(|sink| sink.delivered);
    // The accounts of a sink that was removed are gone.
    if let (Some(own), Some(other)) = (delivered("own"), delivered("other")) {
        let (to_other, to_own) = (bench.fell_back_from("own"), bench.fell_back_from("other"));
        prop_assert_eq!(own + to_own, at_own.len() as u64 + to_other, "delivered at `own`, and in the accounts");
        prop_assert_eq!(other + to_other, at_other.len() as u64 + to_own, "delivered at `other`, and in the accounts");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_and_answers_of_two_sinks_ends_with_each_event_delivered_once_or_counted(
        policies in (policy(), prop_oneof![3 => policy(), 1 => Just(DeliveryPolicy::direct())]),
        is_mutual in any::<bool>(),
        answers in prop::collection::vec(answer(), 0..20),
        other_answers in prop::collection::vec(answer(), 0..20),
        last_answers in (answer(), answer()),
        steps in prop::collection::vec(step(), 1..40),
        time in 1..6000_u64,
    ) {
        let mut bench = FallbackBench::of_policies(policies, is_mutual);
        bench.own.answer(answers);
        bench.other.answer(other_answers);
        bench.own.answer_always(last_answers.0);
        bench.other.answer_always(last_answers.1);
        for step in &steps {
            take(&mut bench, step);
            check(&bench)?;
        }
        bench.end(Duration::from_millis(time));
        check(&bench)?;
        prop_assert_eq!(bench.accounts().pending_total(), 0);
        prop_assert_eq!((bench.own.open(), bench.other.open()), (0, 0));
    }
}
