//! Records of `log` as events.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;
mod order_error;

use std::{fmt, panic::Location};

use fapilog::{
    Container, Level, Logger, Scope, format, info,
    level::{Directives, LevelFilter},
    metrics::LossReason,
    sink::{self, MemoryEvents},
};
use fapilog_log::LogBridge;
use law::{TIMEOUT, messages, only, parsed, shut_down, started, thread_builder};
use log::{
    Log, Record,
    kv::{self, VisitSource},
};
use order_error::OrderError;
use serde_json::{Value, json};

/// A bridge of a container, and all that it delivers. Macros with `logger:` ask `log::max_level()`, too.
fn bridged(container: &Container) -> LogBridge {
    bridge_of(container.logger("bridge"))
}

fn bridge_of(logger: Logger) -> LogBridge {
    log::set_max_level(log::LevelFilter::Trace);
    LogBridge::builder(logger).build()
}

/// The one event of what `log` logs.
fn event_of(log: impl FnOnce(&LogBridge)) -> Value {
    let (container, events) = started();
    log(&bridged(&container));
    shut_down(&container);
    only(&events)
}

#[test]
fn a_record_is_an_event_with_its_level_target_source_and_message() {
    let event = event_of(|bridge| log::warn!(logger: bridge, target: "sql", "{} rows", 3));
    assert_eq!(
        (&event["level"], &event["target"], &event["source"], &event["message"]),
        (&json!("WARNING"), &json!("sql"), &json!("bridge"), &json!("3 rows"))
    );
}

#[test]
fn an_event_has_the_file_and_the_line_of_the_call() {
    let (memory, events) = sink::Memory::new(|| format::Json::new().call_site(true));
    let container = thread_builder().sink("memory", memory).start().unwrap();
    let bridge = bridged(&container);
    let line = Location::caller().line() + 1;
    log::info!(logger: &bridge, "m");
    shut_down(&container);
    assert_eq!(only(&events)["call_site"], json!(format!("{}:{line}", file!())));
}

#[test]
fn a_module_that_is_not_the_target_is_a_field() {
    let event = event_of(|bridge| log::info!(logger: bridge, target: "sql", "m"));
    assert_eq!(event["context"], json!({"module_path": "bridge"}));
    let event = event_of(|bridge| log::info!(logger: bridge, "m"));
    assert_eq!(event.get("context"), None);
}

#[test]
fn values_keep_their_types() {
    let error = OrderError::new();
    let event = event_of(|bridge| {
        log::info!(
            logger: bridge,
            unsigned = u64::MAX, signed = -1_i64, wide = u128::MAX, wide_signed = i128::MIN, float = 0.5, yes = true,
            text = "a \"text\"", letter = 'ü', nothing = None::<u64>, display:% = 1.5, debug:? = Some("x"), error:err = error;
            "m"
        );
    });
    let expected = json!({
        "unsigned": u64::MAX, "signed": -1, "float": 0.5, "yes": true, "text": "a \"text\"", "letter": "ü", "nothing": null,
        "display": "1.5", "debug": "Some(\"x\")", "error": OrderError::TEXT,
    });
    let mut context = event["context"].clone();
    let mut take = |key: &str| context.as_object_mut().unwrap().remove(key).unwrap().to_string();
    let wide = [take("wide"), take("wide_signed")];
    assert_eq!(context, expected);
    assert_eq!(wide.map(|text| text.trim_matches('"').to_owned()), [u128::MAX.to_string(), i128::MIN.to_string()]);
}

#[test]
fn keys_with_a_prefix_are_tags_and_metrics() {
    let event = event_of(|bridge| {
        log::info!(logger: bridge, "tags.region" = "eu", "metrics.ms" = 2.5, order = 42; "m");
    });
    let parts = (&event["tags"], &event["metrics"], &event["context"]);
    assert_eq!(parts, (&json!({"region": "eu"}), &json!({"ms": 2.5}), &json!({"order": 42})));
}

#[test]
fn every_level_of_log_has_its_level() {
    let (container, events) = started();
    container.set_level(Level::Trace);
    let bridge = bridged(&container);
    log::Level::iter().for_each(|level| log::log!(logger: &bridge, level, "m"));
    shut_down(&container);
    let levels: Vec<_> = parsed(&events).into_iter().map(|event| event["level"].clone()).collect();
    assert_eq!(levels, ["ERROR", "WARNING", "INFO", "DEBUG", "TRACE"].map(Value::from));
}

#[test]
fn records_and_log_calls_of_fapilog_have_one_scope() {
    let (container, events) = started();
    let (bridge, log) = (bridged(&container), container.logger("program"));
    {
        let _request = Scope::new().correlation_id("7f3a").enter();
        log::info!(logger: &bridge, "of log");
        info!(log, "of fapilog");
    }
    log::info!(logger: &bridge, "outside");
    shut_down(&container);
    let ids: Vec<_> = parsed(&events).iter().map(|event| event["correlation_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(ids[..2], [Some("7f3a".to_owned()), Some("7f3a".to_owned())]);
    assert_ne!(ids[2], ids[1]);
}

#[test]
fn fields_of_the_logger_are_in_each_event_and_a_records_own_win() {
    let (container, events) = started();
    let bridge = bridge_of(container.logger("bridge").with([("shard", 7.into()), ("key", "logger".into())]));
    log::info!(logger: &bridge, key = "record"; "m");
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"key": "record", "shard": 7}));
}

#[test]
fn a_target_has_the_level_of_its_directive_from_the_next_record_on() {
    let (container, events) = started();
    let bridge = bridged(&container);
    let log = |text: &str| log::debug!(logger: &bridge, target: "app::sql", "{text}");
    for (directives, text) in [("info", "1"), ("info,app=debug", "2"), ("debug,app::sql=warn", "3"), ("debug", "4")] {
        container.set_level(directives.parse::<Directives>().unwrap());
        log(text);
        log(text);
    }
    shut_down(&container);
    assert_eq!(messages(&events), ["2", "2", "4", "4"]);
}

#[test]
fn the_question_whether_a_level_is_enabled_has_the_answer_of_its_target() {
    let (container, _events) = started();
    let bridge = bridged(&container);
    container.set_level("warn,app=debug".parse::<Directives>().unwrap());
    let is_enabled = |target: &str, level| {
        let metadata = log::Metadata::builder().target(target).level(level).build();
        // The second answer is remembered.
        assert_eq!(bridge.enabled(&metadata), bridge.enabled(&metadata));
        bridge.enabled(&metadata)
    };
    assert!(is_enabled("app::sql", log::Level::Debug));
    assert!(!is_enabled("other", log::Level::Info));
    assert!(is_enabled("other", log::Level::Warn));
    shut_down(&container);
}

#[test]
fn bridges_of_two_containers_share_no_answer() {
    let ((one, of_one), (two, of_two)) = (started(), started());
    two.set_level(Level::Error);
    for bridge in [bridged(&one), bridged(&two), bridged(&one)] {
        log::info!(logger: &bridge, "m");
    }
    shut_down(&one);
    shut_down(&two);
    assert_eq!((of_one.lines().len(), of_two.lines().len()), (2, 0));
}

#[test]
fn endless_targets_of_a_place_are_all_logged() {
    let (container, events) = started();
    let bridge = bridged(&container);
    for n in 0..200 {
        log::info!(logger: &bridge, target: &format!("tenant {n}"), n; "message {n}");
    }
    shut_down(&container);
    for (n, event) in parsed(&events).into_iter().enumerate() {
        assert_eq!(
            (&event["target"], &event["message"], &event["context"]["n"]),
            (&json!(format!("tenant {n}")), &json!(format!("message {n}")), &json!(n))
        );
    }
    assert_eq!(events.lines().len(), 200);
}

#[test]
fn a_record_that_is_made_at_run_time_needs_no_place() {
    let event = event_of(|bridge| {
        let mut record = Record::builder();
        bridge.log(&record.args(format_args!("made up")).level(log::Level::Error).target("python").build());
    });
    assert_eq!((&event["message"], &event["target"]), (&json!("made up"), &json!("python")));
}

/// Logs when it is shown.
struct Talkative<'a>(&'a LogBridge, u32);

impl fmt::Display for Talkative<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(left) = self.1.checked_sub(1) {
            log::info!(logger: self.0, "shown {}", Talkative(self.0, left));
        }
        write!(f, "{}", self.1)
    }
}

#[test]
fn an_argument_that_logs_when_it_is_shown_is_logged_as_well() {
    let (container, events) = started();
    let bridge = bridged(&container);
    log::info!(logger: &bridge, "outer {}", Talkative(&bridge, 1));
    shut_down(&container);
    assert_eq!(messages(&events), ["shown 0", "outer 1"]);
    assert_eq!(bridge.suppressed().total(), 0);
}

#[test]
fn arguments_that_log_without_end_are_suppressed_and_counted() {
    let (container, events) = started();
    let bridge = bridged(&container);
    log::info!(logger: &bridge, "outer {}", Talkative(&bridge, 1_000));
    shut_down(&container);
    assert_eq!(events.lines().len(), 4);
    assert_eq!(bridge.suppressed().nested, 1);
}

/// A list of pairs that ends in an error or a panic.
struct BrokenPairs(fn() -> Result<(), kv::Error>);

impl kv::Source for BrokenPairs {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        visitor.visit_pair("before".into(), 1_u64.into())?;
        self.0()
    }
}

#[test]
fn an_event_whose_pairs_fail_or_panic_has_those_before_and_states_it() {
    let cases = [
        (BrokenPairs(|| panic!("on purpose")), "<panicked>"),
        (BrokenPairs(|| Err(kv::Error::msg("no connection"))), "no connection"),
    ];
    for (pairs, reason) in cases {
        let event = event_of(|bridge| {
            let mut record = Record::builder();
            bridge.log(&record.args(format_args!("m")).key_values(&pairs).build());
        });
        assert_eq!((&event["message"], &event["context"]), (&json!("m"), &json!({"before": 1, "pairs_error": reason})));
    }
}

#[test]
fn a_record_behind_the_shutdown_is_counted_as_lost_beyond_the_places_of_a_line_too() {
    let (container, _events) = started();
    let bridge = bridged(&container);
    shut_down(&container);
    (0..200).for_each(|n| log::info!(logger: &bridge, target: &format!("closed tenant {n}"), "behind"));
    let accounts = container.accounts();
    assert_eq!((accounts.submitted, accounts.lost.of(LossReason::ContainerClosed)), (200, 200));
    accounts.check().unwrap();
}

#[test]
fn a_record_behind_the_shutdown_is_counted_as_lost() {
    let (container, _events) = started();
    let bridge = bridged(&container);
    log::info!(logger: &bridge, "before");
    shut_down(&container);
    // The first is remembered as enabled, the second is new to the thread.
    log::info!(logger: &bridge, "behind");
    log::error!(logger: &bridge, "behind");
    let accounts = container.accounts();
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.lost.total()), (3, 1, 2));
    accounts.check().unwrap();
}

#[test]
fn a_disabled_record_is_no_event_and_looks_at_no_argument() {
    let (container, events) = started();
    let bridge = bridged(&container);
    container.set_level(LevelFilter::Off);
    log::error!(logger: &bridge, "{}", Talkative(&bridge, 1));
    container.set_level(Level::Warning);
    log::info!(logger: &bridge, "{}", Talkative(&bridge, 1));
    let accounts = shut_down(&container);
    assert_eq!((accounts.submitted, events.lines().len()), (0, 0));
}

#[test]
fn a_thread_that_logs_while_its_locals_are_dropped_is_logged() {
    /// Logs when the thread ends.
    struct LogsAtTheEnd(LogBridge);

    impl Drop for LogsAtTheEnd {
        fn drop(&mut self) {
            log::info!(logger: &self.0, n = 2; "{}", "at the end");
        }
    }

    thread_local! {
        static LAST: std::cell::OnceCell<LogsAtTheEnd> = const { std::cell::OnceCell::new() };
    }

    let (container, events) = started();
    let bridge = bridged(&container);
    let thread = std::thread::spawn(move || {
        // Known to the thread first, and dropped last.
        LAST.with(|last| assert!(last.set(LogsAtTheEnd(bridge.clone())).is_ok()));
        log::info!(logger: &bridge, n = 1; "{}", "before");
    });
    thread.join().unwrap();
    shut_down(&container);
    assert_eq!(messages(&events), ["before", "at the end"]);
}

#[test]
fn a_long_message_is_cut_and_counted() {
    let (container, events) = started();
    let bridge = bridged(&container);
    log::info!(logger: &bridge, order = 42; "{}", "x".repeat(4 << 20));
    shut_down(&container);
    assert_eq!(only(&events)["context"]["order"], json!(42));
    assert_eq!(container.accounts().cut, 1);
}

#[test]
fn flush_delivers_what_was_logged_before() {
    let (container, events) = started();
    let bridge = bridged(&container);
    log::info!(logger: &bridge, "m");
    bridge.flush();
    assert_eq!(events.lines().len(), 1);
    shut_down(&container);
}

/// A sink that is full.
fn blocked() -> (Container, MemoryEvents) {
    let (memory, events) = law::memory();
    let container = thread_builder().sink("full", law::sinks::Full::default()).sink("memory", memory).start().unwrap();
    (container, events)
}

#[test]
fn flush_ends_by_its_timeout() {
    let (container, _events) = blocked();
    let bridge =
        LogBridge::builder(container.logger("bridge")).flush_timeout(std::time::Duration::from_millis(50)).build();
    log::info!(logger: &bridge, "m");
    let start = std::time::Instant::now();
    bridge.flush();
    assert!(start.elapsed() < TIMEOUT);
    let _ = container.shutdown(std::time::Duration::from_millis(50));
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!(accounts.lost.of(LossReason::ShutdownDeadline), 1);
}
