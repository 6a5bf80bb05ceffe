//! Functions with the attribute `#[instrument]`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::num::ParseIntError;

use fapilog_tracing::Bridge;
use law::{Way, each_way, messages, parsed, shut_down, started};
use serde_json::json;
use tracing::{info, instrument, instrument::WithSubscriber};

#[instrument(skip(secret), fields(tags.kind = "fill"))]
fn fill(order: u64, secret: &str) -> usize {
    info!("filling");
    secret.len()
}

#[test]
fn an_instrumented_function_is_a_span_with_its_arguments() {
    each_way(
        || {
            fill(42, "secret");
        },
        |events| {
            assert_eq!(
                (&events[0]["context"], &events[0]["tags"]),
                (&json!({"order": 42, "span": "fill"}), &json!({"kind": "fill"}))
            );
        },
    );
}

#[instrument(err, ret)]
fn checked(order: u64, text: &str) -> Result<u64, ParseIntError> {
    text.parse().map(|n: u64| n + order)
}

#[test]
fn a_result_is_an_event_whose_message_names_the_function() {
    each_way(
        || {
            checked(7, "x").unwrap_err();
            checked(7, "8").unwrap();
        },
        |events| {
            assert_eq!(messages(&events), ["checked: error", "checked: return"]);
            assert_eq!((&events[0]["level"], &events[1]["level"]), (&json!("ERROR"), &json!("INFO")));
            let context = json!({"order": 7, "text": "x", "span": "checked", "error": "invalid digit found in string"});
            assert_eq!(events[0]["context"], context);
            assert_eq!(events[1]["context"]["return"], json!("15"));
            assert!(events.iter().all(|event| event["tags"].get("empty_message").is_none()), "{events:#?}");
        },
    );
}

#[instrument(err(Debug, level = "warn"), target = "made::up", name = "waits")]
async fn waiting(text: &str) -> Result<u64, ParseIntError> {
    tokio::task::yield_now().await;
    text.parse()
}

#[test]
fn a_result_of_an_async_function_is_an_event_of_its_span() {
    for way in Way::ALL {
        let (container, events) = started();
        let dispatch = way.dispatch(Bridge::new(container.logger("t")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { waiting("x").with_subscriber(dispatch).await.unwrap_err() });
        shut_down(&container);
        let event = law::only(parsed(&events));
        assert_eq!((&event["message"], &event["level"]), (&json!("waits: error"), &json!("WARNING")));
        assert_eq!((&event["target"], &event["context"]["span"]), (&json!("made::up"), &json!("waits")));
    }
}
