//! The program's one container.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

use std::{sync::Mutex, time::Duration};

use fapilog::{Error, Level, Settings, info, settings::PluginConfig};

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
    info!(fapilog::logger("global"), "said");
    logs.flush(Duration::from_secs(30)).unwrap();
    assert_eq!(logs.accounts().delivered_total(), 1);
    logs.accounts().check().unwrap();
}

#[test]
fn a_second_one_is_refused_until_the_first_is_dropped() {
    let _alone = ALONE.lock();
    let logs = fapilog::init_with(settings()).unwrap();
    assert!(matches!(fapilog::init_with(settings()), Err(Error::AlreadyInitialized(_))));
    drop(logs);
    drop(fapilog::init_with(settings()).unwrap());
}

#[test]
fn without_one_a_logger_is_disabled() {
    let _alone = ALONE.lock();
    let log = fapilog::logger("global");
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
    info!(fapilog::logger("global"), "last words");
    drop(logs);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[test]
fn a_mistake_in_its_settings_leaves_none() {
    let _alone = ALONE.lock();
    let mut wrong = settings();
    wrong.batch_size = 0;
    let error = fapilog::init_with(wrong).unwrap_err();
    assert_eq!(error.code(), "configuration.settings");
    assert!(!fapilog::logger("global").is_enabled(Level::Security));
}

#[test]
fn what_runs_while_it_starts_may_ask_for_a_logger() {
    let _alone = ALONE.lock();
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
