//! The built-in processors in a container: what comes out, and that the law holds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;
#[cfg(feature = "settings")]
mod processor_settings;

use std::time::Duration;

use fapilog::{
    Container, Level, Logger, Scope, audit,
    container::{ContainerBuilder, ManualClock},
    error,
    event::{FieldGroup, Timestamp, ValueRef},
    info,
    process::{
        self, AdaptiveSampling, AlertRule, Alerting, Comparison, Dedupe, Processor, Projection, Rule, Sampling,
        SizeGuard, Throttle, WithoutTrace,
    },
    scope::TraceParent,
};
use law::{end, parsed, shut_down, started_manual, thread_builder, until};
use serde_json::{Value, json};

fn with<P: Processor + Clone + Send + Sync + 'static>(processor: P) -> ContainerBuilder {
    Container::builder().processor(move |_| Box::new(processor.clone()))
}

/// Returns the events that come out of a container with this processor, and the number it took out. The law is checked.
fn through<P: Processor + Clone + Send + Sync + 'static>(processor: P, log: impl FnOnce(&Logger)) -> (Vec<Value>, u64) {
    let (container, mut drain, events) = started_manual(with(processor));
    log(&container.logger("processors"));
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.lost_total(), 0);
    let lines = parsed(&events);
    assert_eq!(accounts.submitted, lines.len() as u64 + accounts.filtered_total());
    (lines, accounts.filtered_total())
}

/// Internal events, and the program's.
fn own_and_others(lines: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    lines.into_iter().partition(|line| line["source"] == "fapilog")
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

#[test]
fn a_filter_decides_by_rules_and_then_by_level() {
    let filter = process::Filter::new()
        .level(Level::Warning)
        .rule(Rule::drop().when("metrics.ms", Comparison::Lt(5.0.into())))
        .rule(Rule::keep().when("user", Comparison::Eq("root".into())));
    let (lines, filtered) = through(filter, |log| {
        info!(log, "kept by its user", user = "root");
        error!(log, "dropped by its time", metrics.ms = 4);
        error!(log, "kept by its level", metrics.ms = 6);
        info!(log, "dropped by its level");
        audit!(log, "kept", metrics.ms = 4);
    });
    assert_eq!(messages(&lines), ["kept by its user", "kept by its level", "kept"]);
    assert_eq!(filtered, 2);
}

#[test]
fn the_throttles_summaries_add_up_to_what_was_filtered() {
    let (lines, filtered) = through(Throttle::per_second(1).burst_events(10), |log| {
        (0..100).for_each(|number| info!(log, "too many", number));
        (0..50).for_each(|number| error!(log, "another level", number));
    });
    let (own, others) = own_and_others(lines);
    assert_eq!(others.len() as u64, 150 - filtered);
    let dropped: u64 = own.iter().filter_map(|event| event["metrics"]["dropped"].as_u64()).sum();
    assert_eq!(dropped, filtered);
    // A beginning and an end for each level.
    assert_eq!(own.len(), 4);
    assert!(own.iter().all(|event| event["target"] == "fapilog::throttle" && event["tags"]["source"] == "processors"));
}

#[test]
fn the_end_of_a_throttle_is_reported_even_if_no_event_comes() {
    let throttle = Throttle::per_second(1).burst_events(1).quiet(Duration::from_millis(20));
    let (sink, events) = law::memory();
    let container = law::thread_builder().processor(move |_| Box::new(throttle.clone())).sink("memory", sink);
    let container = container.start().unwrap();
    let log = container.logger("processors");
    (0..10).for_each(|number| info!(log, "too many", number));
    until("the end is reported", || parsed(&events).iter().any(|event| !event["metrics"]["dropped"].is_null()));
    law::shut_down(&container);
}

#[test]
fn one_line_stands_for_many_that_are_equal() {
    let (lines, filtered) = through(Dedupe::new().window(Duration::from_secs(3600)), |log| {
        (0..100).for_each(|_| error!(log, "refused", peer = "a"));
        error!(log, "refused", peer = "b");
        (0..3).for_each(|_| audit!(log, "never"));
    });
    let (own, others) = own_and_others(lines);
    assert_eq!(messages(&others), ["refused", "refused", "never", "never", "never"]);
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["context"]["message"], "refused");
    assert_eq!((own[0]["metrics"]["repeated"].as_u64(), filtered), (Some(99), 99));
}

#[test]
fn sampling_keeps_whole_traces_errors_and_first_ones() {
    let (lines, filtered) = through(Sampling::new(0.5).unwrap().first(1), |log| {
        for trace in 0..100 {
            let _entered = Scope::new().correlation_id(&format!("trace-{trace}")).enter();
            (0..5).for_each(|number| info!(log, "step", number));
            error!(log, "failed");
        }
    });
    assert_eq!(lines.len() as u64 + filtered, 600);
    assert_eq!(messages(&lines).into_iter().filter(|message| *message == "failed").count(), 100);
    let sampled = |line: &&Value| line["metrics"]["sample_rate"] == json!(0.5);
    for trace in 0..100 {
        let id = format!("trace-{trace}");
        let steps = lines.iter().filter(sampled).filter(|line| line["correlation_id"] == id.as_str()).count();
        // The first step of the very first trace stands for itself.
        assert!([0, if trace == 0 { 4 } else { 5 }].contains(&steps), "{id}: {steps}");
    }
}

#[test]
fn placeholders_in_messages_are_filled_from_arguments_and_scopes() {
    let (lines, _) = through(process::Format::in_messages(), |log| {
        let _entered = Scope::new().field(FieldGroup::Tags, "region", ValueRef::Text("eu")).enter();
        info!(log, "order {order_id} filled in {tags.region}", order_id = 42);
        info!(log, "plain");
    });
    assert_eq!(messages(&lines), ["order 42 filled in eu", "plain"]);
    assert_eq!(lines[0]["context"]["order_id"], 42);
}

#[test]
fn a_projection_takes_fields_out_and_no_events() {
    let projection = Projection::new().keep(["user_id", "tags.*"]);
    let (container, mut drain, events) = started_manual(
        Container::builder().apply(fapilog::default_pipeline).processor(move |_| Box::new(projection.clone())),
    );
    info!(container.logger("processors"), "login", user_id = 42, email = "a@b.c", tags.region = "eu");
    assert_eq!(end(&container, &mut drain).filtered_total(), 0);
    let line = law::only(&events);
    assert_eq!((&line["context"], &line["tags"]), (&json!({"user_id": 42}), &json!({"region": "eu"})));
}

#[test]
fn an_event_of_limited_size_is_small_and_a_whole_line() {
    let (lines, filtered) = through(SizeGuard::new().event_max_bytes(1000), |log| {
        info!(log, "upload", body = "x".repeat(20_000), list = vec![1; 1000], user_id = 42);
    });
    assert_eq!((lines.len(), filtered), (1, 0));
    let line = &lines[0];
    assert!(line.to_string().len() < 1100, "{line}");
    assert_eq!((&line["truncated"], &line["context"]["user_id"]), (&json!(true), &json!(42)));
    assert_eq!(line["context"]["fields_dropped"], 1);
}

#[test]
fn all_processors_in_a_row_keep_the_law_and_report_their_counts() {
    let builder = with(process::Filter::new().level(Level::Info))
        .processor(|_| Box::new(Throttle::per_second(1).burst_events(50)))
        .processor(|_| Box::new(Dedupe::new()))
        .processor(|_| Box::new(Sampling::new(0.5).unwrap()))
        .processor(|_| Box::new(process::Format::in_messages().template("{level}: {message}").unwrap()))
        .processor(|_| Box::new(Projection::new().keep(["number"])))
        .processor(|_| Box::new(SizeGuard::new().event_max_bytes(600)));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("processors");
    for number in 0..300 {
        info!(log, "numbers", number = number / 3, other = "x".repeat(1000));
        fapilog::debug!(log, "below");
        if number % 50 == 0 {
            drain.turn();
        }
    }
    let accounts = end(&container, &mut drain);
    let (own, others) = own_and_others(parsed(&events));
    let filtered = |name: &str| accounts.filtered.iter().find(|(known, _)| known == name).map_or(0, |(_, n)| *n);
    let reported = |metric: &str| own.iter().filter_map(|event| event["metrics"][metric].as_u64()).sum::<u64>();
    assert_eq!((reported("dropped"), reported("repeated")), (filtered("throttle"), filtered("dedupe")));
    assert!(reported("dropped") > 0 && reported("repeated") > 0 && filtered("sampling") > 0, "{accounts}");
    assert!(others.iter().all(|event| event["message"] == "INFO: numbers" && event["context"].get("other").is_none()));
}

#[test]
fn sampling_keeps_the_logs_of_a_trace_where_opentelemetry_keeps_its_spans() {
    // Rate 1/4: the low 56 bits of the trace id must be c0000000000000 at least.
    let sampling = Sampling::new(0.25).unwrap().without_trace(WithoutTrace::Drop);
    let (lines, filtered) = through(sampling, |log| {
        for (trace_id, message) in [
            ("4bf92f3577b34da6a3ce929d0e0e4736", "kept"),
            ("4bf92f3577b34da6a3bfffffffffffff", "dropped"),
            ("4bf92f3577b34da6a3c0000000000000", "kept, too"),
        ] {
            let header = format!("00-{trace_id}-00f067aa0ba902b7-01");
            let _entered = Scope::new().trace_parent(&header.parse::<TraceParent>().unwrap()).enter();
            (0..3).for_each(|_| info!(log, "{message}", message));
        }
        info!(log, "without a trace");
    });
    let kept: Vec<_> = lines.iter().map(|line| line["context"]["message"].as_str().unwrap()).collect();
    assert_eq!(kept, ["kept", "kept", "kept", "kept, too", "kept, too", "kept, too"]);
    assert_eq!(filtered, 4);
}

#[test]
fn adaptive_sampling_thins_frequent_call_sites_and_reports_all_that_it_took_out() {
    let clock = ManualClock::new(Timestamp::from_unix_nanos(1_767_225_600_000_000_000));
    let sampling = AdaptiveSampling::per_second(1);
    let builder =
        Container::builder().manual_clock(&clock).processor(move |shard| Box::new(sampling.clone().for_shard(shard)));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("processors");
    for _ in 0..3 {
        for number in 0..500 {
            info!(log, "frequent", number);
            if number % 100 == 0 {
                info!(log, "rare");
                error!(log, "failed");
            }
        }
        drain.turn();
        clock.advance(Duration::from_secs(10));
    }
    let accounts = end(&container, &mut drain);
    let (own, others) = own_and_others(parsed(&events));
    let count = |message: &str| others.iter().filter(|event| event["message"] == message).count();
    assert_eq!((count("rare"), count("failed")), (15, 15));
    assert!((30..150).contains(&count("frequent")), "{}", count("frequent"));
    let dropped: u64 = own.iter().map(|event| event["metrics"]["dropped"].as_u64().unwrap()).sum();
    assert_eq!(accounts.filtered, [("adaptive_sampling".to_owned(), dropped)]);
    assert_eq!((own.len(), own[0]["context"]["message"].as_str()), (1, Some("frequent")));
}

#[test]
fn an_alert_fires_and_is_resolved_by_the_clock_that_stamps_events() {
    let clock = ManualClock::new(Timestamp::from_unix_nanos(1_767_225_600_000_000_000));
    let rule = AlertRule::rate("errors", 3, Duration::from_secs(60)).level(Level::Error).severity(Level::Critical);
    let alerting = Alerting::new([rule]).unwrap();
    let builder = Container::builder().manual_clock(&clock).processor(move |_| Box::new(alerting.clone()));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("processors");
    (0..4).for_each(|number| error!(log, "failed", number));
    drain.turn();
    clock.advance(Duration::from_secs(60));
    info!(log, "fine");
    let accounts = end(&container, &mut drain);
    assert_eq!((accounts.filtered_total(), accounts.submitted), (0, 7));
    let (own, _) = own_and_others(parsed(&events));
    let of = |event: &Value| (event["level"].clone(), event["tags"]["alert.state"].clone(), event["message"].clone());
    assert_eq!(of(&own[0]), ("CRITICAL".into(), "firing".into(), "alert errors is firing: 4 events".into()));
    assert_eq!(of(&own[1]), ("INFO".into(), "resolved".into(), "alert errors is resolved: 4 events".into()));
    assert_eq!(own[0]["context"]["alert.started_at"], "2026-01-01T00:00:00.000000000Z");
    assert_eq!(own.len(), 2);
}

#[test]
fn an_absence_is_an_alert_without_any_event_and_with_several_shards() {
    let alerting = Alerting::new([AlertRule::absence("silence", Duration::from_millis(20))]).unwrap();
    let (sink, events) = law::memory();
    let builder = thread_builder().shards(2).processor(move |_| Box::new(alerting.clone()));
    let container = builder.sink("memory", sink).start().unwrap();
    let states =
        || -> Vec<Value> { parsed(&events).iter().map(|event| event["tags"]["alert.state"].clone()).collect() };
    until("the absence is reported", || states().contains(&"firing".into()));
    info!(container.logger("processors"), "an event");
    until("it is resolved", || states().contains(&"resolved".into()));
    shut_down(&container);
}

#[test]
fn a_rate_of_several_threads_and_shards_is_one_alert() {
    let rule = AlertRule::rate("errors", 100, Duration::from_secs(3600)).level(Level::Error);
    let alerting = Alerting::new([rule]).unwrap();
    let (sink, events) = law::memory();
    let builder = thread_builder().shards(2).processor(move |_| Box::new(alerting.clone()));
    let container = builder.sink("memory", sink).start().unwrap();
    std::thread::scope(|scope| {
        for source in ["a", "b", "c", "d"] {
            let log = container.logger(source);
            scope.spawn(move || (0..25).for_each(|number| error!(log, "failed", number)));
        }
    });
    assert_eq!(shut_down(&container).submitted, 101);
    let (own, _) = own_and_others(parsed(&events));
    let messages = messages(&own);
    assert!(messages.len() == 1 && messages[0].ends_with("is firing: 100 events"), "{messages:?}");
}

#[test]
fn the_reports_of_adaptive_sampling_in_all_shards_add_up_to_what_was_taken_out() {
    let sampling = AdaptiveSampling::per_second(1).first(0).key(process::SamplingKey::Level);
    let (sink, events) = law::memory();
    let builder = thread_builder().shards(2).processor(move |shard| Box::new(sampling.clone().for_shard(shard)));
    let container = builder.sink("memory", sink).start().unwrap();
    std::thread::scope(|scope| {
        for source in ["a", "b", "c", "d"] {
            let log = container.logger(source);
            scope.spawn(move || (0..2000).for_each(|number| info!(log, "tick", number)));
        }
    });
    let accounts = shut_down(&container);
    let (own, others) = own_and_others(parsed(&events));
    let dropped: u64 = own.iter().map(|event| event["metrics"]["dropped"].as_u64().unwrap()).sum();
    assert_eq!((dropped, dropped + others.len() as u64), (accounts.filtered_total(), 8000));
    assert!(dropped > 7000 && own.iter().all(|event| event["tags"]["key"] == "level"), "{accounts}");
}
