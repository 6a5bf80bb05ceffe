//! Signals that a helper of this process waits for.
//!
//! A handler stays installed when its helper has ended, and a forked child inherits it without the helper's thread. Such a
//! signal would be ignored. So an action is registered beside the helpers: when none of this process waits for the signal, it
//! takes its default action, if that was the disposition before the first helper came. A handler of the program is called by
//! `signal-hook` in any case, before the helpers' actions.

use std::{
    io, process,
    sync::atomic::{AtomicU64, Ordering},
};

use signal_hook::{consts::FORBIDDEN, low_level};

/// Signals have the numbers from 1 to 64.
const SIGNALS: usize = 65;

/// By signal: the process that has helpers in the upper half, and their number in the lower half.
static HELPERS: [AtomicU64; SIGNALS] = [const { AtomicU64::new(0) }; SIGNALS];

/// A bit for each signal whose action is registered.
static REGISTERED: AtomicU64 = AtomicU64::new(0);

/// A helper of this process waits for the signal, until this is dropped.
#[derive(Debug)]
pub(crate) struct WatchedSignal(i32);

impl WatchedSignal {
    /// # Errors
    /// When there is no such signal, or it cannot be handled, or the system refuses the handler.
    pub(crate) fn new(signal: i32) -> io::Result<Self> {
        let is_known = signal > 0 && helpers(signal).is_some();
        if !is_known || FORBIDDEN.contains(&signal) {
            let error =
                format!("signal {signal} cannot be handled; allowed are SIGHUP, SIGINT, SIGTERM, SIGUSR1 and the like");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        }
        change_helpers(signal, |count| count.saturating_add(1));
        let watched = Self(signal);
        register_default(signal)?;
        Ok(watched)
    }
}

impl Drop for WatchedSignal {
    fn drop(&mut self) {
        change_helpers(self.0, |count| count.saturating_sub(1));
    }
}

fn helpers(signal: i32) -> Option<&'static AtomicU64> {
    HELPERS.get(usize::try_from(signal).ok()?)
}

/// Changes the number of helpers of this process. Those of a parent process do not count.
fn change_helpers(signal: i32, change: impl Fn(u32) -> u32) {
    let Some(helpers) = helpers(signal) else { return };
    let own = process::id();
    let changed = |packed: u64| {
        let (owner, count) = ((packed >> 32) as u32, packed as u32); // both halves, whole
        let count = if owner == own { count } else { 0 };
        Some(u64::from(own) << 32 | u64::from(change(count)))
    };
    // Relaxed, all: a number, on which no memory depends.
    let _ = helpers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
}

/// Whether a helper of this process waits for the signal. Called in the signal's handler.
fn is_watched(signal: i32) -> bool {
    // Relaxed: see `change_helpers`.
    let packed = helpers(signal).map_or(0, |helpers| helpers.load(Ordering::Relaxed));
    let (owner, count) = ((packed >> 32) as u32, packed as u32); // both halves, whole
    count > 0 && owner == process::id()
}

/// Has the signal take its default action while no helper waits for it, if that is its disposition now.
fn register_default(signal: i32) -> io::Result<()> {
    let bit = 1_u64 << (signal - 1);
    // Relaxed: the first that comes registers.
    if REGISTERED.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
        return Ok(());
    }
    let registered = match disposition(signal) {
        Ok(libc::SIG_DFL) => register_action(signal),
        disposition => disposition.map(|_| ()),
    };
    if registered.is_err() {
        // Relaxed: the next that comes registers.
        REGISTERED.fetch_and(!bit, Ordering::Relaxed);
    }
    registered
}

fn register_action(signal: i32) -> io::Result<()> {
    let act = move || {
        if !is_watched(signal) {
            // The error is that of a signal whose default action is not known.
            let _ = low_level::emulate_default_handler(signal);
        }
    };
    // SAFETY: the action loads an atomic, asks for the process's number, and calls a function that is documented as
    // async-signal-safe. It does not panic.
    let registered = unsafe { low_level::register(signal, act) };
    registered.map(|_| ())
}

/// Whether the process ignores the signal.
pub(crate) fn is_ignored(signal: i32) -> bool {
    disposition(signal).is_ok_and(|disposition| disposition == libc::SIG_IGN)
}

/// The handler of the signal, or its default action, or that it is ignored.
fn disposition(signal: i32) -> io::Result<libc::sighandler_t> {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the call only fills the old one, to which the pointer is.
    if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all zeros are a valid `sigaction`, filled by the call or not.
    Ok(unsafe { action.assume_init() }.sa_sigaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signal that no other test of this program takes.
    const SIGNAL: i32 = libc::SIGWINCH;

    #[test]
    fn a_signal_is_watched_while_a_helper_of_this_process_waits_for_it() {
        let first = WatchedSignal::new(SIGNAL).unwrap();
        let second = WatchedSignal::new(SIGNAL).unwrap();
        drop(first);
        assert!(is_watched(SIGNAL));
        drop(second);
        assert!(!is_watched(SIGNAL));
    }

    #[test]
    fn helpers_of_a_parent_process_do_not_count() {
        let signal = libc::SIGURG;
        let parent = u64::from(process::id() + 1);
        helpers(signal).unwrap().store(parent << 32 | 7, Ordering::Relaxed);
        assert!(!is_watched(signal));
        let _watched = WatchedSignal::new(signal).unwrap();
        assert!(is_watched(signal));
    }

    #[test]
    fn a_signal_that_cannot_be_handled_is_an_error_with_its_number() {
        for signal in [-1, 0, libc::SIGKILL, libc::SIGSEGV, 65, i32::MAX] {
            let error = WatchedSignal::new(signal).unwrap_err();
            assert!(error.to_string().starts_with(&format!("signal {signal} cannot be handled")), "{error}");
        }
    }
}
