//! The thread that writes. The numbers are the rules of the [module's page](super).

use std::{io, os::fd::AsFd, path::PathBuf, sync::Arc, time::Duration};

use fapilog_plugin::sink::{Reporter, SinkError};

use super::{
    bell::Waited,
    destination::Destination,
    queue::Queue,
    turns::{LineTurns, Patience, Turn},
};

/// How long the thread rests when there was no room after all, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Writes payloads as they come.
pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) destination: Destination,
    pub(super) turns: Arc<LineTurns>,
    pub(super) name: String,
    pub(super) reporter: Reporter,
    /// Rule 7: the code of the error by which the destination is gone.
    pub(super) gone_by: Option<i32>,
}

/// Why a payload could not be written.
#[derive(Debug)]
enum Failure {
    /// There is no time left, or nobody to write for.
    Over,
    System(io::Error),
}

/// However the thread ends, nobody waits for it.
struct Ends(Arc<Queue>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Writer {
    /// Writes until the queue is closed.
    pub(super) fn run(mut self) {
        let _ends = Ends(Arc::clone(&self.queue));
        while let Some(job) = self.queue.next() {
            let result = self.write(job.records()).map_err(|failure| self.told(failure));
            self.queue.done(job, result);
        }
        // The descriptor is closed before the end is said: whoever waits for it counts descriptors, perhaps.
        drop(self);
    }

    fn told(&self, failure: Failure) -> SinkError {
        match failure {
            Failure::Over => SinkError::Deadline,
            Failure::System(source) => SinkError::Io { operation: "write to", path: PathBuf::from(&self.name), source },
        }
    }

    fn write(&mut self, records: &[u8]) -> Result<(), Failure> {
        let turns = Arc::clone(&self.turns);
        let mut rest = records;
        while !rest.is_empty() {
            // Rule 7.
            if let Some(code) = self.gone_by {
                return Err(Failure::System(io::Error::from_raw_os_error(code)));
            }
            let (lines, behind) = rest.split_at(lines_bytes(rest, self.destination.piece_bytes_max()));
            let mut turn = turns.take(|| self.queue.patience()).ok_or(Failure::Over)?; // 5
            self.write_lines(lines, &mut turn)?;
            rest = behind;
        }
        Ok(())
    }

    fn write_lines(&mut self, lines: &[u8], turn: &mut Turn<'_>) -> Result<(), Failure> {
        if turn.is_mid_line {
            self.write_piece(b"\n")?; // 6
            turn.is_mid_line = false;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            let piece = rest.get(..self.destination.piece_bytes_max()).unwrap_or(rest); // 4
            let written = self.write_piece(piece)?;
            let (done, left) = rest.split_at_checked(written).unwrap_or((rest, &[]));
            turn.is_mid_line = !left.is_empty() && !done.ends_with(b"\n");
            rest = left;
        }
        Ok(())
    }

    /// Writes some of it.
    fn write_piece(&mut self, piece: &[u8]) -> Result<usize, Failure> {
        let mut pause = PAUSE_MIN;
        let mut is_polled = false;
        loop {
            if !is_polled && self.destination.wants_poll_first() {
                self.wait_for_room()?;
                is_polled = true;
            }
            if self.queue.is_over() {
                return Err(Failure::Over);
            }
            match self.destination.write(piece) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => return Ok(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if is_polled {
                        // It was said to have room, and had none: somebody else was faster, or it cannot tell.
                        self.pause(pause)?;
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                    self.wait_for_room()?;
                    is_polled = true;
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Rule 3.
    fn wait_for_room(&self) -> Result<(), Failure> {
        while self.queue.wait(Some(self.destination.as_fd()), Duration::MAX) != Waited::Writable {
            self.check_patience()?;
        }
        Ok(())
    }

    fn pause(&self, pause: Duration) -> Result<(), Failure> {
        self.queue.wait(None, pause);
        self.check_patience()
    }

    /// Rule 8.
    fn check_patience(&self) -> Result<(), Failure> {
        if self.queue.patience() == Patience::Over { Err(Failure::Over) } else { Ok(()) }
    }

    fn failed(&mut self, error: io::Error) -> Failure {
        if self.destination.is_gone_by(&error) {
            self.gone_by = error.raw_os_error();
            self.reporter.report(format!("nothing more is written to {}: {error}", self.name));
        }
        Failure::System(error)
    }
}

/// How many bytes of `records` to write in one turn (rules 4 and 5): all whole lines that fit `most_bytes`, or a longer
/// line, or the rest.
fn lines_bytes(records: &[u8], most_bytes: usize) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let Some(piece) = records.get(..most_bytes) else { return records.len() };
    let end = piece.iter().rposition(is_end).or_else(|| records.iter().position(is_end));
    end.map_or(records.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_for_whole_lines_as_many_as_fit() {
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", 9), 8);
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", 8), 8);
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", 7), 4);
        assert_eq!(lines_bytes(b"one\ntwo\nthree\n", usize::MAX), 14);
        assert_eq!(lines_bytes(b"one\n", 4), 4);
    }

    #[test]
    fn a_turn_is_for_one_line_that_does_not_fit() {
        assert_eq!(lines_bytes(b"one\ntwo\n", 2), 4);
        assert_eq!(lines_bytes(b"no end", 2), 6);
    }
}
