//! Parts that `check`, `doctor`, `level` and `top` have in common: output, colours, and the process that is asked.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::Args;
use fapilog_control::client::{Client, ClientError};

use crate::{arguments::ColorChoice, error::CommandError};

pub(super) const BOLD: &str = "1";
pub(super) const RED: &str = "1;31";
pub(super) const GREEN: &str = "32";
pub(super) const YELLOW: &str = "33";
pub(super) const DIM: &str = "2";

/// Writes text to standard output.
pub(super) fn write_out(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CommandError::Write)
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    is_coloured: bool,
}

impl Paint {
    /// For standard output.
    pub(super) fn of_stdout(color: ColorChoice) -> Self {
        let is_coloured = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !is_refused && io::stdout().is_terminal()
            }
        };
        Self { is_coloured }
    }

    /// The text in this style, a parameter of SGR.
    pub(super) fn with(self, style: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A text of another program on one line: control characters and those that change the direction of text are escaped.
pub(super) fn shown(text: &str) -> String {
    let is_unsafe =
        |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
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
        assert_eq!(shown("a\x1b[31m\n\u{202e}ü"), "a\\u{1b}[31m\\n\\u{202e}ü");
    }

    #[test]
    fn text_without_colours_is_the_text() {
        assert_eq!(Paint { is_coloured: false }.with(RED, "error"), "error");
        assert_eq!(Paint { is_coloured: true }.with(RED, "error"), "\x1b[1;31merror\x1b[0m");
    }
}
