//! The watchdog of a container: a thread that sees a shard hang without any traffic.
//!
//! A shard notes when a turn begins and ends, and the watchdog looks at these notes at intervals. It sleeps without a time
//! limit while every shard is parked: an idle container has no wake-ups from it. A turn pays nothing for it. A shard that comes
//! back from a park pays a fence, and a wake-up of the watchdog if that sleeps.
//!
//! # Sleep of the watchdog
//!
//! 1. **Park.** A shard that parks marks itself as parked, behind its last turn. A shard without a turn does not hang.
//! 2. **Unpark.** A shard that comes back from a park withdraws the mark, passes a fence, and looks whether the watchdog
//!    sleeps; if it does, the shard wakes it. Only then the shard takes a turn.
//! 3. **Sleep.** A watchdog that has found every shard parked marks itself as asleep, passes a fence, and looks at every shard
//!    once more. It sleeps only if every shard is still parked. So at least one side sees the other: a shard that was awake
//!    at the last look is watched, and one that unparks later wakes the watchdog.
//! 4. **Look.** While a shard is awake, the watchdog looks after a time in which a turn may come to its limit: at least a quarter of
//!    a second, and a second at most.
//!
//! A shard that has ended counts as parked.

pub(crate) mod alarm;

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fapilog_plugin::threads::{drain_thread, inherited, lock, signals};

use crate::{diagnostics::DiagnosticLog, port::ShardPort, watchdog::alarm::WatchAlarm};

/// The least time between two looks.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(250);
/// The longest time between two looks while a shard is awake. A reload may have shortened the limit meanwhile.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// The watchdog of a container; one that has not been started watches nothing.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    alarm: Arc<WatchAlarm>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Watchdog {
    /// The watchdog of these shards, before their hosts are started: from its first park on, a shard must know its alarm.
    pub(crate) fn of(ports: &[Arc<ShardPort>]) -> Self {
        let watchdog = Self::default();
        ports.iter().for_each(|port| port.turn_watch.set_alarm(&watchdog.alarm));
        watchdog
    }

    /// Starts its thread. Without it, a shard that hangs is found by threads that wait for it, as a diagnostic reports.
    pub(crate) fn start(&self, ports: &[Arc<ShardPort>], diagnostics: &DiagnosticLog) {
        if cfg!(any(fapilog_loom, miri)) {
            return;
        }
        let (alarm, ports) = (Arc::clone(&self.alarm), ports.to_vec());
        // Threads inherit the mask of the one that starts them.
        let _blocked = signals::block_all();
        let started = std::thread::Builder::new().name("fapilog-watch".to_owned()).spawn(move || {
            inherited::shed();
            // A diagnostic's callback may log, and must not wait for the shard that hangs.
            let _mark = drain_thread::enter();
            watch(&alarm, &ports);
            drop(ports);
            alarm.report_end();
        });
        match started {
            Ok(thread) => *lock(&self.thread) = Some(thread),
            Err(error) => diagnostics.add("watchdog", format!("not started: {error}")),
        }
    }

    /// Ends the thread, and waits for it, at most for `timeout`: a callback of the program may hang in it. It is left to itself then.
    pub(crate) fn end(&self, timeout: Duration) {
        self.alarm.end();
        let Some(thread) = lock(&self.thread).take() else { return };
        if self.alarm.wait_for_end(timeout) {
            drop(thread.join());
        }
    }
}

fn watch(alarm: &WatchAlarm, ports: &[Arc<ShardPort>]) {
    while !alarm.is_over() {
        match look(ports, Instant::now()) {
            Some(time) => alarm.sleep(Some(time)), // 4
            None if alarm.fall_asleep(|| ports.iter().all(|port| port.is_parked_or_ended())) => alarm.sleep(None), // 3
            None => {}
        }
    }
}

/// Reports shards that hang. Returns the time until the next look; `None` if every shard is parked.
fn look(ports: &[Arc<ShardPort>], now: Instant) -> Option<Duration> {
    let awake = ports.iter().filter(|port| !port.is_parked_or_ended());
    let next = awake.map(|port| {
        port.report_if_it_hangs();
        port.turn_watch.until_limit(now)
    });
    next.min().map(|time| time.clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked() -> Arc<ShardPort> {
        let port = Arc::<ShardPort>::default();
        port.turn_watch.park();
        port
    }

    #[test]
    fn parked_shards_need_no_look() {
        let ports = [parked(), parked()];
        ports.iter().for_each(|port| port.turn_watch.set_alarm(&Arc::default()));
        ports.iter().for_each(|port| port.turn_watch.park());
        assert_eq!(look(&ports, Instant::now()), None);
        ports[1].turn_watch.unpark();
        assert!(look(&ports, Instant::now()).is_some());
        ports[1].stop();
        assert_eq!(look(&ports, Instant::now()), None);
    }

    #[test]
    fn the_time_between_looks_is_that_to_the_limit_within_bounds() {
        let ports = [Arc::<ShardPort>::default()];
        let next = |limit| {
            ports[0].turn_watch.set_limit(limit);
            look(&ports, Instant::now())
        };
        assert_eq!(next(Some(Duration::from_millis(1))), Some(LOOK_INTERVAL_MIN));
        assert_eq!(next(Some(Duration::from_millis(600))), Some(Duration::from_millis(600)));
        assert_eq!(next(None), Some(LOOK_INTERVAL_MAX));
    }
}
