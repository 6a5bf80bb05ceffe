//! Our threads take no signals: a SIGXFSZ or SIGPIPE in one of them would kill the program, and any other would run the
//! program's handler on a thread that the program does not know.

/// Blocks all signals for this thread, and for those that it starts meanwhile, until it is dropped.
#[derive(Debug)]
pub(crate) struct SignalsBlocked {
    #[cfg(all(unix, not(miri)))]
    before: libc::sigset_t,
}

#[cfg(all(unix, not(miri)))]
pub(crate) fn block_all() -> SignalsBlocked {
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
pub(crate) fn block_all() -> SignalsBlocked {
    SignalsBlocked {}
}
