//! Events that are stamped by a clock that the test sets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use fapilog::{
    Container,
    container::ManualClock,
    event::{Batch, Timestamp},
    info,
    plugin::PluginError,
    process::Processor,
};
use law::{end, parsed, shut_down, started_manual, thread_builder};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

#[test]
fn events_are_stamped_by_the_manual_clock_on_every_thread() {
    let clock = ManualClock::new(NEW_YEAR);
    let (sink, events) = law::memory();
    let container = thread_builder().manual_clock(&clock).sink("memory", sink).start().unwrap();
    let log = container.logger("clock");
    info!(log, "first");
    clock.advance(Duration::from_millis(1500));
    thread::scope(|scope| scope.spawn(|| info!(log, "second")).join()).unwrap();
    shut_down(&container);
    let mut times: Vec<_> = parsed(&events).iter().map(|event| event["timestamp"].clone()).collect();
    times.sort_by_key(ToString::to_string);
    assert_eq!(times, ["2026-01-01T00:00:00.000000000Z", "2026-01-01T00:00:01.500000000Z"]);
}

#[test]
fn two_containers_have_their_own_clocks() {
    let clocks = [0, 1_000_000_000].map(|nanos| ManualClock::new(Timestamp::from_unix_nanos(nanos)));
    let times = clocks.map(|clock| {
        let (container, mut drain, events) = started_manual(Container::builder().manual_clock(&clock));
        info!(container.logger("clock"), "now");
        end(&container, &mut drain);
        parsed(&events)[0]["timestamp"].clone()
    });
    assert_eq!(times, ["1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:01.000000000Z"]);
}

/// Notes what time each batch of events has.
struct Times(Arc<Mutex<Vec<Timestamp>>>);

impl Processor for Times {
    fn name(&self) -> &'static str {
        "times"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if !batch.is_empty() {
            self.0.lock().unwrap().push(batch.now());
        }
        Ok(())
    }
}

#[test]
fn a_batch_knows_the_time_by_the_manual_clock() {
    let clock = ManualClock::new(NEW_YEAR);
    let times = Arc::<Mutex<Vec<Timestamp>>>::default();
    let kept = Arc::clone(&times);
    let builder = Container::builder().manual_clock(&clock).processor(move |_| Box::new(Times(Arc::clone(&kept))));
    let (container, mut drain, _events) = started_manual(builder);
    info!(container.logger("clock"), "on its way");
    let later = Timestamp::from_unix_nanos(NEW_YEAR.unix_nanos() + 1);
    clock.set(later);
    drain.run_until_idle();
    assert_eq!(*times.lock().unwrap(), [later]);
    end(&container, &mut drain);
}

/// The times of three events, with the clock set back so far behind the first.
fn times_of_a_clock_set_back(by: Duration) -> Vec<String> {
    let clock = ManualClock::new(NEW_YEAR);
    let (container, mut drain, events) = started_manual(Container::builder().manual_clock(&clock));
    let log = container.logger("clock");
    info!(log, "first");
    clock.set(Timestamp::from_unix_nanos(NEW_YEAR.unix_nanos() - by.as_nanos() as u64));
    info!(log, "second");
    clock.advance(Duration::from_millis(20));
    info!(log, "third");
    end(&container, &mut drain);
    let events = parsed(&events);
    let messages: Vec<_> = events.iter().map(|event| event["message"].clone()).collect();
    assert_eq!(messages, ["first", "second", "third"], "the order of the calls");
    events.iter().map(|event| event["timestamp"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_clock_that_is_set_back_an_hour_gives_the_new_times_in_the_order_of_the_calls() {
    let times = times_of_a_clock_set_back(Duration::from_secs(3600));
    assert_eq!(
        times,
        ["2026-01-01T00:00:00.000000000Z", "2025-12-31T23:00:00.000000000Z", "2025-12-31T23:00:00.020000000Z"]
    );
}

#[test]
fn a_correction_of_the_clock_by_milliseconds_leaves_no_time_behind_another() {
    let times = times_of_a_clock_set_back(Duration::from_millis(5));
    assert_eq!(
        times,
        ["2026-01-01T00:00:00.000000000Z", "2026-01-01T00:00:00.000000000Z", "2026-01-01T00:00:00.015000000Z"]
    );
}

#[test]
fn latencies_go_by_the_manual_clock() {
    let clock = ManualClock::new(NEW_YEAR);
    let (container, mut drain, _events) = started_manual(Container::builder().manual_clock(&clock));
    info!(container.logger("clock"), "on its way");
    clock.advance(Duration::from_secs(2));
    end(&container, &mut drain);
    let most = container.metrics().drain_lag.max;
    assert!(most.abs_diff(Duration::from_secs(2)) < Duration::from_millis(50), "{most:?}");
}
