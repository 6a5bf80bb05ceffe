//! Waiting for a descriptor, so that another thread can end the wait.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Duration,
};

/// Ends a wait of another thread. A ring is not lost: it ends the next wait if there is none now.
#[derive(Debug)]
pub(super) struct Bell(File);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// The descriptor can be written to, or has an error to tell to whoever tries.
    Writable,
    /// The bell has rung, or a signal has come, or the time is up.
    Over,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, which nobody else knows.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self(fd.into()))
    }

    pub(super) fn ring(&self) {
        // It fails only when the count is full, and then it rings already.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Waits until `fd` can be written to, the bell rings, or the time is up; `None` is as long as it takes.
    pub(super) fn wait(&self, fd: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Waited {
        let entry = |fd: i32, events| libc::pollfd { fd, events, revents: 0 };
        // A negative descriptor is none.
        let mut entries =
            [entry(self.0.as_raw_fd(), libc::POLLIN), entry(fd.map_or(-1, |fd| fd.as_raw_fd()), libc::POLLOUT)];
        // SAFETY: the entries are ours, and as many as is said.
        let ready = unsafe { libc::poll(entries.as_mut_ptr(), 2, millis(timeout)) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                // No memory. Whoever asked asks again: not at once.
                std::thread::sleep(Duration::from_millis(10));
            }
            return Waited::Over;
        }
        let [bell, fd] = entries;
        if bell.revents != 0 {
            // Silences it. If it is silent already, so much the better.
            let _ = (&self.0).read(&mut [0; 8]);
        }
        // Errors and hang-ups too: a write says which.
        if fd.revents != 0 { Waited::Writable } else { Waited::Over }
    }
}

/// Rounded up: a wait that ends early is followed by another.
fn millis(timeout: Option<Duration>) -> i32 {
    timeout.map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use std::{os::fd::AsFd, time::Instant};

    use super::*;

    #[test]
    fn a_ring_before_the_wait_ends_it_and_only_that_one() {
        let bell = Bell::new().unwrap();
        bell.ring();
        assert_eq!(bell.wait(None, None), Waited::Over);
        let start = Instant::now();
        assert_eq!(bell.wait(None, Some(Duration::from_millis(20))), Waited::Over);
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_writable_descriptor_ends_the_wait() {
        let (_reader, writer) = io::pipe().unwrap();
        assert_eq!(Bell::new().unwrap().wait(Some(writer.as_fd()), None), Waited::Writable);
    }

    #[test]
    fn a_pipe_that_nobody_reads_any_more_ends_the_wait() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(Bell::new().unwrap().wait(Some(writer.as_fd()), None), Waited::Writable);
    }

    #[test]
    fn times_are_rounded_up_and_any_time_can_be_said() {
        assert_eq!(millis(None), -1);
        assert_eq!(millis(Some(Duration::ZERO)), 0);
        assert_eq!(millis(Some(Duration::from_nanos(1))), 1);
        assert_eq!(millis(Some(Duration::from_millis(5))), 5);
        assert_eq!(millis(Some(Duration::MAX)), i32::MAX);
    }
}
