//! The row of the exit of the process.

use fapilog::info;

use crate::{
    child::{child_mode, in_child},
    log::plain,
};

pub(super) fn drain_at_exit() {
    let is_logged = |is_drained: &str| {
        let output = in_child("exit::a_container_that_is_forgotten", is_drained);
        String::from_utf8_lossy(&output.stdout).contains("forgotten container")
    };
    assert!(is_logged("true"));
    assert!(!is_logged("false"));
}

#[test]
fn a_container_that_is_forgotten() {
    let Some(mode) = child_mode() else { return };
    // The drain would have an hour for the event.
    let settings = plain().sinks(["stdout"]).flush_interval(std::time::Duration::from_secs(3600));
    let settings = settings.drain_at_exit(mode == "true").build().unwrap();
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("settings"), "forgotten container");
    let _forgotten = std::mem::ManuallyDrop::new(container);
    std::process::exit(0);
}
