//! Rules 2 and 3 of the watchdog: it never sleeps while a shard is awake.

use std::sync::Arc;

use fapilog_engine::model_api::WatchModel;
use loom::thread;
use loom_tests::model::{DEADLOCK, holds, is_caught};

fn an_unpark() {
    let watch = Arc::new(WatchModel::of_a_parked_shard());
    let shard = {
        let watch = Arc::clone(&watch);
        thread::spawn(move || watch.unpark())
    };
    watch.sleep_while_parked();
    shard.join().unwrap();
}

#[test]
fn a_watchdog_never_sleeps_while_a_shard_is_awake() {
    holds(an_unpark);
}

#[test]
fn an_unpark_without_a_fence_is_caught() {
    is_caught("unpark_without_fence", &[DEADLOCK], a_watchdog_never_sleeps_while_a_shard_is_awake);
}

#[test]
fn a_watchdog_that_sleeps_without_a_last_look_is_caught() {
    is_caught("watchdog_without_a_last_look", &[DEADLOCK], a_watchdog_never_sleeps_while_a_shard_is_awake);
}
