//! The write of an engine that the system no longer lets work: whether the kernel executes it is not known.
//!
//! A write that appends must not be executed twice. So the file's length decides: if it becomes the write's end in time, the
//! write was executed. Otherwise the same bytes are written at the same place, and not appended.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    block::BlockRange,
    engine::{EngineRefusal, IoRequest, PwriteEngine, WritePath, WritePlace},
    writer::{BatchWriter, WriterError},
};

/// How long the kernel may take for a write that it has.
const EXECUTION_WAIT: Duration = Duration::from_secs(1);

/// A write that the kernel may execute yet.
#[derive(Debug)]
pub(super) struct RefusedWrite {
    path: WritePath,
    ranges: Vec<BlockRange>,
    deadline: Instant,
}

impl BatchWriter {
    /// Rule 8.
    pub(super) fn replace_engine(&mut self, refusal: EngineRefusal, now: Instant) {
        self.engine = Box::<PwriteEngine>::default();
        self.retries += 1;
        for request in refusal.requests {
            match request {
                IoRequest::Sync { .. } => self.repeat_sync(),
                IoRequest::Write { place, path, ranges, .. } if refusal.may_execute && place == WritePlace::End => {
                    self.refused = Some(RefusedWrite { path, ranges, deadline: now + EXECUTION_WAIT });
                }
                IoRequest::Write { ranges, .. } => self.repeat_write(ranges),
            }
        }
        self.add_error(WriterError::EngineRefused(refusal.error));
    }

    /// The same bytes are written at the same place.
    fn repeat_write(&mut self, ranges: Vec<BlockRange>) {
        let file = self.id_of_next_write();
        if let (Some(open), Some(last)) = (self.open_file(file), ranges.last()) {
            open.changes.write_ended(last.offset + last.range.len() as u64);
        }
        self.writes_in_flight = 0;
        self.return_ranges(ranges, 0);
    }

    /// Completes a write of the engine before, or repeats it.
    pub(super) fn look_at_refused_write(&mut self, now: Instant) {
        let Some(RefusedWrite { path, ranges, deadline }) = self.refused.take() else { return };
        let file = self.id_of_next_write();
        let end = ranges.last().map_or(0, |last| last.offset + last.range.len() as u64);
        let length = self.open_file(file).and_then(|open| Rc::clone(&open.handles).buffered.metadata().ok());
        if length.is_some_and(|found| found.len() >= end) {
            let bytes = ranges.iter().map(|range| range.range.len()).sum();
            self.write_done(path, ranges, Ok(bytes), now);
        } else if now >= deadline {
            self.repeat_write(ranges);
        } else {
            self.refused = Some(RefusedWrite { path, ranges, deadline });
        }
    }
}
