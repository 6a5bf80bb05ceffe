//! Waiting for a descriptor, so that another thread can end the wait.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::Errno,
};

/// Ends a wait of another thread. A wake without a waiting thread ends the next wait.
#[derive(Debug)]
pub(super) struct WakeEvent(File);

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitEnd {
    /// The descriptor can be written to, or has an error for the next write.
    Writable,
    /// A wake, a signal or the timeout.
    Interrupted,
}

impl WakeEvent {
    pub(super) fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(fd.into()))
    }

    pub(super) fn wake(&self) {
        // The write fails only at the counter's maximum, when the event is set already.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Waits until `fd` can be written to, another thread calls [`wake`](Self::wake), or the timeout ends; `None` means no
    /// timeout.
    pub(super) fn wait(&self, fd: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> WaitEnd {
        let target = fd.unwrap_or(self.0.as_fd());
        let mut entries = [PollFd::new(&self.0, PollFlags::IN), PollFd::from_borrowed_fd(target, PollFlags::OUT)];
        let polled = if fd.is_some() { &mut entries[..] } else { &mut entries[..1] };
        if let Err(error) = poll(polled, timeout.map(timespec).as_ref()) {
            if error != Errno::INTR {
                // The kernel has no memory. The caller repeats the wait, but not at once.
                std::thread::sleep(Duration::from_millis(10));
            }
            return WaitEnd::Interrupted;
        }
        let [wake, target] = entries;
        if !wake.revents().is_empty() {
            // Resets the event. A read of a reset event fails, which does no harm.
            let _ = (&self.0).read(&mut [0; 8]);
        }
        // Errors and hang-ups too: the next write reports which.
        if fd.is_some() && !target.revents().is_empty() { WaitEnd::Writable } else { WaitEnd::Interrupted }
    }
}

/// The longest timeout that the kernel takes, if `timeout` is longer.
fn timespec(timeout: Duration) -> Timespec {
    Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

#[cfg(test)]
mod tests {
    use std::{os::fd::AsFd, time::Instant};

    use super::*;

    #[test]
    fn a_wake_before_the_wait_ends_that_wait_and_no_other() {
        let event = WakeEvent::new().unwrap();
        event.wake();
        assert_eq!(event.wait(None, None), WaitEnd::Interrupted);
        let start = Instant::now();
        assert_eq!(event.wait(None, Some(Duration::from_millis(20))), WaitEnd::Interrupted);
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_wake_ends_the_wait_for_a_full_pipe() {
        let (_reader, writer) = io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
        (&writer).write_all(&[b'x'; 4096]).unwrap();
        let event = WakeEvent::new().unwrap();
        event.wake();
        assert_eq!(event.wait(Some(writer.as_fd()), None), WaitEnd::Interrupted);
    }

    #[test]
    fn a_writable_descriptor_ends_the_wait() {
        let (_reader, writer) = io::pipe().unwrap();
        assert_eq!(WakeEvent::new().unwrap().wait(Some(writer.as_fd()), None), WaitEnd::Writable);
    }

    #[test]
    fn a_pipe_without_a_reader_ends_the_wait() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(WakeEvent::new().unwrap().wait(Some(writer.as_fd()), None), WaitEnd::Writable);
    }

    #[test]
    fn every_timeout_is_accepted() {
        let event = WakeEvent::new().unwrap();
        for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
            assert_eq!(event.wait(None, Some(timeout)), WaitEnd::Interrupted);
        }
        event.wake();
        assert_eq!(event.wait(None, Some(Duration::MAX)), WaitEnd::Interrupted);
    }
}
