//! The destination of the output: standard output, or a pager in front of a terminal.

use std::{
    env,
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Write},
    os::fd::AsFd as _,
};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::{
    arguments::{ColorChoice, SharedArguments},
    error::CommandError,
    output::pager::Pager,
};

/// How much is written in one go.
const BUFFER_BYTES: usize = 64 << 10;

/// The output of a command.
pub(crate) struct Screen {
    out: BufWriter<Box<dyn Write>>,
    pager: Option<Pager>,
    is_terminal: bool,
    has_colors: bool,
}

/// Standard output without the buffer of the standard library, which flushes at each line end.
fn standard_output() -> Box<dyn Write> {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(fd) => Box::new(File::from(fd)),
        Err(_) => Box::new(io::stdout()),
    }
}

/// Whether a command's output may go through a pager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PagerUse {
    IfTerminal,
    Never,
}

/// Whether output to a terminal, or to something else, has colours.
pub(crate) fn has_colors(choice: ColorChoice, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        // https://no-color.org
        ColorChoice::Auto => {
            let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
            is_terminal && !is_dumb && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}

impl Screen {
    pub(crate) fn open(shared: &SharedArguments, pager_use: PagerUse) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let mut pager =
            if is_terminal && pager_use == PagerUse::IfTerminal && !shared.no_pager { Pager::start() } else { None };
        let out: Box<dyn Write> = match pager.as_mut().and_then(Pager::take_stdin) {
            Some(stdin) => Box::new(stdin),
            None => standard_output(),
        };
        let has_colors = has_colors(shared.color, is_terminal);
        Self { out: BufWriter::with_capacity(BUFFER_BYTES, out), pager, is_terminal, has_colors }
    }

    pub(crate) fn has_colors(&self) -> bool {
        self.has_colors
    }

    /// Whether the output is for a terminal, also through a pager.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.out.write_all(bytes).map_err(CommandError::Write)
    }

    pub(crate) fn flush(&mut self) -> Result<(), CommandError> {
        self.out.flush().map_err(CommandError::Write)
    }

    /// Whether the reader of the output is still there: a follower that has nothing to write would not find out.
    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let stdout = io::stdout();
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        // Without an answer, the next write shows it.
        let _ = rustix::event::poll(&mut watched, Some(&Timespec::default()));
        let is_closed = watched.iter().any(|fd| fd.revents().contains(PollFlags::ERR));
        if is_closed { Err(CommandError::Write(io::ErrorKind::BrokenPipe.into())) } else { Ok(()) }
    }

    /// Writes what is left, and waits for the pager. A user that leaves the pager has seen enough: this is no error.
    pub(crate) fn finish(mut self, written: Result<(), CommandError>) -> Result<(), CommandError> {
        let written = written.and_then(|()| self.flush());
        let Some(pager) = self.pager.take() else { return written };
        // Bytes that the pager did not take are left out. The pipe is closed.
        let (out, _) = self.out.into_parts();
        drop(out);
        pager.wait();
        match written {
            Err(CommandError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}
