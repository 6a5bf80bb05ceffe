//! `fapilog flush` and `fapilog rotate`.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

mod command;
mod served;

use command::{json, run, stderr, stdout};
use fapilog::info;
use fapilog_control::ControlSocketBuilder;
use serde_json::{Value, json};
use served::ServedContainer;

#[test]
fn a_flush_ends_with_the_sums_once_everything_is_delivered() {
    let served = ServedContainer::start();
    let log = served.container.logger("app");
    (0..100).for_each(|number| info!(log, "an event", number));
    let output = run(&["flush", "--socket", served.socket()]);
    assert_eq!(stdout(&output), "submitted: 100\ndelivered: 100\nfiltered: 0\nlost: 0\n");
    assert_eq!(output.status.code(), Some(0));
    let output = run(&["flush", "--json", "--timeout", "20s", "--socket", served.socket()]);
    assert_eq!(json(&output), json!({ "submitted": 100, "delivered": 100, "filtered": 0, "lost": 0 }));
    served.end();
}

#[test]
fn a_rotation_starts_a_new_file_of_all_sinks_or_of_one() {
    let served = ServedContainer::start();
    let log = served.container.logger("app");
    let rotate = |arguments: &[&str]| {
        info!(log, "an event");
        run(&["flush", "--socket", served.socket()]);
        run(&[&["rotate", "--socket", served.socket()], arguments].concat())
    };
    assert_eq!(stdout(&rotate(&[])), "rotated: all sinks\n");
    assert_eq!(served.log_files().len(), 2, "{:?}", served.log_files());
    assert_eq!(stdout(&rotate(&["--sink", "file"])), "rotated: file\n");
    assert_eq!(served.log_files().len(), 3, "{:?}", served.log_files());
    assert_eq!(json(&rotate(&["--sink", "file", "--json"])), json!({ "rotated": "file" }));
    assert_eq!(json(&rotate(&["--json"])), json!({ "rotated": Value::Null }));
    served.end();
}

#[test]
fn a_rotation_of_an_unknown_sink_is_an_error_that_names_the_sinks() {
    let served = ServedContainer::start();
    let output = run(&["rotate", "--sink", "fil", "--socket", served.socket()]);
    let text = stderr(&output);
    assert!(
        text.contains("\"fil\"") && text.contains("memory") && text.contains("configuration.unknown_plugin"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
    served.end();
}

#[test]
fn a_program_that_allows_no_changes_refuses_both() {
    let served = ServedContainer::start_by(ControlSocketBuilder::read_only);
    for command in ["flush", "rotate"] {
        let output = run(&[command, "--json", "--socket", served.socket()]);
        let error: Value = serde_json::from_str(&stderr(&output)).unwrap();
        let text = error["error"].as_str().unwrap();
        assert!(error["kind"] == "process" && text.ends_with("(control.read_only)"), "{error}");
        assert_eq!(output.status.code(), Some(1));
    }
    served.end();
}

#[test]
fn a_time_beyond_the_bounds_is_refused_with_them() {
    for command in ["flush", "rotate"] {
        let refused = |time: &str, end: &str| {
            let output = run(&[command, "--pid", "1", "--timeout", time]);
            let expected = format!("error: invalid value '{time}' for '--timeout <TIME>': it must be ");
            let text = stderr(&output);
            assert!(text.starts_with(&expected) && text.contains(end), "{text}");
            assert_eq!(output.status.code(), Some(2));
        };
        refused("31s", "at most 30s\n");
        refused("5", "such as 90s, 10m or 1h30m, and at least 1ms and at most 30s\n");
        refused("0s", "at least 1ms and at most 30s\n");
        assert_eq!(run(&[command]).status.code(), Some(2), "a process must be named");
        assert_eq!(run(&[command, "--pid", "4194999"]).status.code(), Some(1));
    }
}
