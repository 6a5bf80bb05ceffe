//! Rows of events: the levels that pass, and the lengths that fit.

use fapilog::{
    Level, Settings, debug,
    level::{Directives, LevelFilter},
    settings::Preset,
};

use crate::log::{plain, start};

pub(super) fn preset() {
    let nothing: [&str; 0] = [];
    let dev = Settings::builder().preset(Preset::Dev).sinks(["memory"]).enrichers(nothing).processors(nothing);
    let with_preset = start(dev.enable_internal_logging(false)).container;
    assert_eq!(with_preset.level(), LevelFilter::AtLeast(Level::Debug));
    assert_eq!(start(plain()).container.level(), LevelFilter::AtLeast(Level::Info));
}

pub(super) fn level() {
    assert!(start(plain()).log("kept").text().contains("kept"));
    assert_eq!(start(plain().level(Level::Error)).log("not wanted").text(), "");
    let by_target: Directives = "error,settings_change_behaviour=debug".parse().unwrap();
    assert!(start(plain().level(by_target)).log("of this target").text().contains("of this target"));
}

pub(super) fn message_max_chars() {
    assert!(start(plain().message_max_chars(3)).log("long").text().contains(r#""message":"lon""#));
}

pub(super) fn record_max_bytes() {
    let long = "x".repeat(5000);
    for (builder, cut) in [(plain(), 0), (plain().record_max_bytes(1024), 1)] {
        let started = start(builder);
        started.log(&long).text();
        assert_eq!(started.container.accounts().cut, cut);
    }
}

pub(super) fn rust_log() {
    let with = |wanted| {
        let builder = plain().rust_log(wanted).variables([("RUST_LOG", "debug")]);
        let log = start(builder);
        debug!(log.container.logger("settings"), "detail");
        log.text().contains("detail")
    };
    assert_eq!([with(true), with(false)], [true, false]);
}
