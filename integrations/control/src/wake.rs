//! Waking the thread that listens.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Wakes a thread that waits for connections.
#[derive(Debug)]
pub(crate) struct ListenerWake(OwnedFd);

impl ListenerWake {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes the thread, now or when it next waits.
    pub(crate) fn wake(&self) {
        // A counter that is full wakes, too.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits for a connection, for a wake, or until the time is up. Returns whether there is a connection.
    pub(crate) fn wait(&self, listener: Option<&OwnedFd>, timeout: Option<Duration>) -> bool {
        let mut descriptors = vec![PollFd::new(&self.0, PollFlags::IN)];
        descriptors.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        // A time beyond the longest that the call takes is waited for in parts.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // An interrupted call has seen nothing: the caller comes back.
        let is_polled = poll(&mut descriptors, timeout.as_ref()).is_ok();
        let has_connection = is_polled && descriptors.get(1).is_some_and(|listener| !listener.revents().is_empty());
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
        has_connection
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wake_before_the_wait_ends_the_wait() {
        let wake = ListenerWake::new().unwrap();
        wake.wake();
        assert!(!wake.wait(None, None));
    }

    #[test]
    fn a_wait_ends_when_its_time_is_up() {
        let (wake, start) = (ListenerWake::new().unwrap(), Instant::now());
        assert!(!wake.wait(None, Some(Duration::from_millis(20))));
        assert!(start.elapsed() >= Duration::from_millis(20));
    }
}
