//! `slog-scope` and `slog-stdlog`: a program that logs by `log` and by scopes of slog, to one container.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use fapilog::{Level, Scope};
use fapilog_slog::SlogDrain;
use law::{parsed, shut_down, started};
use serde_json::json;
use slog::{Logger, o};

#[test]
fn a_scope_of_slog_has_its_pairs_in_records_of_log_and_of_slog() {
    let (container, events) = started();
    container.set_level(Level::Debug);
    let drain = SlogDrain::new(container.logger("slog"));
    let global = slog_scope::set_global_logger(Logger::root(drain, o!("program" => "shop")));
    slog_stdlog::init().unwrap();
    let request = slog_scope::logger().new(o!("request" => 7));
    {
        let _bound = Scope::new().correlation_id("7f3a").enter();
        slog_scope::scope(&request, || {
            log::debug!(target: "sql", "of log {}", 1);
            slog_scope::info!("of slog"; "order" => 42);
        });
    }
    slog_scope::info!("outside");
    drop(global);
    shut_down(&container);
    let events = parsed(&events);
    assert_eq!(
        (&events[0]["message"], &events[0]["level"], &events[0]["target"], &events[0]["correlation_id"]),
        (&json!("of log 1"), &json!("DEBUG"), &json!("scope_and_stdlog"), &json!("7f3a"))
    );
    assert_eq!(events[0]["context"], json!({"request": 7, "program": "shop", "tag": "sql"}));
    assert_eq!(events[1]["context"], json!({"order": 42, "request": 7, "program": "shop"}));
    assert_eq!(events[1]["correlation_id"], json!("7f3a"));
    assert_eq!(events[2]["context"], json!({"program": "shop"}));
}
