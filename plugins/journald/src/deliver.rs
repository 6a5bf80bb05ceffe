//! The client of the journal's socket.
//!
//! The socket is not connected: each entry goes to the path, so that a journald that was restarted gets the next one.

use std::{
    mem::MaybeUninit,
    os::{fd::AsFd, unix::net::UnixDatagram},
    path::PathBuf,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{BlockingDelivery, Payload, SinkCounter, SinkError};
use rustix::{
    io::Errno,
    net::{
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr, sendto,
        sockopt::{Timeout, set_socket_timeout},
    },
};

use crate::{error::SendFailure, sealed_file::sealed_file, stop_deadline::StopDeadline};

/// The longest wait in a system call: then the deadline is looked at again.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// The shortest wait: zero would have no limit.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// The failure of entries that are left when the deadline of the shutdown has passed.
const STOPPED: SendFailure = SendFailure::Socket(Errno::AGAIN);

/// Sends the entries of payloads. Blocks until journald's queue has them, or the time limit is over.
#[derive(Debug)]
pub(crate) struct JournalClient {
    socket: UnixDatagram,
    address: SocketAddrUnix,
    path: PathBuf,
    /// The time limit of a payload.
    timeout: Duration,
    stop: StopDeadline,
    /// Entries that were too long for a datagram.
    long_entries: SinkCounter,
}

impl JournalClient {
    pub(crate) fn new(
        path: PathBuf,
        timeout: Duration,
        stop: StopDeadline,
        long_entries: SinkCounter,
    ) -> Result<Self, SinkError> {
        let io = |source| SinkError::Io { operation: "make a socket for", path: path.clone(), source };
        let socket = UnixDatagram::unbound().map_err(io)?;
        let address = SocketAddrUnix::new(&path).map_err(|errno| io(errno.into()))?;
        Ok(Self { socket, address, path, timeout, stop, long_entries })
    }

    fn send(&self, entry: &[u8], deadline: Instant) -> Result<(), SendFailure> {
        if self.stop.has_passed() {
            return Err(STOPPED);
        }
        let datagram = |flags| sendto(&self.socket, entry, flags, &self.address);
        match self.waiting(deadline, datagram) {
            Err(Errno::MSGSIZE | Errno::NOBUFS) => self.send_file(entry, deadline),
            sent => sent.map_err(SendFailure::Socket),
        }
    }

    /// Sends an entry that no datagram holds: an empty datagram with a sealed file.
    fn send_file(&self, entry: &[u8], deadline: Instant) -> Result<(), SendFailure> {
        let file = sealed_file(entry).map_err(SendFailure::SealedFile)?;
        let descriptors = [file.as_fd()];
        let message = |flags| {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(Errno::NOBUFS);
            }
            sendmsg_addr(&self.socket, &self.address, &[], &mut control, flags)
        };
        self.waiting(deadline, message).map_err(SendFailure::Socket)?;
        self.long_entries.add(1);
        Ok(())
    }

    /// Calls `send` until the queue has room, by the deadline. The first call does not wait.
    fn waiting(&self, deadline: Instant, send: impl Fn(SendFlags) -> Result<usize, Errno>) -> Result<(), Errno> {
        let mut flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        loop {
            match send(flags) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = self.stop.or_earlier(deadline).saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Errno::AGAIN);
                    }
                    set_socket_timeout(&self.socket, Timeout::Send, Some(left.clamp(WAIT_MIN, WAIT_MAX)))?;
                    flags = SendFlags::NOSIGNAL;
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    fn error(&self, failure: SendFailure) -> SinkError {
        let error = failure.into_error(self.path.clone());
        if failure.passes_by_itself() { SinkError::retryable(error) } else { SinkError::permanent(error) }
    }
}

impl BlockingDelivery for JournalClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.timeout;
        let (mut rejected, mut last_failure) = (Vec::new(), None);
        for index in 0..payload.marked_records() {
            let entry = payload.record(index).unwrap_or_default();
            match self.send(entry, deadline) {
                Ok(()) => {}
                Err(failure) if failure.is_of_the_entry() => {
                    rejected.push(index);
                    last_failure = Some(failure);
                }
                Err(failure) => return Err(stopped_at(index, &payload, rejected, self.error(failure))),
            }
        }
        match last_failure {
            None => Ok(()),
            Some(failure) => Err(SinkError::rejected(rejected, failure.into_error(self.path.clone()))),
        }
    }
}

/// The error of a payload whose record `index` and those behind it are not delivered.
fn stopped_at(index: usize, payload: &Payload, rejected: Vec<usize>, error: SinkError) -> SinkError {
    if rejected.is_empty() {
        let bytes = (0..index).filter_map(|index| payload.record(index)).map(|record| record.len() as u64).sum();
        return match index {
            0 => error,
            _ => SinkError::Partial { records: index as u64, bytes, source: Box::new(error) },
        };
    }
    let left = index..payload.marked_records();
    match error {
        SinkError::Retryable { retry_after, source } => {
            SinkError::PerRecord { rejected, retryable: left.collect(), retry_after, source }
        }
        permanent => SinkError::rejected(rejected.into_iter().chain(left).collect::<Vec<_>>(), permanent),
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::sink::SinkErrorKind;

    use super::*;

    /// Four records of 1, 2, 3 and 4 bytes.
    fn payload() -> Payload {
        let mut payload = Payload::new(100);
        for record in ["a", "bb", "ccc", "dddd"] {
            payload.buffer().extend_from_slice(record.as_bytes());
            payload.end_record();
        }
        payload
    }

    #[test]
    fn a_payload_that_stops_at_its_first_record_is_not_delivered_at_all() {
        let error = stopped_at(0, &payload(), Vec::new(), SinkError::retryable("busy"));
        assert!(matches!(error, SinkError::Retryable { .. }), "{error:?}");
    }

    #[test]
    fn a_payload_that_stops_at_a_later_record_is_delivered_in_part() {
        let error = stopped_at(2, &payload(), Vec::new(), SinkError::retryable("busy"));
        assert!(matches!(error, SinkError::Partial { records: 2, bytes: 3, .. }), "{error:?}");
    }

    #[test]
    fn records_behind_a_refused_one_are_retryable_only_where_the_error_is() {
        let error = stopped_at(2, &payload(), vec![1], SinkError::retryable("busy"));
        let SinkError::PerRecord { rejected, retryable, .. } = error else { panic!("{error:?}") };
        assert_eq!((rejected, retryable), (vec![1], vec![2, 3]));
        let error = stopped_at(2, &payload(), vec![1], SinkError::permanent("denied"));
        assert_eq!(error.kind(), SinkErrorKind::Rejected);
        let SinkError::PerRecord { rejected, retryable, .. } = error else { panic!("{error:?}") };
        assert_eq!((rejected, retryable), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn a_failure_is_retryable_permanent_or_of_a_single_entry() {
        use SendFailure::{SealedFile, Socket};
        let kinds = |failure: SendFailure| (failure.passes_by_itself(), failure.is_of_the_entry());
        for errno in [Errno::NOENT, Errno::CONNREFUSED, Errno::AGAIN, Errno::NOBUFS, Errno::TOOMANYREFS] {
            assert_eq!(kinds(Socket(errno)), (true, false), "{errno}");
        }
        for errno in [Errno::MFILE, Errno::NOMEM, Errno::NOSPC] {
            assert_eq!(kinds(SealedFile(errno)), (true, false), "{errno}");
        }
        for failure in [SealedFile(Errno::ACCESS), SealedFile(Errno::NOSYS), Socket(Errno::MSGSIZE)] {
            assert_eq!(kinds(failure), (false, true), "{failure:?}");
        }
        for errno in [Errno::ACCESS, Errno::PERM, Errno::PROTOTYPE] {
            assert_eq!(kinds(Socket(errno)), (false, false), "{errno}");
        }
    }
}
