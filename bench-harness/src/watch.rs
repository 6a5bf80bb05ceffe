//! Waiting until a measurement is over, or stopping it before it has used up memory or disk that others need.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    cli::SinkName,
    machine::free_bytes,
    output::{OutputDirectory, RESERVE_BYTES, SMALL_RESERVE_BYTES},
    producers::Control,
    progress,
    report::grouped,
    subject::{MEMORY_BYTES, Subject},
};

/// The length of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    Time(Duration),
    Events(u64),
}

/// The resources that a measurement must leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'a> {
    pub(crate) sink: SinkName,
    pub(crate) directory: Option<&'a OutputDirectory>,
}

impl Length {
    /// The interval between two looks of the waiting thread. A few events are over in no time.
    fn look_interval(self, room: &Room<'_>) -> Duration {
        match (self, room.sink) {
            // Memory is full in a tenth of a second.
            (Self::Events(_), _) | (_, SinkName::Memory) => Duration::from_millis(2),
            (Self::Time(_), _) => Duration::from_millis(50),
        }
    }

    fn left(self, started: Instant) -> Option<Duration> {
        match self {
            Self::Time(time) => Some(time.saturating_sub(started.elapsed())),
            Self::Events(_) => None,
        }
    }

    fn reserve_bytes(self) -> u64 {
        match self {
            Self::Time(_) => RESERVE_BYTES,
            // The room for all events was checked before; this is for other programs that write there.
            Self::Events(_) => SMALL_RESERVE_BYTES / 2,
        }
    }
}

/// Waits until the producers are done or the time is over. Returns why it was over early, if it was.
pub(crate) fn watch(
    length: Length,
    started: Instant,
    subject: &Subject,
    control: &Control,
    room: &Room<'_>,
) -> Option<String> {
    let whole = match length {
        Length::Time(time) => Some(progress::millis(time)),
        Length::Events(_) => None,
    };
    let bar = progress::bar(whole, "logging");
    let interval = length.look_interval(room);
    let stopped = loop {
        let left = length.left(started);
        if left.is_some_and(|left| left.is_zero()) || !control.are_busy() {
            break None;
        }
        if let Some(reason) = room.is_scarce(subject, length.reserve_bytes()) {
            break Some(reason);
        }
        bar.set_position(progress::millis(started.elapsed()));
        thread::sleep(left.unwrap_or(interval).min(interval));
    };
    bar.finish_and_clear();
    stopped
}

impl Room<'_> {
    /// Why the measurement must end, if it must.
    fn is_scarce(&self, subject: &Subject, reserve_bytes: u64) -> Option<String> {
        match (self.sink, self.directory) {
            (SinkName::Memory, _) if subject.bytes() > MEMORY_BYTES / 2 => {
                Some(format!("half of the {} bytes that --sink memory keeps are full", grouped(MEMORY_BYTES)))
            }
            (SinkName::File, Some(directory)) => match free_bytes(directory.path()) {
                Ok(free) if free >= reserve_bytes => None,
                Ok(free) => Some(format!("only {} bytes are free in {}", grouped(free), directory.path().display())),
                Err(error) => Some(error.to_string()),
            },
            _ => None,
        }
    }
}
