//! The default action of a signal, as far as a process can take it by itself.

use std::process;

use signal_hook::{
    consts::{SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH},
    low_level,
};

/// The first process of a container. The kernel ends it by no signal that it does not handle, whichever process sends it.
const FIRST_PROCESS: u32 = 1;

/// Signals whose default action does not end a process.
const HARMLESS: [i32; 7] = [SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH];

/// A shell adds this to the number of the signal, for a status: an end by SIGTERM is 143.
const STATUS_OF_SIGNALS: i32 = 128;

/// Ends the process by the default action of the signal. The first process of a container exits with the status that stands for it. Returns
/// where the default action ends no process. Async-signal-safe.
pub(crate) fn end_by(signal: i32) {
    if process::id() == FIRST_PROCESS && !HARMLESS.contains(&signal) {
        // SAFETY: the call does not return, and is async-signal-safe. As with a signal, no handler of the exit runs.
        unsafe { libc::_exit(STATUS_OF_SIGNALS + signal) };
    }
    // The error is that of a signal whose default action is not known.
    let _ = low_level::emulate_default_handler(signal);
}

/// As if the process did not handle the signal. Async-signal-safe.
pub(crate) fn take(signal: i32) {
    if process::id() != FIRST_PROCESS {
        end_by(signal);
    }
}
