//! The writing thread. The numbers are the rules of the [module's page](super).

use std::{io, os::fd::AsFd, path::PathBuf, sync::Arc, time::Duration};

use fapilog_plugin::{
    record_end::RecordEnd,
    sink::{Reporter, SinkError},
};

use super::{
    destination::ConsoleDestination,
    line_lock::{HeldLineLock, LineLock, WriteDeadline},
    queue::{WriteJob, WriteQueue},
    wake_event::WaitEnd,
};

/// How long the thread sleeps when the destination had no room after all, at first and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(1);
const BACKOFF_MAX: Duration = Duration::from_millis(50);

/// Writes payloads in the order of the queue.
pub(super) struct ConsoleWriter {
    pub(super) queue: Arc<WriteQueue>,
    pub(super) destination: ConsoleDestination,
    pub(super) line_lock: Arc<LineLock>,
    pub(super) name: String,
    pub(super) reporter: Reporter,
    pub(super) record_end: RecordEnd,
    /// Rule 6: whether the first record may continue a line of somebody else. Looked at once.
    pub(super) may_be_mid_line: bool,
    /// Rule 7: the code of the error that closed the destination.
    pub(super) closed_by: Option<i32>,
}

/// The reason why a payload was not written.
#[derive(Debug)]
enum WriteFailure {
    /// The deadline has passed, or the sink was dropped.
    Deadline,
    System(io::Error),
}

/// Reports the end of the thread to the queue, after a panic too.
struct ThreadEnd(Arc<WriteQueue>);

impl Drop for ThreadEnd {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl ConsoleWriter {
    /// Writes until the queue is closed.
    pub(super) fn run(mut self) {
        let _end = ThreadEnd(Arc::clone(&self.queue));
        while let Some(mut job) = self.queue.next() {
            let result = self.write(&mut job).map_err(|failure| job.failed(self.record_end, self.sink_error(failure)));
            self.queue.done(job, result);
        }
        // The descriptor is closed before the end is reported: a waiting test may count descriptors.
        drop(self);
    }

    fn sink_error(&self, failure: WriteFailure) -> SinkError {
        match failure {
            WriteFailure::Deadline => SinkError::Deadline,
            WriteFailure::System(source) => {
                SinkError::Io { operation: "write to", path: PathBuf::from(&self.name), source }
            }
        }
    }

    fn write(&mut self, job: &mut WriteJob) -> Result<(), WriteFailure> {
        let line_lock = Arc::clone(&self.line_lock);
        while !job.unwritten().is_empty() {
            // Rule 7.
            if let Some(code) = self.closed_by {
                return Err(WriteFailure::System(io::Error::from_raw_os_error(code)));
            }
            let lines_bytes = lines_bytes(job.unwritten(), self.destination.write_bytes_max());
            let mut held = line_lock.acquire(|| self.queue.write_deadline()).ok_or(WriteFailure::Deadline)?; // 5
            if std::mem::take(&mut self.may_be_mid_line) {
                held.is_mid_line |= self.destination.is_mid_line(); // 6
            }
            self.write_lines(job, lines_bytes, &mut held)?;
        }
        Ok(())
    }

    fn write_lines(
        &mut self,
        job: &mut WriteJob,
        lines_bytes: usize,
        held: &mut HeldLineLock<'_>,
    ) -> Result<(), WriteFailure> {
        if held.is_mid_line {
            self.write_some(b"\n")?; // 6
            held.is_mid_line = false;
        }
        let mut left_bytes = lines_bytes;
        while left_bytes > 0 {
            let chunk_bytes = left_bytes.min(self.destination.write_bytes_max()); // 4
            let chunk = job.unwritten().get(..chunk_bytes).unwrap_or_default();
            let written = self.write_some(chunk)?.min(chunk_bytes);
            left_bytes -= written;
            held.is_mid_line = left_bytes > 0 && !chunk.get(..written).unwrap_or_default().ends_with(b"\n");
            self.queue.written(job, written); // 2
        }
        Ok(())
    }

    /// Writes a part of the chunk. Returns the number of written bytes.
    fn write_some(&mut self, chunk: &[u8]) -> Result<usize, WriteFailure> {
        let mut backoff = BACKOFF_MIN;
        let mut is_polled = false;
        loop {
            if !is_polled && self.destination.requires_poll() {
                self.wait_for_room()?;
                is_polled = true;
            }
            if self.queue.is_over() {
                return Err(WriteFailure::Deadline);
            }
            match self.destination.write(chunk) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => return Ok(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if is_polled {
                        // `poll` reported room that another writer used first, or that the device does not have.
                        self.sleep_for_backoff(backoff)?;
                        backoff = (backoff * 2).min(BACKOFF_MAX);
                    }
                    self.wait_for_room()?;
                    is_polled = true;
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Rule 3.
    fn wait_for_room(&self) -> Result<(), WriteFailure> {
        while self.queue.wait(Some(self.destination.as_fd()), Duration::MAX) != WaitEnd::Writable {
            self.check_deadline()?;
        }
        Ok(())
    }

    fn sleep_for_backoff(&self, backoff: Duration) -> Result<(), WriteFailure> {
        self.queue.wait(None, backoff);
        self.check_deadline()
    }

    /// Rule 8.
    fn check_deadline(&self) -> Result<(), WriteFailure> {
        if self.queue.write_deadline() == WriteDeadline::Passed { Err(WriteFailure::Deadline) } else { Ok(()) }
    }

    fn failed(&mut self, error: io::Error) -> WriteFailure {
        if self.destination.is_closed_by(&error) {
            self.closed_by = error.raw_os_error();
            self.reporter.report(format!("writing to {} has ended: {error}", self.name));
        }
        WriteFailure::System(error)
    }
}

/// The number of bytes of `records` to write under one line lock (rules 4 and 5): all whole events that fit `bytes_max`, or
/// a longer event, or all of `records`. An event is a line, and the lines behind it that begin with a space: so an error and
/// its sources stay together.
fn lines_bytes(records: &[u8], bytes_max: usize) -> usize {
    let is_end = |place: &usize| records.get(*place) == Some(&b'\n') && records.get(place + 1) != Some(&b' ');
    if records.len() <= bytes_max {
        return records.len();
    }
    let end = (0..bytes_max).rev().find(is_end).or_else(|| (bytes_max..records.len()).find(is_end));
    end.map_or(records.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_lock_is_held_for_as_many_whole_lines_as_fit() {
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", 9), 8);
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", 8), 8);
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", 7), 4);
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", usize::MAX), 14);
        assert_eq!(lines_bytes(b"one\n", 4), 4);
    }

    #[test]
    fn a_line_lock_is_held_for_a_single_line_that_does_not_fit() {
        assert_eq!(lines_bytes(b"one\ntwo\n", 2), 4);
        assert_eq!(lines_bytes(b"no end", 2), 6);
    }

    #[test]
    fn a_line_lock_is_held_for_all_lines_of_an_event() {
        assert_eq!(lines_bytes(b"one\n two\nthree\n four\n", 14), 9);
        assert_eq!(lines_bytes(b"one\n two\n three\nfour\n", 5), 16);
        assert_eq!(lines_bytes(b"one\n two\n three\n", 5), 16);
    }
}
