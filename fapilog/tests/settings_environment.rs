//! The variables of the environment: prefixes, empty variables, and those that are meant for others.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod law;
mod settings_file;

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use fapilog::{
    Level, Settings,
    level::LevelFilter,
    settings::{Reload, SettingsBuilder},
};
use settings_file::{problems, written};

fn level(builder: SettingsBuilder) -> LevelFilter {
    builder.build().unwrap().level.level()
}

const DEBUG: LevelFilter = LevelFilter::AtLeast(Level::Debug);
const INFO: LevelFilter = LevelFilter::AtLeast(Level::Info);

#[test]
fn an_empty_variable_counts_as_unset() {
    let names = Settings::NAMES.iter().map(|name| format!("FAPILOG_{}", name.to_ascii_uppercase()));
    let more =
        ["FAPILOG_SETTINGS_FILE", "FAPILOG_NOTHING", "FAPILOG_OVERFLOW__STRATEGY", "FAPILOG_PLUGIN_CONFIG__FILE__PATH"];
    let names: Vec<String> = names.chain(more.map(str::to_owned)).collect();
    for empty in ["", "  "] {
        let variables = names.iter().map(|name| (name.as_str(), empty));
        assert_eq!(Settings::builder().variables(variables).build().unwrap(), Settings::default());
    }
    // An empty list is written as JSON.
    let settings = Settings::builder().variables([("FAPILOG_ENRICHERS", "[]")]).build().unwrap();
    assert_eq!(settings.enrichers, [""; 0]);
}

#[test]
fn variables_that_kubernetes_makes_of_services_are_no_settings() {
    let variables = [
        ("FAPILOG_SERVICE_HOST", "10.0.0.11"),
        ("FAPILOG_SERVICE_PORT", "80"),
        ("FAPILOG_SERVICE_PORT_HTTP", "80"),
        ("FAPILOG_PORT", "tcp://10.0.0.11:80"),
        ("FAPILOG_PORT_80_TCP", "tcp://10.0.0.11:80"),
        ("FAPILOG_PORT_80_TCP_PROTO", "tcp"),
        ("FAPILOG_PORT_80_TCP_PORT", "80"),
        ("FAPILOG_PORT_80_TCP_ADDR", "10.0.0.11"),
        ("FAPILOG_API_SERVICE_HOST", "10.0.0.11"),
        ("FAPILOG_API_PORT", "tcp://10.0.0.11:80"),
    ];
    assert_eq!(Settings::builder().variables(variables).build().unwrap(), Settings::default());
    let found =
        problems(Settings::builder().variables([("FAPILOG_PORT", "8080"), ("FAPILOG_PLUGIN_CONFG__X__PORT", "80")]));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_program_may_choose_its_own_prefix() {
    let variables = [("SHOP_LOG_LEVEL", "debug"), ("FAPILOG_LEVEL", "error"), ("SHOP_LOG_OVERFLOW__TIMEOUT", "1s")];
    let builder = || Settings::builder().variables_with_prefix("SHOP_LOG_", variables);
    assert_eq!(level(builder()), DEBUG);
    assert_eq!(builder().build().unwrap().overflow_timeout.as_secs(), 1);
    let found = problems(Settings::builder().variables_with_prefix("SHOP_LOG_", [("SHOP_LOG_LEVLE", "debug")]));
    assert_eq!(found, ["levle is \"debug\"; there is no such setting; did you mean level? (given by SHOP_LOG_LEVLE)"]);
    let file = written("log.toml", "level = \"debug\"\n");
    let variables = [("SHOP_LOG_SETTINGS_FILE", file.path.to_str().unwrap())];
    assert_eq!(level(Settings::builder().variables_with_prefix("SHOP_LOG_", variables)), DEBUG);
}

#[test]
fn a_prefix_that_is_none_is_an_error() {
    for prefix in ["", "SHOP", "SHOP LOG_", "_-_"] {
        let found = problems(Settings::builder().variables_with_prefix(prefix, [("LEVEL", "debug")]));
        let expected = format!(
            "the prefix of variables is {prefix:?}; it must be of letters, digits and _, with a _ at its end, such as \"SHOP_LOG_\""
        );
        assert_eq!(found, [expected]);
    }
}

#[test]
fn a_later_call_replaces_a_variable_of_an_earlier_call() {
    for (first, second) in [("debug", "info"), ("info", "debug")] {
        let builder = Settings::builder().variables([("FAPILOG_LEVEL", first)]).variables([("FAPILOG_LEVEL", second)]);
        assert_eq!(level(builder), LevelFilter::AtLeast(second.parse().unwrap()));
    }
}

#[test]
fn rust_log_gives_the_level_if_the_settings_want_it() {
    let rust_log = ("RUST_LOG", "debug");
    assert_eq!(level(Settings::builder().variables([rust_log])), INFO);
    assert_eq!(level(Settings::builder().rust_log(true).variables([rust_log])), DEBUG);
    assert_eq!(level(Settings::builder().variables([rust_log, ("FAPILOG_RUST_LOG", "yes")])), DEBUG);
    let file = written("log.toml", "level = \"error\"\nrust_log = true\n");
    assert_eq!(level(Settings::builder().file(&file.path).variables([rust_log])), DEBUG);
    // Below a variable of its own, and empty like unset.
    let own = [rust_log, ("FAPILOG_LEVEL", "warn")];
    assert_eq!(level(Settings::builder().file(&file.path).variables(own)), LevelFilter::AtLeast(Level::Warning));
    let error = LevelFilter::AtLeast(Level::Error);
    assert_eq!(level(Settings::builder().file(&file.path).variables([("RUST_LOG", "")])), error);
}

#[test]
fn an_error_in_rust_log_is_given_by_it() {
    let builder = |text: &'static str| Settings::builder().rust_log(true).variables([("RUST_LOG", text)]);
    let [problem] = &problems(builder("app[request]=debug"))[..] else { panic!() };
    assert!(problem.contains("there are no spans to name") && problem.ends_with("(given by RUST_LOG)"), "{problem}");
    // A program that has not asked for it is not bothered.
    Settings::builder().variables([("RUST_LOG", "app[request]=debug")]).build().unwrap();
    let bytes = [("RUST_LOG".into(), OsString::from_vec(vec![b'a', 0xff]))];
    let [problem] = &problems(Settings::builder().rust_log(true).variables::<OsString, _>(bytes))[..] else { panic!() };
    assert!(problem.starts_with("RUST_LOG is ") && problem.ends_with("name and value must be UTF-8"), "{problem}");
}

#[test]
fn rust_log_in_a_program_that_reads_no_variables_is_an_error() {
    let expected = "rust_log is true; the program reads no variables: it calls neither load, from_env nor environment";
    assert_eq!(problems(Settings::builder().rust_log(true)), [format!("{expected} (given by code)")]);
    let own: Settings = serde_json::from_str(r#"{ "rust_log": true }"#).unwrap();
    assert!(own.check().unwrap_err().to_string().contains(expected));
    let mut changed = Settings::builder().variables([("RUST_LOG", "debug")]).build().unwrap();
    changed.rust_log = true;
    assert!(changed.check().unwrap_err().to_string().contains(expected));
}

#[test]
fn a_table_of_the_programs_own_file_lies_below_the_environment() {
    let own = serde_json::json!({ "port": 80, "log": { "level": "error", "overflow": { "timeout": "2s" } } });
    let builder = || Settings::builder().level(Level::Trace).table("[log] of shop.toml", &own["log"]);
    assert_eq!(level(builder()), LevelFilter::AtLeast(Level::Error));
    let settings = builder().variables([("FAPILOG_LEVEL", "debug")]).build().unwrap();
    assert_eq!((settings.level.level(), settings.overflow_timeout.as_secs()), (DEBUG, 2));
    let wrong = serde_json::json!({ "levle": "info" });
    let found = problems(Settings::builder().table("[log] of shop.toml", &wrong));
    assert_eq!(
        found,
        ["levle is \"info\"; there is no such setting; did you mean level? (given by [log] of shop.toml)"]
    );
    assert_eq!(
        problems(Settings::builder().table("[log] of shop.toml", &5)),
        ["[log] of shop.toml is unreadable; it must be a table of settings"]
    );
}

const FILE: &str = "SETTINGS_ENVIRONMENT_FILE";

/// Not a test of its own: a process with variables of two prefixes.
#[test]
fn child_reloads_with_its_own_prefix() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let builder = Settings::builder().sinks(["null"]).environment_with_prefix("SHOP_LOG_");
    let container = builder.into_builder().unwrap().start().unwrap();
    assert_eq!(container.level(), DEBUG);
    container.reload_file(file).unwrap();
    assert_eq!(container.level(), DEBUG);
}

#[test]
fn a_reload_reads_the_variables_of_the_programs_own_prefix() {
    let file = written("log.toml", "level = \"error\"\nsinks = [\"null\"]\n");
    let mut child = law::child("child_reloads_with_its_own_prefix", FILE, file.path.to_str().unwrap());
    let output = child.env("SHOP_LOG_LEVEL", "debug").env("FAPILOG_LEVEL", "trace").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_reload_may_change_rust_log() {
    let nothing: [&str; 0] = [];
    let builder = || Settings::builder().sinks(["null"]).enrichers(nothing).processors(nothing);
    let container = builder().into_builder().unwrap().start().unwrap();
    assert_eq!(container.level(), INFO);
    container.reload(builder().rust_log(true).variables([("RUST_LOG", "debug")]).build().unwrap()).unwrap();
    assert_eq!(container.level(), DEBUG);
}
