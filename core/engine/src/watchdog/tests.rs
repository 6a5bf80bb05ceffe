use fapilog_plugin::factory::ShardInfo;

use super::*;
use crate::{
    order::EventOrder,
    producer::Frontend,
    shard::{ShardSettings, idle::IdleSettings},
};

/// A watchdog of shards that have no host.
fn watch<const SHARDS: usize>() -> ([Arc<ShardPort>; SHARDS], Watch) {
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
    let watchdog = Watchdog::of(&plans, OnHang::Wait);
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
