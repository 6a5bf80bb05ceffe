//! The writer that the sinks of all shards share.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, Weak},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::{Payload, SinkError},
    threads::{lock, process::OwnProcess, spawn_thread},
    user_code::catch_panic,
};

use crate::writer::{TrailError, TrailWriter};

/// A trail has one writer: the sink of each shard has a delivery thread of its own, and they take it one after the other. So the numbers
/// of entries have no gaps, and the records of a shard stay in order.
#[derive(Debug)]
pub(super) struct SharedTrail {
    /// The timer's thread has it for a moment as well: the drop of this value closes the trail, and not that of the writer.
    writer: Arc<Mutex<TrailWriter>>,
    timer: Arc<TimerState>,
    process: OwnProcess,
}

/// The writer that sinks of a factory join, while one of them lives.
#[derive(Debug, Default)]
pub(super) struct TrailSlot(Mutex<Weak<SharedTrail>>);

#[derive(Debug, Default)]
struct TimerState {
    state: Mutex<TimerOrder>,
    changed: Condvar,
}

/// The later ones come first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerOrder {
    #[default]
    Sleep,
    /// There is an entry behind the last checkpoint.
    Tick,
    /// Something is due at once.
    Look,
    End,
}

impl TrailSlot {
    /// The writer of the sinks that live, or a new one.
    pub(super) fn join(
        &self,
        open: impl FnOnce() -> Result<TrailWriter, TrailError>,
    ) -> Result<Arc<SharedTrail>, SinkError> {
        let mut slot = lock(&self.0);
        if let Some(shared) = slot.upgrade().filter(|shared| shared.process.is_this()) {
            return Ok(shared);
        }
        let shared = Arc::new(SharedTrail {
            writer: Arc::new(Mutex::new(open()?)),
            timer: Arc::default(),
            process: OwnProcess::this(),
        });
        start_timer(&shared).map_err(SinkError::permanent)?;
        *slot = Arc::downgrade(&shared);
        Ok(shared)
    }
}

impl SharedTrail {
    pub(super) fn append(&self, payload: &Payload) -> Result<(), SinkError> {
        self.with_writer(|writer| writer.append(payload))
    }

    pub(super) fn rotate(&self) {
        // The first entry of the next file is behind the last checkpoint.
        self.with_writer(TrailWriter::rotate_or_report);
    }

    /// Has the timer look for what is due afterwards.
    fn with_writer<T>(&self, work: impl FnOnce(&mut TrailWriter) -> T) -> T {
        let mut writer = lock(&self.writer);
        let result = work(&mut writer);
        let order = if writer.is_look_due(Instant::now()) { TimerOrder::Look } else { TimerOrder::Tick };
        drop(writer);
        self.timer.set(order);
        result
    }
}

/// The last sink closes the trail.
impl Drop for SharedTrail {
    fn drop(&mut self) {
        if self.process.is_this() {
            self.timer.set(TimerOrder::End);
            lock(&self.writer).close();
        }
    }
}

impl TimerState {
    fn set(&self, order: TimerOrder) {
        let mut state = lock(&self.state);
        let is_later = order > *state || order == TimerOrder::Sleep;
        if is_later && *state != TimerOrder::End {
            *state = order;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Sleeps until there is an entry behind the last checkpoint, or for this time. Returns whether the timer goes on.
    fn wait(&self, time: Option<Duration>) -> bool {
        let mut state = lock(&self.state);
        let end = time.map(|time| Instant::now() + time);
        loop {
            match (*state, end) {
                (TimerOrder::End, _) => return false,
                (TimerOrder::Look, _) | (TimerOrder::Tick, None) => return true,
                (TimerOrder::Sleep, None) => {
                    state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
                }
                (_, Some(end)) => {
                    let Some(left) = end.checked_duration_since(Instant::now()) else { return true };
                    let waited = self.changed.wait_timeout(state, left);
                    state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
                }
            }
        }
    }
}

/// The thread that writes checkpoints at their time, also where no payload comes.
fn start_timer(shared: &SharedTrail) -> io::Result<()> {
    let timer = Arc::clone(&shared.timer);
    let writer = Arc::downgrade(&shared.writer);
    spawn_thread("audit-timer", move || {
        // At once: a restart has an entry behind the last checkpoint.
        let mut next = Some(Duration::ZERO);
        while timer.wait(next) {
            let Some(writer) = writer.upgrade() else { return };
            // Before the tick: a payload behind it sets it again.
            timer.set(TimerOrder::Sleep);
            next = catch_panic(|| lock(&writer).tick(Instant::now())).unwrap_or(Some(Duration::from_secs(1)));
        }
    })?;
    Ok(())
}
