//! Lines on a socket, with limits for their length and their time.

use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustix::net::{SendFlags, send};
use thiserror::Error;

/// The reason why no line was read.
#[derive(Debug, Error)]
pub(crate) enum LineError {
    #[error("the line has more than {max_bytes} bytes")]
    TooLong { max_bytes: usize },
    #[error("the line did not arrive within {timeout:?}")]
    TimedOut { timeout: Duration },
    #[error("the connection was closed in the middle of a line")]
    Cut,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A socket on which lines arrive.
#[derive(Debug)]
pub(crate) struct LineSocket {
    stream: UnixStream,
    /// Bytes that are not read as a line yet.
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl LineSocket {
    /// Lines of at most `max_bytes`, without the newline.
    pub(crate) fn new(stream: UnixStream, max_bytes: usize) -> Self {
        Self { stream, bytes: Vec::new(), max_bytes }
    }

    /// The next line, without its newline; `None` where the peer has closed the connection. All of it has to arrive within
    /// `timeout`.
    pub(crate) fn read_line(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, LineError> {
        let deadline = Instant::now() + timeout;
        let mut searched_bytes = 0;
        loop {
            let unsearched = self.bytes.get(searched_bytes..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                return self.take_line(searched_bytes + at).map(Some);
            }
            if self.bytes.len() > self.max_bytes {
                return Err(LineError::TooLong { max_bytes: self.max_bytes });
            }
            searched_bytes = self.bytes.len();
            if self.read_more(deadline, timeout)? == 0 {
                return if self.bytes.is_empty() { Ok(None) } else { Err(LineError::Cut) };
            }
        }
    }

    /// The bytes in front of the newline at `end`.
    fn take_line(&mut self, end: usize) -> Result<Vec<u8>, LineError> {
        let behind = self.bytes.split_off((end + 1).min(self.bytes.len()));
        let mut line = std::mem::replace(&mut self.bytes, behind);
        line.truncate(end);
        if line.len() > self.max_bytes { Err(LineError::TooLong { max_bytes: self.max_bytes }) } else { Ok(line) }
    }

    /// Reads what has arrived, and returns the number of bytes.
    fn read_more(&mut self, deadline: Instant, timeout: Duration) -> Result<usize, LineError> {
        let mut buffer = [0; 4096];
        let count = retried(|| {
            self.stream.set_read_timeout(Some(left_until(deadline)?))?;
            self.stream.read(&mut buffer)
        });
        let count = count.map_err(|error| timed(error, timeout))?;
        self.bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Writes a line. All of it has to be taken within `timeout`.
    pub(crate) fn write_line(&mut self, line: &str, timeout: Duration) -> Result<(), LineError> {
        let deadline = Instant::now() + timeout;
        let line = format!("{line}\n");
        let mut bytes = line.as_bytes();
        while !bytes.is_empty() {
            let written = retried(|| {
                self.stream.set_write_timeout(Some(left_until(deadline)?))?;
                // A peer that is gone is an error, and no SIGPIPE, by which a program would end.
                Ok(send(&self.stream, bytes, SendFlags::NOSIGNAL)?)
            });
            match written.map_err(|error| timed(error, timeout))? {
                0 => return Err(LineError::Cut),
                count => bytes = bytes.get(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

/// Repeats a call that a signal has interrupted.
fn retried<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The time until the deadline: never zero, by which a socket would wait without a limit.
fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn timed(error: io::Error, timeout: Duration) -> LineError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => LineError::TimedOut { timeout },
        _ => LineError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn pair(max_bytes: usize) -> (UnixStream, LineSocket) {
        let (peer, own) = UnixStream::pair().unwrap();
        (peer, LineSocket::new(own, max_bytes))
    }

    #[test]
    fn lines_that_arrive_in_one_piece_are_read_one_by_one() {
        let (mut peer, mut lines) = pair(100);
        peer.write_all(b"one\n\ntwo\n").unwrap();
        drop(peer);
        let read = [(); 4].map(|()| lines.read_line(LONG).unwrap());
        assert_eq!(read, [Some(b"one".to_vec()), Some(Vec::new()), Some(b"two".to_vec()), None]);
    }

    #[test]
    fn a_line_may_have_as_many_bytes_as_the_limit_and_no_more() {
        let (mut peer, mut lines) = pair(3);
        peer.write_all(b"abc\nabcd\n").unwrap();
        assert_eq!(lines.read_line(LONG).unwrap().unwrap(), b"abc");
        assert!(matches!(lines.read_line(LONG), Err(LineError::TooLong { max_bytes: 3 })));
    }

    #[test]
    fn a_line_without_an_end_is_refused_before_it_is_all_there() {
        let (mut peer, mut lines) = pair(1000);
        peer.write_all(&[b'x'; 1001]).unwrap();
        assert!(matches!(lines.read_line(LONG), Err(LineError::TooLong { .. })));
    }

    #[test]
    fn a_peer_that_sends_byte_by_byte_does_not_get_more_time() {
        let (mut peer, mut lines) = pair(1000);
        let sender = std::thread::spawn(move || {
            while peer.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let answer = lines.read_line(Duration::from_millis(50));
        drop(lines);
        sender.join().unwrap();
        assert!(matches!(answer, Err(LineError::TimedOut { .. })), "{answer:?}");
    }

    #[test]
    fn a_peer_that_reads_nothing_does_not_block_for_ever() {
        let (_peer, mut lines) = pair(1000);
        let answer = lines.write_line(&"x".repeat(1 << 22), Duration::from_millis(50));
        assert!(matches!(answer, Err(LineError::TimedOut { .. })), "{answer:?}");
    }

    #[test]
    fn a_connection_that_is_closed_in_a_line_is_an_error() {
        let (mut peer, mut lines) = pair(100);
        peer.write_all(b"half").unwrap();
        drop(peer);
        assert!(matches!(lines.read_line(LONG), Err(LineError::Cut)));
    }
}
