use fapilog_plugin::{event::ProducerInfo, factory::ShardInfo};
use fapilog_ring::{Capacity, IdleRing, Storage};

use super::*;
use crate::{
    accounts::{LaneCounters, LossReason},
    host::HostStart,
    order::EventOrder,
    port::NewRing,
    producer::Frontend,
    shard::{ShardSettings, idle::IdleSettings},
};

fn watch<const SHARDS: usize>() -> ([Arc<ShardPort>; SHARDS], Watch) {
    watch_that(OnHang::Wait)
}

/// A watchdog of shards that have no host.
fn watch_that<const SHARDS: usize>(on_hang: OnHang) -> ([Arc<ShardPort>; SHARDS], Watch) {
    let ports = [(); SHARDS].map(|()| Arc::<ShardPort>::default());
    let settings = ShardSettings {
        order: EventOrder::ByTime,
        batch_events: 1,
        flush_interval: Duration::ZERO,
        message_max_chars: 1,
        heartbeat: None,
        idle: IdleSettings { spin: Duration::ZERO, sleep: Duration::ZERO },
    };
    let plans: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(index, port)| ShardPlan {
            info: ShardInfo::new(index, SHARDS),
            frontend: Arc::clone(Frontend::nowhere()),
            port: Arc::clone(port),
            pipeline: PipelinePlan::default(),
            sinks: Vec::new(),
            settings,
            diagnostics: DiagnosticLog::default(),
        })
        .collect();
    let watchdog = Watchdog::of(&plans, on_hang);
    let watch = Watch {
        alarm: Arc::clone(&watchdog.alarm),
        shards: plans.into_iter().map(WatchedShard::new).collect(),
        successors: Successors::new(Arc::default(), Executor::Thread),
        due: None,
    };
    (ports, watch)
}

#[test]
fn parked_shards_need_no_look() {
    let ([first, second], mut watch) = watch();
    first.turn_watch.park();
    second.turn_watch.park();
    assert_eq!(watch.look(Instant::now()), None);
    second.turn_watch.unpark();
    assert!(watch.look(Instant::now()).is_some());
    second.stop();
    assert_eq!(watch.look(Instant::now()), None);
}

#[test]
fn the_time_between_looks_is_that_to_the_limit_within_bounds() {
    let ([port], mut watch) = watch();
    let mut next = |limit| {
        port.turn_watch.set_limit(limit);
        watch.look(Instant::now())
    };
    assert_eq!(next(Some(Duration::from_millis(1))), Some(LOOK_INTERVAL_MIN));
    assert_eq!(next(Some(Duration::from_millis(600))), Some(Duration::from_millis(600)));
    assert_eq!(next(None), Some(LOOK_INTERVAL_MAX));
}

#[test]
fn a_shard_that_makes_many_calls_in_a_long_turn_does_not_hang() {
    const LIMIT: Duration = Duration::from_secs(1);
    let ([port], mut watch) = watch();
    let diagnostics = &watch.shards[0].plan.diagnostics.clone();
    port.turn_watch.report_to(diagnostics);
    port.turn_watch.set_limit(Some(LIMIT));
    let start = Instant::now();
    port.turn_watch.begin(start);
    let calls = port.calls.get().unwrap();
    for second in 0..5 {
        let call = calls.begin();
        watch.look(start + second * LIMIT);
        assert_eq!(calls.end(call), Ok(()));
    }
    assert_eq!(diagnostics.all(), []);
    let _call = calls.begin();
    watch.look(start + 5 * LIMIT);
    assert_eq!(diagnostics.all(), []);
    watch.look(start + 6 * LIMIT);
    assert_eq!(diagnostics.all().len(), 1);
}

#[test]
fn a_call_in_a_process_that_was_stopped_does_not_hang() {
    const LIMIT: Duration = Duration::from_secs(1);
    let ([port], mut watch) = watch();
    let diagnostics = &watch.shards[0].plan.diagnostics.clone();
    port.turn_watch.report_to(diagnostics);
    port.turn_watch.set_limit(Some(LIMIT));
    let start = Instant::now();
    port.turn_watch.begin(start);
    let _call = port.calls.get().unwrap().begin();
    watch.look(start);
    watch.look(start + 60 * LIMIT);
    assert_eq!(diagnostics.all(), []);
    watch.look(start + 61 * LIMIT);
    assert_eq!(diagnostics.all().len(), 1);
}

#[test]
fn a_port_ends_for_which_no_shard_could_be_started_and_its_events_are_lost() {
    let ([port], watch) = watch_that(OnHang::Abandon);
    let storage = Storage::heap(Capacity::new(Capacity::MIN_BYTES, 16).unwrap()).unwrap();
    let (mut producer, consumer) = IdleRing::new(storage).split();
    let info = ProducerInfo::new(Frontend::nowhere().instance(), 1, 1, None);
    let counters = Arc::<LaneCounters>::default();
    port.registrations.register(NewRing { consumer, counters: Arc::clone(&counters), info });
    for _ in 0..2 {
        counters.submitted.add(1);
        producer.reserve(1).unwrap().commit(1, 1, 1);
    }
    let now = Instant::now();
    let plan = &watch.shards[0].plan;
    let waiting = |starts| Succession::Waiting { next: now + LOOK_INTERVAL_MAX, starts };
    let still = waiting(7).poll(plan, &watch.successors, now);
    assert!(still.is_some() && !port.is_stopped());
    assert!(waiting(8).poll(plan, &watch.successors, now).is_none());
    assert!(port.is_stopped());
    assert_eq!((port.counters.lost.read().of(LossReason::PluginHung), counters.drained.get()), (2, 2));
    assert_eq!(plan.diagnostics.all().len(), 1);
}

#[test]
fn a_start_that_does_not_return_is_reported_once() {
    let (_, watch) = watch_that::<1>(OnHang::Abandon);
    let plan = &watch.shards[0].plan;
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    let waits = move |_| {
        let _ = lock(&receiver).recv();
        Err::<Box<dyn fapilog_plugin::processor::Processor>, _>(fapilog_plugin::error::PluginError::Panicked)
    };
    let processors = vec![crate::port::plan::PluginPlan::named("waits", waits)];
    let pipeline = PipelinePlan { processors, ..PipelinePlan::default() };
    let start = HostStart::begin(Executor::Thread, ShardPlan { pipeline, ..plan.clone() }, None).unwrap();
    let mut starting = Succession::Starting { start, starts: 1, is_reported: false };
    let (now, about) = (Instant::now(), || plan.diagnostics.all().iter().map(|one| one.times).sum::<u64>());
    for (after, reports) in [(0, 0), (11, 1), (12, 1)] {
        starting = starting.poll(plan, &watch.successors, now + Duration::from_secs(after)).unwrap();
        assert_eq!(about(), reports);
    }
    drop(sender);
}
