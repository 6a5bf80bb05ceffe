//! The terminal: the alternate screen, keys without echo, and the way back.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::{stdin, stdout},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH},
    flag,
};

/// To the alternate screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// To the first place of the screen; to the end of the line, and of the screen, without what was there.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// No character, for a key that does nothing. Source: `_POSIX_VDISABLE` of Linux.
const DISABLED: u8 = 0;

/// The size of a terminal that reports none.
const SIZE_UNKNOWN: (usize, usize) = (80, 24);

/// The user's answer to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyPress {
    /// None: the time is up.
    None,
    /// The size has changed, or a key without a meaning was hit.
    Redraw,
    Quit,
}

/// The terminal, as long as frames are drawn on it. Dropping it gives the terminal back as it was.
#[derive(Debug)]
pub(super) struct TopScreen {
    /// The modes of before; `None` if keys come from elsewhere.
    before: Option<Termios>,
    is_ended: Arc<AtomicBool>,
    is_resized: Arc<AtomicBool>,
}

impl TopScreen {
    /// `None` if standard output is no terminal.
    pub(super) fn open() -> io::Result<Option<Self>> {
        if !io::stdout().is_terminal() {
            return Ok(None);
        }
        let (is_ended, is_resized) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        // Before the terminal is changed: a signal between the two would leave it so.
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            flag::register(signal, Arc::clone(&is_ended))?;
        }
        flag::register(SIGWINCH, Arc::clone(&is_resized))?;
        let screen = Self { before: without_echo()?, is_ended, is_resized };
        write(ENTER)?;
        Ok(Some(screen))
    }

    /// Draws lines for a width. Lines that do not fit are counted on the last one.
    pub(super) fn draw(&mut self, lines: impl FnOnce(usize) -> Vec<String>) -> io::Result<()> {
        let (columns, rows) = size();
        let mut out = HOME.to_owned();
        let mut lines = lines(columns);
        lines.extend([String::new(), "q quits".to_owned()]);
        let lines = fitted(lines, rows);
        for (index, line) in lines.iter().enumerate() {
            out += if index > 0 { "\r\n" } else { "" };
            out += line;
            out += CLEAR_LINE;
        }
        out += CLEAR_BELOW;
        write(&out)
    }

    /// Waits for a key, a signal, or the deadline.
    pub(super) fn wait(&mut self, deadline: Instant) -> KeyPress {
        loop {
            // Relaxed, both: flags, on which no memory depends. pairs: the handlers of `flag::register`.
            if self.is_ended.load(Ordering::Relaxed) {
                return KeyPress::Quit;
            }
            // Relaxed: as above.
            if self.is_resized.swap(false, Ordering::Relaxed) {
                return KeyPress::Redraw;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return KeyPress::None;
            }
            // A signal interrupts the call, and then a flag is up.
            if self.before.is_none() {
                let _ = poll(&mut [], Timespec::try_from(left).ok().as_ref());
            } else if poll_key(left) {
                return read_key();
            }
        }
    }
}

impl Drop for TopScreen {
    fn drop(&mut self) {
        let _ = write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

/// Whether there is a key before the time is up.
fn poll_key(left: std::time::Duration) -> bool {
    let mut keys = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
    poll(&mut keys, Timespec::try_from(left).ok().as_ref()).is_ok_and(|count| count > 0)
}

fn read_key() -> KeyPress {
    let mut byte = [0];
    match rustix::io::read(stdin(), &mut byte) {
        Ok(1) if matches!(byte, [b'q' | b'Q']) => KeyPress::Quit,
        // The terminal is gone.
        Ok(0) => KeyPress::Quit,
        _ => KeyPress::Redraw,
    }
}

/// Has keys come at once and without echo, if standard input is the terminal. Ctrl-C is a signal as before, Ctrl-Z does nothing.
fn without_echo() -> io::Result<Option<Termios>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let before = tcgetattr(stdin())?;
    let mut modes = before.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    modes.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(stdin(), OptionalActions::Now, &modes)?;
    Ok(Some(before))
}

/// Columns and rows.
fn size() -> (usize, usize) {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => SIZE_UNKNOWN,
    }
}

/// As many lines as there are rows.
fn fitted(mut lines: Vec<String>, rows: usize) -> Vec<String> {
    if lines.len() > rows {
        let hidden = lines.len() - rows + 1;
        lines.truncate(rows.saturating_sub(1));
        lines.push(format!("... {hidden} more lines: the terminal is too low"));
    }
    lines
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_counted_on_the_last_one() {
        let lines = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(fitted(lines(3), 3), lines(3));
        assert_eq!(fitted(lines(5), 3), ["0", "1", "... 3 more lines: the terminal is too low"]);
    }

    #[test]
    fn without_a_terminal_there_is_no_screen() {
        // Tests have their output captured, or the test program's is a pipe; under a terminal there is nothing to check.
        if !io::stdout().is_terminal() {
            assert!(TopScreen::open().unwrap().is_none());
        }
    }
}
