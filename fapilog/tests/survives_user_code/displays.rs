//! A `Display` that panics, fails, logs, or has no end.

use std::{fmt, thread};

use fapilog::{Container, Logger, info};

use crate::law::{Huge, end, only, parsed, started_manual};

/// A `Display` of a test's choice.
struct Shows<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shows<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

pub(super) fn panics(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("half a ")?;
    panic!("on purpose")
}

#[test]
fn a_display_that_panics_is_marked_in_the_event() {
    let (container, mut drain, events) = started_manual(Container::builder());
    info!(container.logger("survives"), "before", bad = %Shows(panics), good = 7);
    end(&container, &mut drain);
    let event = only(&events);
    assert_eq!(event["context"]["bad"], "half a <panicked while it was formatted>");
    assert_eq!(event["context"]["good"], 7);
}

#[test]
fn a_display_whose_panic_panics_when_it_is_dropped_is_survived() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic!("on purpose, again");
            }
        }
    }
    let (container, mut drain, events) = started_manual(Container::builder());
    let bad = Shows(|_| std::panic::panic_any(Payload));
    info!(container.logger("survives"), "before", %bad);
    end(&container, &mut drain);
    assert_eq!(only(&events)["message"], "before");
}

#[test]
fn a_display_that_fails_leaves_what_it_wrote() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let fails = Shows(|f| f.write_str("this far").and(Err(fmt::Error)));
    info!(container.logger("survives"), "before", %fails);
    end(&container, &mut drain);
    assert_eq!(only(&events)["context"]["fails"], "this far");
}

#[test]
fn a_display_that_logs_is_harmless() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("survives");
    let chatty = Shows(|f| {
        f.write_str("out")?;
        info!(log, "inner", detail = %"nested text", number = 1);
        f.write_str("er")
    });
    info!(log, "outer", first = %"first", %chatty, last = %"last");
    end(&container, &mut drain);
    let all = parsed(&events);
    assert_eq!(all.iter().map(|event| &event["message"]).collect::<Vec<_>>(), ["inner", "outer"]);
    assert_eq!(all[0]["context"], serde_json::json!({"detail": "nested text", "number": 1}));
    assert_eq!(all[1]["context"], serde_json::json!({"first": "first", "chatty": "outer", "last": "last"}));
}

#[test]
fn a_display_that_logs_itself_for_ever_is_stopped() {
    struct Endless(Logger);
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(self.0, "again", again = %self);
            f.write_str("done")
        }
    }
    let (container, mut drain, events) = started_manual(Container::builder());
    let endless = Endless(container.logger("survives"));
    info!(endless.0, "outermost", %endless);
    end(&container, &mut drain);
    let all = parsed(&events);
    assert!((2..20).contains(&all.len()), "{}", all.len());
    assert_eq!(all[0]["context"]["again"], "<a value that logs itself>");
    assert_eq!(all.last().unwrap()["context"]["endless"], "done");
}

#[test]
fn a_huge_display_is_cut_and_marked_and_counted() {
    for record_max in [1024, 64 * 1024, 256 * 1024] {
        let builder = Container::builder().ring_capacity_bytes(2 << 20).record_max_bytes(record_max);
        let (container, mut drain, events) = started_manual(builder);
        info!(container.logger("survives"), "huge", huge = %Huge);
        let accounts = end(&container, &mut drain);
        let event = only(&events);
        let text = event["context"]["huge"].as_str().unwrap();
        assert!(text.len() <= 64 * 1024 && text.chars().all(|c| c == 'ü'), "{}", text.len());
        assert_eq!((event["truncated"].as_bool(), accounts.cut), (Some(true), 1), "at most {record_max}");
    }
}
