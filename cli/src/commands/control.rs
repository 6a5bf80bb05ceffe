//! Parts that `check`, `doctor`, `level` and `top` have in common: output, colours, and the process that is asked.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::Args;
use fapilog::format::is_control;
use fapilog_control::client::{Client, ClientError};

use crate::{
    arguments::ColorChoice,
    error::CommandError,
    output::{colors::Paint, screen::has_colors},
};

/// Writes text to standard output.
pub(super) fn write_out(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CommandError::Write)
}

/// Colours for standard output, or none.
pub(super) fn paint_of_stdout(choice: ColorChoice) -> Paint {
    Paint::new(has_colors(choice, io::stdout().is_terminal()))
}

/// A text of another program on one line: characters that move the cursor, or that are not seen, are escaped.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// The process that is asked, by its control socket.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ControlTarget {
    /// The process, by its number.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// The process, by the path of its control socket.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl ControlTarget {
    pub(super) fn connect(&self) -> Result<Client, ClientError> {
        match (&self.socket, self.pid) {
            (Some(path), _) => Client::connect(path),
            // clap demands either of them.
            (None, pid) => Client::of_process(pid.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_other_programs_do_not_reach_the_terminal() {
        assert_eq!(shown("a\x1b[31m\n\u{202e}ü"), "a\\u{1b}[31m\\u{a}\\u{202e}ü");
    }
}
