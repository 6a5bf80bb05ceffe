//! `fapilog level`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod served;

use command::{json, run, stderr, stdout};
use served::ServedContainer;

#[test]
fn a_level_is_set_beside_the_others_and_shown() {
    let served = ServedContainer::start();
    let output = run(&["level", "set", "my::db=debug", "--socket", served.socket()]);
    assert_eq!(stdout(&output), "before: INFO\nnow: INFO,my::db=DEBUG\n");
    assert_eq!(output.status.code(), Some(0));
    let output = run(&["level", "get", "--socket", served.socket()]);
    assert_eq!(stdout(&output), "INFO,my::db=DEBUG\n");
    let output = run(&["level", "set", "--replace", "warn", "--socket", served.socket()]);
    assert_eq!(stdout(&output), "before: INFO,my::db=DEBUG\nnow: WARNING\n");
    assert_eq!(served.container.directives().to_string(), "WARNING");
    served.end();
}

#[test]
fn a_level_that_is_set_for_a_time_is_shown_with_the_time_that_is_left() {
    let served = ServedContainer::start();
    let output = run(&["level", "set", "debug", "--for", "10m", "--json", "--socket", served.socket()]);
    let changed = json(&output);
    assert_eq!((&changed["before"], &changed["directives"]), (&"INFO".into(), &"DEBUG".into()));
    let left = changed["then"]["in_ms"].as_u64().unwrap();
    assert!((540_000..=600_000).contains(&left), "{left}");
    let text = stdout(&run(&["level", "get", "--socket", served.socket()]));
    assert!(text.starts_with("DEBUG\nin 9m ") && text.ends_with(": INFO\n"), "{text}");
    served.end();
}

#[test]
fn a_level_of_another_target_keeps_the_return_of_the_first() {
    let served = ServedContainer::start();
    run(&["level", "set", "a=debug", "--for", "10m", "--socket", served.socket()]);
    let text = stdout(&run(&["level", "set", "b=debug", "--socket", served.socket()]));
    assert!(text.starts_with("before: INFO,a=DEBUG\nnow: INFO,a=DEBUG,b=DEBUG\nin 9m "), "{text}");
    assert!(text.ends_with(": INFO,b=DEBUG\n"), "{text}");
    let changed = json(&run(&["level", "set", "a=trace", "--json", "--socket", served.socket()]));
    assert_eq!((&changed["directives"], &changed["then"]), (&"INFO,a=TRACE,b=DEBUG".into(), &serde_json::Value::Null));
    served.end();
}

#[test]
fn the_operator_is_in_the_diagnostics_of_the_program() {
    let served = ServedContainer::start();
    run(&["level", "set", "debug", "--socket", served.socket()]);
    let diagnostics = served.container.diagnostics();
    let uid = rustix::process::geteuid().as_raw();
    let is_it = |text: &str| text.contains("from INFO to DEBUG") && text.contains(&format!("of user {uid}"));
    assert!(diagnostics.iter().any(|one| one.about == "control" && is_it(&one.text)), "{diagnostics:?}");
    served.end();
}

#[test]
fn a_level_that_is_none_is_refused_with_those_that_are_allowed() {
    let served = ServedContainer::start();
    let output = run(&["level", "set", "my::db=loud", "--socket", served.socket()]);
    assert!(stderr(&output).contains("levels are TRACE, DEBUG, INFO"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
    served.end();
}

#[test]
fn a_time_that_is_none_is_refused_with_the_form_that_is_allowed() {
    for time in ["5", "0s", "soon"] {
        let output = run(&["level", "set", "debug", "--for", time, "--pid", "1"]);
        let expected = format!(
            "error: invalid value '{time}' for '--for <TIME>': it must be a number with a unit (ns, us, ms, s, m, h), \
             such as 90s, 10m or 1h30m, and at least 1ms\n"
        );
        assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_process_that_is_not_there_or_has_no_socket_is_named() {
    let output = run(&["level", "get", "--pid", "4194999"]);
    assert_eq!(stderr(&output), "fapilog: there is no process 4194999\n");
    assert_eq!(output.status.code(), Some(1));
    let own = std::process::id().to_string();
    assert!(stderr(&run(&["level", "get", "--pid", &own])).contains("has no control socket"));
    let output = run(&["level", "get", "--socket", "/no/such.sock"]);
    assert!(stderr(&output).contains("cannot connect to \"/no/such.sock\": No such file"), "{}", stderr(&output));
    assert_eq!(run(&["level", "get"]).status.code(), Some(2));
}
