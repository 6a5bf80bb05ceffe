//! A pager, as journalctl has one.

use std::{
    env, io,
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::AtomicBool},
};

/// The options of `less`, unless the user has some: it ends if one screen is enough (F), passes colours (R), cuts long lines (S), leaves
/// the screen as it is (X), shows the prompt in full (M), and ends by Ctrl-C (K).
const LESS: &str = "FRSXMK";

/// A running pager.
#[derive(Debug)]
pub(crate) struct Pager {
    child: Child,
}

impl Pager {
    /// Starts the pager of the user: `$FAPILOG_PAGER`, else `$PAGER`, else `less`. No pager runs if the variable is empty or `cat`, or
    /// if there is none.
    pub(crate) fn start() -> Option<Self> {
        let chosen = env::var("FAPILOG_PAGER").or_else(|_| env::var("PAGER"));
        match chosen {
            Ok(command) if matches!(command.trim(), "" | "cat") => None,
            Ok(command) => Self::spawn(Command::new("sh").arg("-c").arg(command)).ok(),
            Err(_) => Self::spawn(&mut Command::new("less")).ok(),
        }
    }

    fn spawn(command: &mut Command) -> io::Result<Self> {
        if env::var_os("LESS").is_none() {
            command.env("LESS", LESS);
        }
        if env::var_os("LESSCHARSET").is_none() {
            command.env("LESSCHARSET", "utf-8");
        }
        // Ctrl-C is for the pager: it closes the pipe, and the command ends by that. Without the flag, the command would end before
        // the pager has put the terminal in order.
        signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)))?;
        let child = command.stdin(Stdio::piped()).spawn()?;
        Ok(Self { child })
    }

    pub(crate) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits until the user leaves the pager. Its input is closed by then.
    pub(crate) fn wait(mut self) {
        // A pager that is gone needs no wait.
        let _ = self.child.wait();
    }
}
