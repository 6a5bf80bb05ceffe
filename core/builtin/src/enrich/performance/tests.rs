use fapilog_plugin::{
    factory::ShardInfo,
    registry::{Entry, PluginSettings, Registry},
    settings::PluginConfig,
    testing::{TestBatches, test_event},
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// The numbers of the metrics that each event of a batch has, so long after the start.
fn counts(stage: &TestBatches, enricher: &mut dyn Enricher, passed: Duration, levels: &[Level]) -> Vec<usize> {
    let events: Vec<_> = levels.iter().map(|level| test_event("m").level(*level)).collect();
    stage.at(passed).events(&events, |batch| {
        enricher.enrich(batch).unwrap();
        let of_event = |event: &Event<'_>| event.counted_fields(FieldGroup::Metrics).len();
        batch.events().iter().map(of_event).collect()
    })
}

fn threads() -> Performance {
    Performance::new().metrics([PerformanceMetric::Threads])
}

#[test]
fn the_first_event_in_each_interval_gets_the_metrics() {
    let (stage, mut enricher) = (TestBatches::new(), threads());
    let mut at = |passed| counts(&stage, &mut enricher, passed, &[Level::Info; 3]);
    assert_eq!(at(Duration::ZERO), [1, 0, 0]);
    assert_eq!(at(INTERVAL - Duration::from_nanos(1)), [0, 0, 0]);
    assert_eq!(at(INTERVAL), [1, 0, 0]);
    assert_eq!(at(INTERVAL * 5), [1, 0, 0]);
}

#[test]
fn shards_share_the_interval() {
    let (stage, enricher) = (TestBatches::new(), threads());
    let mut shards: Vec<Performance> = (0..4).map(|_| enricher.clone()).collect();
    let mut all = |passed| -> usize {
        shards.iter_mut().map(|shard| counts(&stage, shard, passed, &[Level::Info; 2]).iter().sum::<usize>()).sum()
    };
    assert_eq!((all(Duration::ZERO), all(SECOND), all(INTERVAL)), (1, 0, 1));
}

#[test]
fn an_event_of_the_lowest_level_gets_them_by_default() {
    assert_eq!(counts(&TestBatches::new(), &mut threads(), Duration::ZERO, &[Level::Trace]), [1]);
    let mut enricher = by_settings(&PluginConfig::new().with("metrics", vec!["threads"])).unwrap();
    assert_eq!(counts(&TestBatches::new(), &mut *enricher, Duration::ZERO, &[Level::Trace]), [1]);
}

#[test]
fn the_first_event_of_the_level_gets_them_and_the_interval_waits_for_it() {
    let (stage, mut enricher) = (TestBatches::new(), threads().level(Level::Warning));
    let mut at = |passed, levels: &[Level]| counts(&stage, &mut enricher, passed, levels);
    assert_eq!(at(Duration::ZERO, &[Level::Info, Level::Info]), [0, 0]);
    assert_eq!(at(SECOND, &[Level::Info, Level::Error, Level::Warning]), [0, 1, 0]);
}

#[test]
fn every_event_of_the_level_gets_the_last_sample_if_wanted() {
    let (stage, mut enricher) = (TestBatches::new(), threads().every_event(true).level(Level::Warning));
    let mut other_shard = enricher.clone();
    let levels = [Level::Warning, Level::Info, Level::Error];
    assert_eq!(counts(&stage, &mut enricher, Duration::ZERO, &levels), [1, 0, 1]);
    assert_eq!(counts(&stage, &mut enricher, SECOND, &levels), [1, 0, 1]);
    assert_eq!(counts(&stage, &mut other_shard, SECOND, &levels), [1, 0, 1]);
}

#[test]
fn an_event_of_every_event_has_the_same_numbers_until_the_next_sample() {
    let mut enricher = Performance::new().metrics([PerformanceMetric::PageFaults]).every_event(true);
    let stage = TestBatches::new();
    let mut minor = |passed| {
        stage.at(passed).events(&[test_event("m")], |batch| {
            enricher.enrich(batch).unwrap();
            match batch.events()[0].field(FieldGroup::Metrics, "process.page_faults.minor") {
                Some(ValueRef::U64(count)) => count,
                other => panic!("{other:?}"),
            }
        })
    };
    let first = minor(Duration::ZERO);
    std::hint::black_box(vec![1_u8; 64 << 20]);
    assert_eq!(minor(SECOND), first);
    assert!(minor(INTERVAL) > first);
}

#[test]
fn while_another_shard_samples_an_event_waits_for_nothing() {
    let (stage, mut enricher) = (TestBatches::new(), threads());
    let shared = Arc::clone(&enricher.shared);
    let held = shared.lock().unwrap();
    assert_eq!(counts(&stage, &mut enricher, Duration::ZERO, &[Level::Info]), [0]);
    drop(held);
    assert_eq!(counts(&stage, &mut enricher, SECOND, &[Level::Info]), [1]);
}

#[test]
fn all_metrics_have_their_names() {
    let mut enricher = Performance::new();
    let stage = TestBatches::new();
    counts(&stage, &mut enricher, Duration::ZERO, &[Level::Info]);
    // For the CPU share, real time has to pass as well.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(20) {
        std::thread::yield_now();
    }
    stage.at(INTERVAL).events(&[test_event("m")], |batch| {
        enricher.enrich(batch).unwrap();
        let fields = batch.events()[0].counted_fields(FieldGroup::Metrics);
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let expected = [
            "process.cpu.utilization",
            "process.memory.usage",
            "process.thread.count",
            "process.unix.file_descriptor.count",
            "system.cpu.load_average.1m",
            "process.context_switches.voluntary",
            "process.context_switches.involuntary",
            "process.page_faults.minor",
            "process.page_faults.major",
            "fapilog.drain.lag",
        ];
        assert_eq!(names, expected);
    });
}

#[test]
fn the_drain_lag_is_the_time_from_the_call_to_the_batch() {
    let lag = |now, logged| {
        let stage = TestBatches::new().taken(Timestamp::from_unix_nanos(now), Instant::now());
        stage.batch(&[logged], |batch| {
            Performance::new().metrics([PerformanceMetric::DrainLag]).enrich(batch).unwrap();
            match batch.events()[0].field(FieldGroup::Metrics, "fapilog.drain.lag") {
                Some(ValueRef::F64(seconds)) => seconds,
                other => panic!("{other:?}"),
            }
        })
    };
    assert_eq!((lag(2_500_000_000, 1_000_000_000), lag(1_000_000_000, 2_500_000_000)), (1.5, 0.0));
}

#[test]
fn a_users_own_metric_stays() {
    let event = test_event("m").field(FieldGroup::Metrics, "process.thread.count", 7);
    TestBatches::new().events(&[event], |batch| {
        threads().enrich(batch).unwrap();
        assert_eq!(batch.events()[0].field(FieldGroup::Metrics, "process.thread.count"), Some(ValueRef::I64(7)));
    });
}

#[test]
fn an_interval_is_100_ms_at_least() {
    assert_eq!(Performance::new().interval(Duration::ZERO).interval, INTERVAL_MIN);
}

fn by_settings(config: &PluginConfig) -> Result<Box<dyn Enricher>, Vec<String>> {
    let mut registry = Registry::empty();
    crate::register(&mut registry).unwrap();
    let Some((_, Entry::Enricher(make))) = registry.entry("performance") else { panic!("it is registered") };
    let made = make(&PluginSettings::new("performance", config));
    let factory = made.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(factory.make(ShardInfo::new(0, 1)))
}

#[test]
fn each_setting_changes_the_metrics() {
    let stage = TestBatches::new();
    let counted = |config: &PluginConfig| {
        let mut enricher = by_settings(config).unwrap();
        let mut at = |passed| counts(&stage, &mut *enricher, passed, &[Level::Info, Level::Error, Level::Info]);
        (at(Duration::ZERO), at(SECOND))
    };
    let threads = || PluginConfig::new().with("metrics", vec!["threads"]);
    assert_eq!(counted(&threads()), (vec![1, 0, 0], vec![0, 0, 0]));
    let more = PluginConfig::new().with("metrics", vec!["threads", "context_switches"]);
    assert_eq!(counted(&more), (vec![3, 0, 0], vec![0, 0, 0]));
    assert_eq!(counted(&threads().with("interval", "500ms")), (vec![1, 0, 0], vec![1, 0, 0]));
    assert_eq!(counted(&threads().with("every_event", true)), (vec![1, 1, 1], vec![1, 1, 1]));
    assert_eq!(counted(&threads().with("level", "error")), (vec![0, 1, 0], vec![0, 0, 0]));
}

#[test]
fn invalid_settings_are_refused_with_the_allowed_values() {
    let cases = [
        (PluginConfig::new().with("metrics", Vec::<String>::new()), "metrics is empty; it must list a metric"),
        (PluginConfig::new().with("metrics", vec!["thread"]), "did you mean threads?"),
        (PluginConfig::new().with("interval", "1ms"), "interval is 1ms; it must be 100ms or more"),
        (PluginConfig::new().with("level", "loud"), "level is"),
        (PluginConfig::new().with("intervall", "1s"), "did you mean interval?"),
    ];
    for (config, expected) in cases {
        let problems = by_settings(&config).err().unwrap();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
    }
}
