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
    accounts::LossReason, container::Container, error::ChangeError, host::ManualDrain, port::changes::Change, producer,
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
    container.frontend().refuse(LossReason::ContainerClosed);
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
