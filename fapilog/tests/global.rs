//! The program's one container.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

use std::{fmt, sync::Mutex, time::Duration};

use fapilog::{
    Container, Error, Global, Level, Settings, event, format, info,
    settings::PluginConfig,
    sink::{self, MemoryEvents},
};

/// There is one in a process.
static ALONE: Mutex<()> = Mutex::new(());

fn settings() -> Settings {
    let nothing: [&str; 0] = [];
    Settings::builder().sinks(["null"]).enrichers(nothing).processors(nothing).build().unwrap()
}

#[test]
fn loggers_of_the_global_container_log_to_it() {
    let _alone = ALONE.lock();
    let logs = fapilog::init_with(settings()).unwrap();
    info!(fapilog::logger("global"), "logged");
    logs.flush(Duration::from_secs(30)).unwrap();
    assert_eq!(logs.accounts().delivered_total(), 1);
    logs.accounts().check().unwrap();
}

#[test]
fn a_second_one_is_refused_until_the_first_is_released() {
    let _alone = ALONE.lock();
    let logs = fapilog::init_with(settings()).unwrap();
    assert!(matches!(fapilog::init_with(settings()), Err(Error::AlreadyInitialized(_))));
    drop(logs);
    drop(fapilog::init_with(settings()).unwrap());
}

#[test]
fn once_it_is_shut_down_a_logger_is_disabled() {
    let _alone = ALONE.lock();
    let (logs, _) = kept();
    let log = fapilog::logger("global");
    assert!(log.is_enabled(Level::Info));
    logs.shutdown(Duration::from_secs(30)).unwrap();
    assert!(Level::ALL.into_iter().all(|level| !log.is_enabled(level)));
    info!(log, "to nowhere");
}

#[test]
fn dropping_it_drains_it() {
    let _alone = ALONE.lock();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("global.log");
    let nothing: [&str; 0] = [];
    let file = PluginConfig::new().with("path", path.to_str().unwrap());
    let builder = Settings::builder().sinks(["file"]).enrichers(nothing).processors(nothing);
    let logs = fapilog::init_with(builder.plugin_config("file", file).build().unwrap()).unwrap();
    info!(fapilog::logger("global"), "at the end");
    drop(logs);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[test]
fn an_invalid_value_in_its_settings_leaves_the_container_before_it_alone() {
    let _alone = ALONE.lock();
    let (before, events) = kept();
    drop(before);
    let mut wrong = settings();
    wrong.batch_events_max = 0;
    let error = fapilog::init_with(wrong).unwrap_err();
    assert_eq!(error.code(), "configuration.settings");
    info!("still logged");
    fapilog::logger("global").flush(Duration::from_secs(30)).unwrap();
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn what_runs_while_it_starts_may_ask_for_a_logger() {
    let _alone = ALONE.lock();
    kept().0.shutdown(Duration::from_secs(30)).unwrap();
    let nothing: [&str; 0] = [];
    let (asked, is_asked) = std::sync::mpsc::channel();
    let callback = move |_: &fapilog::diagnostics::Diagnostic| {
        let _ = asked.send(fapilog::logger("callback").is_enabled(Level::Security));
    };
    let settings = Settings::builder().sinks(["null"]).enrichers(nothing).processors(nothing);
    let settings = settings.internal_log_level(Level::Info).error_callback(callback).build().unwrap();
    // On a thread of its own: a start that waits for itself never comes back.
    std::thread::spawn(move || drop(fapilog::init_with(settings).unwrap()));
    assert_eq!(is_asked.recv_timeout(Duration::from_secs(30)), Ok(false));
    while fapilog::init_with(self::settings()).is_err() {
        std::thread::yield_now();
    }
}

/// A container that keeps its events.
fn kept_container() -> (Container, MemoryEvents) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    (Container::builder().sink("memory", sink).start().unwrap(), events)
}

/// A global container that keeps its events. Another one before it counts what was lost until then.
fn kept() -> (Global, MemoryEvents) {
    let (container, _) = kept_container();
    fapilog::set_global(container).unwrap().shutdown(Duration::from_secs(30)).unwrap();
    let (container, events) = kept_container();
    (fapilog::set_global(container).unwrap(), events)
}

fn lines(logs: &Global, events: &MemoryEvents) -> Vec<serde_json::Value> {
    logs.flush(Duration::from_secs(30)).unwrap();
    logs.accounts().check().unwrap();
    events.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_call_that_names_no_logger_has_the_name_of_the_program_as_its_source() {
    let _alone = ALONE.lock();
    let (logs, events) = kept();
    let port = 8080;
    info!("ready", port, tags.region = "eu");
    let lines = lines(&logs, &events);
    assert_eq!((&lines[0]["message"], &lines[0]["context"]["port"]), (&"ready".into(), &8080.into()));
    assert_eq!(lines[0]["tags"]["region"], "eu");
    let source = lines[0]["source"].as_str().unwrap();
    assert!(source.starts_with("global"), "{source}"); // cargo adds a hash
}

#[test]
fn a_call_that_names_no_logger_follows_the_global_container() {
    let _alone = ALONE.lock();
    info!("to nowhere");
    let (first, first_events) = kept();
    info!("to the first");
    assert_eq!(lines(&first, &first_events).len(), 1);
    drop(first);
    info!("still to the first");
    let (second, second_events) = kept();
    std::thread::spawn(|| info!("to the second")).join().unwrap();
    info!("to the second");
    assert_eq!(lines(&second, &second_events).len(), 2);
    assert_eq!(first_events.lines().len(), 2);
}

#[test]
fn a_logger_that_was_made_before_the_container_finds_it_and_its_successors() {
    let _alone = ALONE.lock();
    let (logs, _) = kept();
    logs.shutdown(Duration::from_secs(30)).unwrap();
    drop(logs);
    let log = fapilog::logger("early").with([("kept", 7.into())]);
    let clone = log.clone();
    for round in 0..3 {
        info!(log, "lost for want of a container", round);
        let (logs, events) = kept();
        info!(log, "logged", round);
        info!(clone, "logged", round);
        let lines = lines(&logs, &events);
        let of_log: Vec<_> = lines.iter().filter(|line| line["source"] == "early").collect();
        assert_eq!(of_log.len(), 2);
        assert!(of_log.iter().all(|line| line["context"]["round"] == round && line["context"]["kept"] == 7));
        logs.shutdown(Duration::from_secs(30)).unwrap();
    }
}

#[test]
fn events_that_were_lost_before_the_container_are_counted_and_reported_once() {
    let _alone = ALONE.lock();
    let (logs, _) = kept();
    logs.shutdown(Duration::from_secs(30)).unwrap();
    drop(logs);
    fapilog::set_global(kept_container().0).unwrap().shutdown(Duration::from_secs(30)).unwrap();
    let log = fapilog::logger("early");
    (0..4).for_each(|number| info!(log, "lost", number));
    fapilog::error!(log, "lost");
    fapilog::debug!(log, "below the default level");
    let (container, events) = kept_container();
    let logs = fapilog::set_global(container).unwrap();
    let accounts = logs.shutdown(Duration::from_secs(30)).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.lost.of(fapilog::metrics::LossReason::NoContainer), 5);
    let by_level: Vec<_> = accounts.lost_by_level.iter().collect();
    assert_eq!(by_level, [(fapilog::Level::Info, 4), (fapilog::Level::Error, 1)]);
    let reports: Vec<serde_json::Value> =
        events.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((reports.len(), &reports[0]["metrics"]["no_container"]), (1, &5.into()));
}

#[test]
fn the_values_of_a_call_without_a_container_are_not_evaluated() {
    let _alone = ALONE.lock();
    kept().0.shutdown(Duration::from_secs(30)).unwrap();
    let mut calls = 0;
    info!(
        "to nowhere",
        calls = {
            calls += 1;
            calls
        }
    );
    assert_eq!(calls, 0);
}

#[test]
fn a_second_container_that_is_set_is_refused_and_shut_down() {
    let _alone = ALONE.lock();
    let (logs, events) = kept();
    let (sink, _) = sink::Memory::new(format::Json::new);
    let container = Container::builder().sink("memory", sink).start().unwrap();
    let log = container.logger("second");
    assert!(matches!(fapilog::set_global(container), Err(Error::AlreadyInitialized(_))));
    assert!(!log.is_enabled(Level::Security));
    info!("still logged");
    assert_eq!(lines(&logs, &events).len(), 1);
}

#[test]
fn a_display_that_ends_the_global_container_is_harmless() {
    struct Dropping(Mutex<Option<Global>>);
    impl fmt::Display for Dropping {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if let Some(logs) = self.0.lock().unwrap().take() {
                let _ = logs.shutdown(Duration::from_secs(30));
            }
            info!("to nowhere");
            f.write_str("ended")
        }
    }
    let _alone = ALONE.lock();
    let (logs, _) = kept();
    info!("first");
    let log = logs.logger("kept");
    info!("the last", state = %Dropping(Mutex::new(Some(logs))));
    assert!(!log.is_enabled(Level::Security));
}

#[test]
fn a_call_without_a_logger_may_await_among_its_values() {
    fn is_send(future: impl Future<Output = ()> + Send) -> impl Future<Output = ()> + Send {
        future
    }
    let _alone = ALONE.lock();
    let (logs, events) = kept();
    pollster::block_on(is_send(async { info!("awaited", number = std::future::ready(7).await) }));
    assert_eq!(lines(&logs, &events)[0]["context"]["number"], 7);
}

#[test]
fn a_thread_local_that_logs_when_its_thread_ends_reaches_the_global_container() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            info!("the thread ends");
        }
    }
    thread_local!(static LAST: Last = const { Last });
    let _alone = ALONE.lock();
    let (logs, events) = kept();
    std::thread::spawn(|| {
        LAST.with(|_| ());
        info!("before"); // a thread's copy of the logger, made later, is gone when `LAST` is dropped
    })
    .join()
    .unwrap();
    assert_eq!(lines(&logs, &events).len(), 2);
}

#[test]
fn a_level_that_is_known_only_at_run_time_needs_no_logger() {
    let _alone = ALONE.lock();
    let (logs, events) = kept();
    for level in Level::ALL {
        event!(level, "by level");
    }
    let levels: Vec<_> = lines(&logs, &events).iter().map(|line| line["level"].clone()).collect();
    let expected: Vec<_> = Level::ALL.iter().filter(|level| **level >= Level::Info).map(|level| level.name()).collect();
    assert_eq!(levels, expected);
}
