//! Adaptive sampling: numbers that stay, and reports.

use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Ten events of each key stay in an interval of 10 s, and no first ones beside them.
fn sampling() -> AdaptiveSampling {
    AdaptiveSampling::per_second(1).first(0).key("kind")
}

fn of_kind(kind: &str) -> TestEvent<'_> {
    test_event("event").field(FieldGroup::Context, "kind", kind)
}

/// The rates of those that stay at this time, without reports.
fn rates(
    sampling: &mut AdaptiveSampling,
    stage: &TestBatches,
    at: Duration,
    events: &[TestEvent<'_>],
) -> Vec<Option<f64>> {
    stage.at(at).events(events, |batch| {
        sampling.process(batch).unwrap();
        let kept = batch.events().iter().filter(|event| !event.is_internal());
        kept.map(|event| match event.field(FieldGroup::Metrics, SAMPLE_RATE) {
            None => None,
            Some(ValueRef::F64(rate)) => Some(rate),
            Some(other) => panic!("a rate is a number, not {other:?}"),
        })
        .collect()
    })
}

/// The number of the whole, as a reader of the kept events counts it.
fn counted(rates: &[Option<f64>]) -> f64 {
    rates.iter().map(|rate| 1.0 / rate.unwrap_or(1.0)).sum()
}

#[test]
fn a_key_within_its_target_stays_whole() {
    let (mut sampling, stage) = (sampling(), TestBatches::new());
    for interval in 0..5 {
        let kept = rates(&mut sampling, &stage, seconds(10 * interval), &vec![of_kind("rare"); 10]);
        assert_eq!(kept, [None; 10], "{interval}");
    }
}

#[test]
fn a_frequent_key_is_thinned_to_its_target_and_a_rare_one_is_not() {
    let (mut sampling, stage) = (sampling(), TestBatches::new());
    let events: Vec<_> =
        (0..2000).map(|number| of_kind(if number % 1000 == 0 { "rare" } else { "frequent" })).collect();
    rates(&mut sampling, &stage, seconds(0), &events);
    let kept = rates(&mut sampling, &stage, seconds(10), &events);
    let (rare, frequent): (Vec<_>, Vec<_>) = kept.into_iter().partition(Option::is_none);
    assert_eq!(rare.len(), 2);
    assert!((3..=20).contains(&frequent.len()), "{}", frequent.len());
    assert_eq!(frequent[0], Some(10.0 / 1998.0));
}

#[test]
fn a_reader_counts_the_whole_from_the_kept_ones() {
    let (mut sampling, stage) = (AdaptiveSampling::per_second(100).key("kind"), TestBatches::new());
    let (mut counted_events, mut kept_events) = (0.0, 0);
    for interval in 0..20 {
        let kept = rates(&mut sampling, &stage, seconds(10 * interval), &vec![of_kind("frequent"); 10_000]);
        (counted_events, kept_events) = (counted_events + counted(&kept), kept_events + kept.len());
    }
    assert!((190_000.0..210_000.0).contains(&counted_events), "{counted_events}");
    // 1,000 in an interval, and more in the first.
    assert!((18_000..24_000).contains(&kept_events), "{kept_events}");
}

#[test]
fn a_burst_is_bounded_within_its_first_interval() {
    let kept = rates(&mut sampling(), &TestBatches::new(), seconds(0), &vec![of_kind("burst"); 10_240]);
    // 1,024 times the target of 10: 2 + log2(512) times the target stay, about.
    assert!((80..=140).contains(&kept.len()), "{}", kept.len());
    assert!((7_000.0..14_000.0).contains(&counted(&kept)), "{}", counted(&kept));
}

#[test]
fn a_key_that_becomes_rare_is_whole_again() {
    let (mut sampling, stage) = (sampling(), TestBatches::new());
    rates(&mut sampling, &stage, seconds(0), &vec![of_kind("a"); 1000]);
    assert!(rates(&mut sampling, &stage, seconds(10), &vec![of_kind("a"); 5]).len() < 5);
    // The average halves with each empty interval.
    assert_eq!(rates(&mut sampling, &stage, seconds(100), &vec![of_kind("a"); 5]), [None; 5]);
}

#[test]
fn the_first_events_of_each_interval_stay_at_any_rate() {
    let (mut sampling, stage) = (sampling().first(3), TestBatches::new());
    rates(&mut sampling, &stage, seconds(0), &vec![of_kind("a"); 100_000]);
    let kept = rates(&mut sampling, &stage, seconds(10), &vec![of_kind("a"); 100]);
    assert_eq!(kept[..3], [None; 3]);
    assert!(kept.len() < 10, "{}", kept.len());
}

#[test]
fn shards_divide_the_target() {
    let kept = |shards| {
        let (mut sampling, stage) = (sampling().for_shard(ShardInfo::new(0, shards)), TestBatches::new());
        rates(&mut sampling, &stage, seconds(0), &vec![of_kind("a"); 1000]);
        rates(&mut sampling, &stage, seconds(10), &vec![of_kind("a"); 1000])[0]
    };
    assert_eq!((kept(1), kept(4)), (Some(0.01), Some(0.0025)));
}

#[test]
fn events_are_grouped_by_call_site_by_level_or_by_a_field() {
    let kept = |key: &str, events: &[TestEvent<'_>]| {
        let (mut sampling, stage) = (sampling().key(key), TestBatches::new());
        rates(&mut sampling, &stage, seconds(0), events).len()
    };
    let by_level: Vec<_> = (0..40)
        .map(|number| test_event("event").level(if number % 2 == 0 { Level::Info } else { Level::Warning }))
        .collect();
    assert_eq!(kept("level", &by_level), 40);
    assert!(kept("level", &vec![test_event("event"); 40]) < 40);
    // Without a call site: by target and level.
    let by_target: Vec<_> =
        (0..40).map(|number| test_event("event").target(if number % 2 == 0 { "a" } else { "b" })).collect();
    assert_eq!(kept("call_site", &by_target), 40);
    assert!(kept("tags.kind", &by_target) < 40);
}

#[test]
fn call_sites_have_rates_of_their_own() {
    let (mut sampling, stage) = (sampling().key(SamplingKey::CallSite), TestBatches::new());
    for _ in 0..3 {
        // Each batch has a call site of its own.
        let kept = stage.batch(&[1; 20], |batch| {
            sampling.process(batch).unwrap();
            batch.len()
        });
        assert_eq!(kept, 20);
    }
}

#[test]
fn keys_beyond_the_limit_share_a_rate_until_idle_ones_make_room() {
    let (mut sampling, stage) = (sampling().keys_max(2), TestBatches::new());
    let kinds: Vec<String> = (0..40).map(|kind| kind.to_string()).collect();
    let events: Vec<_> = kinds.iter().map(|kind| of_kind(kind)).collect();
    let kept = rates(&mut sampling, &stage, seconds(0), &events).len();
    assert!((22..40).contains(&kept), "{kept}");
    assert_eq!(sampling.keys.len(), 2);
    rates(&mut sampling, &stage, seconds(10), &[of_kind("new")]);
    assert_eq!(sampling.keys.len(), 2, "both had events in the interval");
    rates(&mut sampling, &stage, seconds(20), &[]);
    rates(&mut sampling, &stage, seconds(30), &[of_kind("new")]);
    assert_eq!(sampling.keys.len(), 1);
}

#[test]
fn levels_from_a_level_on_and_internal_events_always_stay() {
    let kept = |sampling: AdaptiveSampling, level| {
        rates(&mut sampling.clone(), &TestBatches::new(), seconds(0), &vec![of_kind("a").level(level); 1000]).len()
    };
    assert_eq!(kept(sampling(), Level::Error), 1000);
    assert!(kept(sampling(), Level::Warning) < 1000);
    assert_eq!(kept(sampling().keep_level(Level::Warning), Level::Warning), 1000);
    assert_eq!(kept(sampling().keep_level(Level::Security), Level::Audit), 1000);
}

#[test]
fn a_trace_is_chosen_alike_by_keys_of_one_rate() {
    let traces: Vec<String> = (0..500).map(|trace| format!("trace-{trace}")).collect();
    let events = |kind| -> Vec<TestEvent<'_>> {
        traces.iter().map(|id| of_kind(kind).field(FieldGroup::Tags, "trace", id.as_str())).collect()
    };
    let chosen = |kind| {
        let stage = TestBatches::new();
        let mut sampling = sampling().per_trace(true).trace_field("tags.trace");
        rates(&mut sampling, &stage, seconds(0), &events(kind));
        stage.at(seconds(10)).events(&events(kind), |batch| {
            sampling.process(batch).unwrap();
            batch.events().iter().map(|event| event.id().sequence).collect::<Vec<_>>()
        })
    };
    let [a, b] = [chosen("a"), chosen("b")];
    assert!(!a.is_empty() && a == b, "{a:?} {b:?}");
}

#[test]
fn the_rate_is_not_written_if_that_is_set() {
    let (mut sampling, stage) = (sampling().write_rate(false), TestBatches::new());
    let kept = rates(&mut sampling, &stage, seconds(0), &vec![of_kind("a"); 1000]);
    assert!(kept.len() > 20 && kept.iter().all(Option::is_none));
}

#[test]
fn a_clock_that_is_set_back_begins_an_interval() {
    let (mut sampling, stage) = (sampling(), TestBatches::new());
    rates(&mut sampling, &stage, seconds(3600), &vec![of_kind("a"); 1000]);
    rates(&mut sampling, &stage, seconds(0), &[of_kind("a")]);
    rates(&mut sampling, &stage, seconds(10), &vec![of_kind("a"); 2]);
    assert_eq!(sampling.interval_start, Some(Timestamp::from_unix_nanos(10_000_000_000)));
}

/// The reports of a batch: message, key, and number of events that were taken out.
fn reports(batch: &Batch<'_>) -> Vec<(String, String, u64)> {
    let own = batch.events().iter().filter(|event| event.is_internal());
    own.map(|event| {
        assert_eq!((event.level(), event.target()), (Level::Info, "fapilog::adaptive_sampling"));
        let (message, key) = (event.message(), event.field(FieldGroup::Tags, "key"));
        match (message, key, event.field(FieldGroup::Metrics, "dropped")) {
            (ValueRef::Text(message), Some(ValueRef::Text(key)), Some(ValueRef::U64(dropped))) => {
                (message.to_owned(), key.to_owned(), dropped)
            }
            other => panic!("no report: {other:?}"),
        }
    })
    .collect()
}

#[test]
fn reports_come_when_they_are_due_and_add_up_to_what_was_taken_out() {
    let (mut sampling, stage) = (sampling(), TestBatches::new());
    assert_eq!(sampling.due(), None);
    let kept = rates(&mut sampling, &stage, seconds(0), &vec![of_kind("a"); 1000]).len();
    assert_eq!(sampling.due(), Some(stage.instant(seconds(60))));
    let kept_later = rates(&mut sampling, &stage, seconds(59), &vec![of_kind("a"); 500]).len();
    stage.at(seconds(60)).events(&[], |batch| {
        sampling.process(batch).unwrap();
        let dropped = 1500 - (kept + kept_later);
        let message = format!("adaptive sampling dropped {dropped} of 1500 events of context.kind a");
        assert_eq!(reports(batch), [(message, "context.kind".to_owned(), dropped as u64)]);
        assert_eq!(batch.events()[0].field(FieldGroup::Context, "kind"), Some(ValueRef::Text("a")));
    });
    assert_eq!(sampling.due(), None);
    let kept = rates(&mut sampling, &stage, seconds(61), &vec![of_kind("a"); 100]).len();
    stage.events(&[], |batch| {
        sampling.finish(batch).unwrap();
        assert_eq!(reports(batch)[0].2, 100 - kept as u64);
        sampling.finish(batch).unwrap();
        assert_eq!(reports(batch).len(), 1);
    });
}

#[test]
fn a_report_names_the_call_site_the_level_or_the_keys_beyond_the_limit() {
    let finished = |mut sampling: AdaptiveSampling| {
        TestBatches::new().events(&[], |batch| {
            sampling.finish(batch).unwrap();
            reports(batch).into_iter().map(|(message, key, _)| (message, key)).collect::<Vec<_>>()
        })
    };
    let mut by_site = sampling().key(SamplingKey::CallSite);
    TestBatches::new().batch(&[1; 1000], |batch| by_site.process(batch).unwrap());
    let [(message, key)] = &finished(by_site)[..] else { panic!("a report") };
    assert!(message.ends_with("of 1000 events of call site staged.rs:1") && key == "call_site", "{message} {key}");

    let mut by_level = sampling().key("level");
    rates(&mut by_level, &TestBatches::new(), seconds(0), &vec![test_event("event"); 1000]);
    assert!(finished(by_level)[0].0.ends_with("of 1000 events of level INFO"));

    let mut bounded = sampling().keys_max(1);
    let events: Vec<_> = [of_kind("known")].into_iter().chain(vec![of_kind("other"); 1000]).collect();
    rates(&mut bounded, &TestBatches::new(), seconds(0), &events);
    assert!(finished(bounded)[0].0.ends_with("of 1000 events of keys beyond the limit"));
}
