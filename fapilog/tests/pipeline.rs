//! Enrichers and processors, and what the default pipeline does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::time::Duration;

use fapilog::{
    Container, Level, Scope, audit,
    enrich::Enricher,
    error,
    event::{DynamicEvent, FieldGroup, ValueRef},
    info,
    process::{self, Processor, Throttle},
};
use law::{end, only, parsed, started_manual};
use serde_json::json;

fn with_default_pipeline() -> fapilog::container::ContainerBuilder {
    Container::builder().apply(fapilog::default_pipeline)
}

#[test]
fn the_default_pipeline_adds_the_thread_and_process_that_logged() {
    let (container, mut drain, events) = started_manual(with_default_pipeline());
    let log = container.logger("pipeline");
    let named = std::thread::Builder::new().name("matcher".to_owned());
    named.spawn(move || info!(log, "no fields")).unwrap().join().unwrap();
    end(&container, &mut drain);
    let event = only(&events);
    assert_eq!(event["context"]["thread_name"], "matcher");
    assert_eq!(event["context"]["process_id"], std::process::id());
    assert!(event["context"]["thread_id"].as_u64().unwrap() > 0);
}

#[test]
fn the_context_stands_beside_a_calls_own_fields() {
    let (container, mut drain, events) = started_manual(with_default_pipeline());
    info!(container.logger("pipeline"), "fields", a = 1, tags.b = 2, metrics.c = 3);
    end(&container, &mut drain);
    let event = only(&events);
    assert_eq!(
        (&event["context"]["a"], &event["tags"], &event["metrics"]),
        (&json!(1), &json!({"b": 2}), &json!({"c": 3}))
    );
    assert_eq!(event["context"]["process_id"], std::process::id());
}

#[test]
fn a_users_own_key_is_not_overwritten_by_the_context() {
    let (container, mut drain, events) = started_manual(with_default_pipeline());
    let log = container.logger("pipeline");
    info!(log, "argument", thread_id = "mine");
    {
        let _entered = Scope::new().field(FieldGroup::Context, "thread_id", ValueRef::Text("mine")).enter();
        info!(log, "scope");
    }
    log.log_dynamic(&DynamicEvent::new(Level::Info, "t", "dynamic").field(
        FieldGroup::Context,
        "thread_id",
        ValueRef::Text("mine"),
    ));
    end(&container, &mut drain);
    for (event, line) in parsed(&events).iter().zip(events.lines()) {
        assert_eq!(event["context"]["thread_id"], "mine");
        assert_eq!(event["context"]["process_id"], std::process::id());
        assert_eq!(line.matches("\"thread_id\":").count(), 1);
    }
}

#[test]
fn the_same_name_in_another_field_group_is_another_field() {
    let (container, mut drain, events) = started_manual(with_default_pipeline());
    info!(container.logger("pipeline"), "a tag", tags.thread_id = "mine");
    end(&container, &mut drain);
    let event = only(&events);
    assert_eq!(event["tags"]["thread_id"], "mine");
    assert!(event["context"]["thread_id"].is_u64());
}

#[test]
fn events_of_several_threads_each_have_their_own_context() {
    let (container, mut drain, events) = started_manual(with_default_pipeline());
    let log = container.logger("pipeline");
    std::thread::scope(|scope| {
        let log = &log;
        for name in ["first", "second", "third"] {
            let named = std::thread::Builder::new().name(name.to_owned());
            named.spawn_scoped(scope, move || (0..100).for_each(|n| info!(log, "mixed", own = name, n))).unwrap();
        }
    });
    end(&container, &mut drain);
    let all = parsed(&events);
    assert_eq!(all.len(), 300);
    assert!(all.iter().all(|event| event["context"]["own"] == event["context"]["thread_name"]));
}

#[test]
fn what_the_throttle_takes_out_is_filtered_under_its_name() {
    let throttle = Throttle::per_second(1).burst_events(10);
    let (container, mut drain, events) =
        started_manual(Container::builder().apply(fapilog::default_pipeline_with(throttle)));
    let log = container.logger("pipeline");
    (0..100).for_each(|number| info!(log, "too many", number));
    (0..5).for_each(|number| error!(log, "another level", number));
    (0..20).for_each(|number| audit!(log, "never throttled", number));
    let accounts = end(&container, &mut drain);
    // The throttle's own reports come from another source.
    let delivered = parsed(&events).iter().filter(|event| event["source"] == "pipeline").count() as u64;
    // A second may have passed in between.
    assert!((35..=37).contains(&delivered), "{delivered}");
    let filtered = [("filter".to_owned(), 0), ("throttle".to_owned(), 125 - delivered)];
    assert_eq!(accounts.filtered, filtered);
}

#[test]
fn the_default_throttle_lets_a_whole_ring_pass() {
    let (container, mut drain, _events) = started_manual(with_default_pipeline());
    let log = container.logger("pipeline");
    (0..5000).for_each(|number| info!(log, "a burst", number));
    assert_eq!(end(&container, &mut drain).filtered_total(), 0);
}

#[test]
fn what_the_filter_takes_out_is_filtered_under_its_name() {
    let builder = Container::builder().processor(|_| Box::new(process::Filter::new().level(Level::Error)));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("pipeline");
    info!(log, "low");
    error!(log, "high");
    assert_eq!(end(&container, &mut drain).filtered, [("filter".to_owned(), 1)]);
    assert_eq!(only(&events)["message"], "high");
}

#[test]
fn enrichers_run_in_order_and_the_first_to_name_a_field_wins() {
    struct Adds(&'static str);
    impl Enricher for Adds {
        fn name(&self) -> &'static str {
            "adds"
        }
        fn enrich(&mut self, batch: &mut fapilog::event::Batch<'_>) -> Result<(), fapilog::plugin::PluginError> {
            for event in batch.events_mut() {
                event.add_field(FieldGroup::Context, "by", ValueRef::Text(self.0));
            }
            Ok(())
        }
    }
    let builder = Container::builder().enricher(|_| Box::new(Adds("first"))).enricher(|_| Box::new(Adds("second")));
    let (container, mut drain, events) = started_manual(builder);
    info!(container.logger("pipeline"), "enriched");
    end(&container, &mut drain);
    assert_eq!(only(&events)["context"], json!({"by": "first"}));
}

#[test]
fn processors_run_in_order_after_the_enrichers() {
    struct Keeps(&'static str);
    impl Processor for Keeps {
        fn name(&self) -> &'static str {
            self.0
        }
        fn process(&mut self, batch: &mut fapilog::event::Batch<'_>) -> Result<(), fapilog::plugin::PluginError> {
            batch.retain(|event| event.message() != ValueRef::Text(self.0));
            Ok(())
        }
    }
    let builder = Container::builder().processor(|_| Box::new(Keeps("a"))).processor(|_| Box::new(Keeps("b")));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("pipeline");
    ["a", "b", "c", "b"].into_iter().for_each(|message| info!(log, message));
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.filtered, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(only(&events)["message"], "c");
}

#[test]
fn a_message_that_is_too_long_is_cut_and_marked() {
    let (container, mut drain, events) = started_manual(Container::builder().message_max_chars(3));
    let log = container.logger("pipeline");
    info!(log, "äöüß");
    info!(log, %"äöüß");
    info!(log, "äöü");
    let accounts = end(&container, &mut drain);
    let events = parsed(&events);
    for cut in &events[..2] {
        assert_eq!((&cut["message"], &cut["truncated"]), (&json!("äöü"), &json!(true)));
        assert_eq!(cut["truncated_fields"], json!(["message"]));
    }
    assert_eq!(accounts.cut, 2);
    assert_eq!((&events[2]["message"], events[2].get("truncated")), (&json!("äöü"), None));
}

#[test]
fn a_message_that_a_browser_might_run_is_flagged_and_kept() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("pipeline");
    info!(log, "<SCRIPT>alert(1)</script>", tags.region = "eu");
    let text = "see javascript:alert(1)".to_owned();
    info!(log, text);
    info!(log, "a < b");
    end(&container, &mut drain);
    let events = parsed(&events);
    assert_eq!(events[0]["message"], "<SCRIPT>alert(1)</script>");
    assert_eq!(events[0]["tags"], json!({"region": "eu", "dangerous_content": "<script"}));
    assert_eq!(events[1]["tags"], json!({"dangerous_content": "javascript:"}));
    assert_eq!(events[2].get("tags"), None);
}

#[test]
fn an_empty_message_is_flagged() {
    let (container, mut drain, events) = started_manual(Container::builder());
    info!(container.logger("pipeline"), "");
    end(&container, &mut drain);
    assert_eq!(only(&events)["tags"], json!({"empty_message": true}));
}

/// CPU time of this thread, which does not pass while others have the core.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local that outlives the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[test]
fn ten_thousand_fields_hold_nobody_up_and_each_key_is_written_once() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let names: Vec<String> = (0..5000).map(|n| format!("k{n}")).collect();
    let mut event = DynamicEvent::new(Level::Info, "t", "many");
    for name in names.iter().chain(&names) {
        event = event.field(FieldGroup::Context, name, ValueRef::Bool(true));
    }
    container.logger("pipeline").log_dynamic(&event);
    let before = cpu_time();
    end(&container, &mut drain);
    let used = cpu_time() - before;
    // With comparisons of each with each it takes seconds.
    assert!(used < Duration::from_secs(2), "{used:?}");
    let line = events.lines().remove(0);
    assert_eq!(line.matches("\"k17\":").count(), 1);
    assert!(line.find("\"k1\":").unwrap() < line.find("\"k2\":").unwrap());
}
