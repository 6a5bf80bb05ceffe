//! Values with parts, captured by serde and sval.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]
#![cfg(any(feature = "serde", feature = "sval"))]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use std::collections::BTreeMap;

use fapilog_log::LogBridge;
use law::{only, shut_down, started};
use serde_json::{Value, json};

fn context_of(log: impl FnOnce(&LogBridge)) -> Value {
    let (container, events) = started();
    log::set_max_level(log::LevelFilter::Trace);
    log(&LogBridge::builder(container.logger("bridge")).build());
    shut_down(&container);
    only(&events)["context"].clone()
}

#[cfg(feature = "serde")]
#[test]
fn values_of_serde_keep_their_parts() {
    let map = BTreeMap::from([("lots", vec![1, 2]), ("none", vec![])]);
    let context =
        context_of(|bridge| log::info!(logger: bridge, map:serde, list:serde = ["a", "b"], plain:% = 1.5; "m"));
    assert_eq!(context, json!({"map": {"lots": [1, 2], "none": []}, "list": ["a", "b"], "plain": "1.5"}));
}

#[cfg(feature = "sval")]
#[test]
fn values_of_sval_keep_their_parts() {
    let list = vec![1_i64, 2];
    let context = context_of(|bridge| log::info!(logger: bridge, list:sval, plain:? = Some(1); "m"));
    assert_eq!(context, json!({"list": [1, 2], "plain": "Some(1)"}));
}
