//! Lines to stderr from threads that must not wait.
//!
//! The reader of stderr may have stopped reading: a write would then block the drain, and in the end the threads that log.
//! So `poll` is called first, and a write has at most `PIPE_BUF` bytes, which a pipe with room takes whole. Another process
//! may take the room between `poll` and the write; the write then blocks, as any write to stderr does.
//!
//! The lock of [`std::io::stderr`] is not taken: a thread of the program that waits for the same reader holds it.

use std::{
    fmt::Write,
    sync::{
        Mutex, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Held while a line is written, so that no other thread takes the room that `poll` has found. Stderr belongs to the
/// process, and so does the lock.
static AT_IT: Mutex<()> = Mutex::new(());

/// Standard error, written without blocking where that is possible.
#[derive(Debug, Default)]
pub(super) struct Stderr {
    /// Lines that were dropped for lack of room, and not yet reported. A figure for reports: no model need see it.
    dropped: AtomicU64,
}

impl Stderr {
    /// Writes a line, or drops it where the write would block. The next line that is written reports how many were dropped.
    pub(super) fn line(&self, line: &str) {
        // Relaxed, both: see the field.
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if !write(&text(dropped, line)) {
            self.dropped.fetch_add(dropped + 1, Ordering::Relaxed);
        }
    }
}

/// The line, with a report of dropped ones before it, cut to what a pipe takes in one piece.
fn text(dropped: u64, line: &str) -> String {
    let mut text = String::new();
    if dropped > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(text, "fapilog: {dropped} lines before this one were dropped, because stderr took no more");
    }
    let room = libc::PIPE_BUF.saturating_sub(text.len() + 1);
    text.push_str(line.get(..line.floor_char_boundary(room)).unwrap_or_default());
    text.push('\n');
    text
}

/// Returns whether all of it is written.
fn write(text: &str) -> bool {
    let _locked = match AT_IT.try_lock() {
        Ok(locked) => locked,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // The other thread may be blocked in its write.
        Err(TryLockError::WouldBlock) => return false,
    };
    if !has_room() {
        return false;
    }
    // SAFETY: the pointer and the length are those of a slice that outlives the call.
    let written = unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    usize::try_from(written) == Ok(text.len())
}

fn has_room() -> bool {
    let mut entry = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the pointer is to one entry, as the count states, and the entry outlives the call.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 0) };
    // An error or an end beside it: a write would fail, or bring a signal.
    ready == 1 && entry.revents == libc::POLLOUT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_what_a_pipe_takes_whole() {
        let text = text(3, &"ü".repeat(libc::PIPE_BUF));
        assert!(text.ends_with("ü\n") && text.len() <= libc::PIPE_BUF, "{}", text.len());
        assert!(text.starts_with("fapilog: 3 lines before this one were dropped"));
    }
}
