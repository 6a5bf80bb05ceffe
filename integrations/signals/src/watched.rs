//! Signals that a helper of this process waits for.
//!
//! A handler stays installed when its helper has ended, and a forked child inherits it without the helper's thread. Such a
//! signal would be ignored. So an action is registered beside the helpers: when none of this process waits for the signal, it
//! takes its default action, if that was the disposition before the first helper came. A handler of the program is called by
//! `signal-hook` in any case, before the helpers' actions.
//!
//! Several helpers may drain a container on one signal. The process ends when the last of these drains is over.

use std::{
    io, process,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use signal_hook::{consts::FORBIDDEN, low_level};

use crate::default_action;

/// Signals have the numbers from 1 to 64.
const SIGNALS: usize = 65;

/// By signal.
static HELPERS: [SignalHelpers; SIGNALS] = [const { SignalHelpers::NONE }; SIGNALS];

/// A bit for each signal whose action is registered.
static REGISTERED: AtomicU64 = AtomicU64::new(0);

/// The helpers that wait for a signal.
struct SignalHelpers {
    all: OwnCount,
    /// Those that drain a container on its first and on its second arrival, and have not done so yet.
    drains: [OwnCount; 2],
}

impl SignalHelpers {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is meant to be a value of its own")]
    const NONE: Self = Self { all: OwnCount::ZERO, drains: [OwnCount::ZERO, OwnCount::ZERO] };

    fn of(signal: i32) -> Option<&'static Self> {
        HELPERS.get(usize::try_from(signal).ok()?)
    }
}

/// A number that a forked child starts anew: the process in the upper half, and the number in the lower half.
struct OwnCount(AtomicU64);

impl OwnCount {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is meant to be a value of its own")]
    const ZERO: Self = Self(AtomicU64::new(0));

    fn add(&self) {
        self.change(|count| count.saturating_add(1));
    }

    /// Returns the number that is left.
    fn subtract(&self) -> u32 {
        self.change(|count| count.saturating_sub(1))
    }

    /// Returns the new number.
    fn change(&self, change: impl Fn(u32) -> u32) -> u32 {
        let own = process::id();
        let changed = |packed: u64| u64::from(own) << 32 | u64::from(change(Self::unpacked(packed, own)));
        // Relaxed, all: a number, on which no memory depends.
        let update = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |packed| Some(changed(packed)));
        let (Ok(before) | Err(before)) = update;
        Self::unpacked(changed(before), own)
    }

    /// Called in signal handlers.
    fn get(&self) -> u32 {
        // Relaxed: see `change`.
        Self::unpacked(self.0.load(Ordering::Relaxed), process::id())
    }

    fn unpacked(packed: u64, own: u32) -> u32 {
        let (owner, count) = ((packed >> 32) as u32, packed as u32); // both halves, whole
        if owner == own { count } else { 0 }
    }
}

/// A helper of this process waits for the signal, until this is dropped.
#[derive(Debug)]
pub(crate) struct WatchedSignal(i32);

impl WatchedSignal {
    /// # Errors
    /// When there is no such signal, or it cannot be handled, or the system refuses the handler.
    pub(crate) fn new(signal: i32) -> io::Result<Self> {
        let known = SignalHelpers::of(signal).filter(|_| signal > 0 && !FORBIDDEN.contains(&signal));
        let Some(helpers) = known else {
            let error =
                format!("signal {signal} cannot be handled; allowed are SIGHUP, SIGINT, SIGTERM, SIGUSR1 and the like");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        };
        helpers.all.add();
        let watched = Self(signal);
        register_default(signal)?;
        Ok(watched)
    }
}

impl Drop for WatchedSignal {
    fn drop(&mut self) {
        if let Some(helpers) = SignalHelpers::of(self.0) {
            helpers.all.subtract();
        }
    }
}

/// Which arrival of a signal a helper drains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    First,
    Second,
}

impl Arrival {
    /// From this number of signals on.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

/// A container is to be drained when the signal arrives.
#[derive(Debug)]
pub(crate) struct ExpectedDrain {
    signal: i32,
    on: Arrival,
    is_over: AtomicBool,
}

impl ExpectedDrain {
    pub(crate) fn new(signal: i32, on: Arrival) -> Self {
        let drain = Self { signal, on, is_over: AtomicBool::new(false) };
        if let Some(drains) = drain.count() {
            drains.add();
        }
        drain
    }

    pub(crate) fn is_of(&self, signal: i32) -> bool {
        self.signal == signal
    }

    /// The container is drained. Returns whether it is the last one.
    pub(crate) fn end(&self) -> bool {
        // Relaxed: one thread ends it.
        if self.is_over.swap(true, Ordering::Relaxed) {
            return true;
        }
        self.count().is_none_or(|drains| drains.subtract() == 0)
    }

    fn count(&self) -> Option<&'static OwnCount> {
        SignalHelpers::of(self.signal)?.drains.get(self.on as usize)
    }
}

impl Drop for ExpectedDrain {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a helper of this process waits for the signal. Called in the signal's handler.
fn is_watched(signal: i32) -> bool {
    SignalHelpers::of(signal).is_some_and(|helpers| helpers.all.get() > 0)
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
            default_action::take(signal);
        }
    };
    // SAFETY: the action loads an atomic, asks for the process's number, and calls a function that is
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
    fn the_last_drain_is_the_one_behind_which_none_is_left() {
        let signal = libc::SIGPROF;
        let drain = |on| ExpectedDrain::new(signal, on);
        let (first, second, other) = (drain(Arrival::First), drain(Arrival::First), drain(Arrival::Second));
        assert!(!first.end());
        assert!(second.end());
        assert!(other.end());
    }

    #[test]
    fn a_drain_that_is_not_to_come_any_more_is_not_waited_for() {
        let signal = libc::SIGVTALRM;
        let first = ExpectedDrain::new(signal, Arrival::First);
        drop(ExpectedDrain::new(signal, Arrival::First));
        assert!(first.end());
    }

    #[test]
    fn helpers_of_a_parent_process_do_not_count() {
        let signal = libc::SIGURG;
        let parent = u64::from(process::id() + 1);
        SignalHelpers::of(signal).unwrap().all.0.store(parent << 32 | 7, Ordering::Relaxed);
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
