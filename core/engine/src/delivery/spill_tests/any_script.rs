//! Any script of a destination, of its fallback and of the program, through retry, breaker, fallback, spill, dead letters, restart
//! and crash: the law holds at each step, nothing that was acknowledged comes again, and everything ends.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum ScriptStep {
    Log(u64),
    Reply(ScriptedReply),
    FallbackReply(ScriptedReply),
    Pass(Duration),
    /// The disk hangs.
    Hold,
    Release,
    /// The disk refuses payloads.
    Break,
    Mend,
    Restart,
    /// The process is killed, after the thread of the store has executed so many of the requests that wait.
    Crash(usize),
}

fn whole_reply() -> impl Strategy<Value = ScriptedReply> {
    prop_oneof![
        4 => Just(ScriptedReply::Takes),
        4 => Just(ScriptedReply::Down),
        1 => (0..5_u32).prop_map(|seconds| ScriptedReply::Busy(seconds * SECOND)),
        1 => Just(ScriptedReply::Refuses),
        1 => Just(ScriptedReply::Hangs),
    ]
}

fn any_reply() -> impl Strategy<Value = ScriptedReply> {
    prop_oneof![
        4 => whole_reply(),
        1 => (0..5_usize).prop_map(ScriptedReply::TakesOnly),
        1 => any::<u64>().prop_map(ScriptedReply::ByRecord),
        1 => Just(ScriptedReply::Panics),
    ]
}

fn common_step() -> impl Strategy<Value = ScriptStep> {
    prop_oneof![
        8 => (1..5_u64).prop_map(ScriptStep::Log),
        6 => prop_oneof![1..2000_u64, Just(31_000)].prop_map(|millis| ScriptStep::Pass(Duration::from_millis(millis))),
        1 => Just(ScriptStep::Hold),
        1 => Just(ScriptStep::Release),
        1 => Just(ScriptStep::Break),
        1 => Just(ScriptStep::Mend),
    ]
}

/// Nothing is sent twice by itself.
fn step() -> impl Strategy<Value = ScriptStep> {
    let fallback_reply =
        prop_oneof![Just(ScriptedReply::Takes), Just(ScriptedReply::Down), Just(ScriptedReply::Refuses)];
    prop_oneof![
        8 => common_step(),
        5 => any_reply().prop_map(ScriptStep::Reply),
        2 => fallback_reply.prop_map(ScriptStep::FallbackReply),
        1 => Just(ScriptStep::Restart),
    ]
}

fn step_with_crashes() -> impl Strategy<Value = ScriptStep> {
    prop_oneof![12 => step(), 1 => (0..6_usize).prop_map(ScriptStep::Crash)]
}

/// Steps that keep the order.
fn ordered_step() -> impl Strategy<Value = ScriptStep> {
    prop_oneof![
        16 => common_step(),
        8 => whole_reply().prop_map(ScriptStep::Reply),
        1 => (0..6_usize).prop_map(ScriptStep::Crash),
    ]
}

#[derive(Debug, Clone)]
struct ScriptedSetup {
    attempts: u32,
    in_flight: usize,
    breaker_failures: u32,
    has_fallback: bool,
    has_dead_letters: bool,
    queue_bytes: u64,
    on_full: OnFull,
    /// The disk has room for six records of this length, or for all.
    padding: usize,
}

fn setup() -> impl Strategy<Value = ScriptedSetup> {
    let places = (any::<bool>(), any::<bool>(), prop_oneof![Just(20), Just(1 << 20)]);
    let room = (prop_oneof![Just(OnFull::Spill), Just(OnFull::Drop)], prop_oneof![2 => Just(0), 1 => Just(20_000)]);
    (1..4_u32, 1..3_usize, 0..3_u32, places, room).prop_map(
        |(attempts, in_flight, breaker_failures, (has_fallback, has_dead_letters, queue_bytes), (on_full, padding))| {
            ScriptedSetup {
                attempts,
                in_flight,
                breaker_failures,
                has_fallback,
                has_dead_letters,
                queue_bytes,
                on_full,
                padding,
            }
        },
    )
}

/// The sink, and what is known of the containers that have ended.
struct ScriptedRun {
    bench: SpillBench,
    /// Events that they counted as lost, and that are no dead letters.
    lost: u64,
    /// Events that were in memory at a crash.
    crashed: u64,
    has_crashed: bool,
}

impl ScriptedRun {
    fn new(setup: &ScriptedSetup) -> Self {
        let policy = policy().attempts(setup.attempts).in_flight(setup.in_flight).queue(4, setup.queue_bytes).breaker(
            setup.breaker_failures,
            SECOND,
            4 * SECOND,
        );
        let bench = SpillBench::with(policy, |mut options, root| {
            let spill = SpillOptions::new(root.path().join("spill")).segment_bytes(64 << 10).bytes_max(128 << 10);
            options = options.on_full(setup.on_full).spill(spill);
            if !setup.has_dead_letters {
                options.delivery.dead_letters = None;
            }
            if setup.has_fallback { options.fallback("fallback") } else { options }
        });
        bench.script.pad(setup.padding);
        Self { bench, lost: 0, crashed: 0, has_crashed: false }
    }

    fn take(&mut self, step: &ScriptStep) {
        match step {
            ScriptStep::Log(events) => self.bench.submit(*events),
            ScriptStep::Reply(reply) => self.bench.script.reply([reply.clone()]),
            ScriptStep::FallbackReply(reply) => self.bench.fallback_script.reply([reply.clone()]),
            ScriptStep::Pass(time) => self.bench.after(*time),
            ScriptStep::Hold if self.bench.held.is_none() => self.bench.hold(),
            ScriptStep::Hold => {}
            ScriptStep::Release => {
                self.bench.held = None;
                self.bench.settle();
            }
            ScriptStep::Break => self.bench.break_spill_directory(),
            ScriptStep::Mend => self.bench.mend_spill_directory(),
            ScriptStep::Restart => {
                self.bench.stop();
                self.lost += self.lost_now();
                self.bench.start_again();
            }
            ScriptStep::Crash(requests) => {
                self.lost += self.lost_now();
                self.crashed += self.bench.in_memory();
                self.has_crashed = true;
                self.bench.crash_behind(*requests);
            }
        }
    }

    /// Events that the container has lost, and that are no dead letters.
    fn lost_now(&self) -> u64 {
        let figures = &self.bench.counters().delivery;
        self.bench.lost() + figures.recovered_lost.get() - figures.dead_lettered.get()
    }

    /// The destinations are up for good.
    fn end(&mut self) {
        self.bench.held = None;
        self.bench.mend_spill_directory();
        self.bench.script.reply_always(ScriptedReply::Takes);
        self.bench.fallback_script.reply_always(ScriptedReply::Takes);
        self.bench.settle();
        for _ in 0..40 {
            self.bench.after(5 * SECOND);
        }
        let left = (self.bench.in_memory(), self.bench.on_disk());
        assert_eq!(left, (0, 0), "events in memory and on disk that are never delivered");
        self.bench.stop();
        self.lost += self.lost_now();
    }

    fn check(&self) {
        let main = self.bench.script.numbers();
        let mut all: Vec<u64> = main.iter().copied().chain(self.bench.fallback_script.numbers()).collect();
        let acknowledged = all.len();
        all.extend(self.bench.buried());
        let ended: BTreeSet<u64> = all.iter().copied().collect();
        let missing = (1..=self.bench.last).filter(|number| !ended.contains(number)).count() as u64;
        if self.has_crashed {
            assert!(missing <= self.lost + self.crashed, "{missing} missing, {} lost", self.lost);
        } else {
            assert_eq!(missing, self.lost, "{:?}", self.bench.script.acknowledged());
            assert_eq!(all.len(), ended.len(), "events that end twice, {acknowledged} acknowledged: {all:?}");
        }
        self.check_repetitions();
    }

    /// A record that is delivered twice, because the process was killed in between, has the same id, and is marked.
    fn check_repetitions(&self) {
        let acknowledged = self.bench.script.acknowledged();
        for (place, payload) in acknowledged.iter().enumerate() {
            let has_some_of = |first: &&script::AcknowledgedPayload| {
                first.numbers.iter().any(|number| payload.numbers.contains(number))
            };
            for first in acknowledged[..place].iter().filter(has_some_of) {
                let whole = |id: fapilog_plugin::sink::PayloadId| (id.instance, id.shard, id.sequence);
                assert_eq!(whole(first.id), whole(payload.id), "another id");
                assert!(payload.is_replayed, "it is not marked: {payload:?}");
            }
        }
    }

    fn check_order(&self) {
        let mut seen = BTreeSet::new();
        let first: Vec<u64> = self.bench.script.numbers().into_iter().filter(|number| seen.insert(*number)).collect();
        assert!(first.is_sorted(), "{first:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_script_ends_each_event_once(setup in setup(), steps in prop::collection::vec(step(), 1..60)) {
        let mut run = ScriptedRun::new(&setup);
        steps.iter().for_each(|step| run.take(step));
        run.end();
        run.check();
    }

    #[test]
    fn any_script_with_crashes_drops_no_event_that_was_on_disk(
        setup in setup(), steps in prop::collection::vec(step_with_crashes(), 1..60),
    ) {
        let mut run = ScriptedRun::new(&setup);
        steps.iter().for_each(|step| run.take(step));
        run.end();
        run.check();
    }

    #[test]
    fn any_script_of_whole_payloads_keeps_the_order(
        setup in setup(), steps in prop::collection::vec(ordered_step(), 1..60),
    ) {
        let setup = ScriptedSetup { in_flight: 1, has_fallback: false, ..setup };
        let mut run = ScriptedRun::new(&setup);
        steps.iter().for_each(|step| run.take(step));
        run.end();
        run.check();
        run.check_order();
    }
}
