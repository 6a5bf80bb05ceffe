//! Fields that implement `Valuable`. `tracing` hands them on by `RUSTFLAGS="--cfg tracing_unstable"` alone.
#![cfg(all(tracing_unstable, feature = "valuable"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use law::{each_way, only};
use serde_json::json;
use tracing::{info, info_span};
use valuable::Valuable;

#[derive(Valuable)]
struct Order {
    id: u64,
    fills: Vec<f64>,
}

#[test]
fn a_valuable_field_is_a_map_in_events_and_in_spans() {
    let order = || Order { id: 42, fills: vec![0.5, 1.5] };
    each_way(
        || {
            let _span = info_span!("span", of_span = order().as_value()).entered();
            info!(of_event = order().as_value(), "filled");
        },
        |events| {
            let expected = json!({"id": 42, "fills": [0.5, 1.5]});
            let context = &only(events)["context"];
            assert_eq!((&context["of_span"], &context["of_event"]), (&expected, &expected));
        },
    );
}
