//! Parts that several commands have in common: output, colours, the process that is asked, and how long its answer may take.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use fapilog::format::is_control;
use fapilog_control::{
    client::{Client, ClientError},
    protocol::TIMEOUT_MAX,
};

use crate::{
    arguments::ColorChoice,
    commands::time_argument::time_of_at_least,
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

/// How long the work of the process may take.
#[derive(Debug, Args)]
pub(crate) struct AnswerTime {
    /// How long it may take, such as 500ms, at most 30s.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = timeout)]
    pub(super) timeout: Duration,
}

/// The shortest time: requests have whole milliseconds.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

fn timeout(text: &str) -> Result<Duration, String> {
    let bounds = format!("at most {TIMEOUT_MAX:?}");
    let time = time_of_at_least(TIMEOUT_MIN, text).map_err(|error| format!("{error} and {bounds}"))?;
    if time <= TIMEOUT_MAX { Ok(time) } else { Err(format!("it must be {bounds}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_other_programs_do_not_reach_the_terminal() {
        assert_eq!(shown("a\x1b[31m\n\u{202e}ü"), "a\\u{1b}[31m\\u{a}\\u{202e}ü");
    }
}
