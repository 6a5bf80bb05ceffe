//! Our threads take no signals: a SIGXFSZ or SIGPIPE in one of them would kill the program, and any other would run the
//! program's handler on a thread that the program does not know. On a thread of the program's own that lends itself to a
//! drain, the signals that the library's writes raise are blocked meanwhile, and consumed.

/// Blocks all signals for this thread, and for those that it starts meanwhile, until it is dropped.
#[derive(Debug)]
pub struct SignalsBlocked {
    #[cfg(all(unix, not(miri)))]
    before: libc::sigset_t,
}

/// Blocks all signals of this thread until the result is dropped.
#[cfg(all(unix, not(miri)))]
pub fn block_all() -> SignalsBlocked {
    // SAFETY: `sigset_t` is plain numbers, for which zeros are a value.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    let mut before = all;
    // SAFETY: fills the set it is given.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: both sets are ours; the call changes this thread's mask alone.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before) };
    SignalsBlocked { before }
}

#[cfg(all(unix, not(miri)))]
impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: as in `block_all`; no old mask is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[cfg(not(all(unix, not(miri))))]
pub fn block_all() -> SignalsBlocked {
    SignalsBlocked {}
}

/// Blocks the signals that a write may raise in this thread, until it is dropped. Signals that were raised by then are
/// consumed: the write has failed with an error of the same meaning. A signal that another sends meanwhile is consumed with
/// them; a signal that was pending before stays pending.
#[derive(Debug)]
pub struct WriteSignalsHeld {
    #[cfg(all(target_os = "linux", not(miri)))]
    before: libc::sigset_t,
    /// Those that were not pending before.
    #[cfg(all(target_os = "linux", not(miri)))]
    ours: libc::sigset_t,
}

/// The signals that the system raises in a thread whose write finds no reader, or a file that may not grow.
#[cfg(all(target_os = "linux", not(miri)))]
const RAISED_BY_WRITES: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Blocks SIGPIPE and SIGXFSZ of this thread until the result is dropped.
#[cfg(all(target_os = "linux", not(miri)))]
pub fn hold_write_signals() -> WriteSignalsHeld {
    let mut ours = set_of(RAISED_BY_WRITES);
    let mut before = set_of([]);
    // SAFETY: both sets are ours; the call changes this thread's mask alone.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const ours, &raw mut before) };
    // A signal that was not blocked was not pending: most programs need no look at the pending ones.
    if RAISED_BY_WRITES.into_iter().any(|signal| has(&before, signal)) {
        leave_out_pending(&mut ours);
    }
    WriteSignalsHeld { before, ours }
}

#[cfg(all(target_os = "linux", not(miri)))]
impl Drop for WriteSignalsHeld {
    fn drop(&mut self) {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: set and time are ours, and no information about the signal is asked for. The timeout is zero.
        while unsafe { libc::sigtimedwait(&raw const self.ours, std::ptr::null_mut(), &raw const at_once) } > 0 {}
        // SAFETY: as in `hold_write_signals`; no old mask is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn set_of<const N: usize>(signals: [libc::c_int; N]) -> libc::sigset_t {
    // SAFETY: `sigset_t` is plain numbers, for which zeros are a value: on Linux, that of the empty set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    for signal in signals {
        // SAFETY: the set is ours.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

#[cfg(all(target_os = "linux", not(miri)))]
fn has(set: &libc::sigset_t, signal: libc::c_int) -> bool {
    // SAFETY: the set is only read.
    unsafe { libc::sigismember(&raw const *set, signal) == 1 }
}

/// Takes out of `set` what is pending for this thread or the process.
#[cfg(all(target_os = "linux", not(miri)))]
fn leave_out_pending(set: &mut libc::sigset_t) {
    let mut pending = set_of([]);
    // SAFETY: fills the set it is given.
    unsafe { libc::sigpending(&raw mut pending) };
    for signal in RAISED_BY_WRITES.into_iter().filter(|signal| has(&pending, *signal)) {
        // SAFETY: the set is ours.
        unsafe { libc::sigdelset(&raw mut *set, signal) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
pub fn hold_write_signals() -> WriteSignalsHeld {
    WriteSignalsHeld {}
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::*;

    /// Raises it in this thread alone.
    fn raise(signal: libc::c_int) {
        // SAFETY: the signal is blocked, so nothing runs.
        assert_eq!(unsafe { libc::raise(signal) }, 0);
    }

    fn block(signals: libc::sigset_t) {
        // SAFETY: the set is ours; the call changes this thread's mask alone.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut()) };
    }

    fn blocked() -> libc::sigset_t {
        let mut mask = set_of([]);
        // SAFETY: no new mask is set; fills the set it is given.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask) };
        mask
    }

    fn pending() -> libc::sigset_t {
        let mut pending = set_of([]);
        // SAFETY: fills the set it is given.
        unsafe { libc::sigpending(&raw mut pending) };
        pending
    }

    #[test]
    fn what_a_write_has_raised_meanwhile_kills_nobody_and_the_mask_is_as_before() {
        block(set_of([libc::SIGUSR1]));
        let held = hold_write_signals();
        RAISED_BY_WRITES.into_iter().for_each(raise);
        assert!(RAISED_BY_WRITES.into_iter().all(|signal| has(&pending(), signal)));
        drop(held);
        let mask = blocked();
        assert!(has(&mask, libc::SIGUSR1) && !RAISED_BY_WRITES.into_iter().any(|signal| has(&mask, signal)));
    }

    #[test]
    fn what_the_program_has_blocked_and_pending_stays_so() {
        block(set_of(RAISED_BY_WRITES));
        raise(libc::SIGXFSZ);
        let held = hold_write_signals();
        RAISED_BY_WRITES.into_iter().for_each(raise);
        drop(held);
        assert!(has(&pending(), libc::SIGXFSZ) && !has(&pending(), libc::SIGPIPE));
        assert!(RAISED_BY_WRITES.into_iter().all(|signal| has(&blocked(), signal)));
    }

    #[test]
    fn other_signals_are_neither_blocked_nor_consumed() {
        block(set_of([libc::SIGUSR1]));
        raise(libc::SIGUSR1);
        let held = hold_write_signals();
        assert!(!has(&blocked(), libc::SIGTERM));
        drop(held);
        assert!(has(&pending(), libc::SIGUSR1));
    }
}
