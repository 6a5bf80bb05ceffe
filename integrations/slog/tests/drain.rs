//! Records of slog as events.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;
#[path = "../../log/tests/order_error/mod.rs"]
mod order_error;

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use fapilog::{
    Container, Level, Scope, format, info as fapilog_info,
    level::Directives,
    metrics::LossReason,
    sink::{self, Delivery},
};
use fapilog_slog::SlogDrain;
use law::{TIMEOUT, balanced, memory, messages, only, parsed, shut_down, sinks::StubSink, started, thread_builder};
use order_error::OrderError;
use serde_json::{Value, json};
use slog::{
    Drain, FnValue, KV, Logger, OwnedKV, PushFnValue, Record, SendSyncRefUnwindSafeKV, Serializer, SingleKV, debug,
    error, info, o, trace, warn,
};

fn root<T: SendSyncRefUnwindSafeKV + 'static>(container: &Container, values: OwnedKV<T>) -> Logger {
    Logger::root(SlogDrain::new(container.logger("slog")), values)
}

/// The one event of what `log` logs.
fn event_of(log: impl FnOnce(&Logger)) -> Value {
    let (container, events) = started();
    log(&root(&container, o!()));
    shut_down(&container);
    only(&events)
}

#[test]
fn a_record_is_an_event_with_its_level_module_source_and_message() {
    let event = event_of(|log| warn!(log, "{} rows", 3));
    assert_eq!(
        (&event["level"], &event["target"], &event["source"], &event["message"]),
        (&json!("WARNING"), &json!("drain"), &json!("slog"), &json!("3 rows"))
    );
    assert_eq!(event.get("context"), None);
}

#[test]
fn an_event_has_the_file_and_the_line_of_the_call() {
    let (sink, events) = sink::Memory::new(|| format::Json::new().call_site(true));
    let container = thread_builder().sink("memory", sink).start().unwrap();
    let log = root(&container, o!());
    let line = line!() + 1;
    info!(log, "m");
    shut_down(&container);
    assert_eq!(only(&events)["call_site"], json!(format!("{}:{line}", file!())));
}

#[test]
fn values_keep_their_types() {
    let failure = OrderError::new();
    let event = event_of(|log| {
        info!(log, "m";
            "u8" => 1_u8, "u64" => u64::MAX, "usize" => 7_usize, "i8" => -1_i8, "i64" => i64::MIN, "isize" => -7_isize,
            "f32" => 0.1_f32, "f64" => 0.5, "yes" => true, "letter" => 'ü', "text" => "a \"text\"", "owned" => String::from("s"),
            "nothing" => None::<u8>, "something" => Some(2), "unit" => (), "display" => %1.5, "debug" => ?Some("x"),
            "lazy" => FnValue(|_| 3), "error" => #failure,
        );
    });
    let expected = json!({
        "u8": 1, "u64": u64::MAX, "usize": 7, "i8": -1, "i64": i64::MIN, "isize": -7, "f64": 0.5, "yes": true, "letter": "ü",
        "text": "a \"text\"", "owned": "s", "nothing": null, "something": 2, "unit": null, "display": "1.5", "debug": "Some(\"x\")",
        "lazy": 3, "error": OrderError::TEXT,
    });
    let mut context = event["context"].clone();
    // Its shortest text is that of an `f32`.
    assert_eq!(context.as_object_mut().unwrap().remove("f32").unwrap().to_string(), "0.1");
    assert_eq!(context, expected);
}

#[test]
fn integers_of_128_bits_keep_all_of_them() {
    let event = event_of(|log| info!(log, "m"; "u128" => u128::MAX, "i128" => i128::MIN));
    let text = |key: &str| event["context"][key].to_string().trim_matches('"').to_owned();
    assert_eq!([text("u128"), text("i128")], [u128::MAX.to_string(), i128::MIN.to_string()]);
}

#[test]
fn keys_with_a_prefix_are_tags_and_metrics() {
    let event = event_of(|log| info!(log, "m"; "tags.region" => "eu", "metrics.ms" => 2.5, "order" => 42));
    let parts = (&event["tags"], &event["metrics"], &event["context"]);
    assert_eq!(parts, (&json!({"region": "eu"}), &json!({"ms": 2.5}), &json!({"order": 42})));
}

#[test]
fn a_tag_is_a_field() {
    let event = event_of(|log| info!(log, # "billing", "m"));
    assert_eq!(event["context"], json!({"tag": "billing"}));
}

#[test]
fn pairs_of_a_record_come_first_and_win_over_its_loggers_and_those_over_its_parents() {
    let (container, events) = started();
    let parent = root(&container, o!("all" => "parent", "two" => "parent", "parent" => 1));
    let child = parent.new(o!("all" => "child", "two" => "child", "child" => 2));
    info!(child, "m"; "all" => "record", "record" => 3);
    info!(parent, "m");
    shut_down(&container);
    let events = parsed(&events);
    let context = &events[0]["context"];
    assert_eq!(*context, json!({"record": 3, "all": "record", "child": 2, "two": "child", "parent": 1}));
    assert_eq!(events[1]["context"], json!({"parent": 1, "two": "parent", "all": "parent"}));
}

#[test]
fn pairs_are_in_the_order_in_which_slog_emits_them() {
    let (container, events) = started();
    info!(root(&container, o!("d" => 4, "c" => 3)), "m"; "b" => 2, "a" => 1);
    shut_down(&container);
    assert!(events.lines()[0].contains(r#"{"a":1,"b":2,"c":3,"d":4}"#), "{}", events.lines()[0]);
}

#[test]
fn values_of_a_logger_that_are_made_for_each_record_are_made_for_each() {
    let (container, events) = started();
    let next = std::sync::atomic::AtomicU64::new(1);
    let log =
        root(&container, o!("number" => PushFnValue(move |_, out| out.emit(next.fetch_add(1, Ordering::Relaxed)))));
    info!(log, "m");
    info!(log, "m");
    shut_down(&container);
    let numbers: Vec<_> = parsed(&events).iter().map(|event| event["context"]["number"].as_u64()).collect();
    assert_eq!(numbers, [Some(1), Some(2)]);
}

#[test]
fn every_level_of_slog_has_its_level() {
    let (container, events) = started();
    container.set_level(Level::Trace);
    let log = root(&container, o!());
    slog::crit!(log, "m");
    error!(log, "m");
    warn!(log, "m");
    info!(log, "m");
    debug!(log, "m");
    trace!(log, "m");
    shut_down(&container);
    let levels: Vec<_> = parsed(&events).into_iter().map(|event| event["level"].clone()).collect();
    assert_eq!(levels, ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "TRACE"].map(Value::from));
}

#[test]
fn records_and_log_calls_of_fapilog_have_one_scope() {
    let (container, events) = started();
    let log = root(&container, o!());
    {
        let _request = Scope::new().correlation_id("7f3a").enter();
        info!(log, "of slog");
        fapilog_info!(container.logger("program"), "of fapilog");
    }
    shut_down(&container);
    let ids: Vec<_> = parsed(&events).iter().map(|event| event["correlation_id"].clone()).collect();
    assert_eq!(ids, [json!("7f3a"), json!("7f3a")]);
}

#[test]
fn levels_and_levels_by_target_apply_from_the_next_record_on() {
    let (container, events) = started();
    let log = root(&container, o!());
    for (directives, text) in [("info", "1"), ("info,drain=debug", "2"), ("debug,drain=warn", "3"), ("debug", "4")] {
        container.set_level(directives.parse::<Directives>().unwrap());
        debug!(log, "{text}");
    }
    shut_down(&container);
    assert_eq!(messages(&events), ["2", "4"]);
}

#[test]
fn a_disabled_record_makes_no_value() {
    let (container, events) = started();
    let is_made = Cell::new(false);
    debug!(root(&container, o!()), "m"; "lazy" => FnValue(|_| is_made.replace(true)));
    shut_down(&container);
    assert_eq!((is_made.get(), events.lines().len()), (false, 0));
}

#[test]
fn the_question_whether_a_level_is_enabled_is_answered_by_the_containers_levels() {
    let (container, _events) = started();
    let log = root(&container, o!());
    assert!(log.is_enabled(slog::Level::Info) && !log.is_enabled(slog::Level::Debug));
    container.set_level("warn,sql=debug".parse::<Directives>().unwrap());
    assert!(log.is_enabled(slog::Level::Debug) && !log.is_enabled(slog::Level::Trace));
    shut_down(&container);
}

#[test]
fn an_event_whose_value_panics_has_the_pairs_before_it_and_those_of_other_lists_and_states_it() {
    let (container, events) = started();
    let log = root(&container, o!("logger" => 3));
    info!(log, "m"; "behind" => 2, "bad" => FnValue(|_| -> u64 { panic!("on purpose") }), "first" => 1);
    shut_down(&container);
    let event = only(&events);
    assert_eq!(event["message"], json!("m"));
    assert_eq!(event["context"], json!({"first": 1, "pairs_error": "<panicked>", "logger": 3}));
}

#[test]
fn an_event_whose_value_fails_has_the_reason() {
    let event = event_of(|log| {
        let fails = PushFnValue(|_, _| Err(std::io::Error::other("no connection").into()));
        info!(log, "m"; "behind" => 2, "bad" => fails, "first" => 1);
    });
    assert_eq!(event["context"], json!({"first": 1, "bad": null, "pairs_error": "no connection"}));
}

/// A list of pairs with a key that is made at run time, and a list within a list.
struct OwnPairs;

impl KV for OwnPairs {
    fn serialize(&self, record: &Record<'_>, out: &mut dyn Serializer) -> slog::Result {
        SingleKV("single", 1).serialize(record, out)?;
        out.emit_bytes("bytes", b"\x00\xff", slog::BytesKind::Stream)?;
        (SingleKV("one", 1), SingleKV("", 2)).serialize(record, out)
    }
}

#[test]
fn a_list_of_the_programs_own_type_is_in_the_event() {
    let event = event_of(|log| info!(log, "m"; OwnPairs));
    let context = &event["context"];
    assert_eq!((&context["single"], &context["one"], &context[""]), (&json!(1), &json!(1), &json!(2)));
    assert!(context["bytes"].is_string(), "{context}");
}

#[test]
fn filters_and_fuses_and_a_second_drain_are_around_it_as_around_any() {
    let (container, events) = started();
    container.set_level(Level::Trace);
    let drain = SlogDrain::new(container.logger("slog"));
    let filtered = slog::LevelFilter::new(drain.clone(), slog::Level::Info).fuse();
    let log = Logger::root(slog::Duplicate::new(filtered, slog::Discard).fuse(), o!());
    info!(log, "passes");
    debug!(log, "does not");
    assert!(log.is_enabled(slog::Level::Info));
    shut_down(&container);
    assert_eq!(messages(&events), ["passes"]);
}

#[test]
fn a_value_that_logs_without_end_is_suppressed_and_counted() {
    #[derive(Clone)]
    struct Endless(Logger);

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(self.0, "again"; "endless" => %self.clone());
            f.write_str("shown")
        }
    }

    let (container, events) = started();
    let drain = SlogDrain::new(container.logger("slog"));
    let log = Logger::root(drain.clone(), o!());
    info!(log, "m"; "endless" => %Endless(log.clone()));
    shut_down(&container);
    assert_eq!((events.lines().len(), drain.suppressed().nested), (4, 1));
}

#[test]
fn a_record_behind_the_shutdown_is_counted_as_lost() {
    let (container, _events) = started();
    let log = root(&container, o!());
    info!(log, "before");
    shut_down(&container);
    info!(log, "behind");
    let accounts = container.accounts();
    assert_eq!((accounts.submitted, accounts.lost.of(LossReason::ContainerClosed)), (2, 1));
    accounts.check().unwrap();
}

#[test]
fn a_record_of_a_made_up_place_behind_the_shutdown_is_counted_as_lost() {
    let (container, _events) = started();
    let drain = SlogDrain::new(container.logger("slog"));
    shut_down(&container);
    log_at_made_up_places(&drain, 200);
    let accounts = container.accounts();
    assert_eq!((accounts.submitted, accounts.lost.of(LossReason::ContainerClosed)), (200, 200));
    accounts.check().unwrap();
}

#[test]
fn made_up_places_are_all_logged() {
    let (container, events) = started();
    log_at_made_up_places(&SlogDrain::new(container.logger("slog")), 200);
    shut_down(&container);
    let targets: Vec<_> = parsed(&events).iter().map(|event| event["target"].as_str().unwrap().to_owned()).collect();
    assert_eq!(targets, (0..200).map(|n| format!("module {n}")).collect::<Vec<_>>());
}

/// Logs at more places of a line than are described.
fn log_at_made_up_places(drain: &SlogDrain, count: usize) {
    let log = Logger::root(drain.clone(), o!());
    for n in 0..count {
        let module: &'static str = format!("module {n}").leak();
        let location = slog::RecordLocation { file: "made_up.rs", line: 1, column: 0, function: "", module };
        let place = slog::RecordStatic { location: &location, level: slog::Level::Info, tag: "" };
        log.log(&Record::new(&place, &format_args!("m"), slog::b!()));
    }
}

#[test]
fn a_thread_that_delivers_logs_nothing_behind_the_shutdown() {
    let (container, _events) = started();
    let log = root(&container, o!());
    shut_down(&container);
    thread::spawn(move || {
        fapilog::plugin::work_for_a_sink();
        info!(log, "of a sink's thread");
    })
    .join()
    .unwrap();
    assert_eq!(container.accounts().submitted, 0);
}

#[test]
fn a_thread_that_logs_while_its_locals_are_dropped_is_logged() {
    /// Logs when the thread ends.
    struct LogsAtTheEnd(Logger);

    impl Drop for LogsAtTheEnd {
        fn drop(&mut self) {
            info!(self.0, "at the end"; "n" => 2);
        }
    }

    thread_local! {
        static LAST: std::cell::OnceCell<LogsAtTheEnd> = const { std::cell::OnceCell::new() };
    }

    let (container, events) = started();
    let log = root(&container, o!());
    let thread = thread::spawn(move || {
        // Known to the thread first, and dropped last.
        LAST.with(|last| assert!(last.set(LogsAtTheEnd(log.clone())).is_ok()));
        info!(log, "before"; "n" => 1);
    });
    thread.join().unwrap();
    shut_down(&container);
    assert_eq!(messages(&events), ["before", "at the end"]);
}

#[test]
fn a_flush_delivers_what_was_logged_before_and_reports_an_error() {
    let (container, events) = started();
    let drain = SlogDrain::new(container.logger("slog")).flush_timeout(TIMEOUT);
    info!(Logger::root(drain.clone(), o!()), "m");
    drain.flush().unwrap();
    assert_eq!(events.lines().len(), 1);
    shut_down(&container);
    let text = drain.flush().unwrap_err().to_string();
    assert!(text.contains("shut down"), "{text}");
}

#[test]
fn records_of_threads_that_deliver_are_suppressed_and_counted() {
    let place = Arc::new(std::sync::OnceLock::<Logger>::new());
    let in_sink = Arc::clone(&place);
    let talkative = StubSink::new(move || {
        warn!(in_sink.get().unwrap(), "on a drain's thread");
        Delivery::done(Ok(()))
    });
    let (memory, events) = memory();
    let container = thread_builder().sink("memory", memory).sink("talkative", talkative).start().unwrap();
    let drain = SlogDrain::new(container.logger("slog"));
    let log = place.get_or_init(|| Logger::root(drain.clone(), o!()));
    info!(log, "of the program");
    container.flush(TIMEOUT).unwrap();
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    assert_eq!((accounts.submitted, events.lines().len(), drain.suppressed().on_drain_threads), (1, 1, 1));
}

#[test]
fn threads_that_log_while_levels_change_drop_nothing() {
    const THREADS: usize = 4;
    const RECORDS: usize = 2_000;
    let (container, events) = started();
    let log = root(&container, o!("parent" => "p"));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (log, is_over) = (log.new(o!("thread" => number)), &is_over);
            scope.spawn(move || {
                for n in 0..RECORDS {
                    error!(log, "always"; "n" => n);
                    debug!(log, "sometimes");
                }
                is_over.store(true, Ordering::Relaxed);
            });
        }
        for level in [Level::Error, Level::Debug].into_iter().cycle() {
            container.set_level(level);
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    let events = parsed(&events);
    assert_eq!(accounts.submitted, events.len() as u64);
    for number in 0..THREADS {
        let own = events.iter().filter(|event| event["message"] == "always" && event["context"]["thread"] == number);
        assert_eq!(
            own.map(|event| event["context"]["n"].as_u64().unwrap()).collect::<Vec<_>>(),
            (0..RECORDS as u64).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_flush_that_takes_too_long_is_an_error() {
    let container = thread_builder().sink("full", law::sinks::Full::default()).start().unwrap();
    let drain = SlogDrain::new(container.logger("slog")).flush_timeout(Duration::from_millis(20));
    info!(Logger::root(drain.clone(), o!()), "m");
    assert!(drain.flush().is_err());
    let _ = container.shutdown(Duration::from_millis(20));
    container.accounts().check().unwrap();
}

#[cfg(feature = "nested-values")]
#[test]
fn values_of_serde_keep_their_parts() {
    use std::collections::BTreeMap;

    let map = BTreeMap::from([("lots".to_owned(), vec![1, 2])]);
    let event = event_of(|log| info!(log, "m"; "map" => slog::Serde(map)));
    assert_eq!(event["context"], json!({"map": {"lots": [1, 2]}}));
}
