//! The facts about the machine that rules ask for.

use std::{io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

/// Whether the clock of the machine is kept in time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockState {
    /// It is, with this error at most.
    Synchronised {
        /// The largest error, as the kernel estimates it.
        error_max: Duration,
    },
    /// The kernel's clock is not marked as synchronised.
    Unsynchronised,
    /// The kernel does not answer.
    Unknown {
        /// Its error.
        reason: String,
    },
}

/// Looks at the machine. Tests have probes of their own.
pub trait MachineProbe: Send + Sync {
    /// Whether the clock is kept in time.
    fn clock(&self) -> ClockState;

    /// The permissions of a file or directory; `None` if there is none, or it cannot be looked at.
    fn mode_of(&self, path: &Path) -> Option<u32>;

    /// Whether the files of a directory are in the memory of the machine (`tmpfs`, devices), and gone when it stops. For a directory that is not
    /// there, the one above it counts.
    fn is_in_memory(&self, path: &Path) -> bool {
        let _ = path;
        false
    }
}

/// This machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl MachineProbe for ThisMachine {
    fn clock(&self) -> ClockState {
        kernel_clock()
    }

    fn mode_of(&self, path: &Path) -> Option<u32> {
        std::fs::metadata(path).ok().map(|found| found.permissions().mode() & 0o7777)
    }

    fn is_in_memory(&self, path: &Path) -> bool {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let kind = path.ancestors().find_map(|path| rustix::fs::statfs(path).ok()).map(|found| found.f_type);
        // The type of the field differs from machine to machine.
        kind.is_some_and(|kind| MEMORY_FILE_SYSTEMS.contains(&i128::from(kind)))
    }
}

/// The numbers of `tmpfs`, of which `/dev` and `/dev/shm` are, and of `ramfs`.
const MEMORY_FILE_SYSTEMS: [i128; 2] = [0x0102_1994, 0x8584_58f6];

/// The state of the kernel's clock. Daemons such as chronyd (with `rtcsync`), ntpd and systemd-timesyncd set it.
fn kernel_clock() -> ClockState {
    match read_kernel_clock() {
        Ok((state, timex)) if state == libc::TIME_ERROR || timex.status & libc::STA_UNSYNC != 0 => {
            ClockState::Unsynchronised
        }
        Ok((_, timex)) => {
            let micros = u64::try_from(timex.maxerror).unwrap_or_default();
            ClockState::Synchronised { error_max: Duration::from_micros(micros) }
        }
        Err(error) => ClockState::Unknown { reason: error.to_string() },
    }
}

#[allow(unsafe_code, reason = "rustix has no adjtimex")]
fn read_kernel_clock() -> io::Result<(libc::c_int, libc::timex)> {
    // SAFETY: `timex` is plain numbers, of which zero is valid. No mode is set: the call changes nothing.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a `timex` of this function, which the call may write to.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn the_kernel_answers_without_privileges_or_gives_its_reason() {
        match ThisMachine.clock() {
            ClockState::Synchronised { error_max } => assert!(error_max < Duration::from_secs(3600)),
            ClockState::Unsynchronised => {}
            ClockState::Unknown { reason } => assert!(!reason.is_empty()),
        }
    }

    #[test]
    fn devices_are_in_memory_and_the_source_is_not() {
        assert!(ThisMachine.is_in_memory(Path::new("/dev/shm/no-such-directory")));
        assert!(ThisMachine.is_in_memory(Path::new("/dev")));
        assert!(!ThisMachine.is_in_memory(Path::new(env!("CARGO_MANIFEST_DIR"))));
    }

    #[test]
    fn permissions_are_those_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o751)).unwrap();
        assert_eq!(ThisMachine.mode_of(directory.path()), Some(0o751));
        assert_eq!(ThisMachine.mode_of(&directory.path().join("none")), None);
    }
}
