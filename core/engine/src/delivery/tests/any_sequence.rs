//! Any sequence of batches, answers and times: the accounts balance at each step, and nothing is delivered twice.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
pub(super) enum DeliveryStep {
    /// A batch of so many events, which may be urgent.
    Encode { events: u64, is_urgent: bool },
    /// The payload that is being filled is submitted.
    Submit,
    /// Time passes.
    After { millis: u64 },
    /// Time passes until the next work.
    UntilDue,
    /// A flush begins.
    BeginFlush,
    /// A flush is polled.
    PollFlush,
    /// The sink is enabled or disabled.
    Enable(bool),
    /// The sink has room for a payload, or has none.
    Room(bool),
}

fn step() -> impl Strategy<Value = DeliveryStep> {
    prop_oneof![
        8 => (1..6_u64, any::<bool>()).prop_map(|(events, is_urgent)| DeliveryStep::Encode { events, is_urgent }),
        4 => Just(DeliveryStep::Submit),
        4 => (0..3000_u64).prop_map(|millis| DeliveryStep::After { millis }),
        4 => Just(DeliveryStep::UntilDue),
        1 => Just(DeliveryStep::BeginFlush),
        2 => Just(DeliveryStep::PollFlush),
        1 => any::<bool>().prop_map(DeliveryStep::Enable),
        1 => any::<bool>().prop_map(DeliveryStep::Room),
    ]
}

/// An answer of each kind.
pub(super) fn answer() -> impl Strategy<Value = Answer> {
    let busy = prop_oneof![
        3 => Just(Answer::Busy(None)),
        1 => (0..5000_u64).prop_map(|millis| Answer::Busy(Some(Duration::from_millis(millis)))),
    ];
    let error = prop_oneof![3 => busy, 1 => Just(Answer::Permanent)];
    let error_again = prop_oneof![Just(Answer::Busy(None)), Just(Answer::Permanent)];
    let at_once = prop_oneof![
        6 => Just(Answer::Taken),
        4 => error,
        2 => (0..5_usize, error_again).prop_map(|(records, others)| Answer::Partial(records, Box::new(others))),
        3 => any::<u64>().prop_map(Answer::Mask),
    ];
    let slow = (1..4_u32, at_once.clone()).prop_map(|(polls, answer)| Answer::Slow(polls, Box::new(answer)));
    prop_oneof![
        14 => at_once,
        4 => slow,
        2 => Just(Answer::Hangs),
        1 => Just(Answer::PanicsInDeliver),
        1 => Just(Answer::PanicsInPoll),
        1 => Just(Answer::PanicsInDrop),
    ]
}

/// A policy of few and short steps.
pub(super) fn policy() -> impl Strategy<Value = DeliveryPolicy> {
    let limits = (1..6_usize, 1..4_usize, 1..5_u32, 0..4_u32);
    let times = (0..1000_u64, prop::sample::select(vec![0, 2000_u64]), 1..2000_u64, 0..4000_u64);
    (limits, times).prop_map(|((queue, in_flight, attempts, failures), (backoff, timeout, cool_down, retry_time))| {
        let millis = Duration::from_millis;
        let policy = DeliveryPolicy::default().queue(queue, 40).in_flight(in_flight).attempts(attempts);
        let policy = policy.backoff(millis(backoff), 2.0, 2 * SECOND).timeout(millis(timeout));
        policy.breaker(failures, millis(cool_down), 4 * SECOND).retry_time(millis(retry_time))
    })
}

/// A bench, and the policy that it has.
struct CheckedBench {
    bench: DeliveryBench,
    policy: DeliveryPolicy,
}

impl CheckedBench {
    fn take(&mut self, step: &DeliveryStep) {
        let bench = &mut self.bench;
        match *step {
            DeliveryStep::Encode { events, is_urgent: false } => bench.encode_of(Level::Info, events),
            DeliveryStep::Encode { events, is_urgent: true } => bench.encode_of(Level::Error, events),
            DeliveryStep::Submit => bench.worker.submit(),
            DeliveryStep::After { millis } => bench.after(Duration::from_millis(millis)),
            DeliveryStep::UntilDue => {
                bench.now = bench.worker.delivery_due(bench.now).unwrap_or(bench.now).max(bench.now);
                bench.poll();
            }
            DeliveryStep::BeginFlush => bench.worker.begin_flush(),
            DeliveryStep::PollFlush => _ = bench.poll_flush(),
            DeliveryStep::Enable(is_enabled) => bench.worker.set_enabled(is_enabled),
            DeliveryStep::Room(has_room) => bench.script.set_room(has_room),
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let Self { bench, policy } = self;
        let counters = bench.counters();
        let ended = bench.delivered() + counters.filtered.get() + bench.lost_total();
        prop_assert_eq!(counters.offered.get(), ended + bench.pending(), "the accounts do not balance");
        let acknowledged = bench.script.acknowledged();
        prop_assert_eq!(acknowledged.len() as u64, bench.delivered(), "delivered is not what was acknowledged");
        let distinct: HashSet<&u64> = acknowledged.iter().collect();
        prop_assert_eq!(distinct.len(), acknowledged.len(), "acknowledged twice: {:?}", &acknowledged);
        prop_assert!(bench.script.open() <= policy.in_flight_payloads, "too many in flight");
        prop_assert!(counters.delivery.queued_payloads.get() <= policy.queue_payloads as u64, "too many in the queue");
        self.check_attempts()
    }

    fn check_attempts(&self) -> Result<(), TestCaseError> {
        let Self { bench, policy } = self;
        let mut last_attempts = HashMap::new();
        let mut payloads = HashMap::new();
        for attempt in bench.attempts() {
            let last: u32 = last_attempts.insert(attempt.id.sequence, attempt.attempt).unwrap_or(0);
            prop_assert_eq!(attempt.attempt, last + 1, "attempts are not numbered");
            prop_assert!(attempt.attempt <= policy.attempts, "too many attempts");
            prop_assert!(!attempt.numbers.is_empty(), "an empty payload");
            payloads.extend(attempt.numbers.iter().map(|number| (*number, attempt.id.sequence)));
        }
        if policy.in_flight_payloads == 1 {
            let order: Vec<u64> = bench.script.acknowledged().iter().map(|number| payloads[number]).collect();
            prop_assert!(order.is_sorted(), "payloads out of order: {:?}", order);
        }
        Ok(())
    }
}

fn on_full() -> impl Strategy<Value = OnFull> {
    prop_oneof![Just(OnFull::Drop), Just(OnFull::DropLowSeverity), Just(OnFull::Block)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_batches_and_answers_ends_with_each_event_delivered_or_counted(
        policy in policy(),
        on_full in on_full(),
        marks in any::<bool>(),
        payload_bytes in prop::sample::select(vec![1, 13, 1000_usize]),
        answers in prop::collection::vec(answer(), 0..40),
        last_answer in answer(),
        steps in prop::collection::vec(step(), 1..60),
        time in 0..6000_u64,
    ) {
        let script = Script::default().payload_bytes(payload_bytes);
        let script = if marks { script } else { script.without_marks() };
        script.answer(answers);
        script.answer_always(last_answer);
        let ids = PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(0, 1));
        let bench = DeliveryBench::of(script, "any", options(policy.clone(), on_full), &ids);
        let mut checked = CheckedBench { bench, policy };
        for step in &steps {
            checked.take(step);
            checked.check()?;
        }
        let time = Duration::from_millis(time);
        checked.bench.worker.begin_flush();
        checked.bench.stop(time);
        for _ in 0..20 {
            checked.take(&DeliveryStep::UntilDue);
            checked.check()?;
        }
        checked.bench.after(time);
        checked.check()?;
        checked.bench.worker.give_up();
        checked.check()?;
        prop_assert_eq!((checked.bench.pending(), checked.bench.script.open()), (0, 0));
        prop_assert!(checked.bench.poll_flush());
    }
}
