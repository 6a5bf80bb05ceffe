//! The figures as JSON: counts that are zero.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use fapilog::{Container, event::Batch, format, plugin::PluginError, process::Processor, sink};
use serde_json::json;
use support::shut_down;

/// Takes nothing out.
struct Plain;

impl Processor for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }
}

/// The page states it.
#[test]
fn counts_by_reason_and_level_are_without_zeros_and_those_by_name_have_all_names() {
    let directory = tempfile::tempdir().unwrap();
    let file = sink::File::new(directory.path().join("app.log"), format::Json::new);
    let builder = Container::builder().processor(|_| Box::new(Plain)).sink("file", file);
    let container = builder.start().unwrap();
    let accounts = serde_json::to_value(container.metrics()).unwrap()["accounts"].take();
    assert_eq!((&accounts["lost"], &accounts["lost_by_level"]), (&json!({}), &json!({})));
    assert_eq!(accounts["sinks"][0]["lost"], json!({}));
    assert_eq!(accounts["filtered"], json!({"plain": 0}));
    assert_eq!(accounts["sinks"][0]["counters"]["files_rotated"], 0);
    shut_down(&container);
}
