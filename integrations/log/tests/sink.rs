//! Events as records of `log`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog::{
    Container, Level, Logger, Scope, audit, error, info,
    metrics::LossReason,
    sink::{Route, SinkOptions},
    warn,
};
use fapilog_log::{LogBridge, LogSink};
use law::{shut_down, sinks::Failing, thread_builder};
use log::{
    Log, Metadata, Record,
    kv::{self, Key, Value, VisitSource},
};

/// A logger that keeps what it is given, as text, and the types of values by their `Debug`.
#[derive(Clone)]
struct Kept {
    lines: Arc<Mutex<Vec<String>>>,
    least: log::Level,
}

impl Kept {
    fn new(least: log::Level) -> Self {
        Self { lines: Arc::default(), least }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

struct Pairs(String);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let typed = (value.to_u64().map(|n| format!("u64 {n}")))
            .or_else(|| value.to_i64().map(|n| format!("i64 {n}")))
            .or_else(|| value.to_f64().map(|n| format!("f64 {n}")))
            .or_else(|| value.to_bool().map(|b| format!("bool {b}")))
            .or_else(|| value.to_borrowed_str().map(|text| format!("str {text}")))
            .unwrap_or_else(|| format!("any {value}"));
        self.0.push_str(&format!(" {key}={typed}"));
        Ok(())
    }
}

impl Log for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.least
    }

    fn log(&self, record: &Record<'_>) {
        let mut pairs = Pairs(String::new());
        record.key_values().visit(&mut pairs).unwrap();
        assert!(!record.args().to_string().contains("panic"), "on purpose");
        let place = format!("{}:{}", record.file().unwrap_or("?"), record.line().unwrap_or(0));
        let line = format!("{} {} {} {}{}", record.level(), record.target(), place, record.args(), pairs.0);
        self.lines.lock().unwrap().push(line);
    }

    fn flush(&self) {
        self.lines.lock().unwrap().push("flushed".to_owned());
    }
}

fn logged(least: log::Level, log: impl FnOnce(&Logger)) -> (Vec<String>, Container) {
    let kept = Kept::new(least);
    let container = thread_builder().sink("log", LogSink::to_logger(kept.clone())).start().unwrap();
    log(&container.logger("orders"));
    shut_down(&container);
    (kept.lines().into_iter().filter(|line| line != "flushed").collect(), container)
}

#[test]
fn a_record_has_level_target_place_message_and_typed_fields() {
    let line = line!() + 2;
    let (lines, _) = logged(log::Level::Trace, |log| {
        warn!(
            log,
            "{n} rows",
            n = 3_u8,
            signed = -1,
            share = 0.5,
            yes = true,
            text = "a b",
            peer = Ipv4Addr::LOCALHOST
        );
    });
    let expected = format!(
        "WARN sink {}:{line} 3 rows n=u64 3 signed=i64 -1 share=f64 0.5 yes=bool true text=str a b peer=any 127.0.0.1 source=str orders",
        file!()
    );
    assert_eq!(lines, [expected]);
}

#[test]
fn tags_metrics_and_the_correlation_id_are_pairs_with_a_key_of_their_own() {
    let (lines, _) = logged(log::Level::Trace, |log| {
        let _entered = Scope::new().correlation_id("7f3a").enter();
        info!(log, "m", tags.region = "eu", metrics.ms = 2.5);
    });
    assert!(
        lines[0].ends_with("m tags.region=str eu metrics.ms=f64 2.5 correlation_id=str 7f3a source=str orders"),
        "{lines:?}"
    );
}

#[test]
fn fields_with_the_key_of_another_pair_keep_it_behind_a_prefix() {
    let (lines, _) = logged(log::Level::Trace, |log| {
        let _entered = Scope::new().correlation_id("7f3a").enter();
        error!(log, "m", source = "a", level = 1, correlation_id = "b");
    });
    let fields = "context.source=str a context.level=u64 1 context.correlation_id=str b";
    assert!(lines[0].ends_with(&format!(" m {fields} correlation_id=str 7f3a source=str orders")), "{lines:?}");
}

#[test]
fn a_short_float_keeps_its_text() {
    let (lines, _) = logged(log::Level::Trace, |log| {
        info!(log, "m", tenth = 0.1_f32, none = f32::NAN, endless = f32::NEG_INFINITY, least = f32::MIN_POSITIVE);
    });
    let expected =
        " tenth=f64 0.1 none=f64 NaN endless=f64 -inf least=f64 0.000000000000000000000000000000000000011754944 ";
    assert!(lines[0].contains(expected), "{lines:?}");
}

#[test]
fn a_record_of_log_comes_back_with_its_module() {
    struct Modules(Arc<Mutex<Vec<String>>>);

    impl Log for Modules {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            let module = record.module_path().unwrap_or("?");
            self.0.lock().unwrap().push(format!("{} in {module}", record.target()));
        }

        fn flush(&self) {}
    }

    let lines = Arc::<Mutex<Vec<String>>>::default();
    let container = thread_builder().sink("log", LogSink::to_logger(Modules(Arc::clone(&lines)))).start().unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let bridge = LogBridge::builder(container.logger("bridge")).build();
    log::info!(logger: &bridge, target: "sql", "m");
    log::info!(logger: &bridge, "m");
    shut_down(&container);
    assert_eq!(*lines.lock().unwrap(), ["sql in sink", "sink in sink"]);
}

#[test]
fn a_level_above_error_is_an_error_that_names_it() {
    let (lines, _) = logged(log::Level::Trace, |log| {
        audit!(log, "m");
        error!(log, "m");
    });
    assert!(lines[0].starts_with("ERROR ") && lines[0].contains(" level=str AUDIT "), "{lines:?}");
    assert!(lines[1].starts_with("ERROR ") && !lines[1].contains("level="), "{lines:?}");
}

#[test]
fn events_that_the_logger_does_not_want_are_counted() {
    let (lines, container) = logged(log::Level::Warn, |log| {
        info!(log, "m");
        warn!(log, "m");
    });
    assert_eq!(lines.len(), 1);
    let accounts = container.accounts();
    assert_eq!(accounts.delivered_total(), 2);
    assert_eq!(accounts.sinks[0].counters, [("not_enabled", 1)]);
}

#[test]
fn an_event_on_which_the_logger_panics_is_rejected_alone() {
    let (lines, container) =
        logged(log::Level::Trace, |log| ["one", "panic", "two"].iter().for_each(|text| info!(log, *text)));
    assert_eq!(lines.len(), 2);
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.delivered_total(), accounts.sinks[0].lost.of(LossReason::Rejected)), (2, 1));
}

#[test]
fn a_flush_of_the_container_flushes_the_logger() {
    let kept = Kept::new(log::Level::Trace);
    let container = thread_builder().sink("log", LogSink::to_logger(kept.clone())).start().unwrap();
    info!(container.logger("orders"), "m");
    container.flush(law::TIMEOUT).unwrap();
    let lines = kept.lines();
    assert!(lines[0].starts_with("INFO") && lines[1] == "flushed", "{lines:?}");
    shut_down(&container);
}

#[test]
fn as_a_fallback_it_hands_over_the_text_of_the_other_sink() {
    let kept = Kept::new(log::Level::Trace);
    let (failing, _, _) = Failing::new();
    let container = thread_builder()
        .sink_with("failing", failing, SinkOptions::new().fallback("log"))
        .sink_with(
            "log",
            LogSink::to_logger(kept.clone()),
            SinkOptions::new().route(Route::default().level_min(Level::Critical)),
        )
        .start()
        .unwrap();
    info!(container.logger("orders"), "not delivered");
    let _ = container.shutdown(Duration::from_secs(5));
    container.accounts().check().unwrap();
    let line = kept.lines().into_iter().find(|line| line.contains("not delivered")).unwrap();
    assert!(line.starts_with("WARN fapilog::fallback ?:0 {"), "{line}");
}

/// An event of a record must not come back as a record of the event.
#[test]
fn an_event_that_came_from_log_does_not_go_round() {
    let kept = Kept::new(log::Level::Trace);
    /// The program's logger is both: a destination, and a bridge to the container.
    struct Both(Kept, Arc<Mutex<Option<LogBridge>>>);

    impl Log for Both {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            self.0.log(record);
            let bridge = self.1.lock().unwrap().clone();
            bridge.unwrap().log(record);
        }

        fn flush(&self) {}
    }

    let place = Arc::new(Mutex::new(None));
    log::set_boxed_logger(Box::new(Both(kept.clone(), Arc::clone(&place)))).unwrap();
    let container = thread_builder().sink("log", LogSink::new()).start().unwrap();
    let bridge = LogBridge::builder(container.logger("bridge")).build();
    *place.lock().unwrap() = Some(bridge.clone());
    log::set_max_level(log::LevelFilter::Info);
    log::info!("once round");
    container.flush(law::TIMEOUT).unwrap();
    let accounts = shut_down(&container);
    // The program's own call, and the sink's.
    assert_eq!((kept.lines().len(), accounts.submitted, bridge.suppressed().on_drain_threads), (2, 1, 1));
}

#[test]
fn settings_name_it() {
    let settings = fapilog::Settings::builder().sinks(["log"]).build().unwrap();
    let container = settings.into_builder().unwrap().start().unwrap();
    assert_eq!(container.accounts().sinks[0].writer, "the logger of log");
    shut_down(&container);
}
