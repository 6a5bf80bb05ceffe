//! The test kit: tests log to a `TestLog` and look at the events.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use fapilog::{
    Level, Scope, assert_logged, assert_logged_times, assert_not_logged, debug, error, event,
    event::{Batch, Category, DynamicEvent, FieldGroup, ValueRef},
    info,
    level::LevelFilter,
    plugin::PluginError,
    process::Processor,
    scope::InScope,
    testing::{Expectation, LoggedValue, TestLog},
    warn,
};

/// The message of a broken promise.
#[track_caller]
fn failure_of<R>(promise: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(promise)) else { panic!("it was kept") };
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn an_event_is_met_by_what_it_has() {
    let test = TestLog::new();
    let region = String::from("eu");
    error!(test.log(), "order rejected", order_id = 42_u64, ratio = 0.5_f32, tags.region = region, metrics.ms = 3);
    assert_logged!(test, level: Error, message: "order rejected");
    assert_logged!(test, source: "test", target: module_path!(), message_contains: "reject");
    assert_logged!(test, order_id = 42, ratio = 0.5, tags.region = "eu", metrics.ms = 3_i64,);
    assert_logged!(test, context.order_id = 42, "order_id" = 42);
    assert_logged!(test);
}

#[test]
fn an_event_is_not_met_by_what_it_has_not() {
    let test = TestLog::new();
    info!(test.log(), "order filled", order_id = 42, tags.region = "eu");
    assert_not_logged!(test, level: Error);
    assert_not_logged!(test, message: "order");
    assert_not_logged!(test, message_contains: "rejected");
    assert_not_logged!(test, source: "other");
    assert_not_logged!(test, target: "other");
    assert_not_logged!(test, correlation_id: "7f3a");
    assert_not_logged!(test, order_id = 43);
    assert_not_logged!(test, order_id = "42");
    assert_not_logged!(test, metrics.region = "eu");
    assert_not_logged!(test, message: "order filled", order_id = 43);
}

#[test]
fn values_are_expected_as_they_are_logged() {
    let test = TestLog::new();
    let failure = std::io::Error::other("reset");
    let (order_id, venue, peers) = (7_u16, "XNAS", vec!["a", "b"]);
    info!(test.log(), "mixed", order_id, %venue, level = ?Level::Info, error = #failure, peers, backoff = Duration::from_millis(5));
    assert_logged!(test, order_id, venue = "XNAS", %venue, level = ?Level::Info, error = #failure, peers = ["a", "b"]);
    assert_logged!(test, backoff = Duration::from_millis(5), error = "reset");
}

#[test]
fn an_assertion_gives_the_first_event_that_meets_it() {
    let test = TestLog::new();
    for attempt in 1..=3 {
        warn!(test.log(), "will retry", attempt);
    }
    let first = assert_logged!(test, level: Warning);
    assert_eq!(first.context["attempt"], LoggedValue::of(&1));
    let all = assert_logged_times!(test, 3, message: "will retry");
    assert_eq!(all[2].field(FieldGroup::Context, "attempt"), Some(&LoggedValue::of(&3)));
}

#[test]
fn events_come_whole() {
    let test = TestLog::new();
    let line = line!() + 1;
    event!(Level::Info, test.logger("orders"), "filled", category: Category::Business, severity: 7, n = 1);
    let events = test.events();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!((event.level, event.category, event.severity), (Level::Info, Category::Business, 7));
    assert_eq!((event.source.as_str(), event.target.as_str(), event.message.as_str()), ("orders", "testing", "filled"));
    assert_eq!((event.correlation_id.as_deref(), event.is_cut, event.is_of_the_library()), (None, false, false));
    assert_eq!(event.place.map(|place| (place.file, place.line)), Some((file!(), line)));
}

#[test]
fn of_values_under_one_key_the_one_that_counts_is_kept() {
    let test = TestLog::new();
    let _entered = Scope::new().field(FieldGroup::Context, "key", ValueRef::Text("scope")).enter();
    info!(test.log(), "logged", key = "call");
    assert_logged!(test, key = "call");
}

#[test]
fn an_event_without_a_call_site_has_no_place() {
    let test = TestLog::new();
    test.log().log_dynamic(&DynamicEvent::new(Level::Info, "adapter::rows", "a row came in"));
    let event = assert_logged!(test, target: "adapter::rows", message: "a row came in");
    assert_eq!(event.place, None);
}

#[test]
fn all_levels_are_taken_unless_the_test_sets_another() {
    let test = TestLog::new();
    fapilog::trace!(test.log(), "step");
    assert_logged!(test, level: Trace);
    let test = TestLog::with(|builder| builder.level(LevelFilter::AtLeast(Level::Info)));
    debug!(test.log(), "detail");
    assert_not_logged!(test);
}

/// Takes out events that are not urgent.
struct UrgentOnly;

impl Processor for UrgentOnly {
    fn name(&self) -> &'static str {
        "urgent_only"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.retain(|event| event.level().is_urgent());
        Ok(())
    }
}

#[test]
fn plugins_of_the_test_stand_before_it() {
    let test = TestLog::with(|builder| builder.processor(|_| Box::new(UrgentOnly)));
    info!(test.log(), "calm");
    error!(test.log(), "urgent");
    assert_logged_times!(test, 1);
}

#[test]
fn time_stands_still_until_the_test_moves_it() {
    let test = TestLog::new();
    info!(test.log(), "before");
    test.clock().advance(Duration::from_secs(60));
    info!(test.log(), "after");
    let times: Vec<_> = test.events().iter().map(|event| event.timestamp.to_string()).collect();
    assert_eq!(times, ["2026-01-01T00:00:00.000000000Z", "2026-01-01T00:01:00.000000000Z"]);
}

#[test]
fn what_is_forgotten_is_no_longer_met() {
    let test = TestLog::new();
    info!(test.log(), "set-up");
    test.clear();
    assert_not_logged!(test);
    info!(test.log(), "the thing itself");
    assert_logged_times!(test, 1);
}

#[test]
fn a_failure_names_the_expectation_and_the_closest_event() {
    let test = TestLog::new();
    info!(test.log(), "order filled", order_id = 41);
    error!(test.log(), "order rejected", order_id = 41);
    let report =
        failure_of(|| assert_logged!(test, level: Error, message: "order rejected", order_id = 42, tags.eu = true));
    let expected = "expected, and not logged:\n    \
                    level: ERROR, message: \"order rejected\", order_id = 42, tags.eu = true\n\
                    the closest is\n    ERROR test \"order rejected\" order_id=41 (";
    assert!(report.starts_with(expected), "{report}");
    assert!(report.contains("    where order_id is 41\n    where tags.eu is absent\n"), "{report}");
    assert!(report.contains("logged were 2 events\n    INFO test \"order filled\" order_id=41 ("), "{report}");
}

#[test]
fn a_failure_names_no_closest_event_where_none_is_close() {
    let test = TestLog::new();
    info!(test.log(), "order filled");
    let report = failure_of(|| assert_logged!(test, level: Error, order_id = 42));
    assert!(!report.contains("closest") && report.contains("logged were 1 event\n"), "{report}");
}

#[test]
fn a_failure_lists_fifty_events_and_counts_the_others() {
    let test = TestLog::new();
    (0..53).for_each(|n| info!(test.log(), "numbered", n));
    let report = failure_of(|| assert_logged!(test, level: Error));
    assert!(
        report.contains(" n=49 ") && !report.contains(" n=50 ") && report.ends_with("    and 3 more\n"),
        "{report}"
    );
}

#[test]
fn a_failure_names_what_was_logged_and_should_not() {
    let test = TestLog::new();
    error!(test.log(), "gave up", peer = "10.0.0.1");
    info!(test.log(), "calm");
    let report = failure_of(|| assert_not_logged!(test, level: Error));
    let expected =
        "not expected, and logged:\n    level: ERROR\nit is met by 1 event\n    ERROR test \"gave up\" peer=";
    assert!(report.starts_with(expected) && !report.contains("calm"), "{report}");
}

#[test]
fn a_failure_reports_how_often_it_was_logged() {
    let test = TestLog::new();
    (0..2).for_each(|_| warn!(test.log(), "will retry"));
    let report = failure_of(|| assert_logged_times!(test, 3, message: "will retry"));
    assert!(report.starts_with("expected 3 times, and logged 2 times:\n    message: \"will retry\"\n"), "{report}");
}

#[test]
fn an_expectation_can_be_made_without_macros() {
    let test = TestLog::new();
    info!(test.log(), "logged", n = 1);
    let expected = Expectation::new().level(Level::Info).field(FieldGroup::Context, "n", &1);
    assert!(expected.is_met_by(&test.assert_logged(&expected)));
}

#[test]
fn threads_and_tasks_that_take_their_scope_along_are_correlated() {
    let test = TestLog::new();
    let answer = test.assert_correlated(|| {
        info!(test.log(), "at home");
        let log = test.log().clone();
        let worker = thread::spawn(Scope::current().wrap(move || info!(log, "in a thread")));
        let log = test.log().clone();
        let task = async move { info!(log, "in a task") }.in_current_scope();
        worker.join().unwrap();
        thread::spawn(|| pollster::block_on(task)).join().unwrap();
        42
    });
    assert_eq!(answer, 42);
    let ids: Vec<_> = test.events().into_iter().map(|event| event.correlation_id).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.is_some() && *id == ids[0]), "{ids:?}");
}

#[test]
fn a_thread_that_forgets_its_scope_is_named_with_its_place() {
    let test = TestLog::new();
    let log = test.log().clone();
    let line = line!() + 4;
    let report = failure_of(|| {
        test.assert_correlated(|| {
            info!(test.log(), "at home");
            thread::spawn(move || info!(log, "astray")).join().unwrap();
        });
    });
    assert!(report.starts_with("1 of 2 events do not have the correlation id \""), "{report}");
    assert!(report.contains(&format!("    INFO test \"astray\" ({}:{line})\n", file!())), "{report}");
    assert!(!report.contains("\"at home\""), "{report}");
}

#[test]
fn events_before_the_work_need_not_be_correlated() {
    let test = TestLog::new();
    info!(test.log(), "forgotten");
    test.clear();
    info!(test.log(), "before");
    test.assert_correlated(|| info!(test.log(), "during"));
}

#[test]
fn work_that_logs_nothing_proves_nothing() {
    let test = TestLog::new();
    info!(test.log(), "before");
    let report = failure_of(|| test.assert_correlated(|| {}));
    assert!(report.starts_with("nothing was logged"), "{report}");
}

#[test]
fn all_events_are_checked_for_a_known_id() {
    let test = TestLog::new();
    Scope::new().correlation_id("7f3a").wrap(|| info!(test.log(), "inside"))();
    test.assert_all_correlated("7f3a");
    Scope::new().correlation_id("other").wrap(|| info!(test.log(), "of another request"))();
    let report = failure_of(|| test.assert_all_correlated("7f3a"));
    assert!(report.contains("\"of another request\" correlation_id=\"other\""), "{report}");
}

#[test]
fn many_test_logs_side_by_side_share_nothing() {
    const TESTS: u64 = 32;
    const EVENTS: u64 = 500;
    let run = |own: u64| {
        let test = TestLog::new();
        test.clock().advance(Duration::from_secs(own));
        let _entered = Scope::new().correlation_id(&own.to_string()).enter();
        (0..EVENTS).for_each(|n| info!(test.log(), "numbered", own, n));
        test.assert_all_correlated(&own.to_string());
        let events = assert_logged_times!(test, EVENTS as usize);
        let time = test.clock().now();
        for (n, event) in events.iter().enumerate() {
            assert_eq!((&event.context["own"], &event.context["n"]), (&LoggedValue::of(&own), &LoggedValue::of(&n)));
            assert_eq!(event.timestamp, time);
        }
    };
    thread::scope(|scope| {
        for own in 0..TESTS {
            scope.spawn(move || run(own));
        }
    });
}

#[test]
fn a_test_that_logs_more_than_a_ring_holds_drops_nothing() {
    let test = TestLog::with(|builder| builder.ring_capacity_bytes(16 * 1024).record_max_bytes(1024));
    (0..5000).for_each(|n| info!(test.log(), "numbered", n));
    assert_logged_times!(test, 5000);
}

#[test]
#[should_panic(expected = "the test itself")]
fn a_test_that_fails_is_not_failed_a_second_time() {
    let test = TestLog::new();
    info!(test.log(), "pending");
    panic!("the test itself");
}

fapilog::log_tests! {
    fn a_test_is_given_a_log_of_its_own(test) {
        assert_not_logged!(test);
        info!(test.log(), "logged");
        assert_logged_times!(test, 1);
    }

    /// Attributes and results stay.
    #[allow(clippy::unnecessary_wraps, reason = "it is what is tested")]
    fn a_test_may_return_a_result(test) -> Result<(), fapilog::error::FlushError> {
        info!(test.log(), "logged");
        test.container().flush(Duration::from_secs(30))?;
        Ok(())
    }

    #[should_panic(expected = "expected, and not logged")]
    fn a_test_whose_expectation_is_not_met_fails(test) {
        assert_logged!(test);
    }
}
