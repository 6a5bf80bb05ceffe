//! The interface of this crate for the models in `loom-tests`: the real container, lanes and shard. The model owns the lane
//! of a thread, and the drain sleeps as loom's threads do.
//!
//! Loom's threads are one thread of the system, so they would share thread-locals; [`Lane`] stands for them.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

use fapilog_record::{arguments::End, call_site::CallSite, level::Level};

use crate::{
    accounts::LossReason,
    container::Container,
    error::ChangeError,
    host::ManualDrain,
    port::changes::Change,
    producer,
    watchdog::{
        alarm::{ParkMark, WatchAlarm},
        call_word::CallWord,
    },
};

/// A thread's lane. Dropping it is the thread's end.
#[derive(Debug)]
pub struct Lane {
    lane: producer::ProducerLane,
}

/// Opens a lane for the calling thread, as its first log call does; `None` when there is no ring to be had.
#[must_use]
pub fn open_lane(container: &Container) -> Option<Lane> {
    let lane = container.frontend().open_lane()?;
    Some(Lane { lane })
}

impl Lane {
    /// Logs an event, as a call does that has passed the level check.
    pub fn log(&mut self) {
        self.lane.log(call(), &End, &[]);
    }
}

fn call() -> producer::LogCall {
    static SITE: CallSite = CallSite::new(Level::Info, "", "model", "", 0, &[]);
    producer::LogCall::new(Level::Info, SITE.descriptor_id::<End>(), 0)
}

/// Logs as a thread does for which there is no ring. It must not have a lane.
pub fn log_shared(container: &Container) {
    container.frontend().log_shared(call(), &End, &[]);
}

/// A call on a container that is closed.
pub fn refuse(container: &Container) {
    container.frontend().refuse(LossReason::ContainerClosed, Level::Info);
}

/// The number of lanes that the drain has not taken back: those of living threads, and the shared one.
#[must_use]
pub fn lanes(container: &Container) -> usize {
    container.frontend().lane_registry.living()
}

/// Posts a change, and waits until the drain has made it: the sink of this name, which is enabled, is enabled.
///
/// # Errors
/// See [`ChangeError`].
pub fn change(container: &Container, sink: &str, deadline: Instant) -> Result<(), ChangeError> {
    let answers = container.send(&Change::SetEnabled(sink.to_owned(), true))?;
    answers.iter().try_for_each(|answer| answer.wait(deadline))
}

/// Runs the drain to its end by the loop of the thread host. `sleep` is given how long, `None` for ever.
pub fn run(drain: ManualDrain, waker: &Waker, sleep: impl Fn(Option<Duration>)) {
    drain.run(waker, sleep);
}

/// A watchdog and its shard, which is parked at first: the sleep of the one and the park of the other.
#[derive(Debug)]
pub struct WatchModel {
    alarm: WatchAlarm,
    parked: ParkMark,
}

impl WatchModel {
    /// A shard that is parked.
    #[must_use]
    pub fn of_a_parked_shard() -> Self {
        let watch = Self { alarm: WatchAlarm::default(), parked: ParkMark::default() };
        watch.parked.set();
        watch
    }

    /// The shard comes back from its park.
    pub fn unpark(&self) {
        self.alarm.unpark(&self.parked);
    }

    /// The watchdog sleeps until it finds the shard awake.
    pub fn sleep_while_parked(&self) {
        while self.parked.is_set() {
            if self.alarm.fall_asleep(|| self.parked.is_set()) {
                self.alarm.sleep(None);
            }
        }
    }
}

/// The calls of user code of a shard that may be abandoned.
#[derive(Debug)]
pub struct WatchedCalls(CallWord);

impl WatchedCalls {
    /// A shard that has made no call.
    #[must_use]
    pub fn none() -> Self {
        Self(CallWord::new(true))
    }

    /// The shard makes a call. Returns whether it goes on behind it; if not, it was abandoned.
    pub fn call(&self, user_code: impl FnOnce()) -> bool {
        let call = self.0.begin();
        user_code();
        self.0.end(call).is_ok()
    }

    /// Abandons the shard, if it is in its first call. Returns whether it is abandoned.
    pub fn abandon_in_first_call(&self) -> bool {
        self.0.abandon(CallWord::first_call())
    }
}
