//! The process at the other end of a connection.

use std::{fmt, io, os::fd::AsRawFd, os::unix::net::UnixStream};

/// The number of root.
const ROOT: u32 = 0;

/// The process that a connection came from, as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerProcess {
    /// Its number; `None` if this process does not see it, because it lies in another namespace of processes.
    pub(crate) pid: Option<u32>,
    /// Its user, at the moment of the connection.
    pub(crate) uid: u32,
}

impl PeerProcess {
    /// Asks the kernel (`SO_PEERCRED`).
    ///
    /// The call is made without rustix: its type has no room for the number 0, by which the kernel stands for a process of
    /// another namespace.
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
        let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        let place = (&raw mut credentials).cast();
        // SAFETY: the structure is as long as `length`, and the call writes no more than that.
        let failed = unsafe { libc::getsockopt(stream.as_raw_fd(), level, option, place, &raw mut length) } != 0;
        if failed {
            return Err(io::Error::last_os_error());
        }
        let pid = u32::try_from(credentials.pid).ok().filter(|pid| *pid != 0);
        Ok(Self { pid, uid: credentials.uid })
    }

    /// Whether it may control this process: it has the same user, or is root's.
    pub(crate) fn may_control_this_process(self) -> bool {
        self.is_of(rustix::process::geteuid().as_raw())
    }

    /// Whether it is a process of this user, or root's.
    pub(crate) fn is_of(self, uid: u32) -> bool {
        self.uid == ROOT || self.uid == uid
    }
}

impl fmt::Display for PeerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid} of user {}", self.uid),
            None => write!(f, "a process of user {} in another namespace", self.uid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_sockets_of_this_process_has_this_process_at_both_ends() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = PeerProcess::of(&one).unwrap();
        assert_eq!((peer.pid, peer.uid), (Some(std::process::id()), rustix::process::geteuid().as_raw()));
        assert!(peer.may_control_this_process());
    }

    #[test]
    fn a_process_may_be_controlled_by_its_user_and_by_root() {
        let allowed = [0, 1000, 1001].map(|uid| PeerProcess { pid: None, uid }.is_of(1000));
        assert_eq!(allowed, [true, true, false]);
    }
}
