//! A pager, as journalctl has one.

use std::{
    env, io,
    process::{self, Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use signal_hook::{consts::SIGINT, iterator::Signals};

use crate::error::exit_code;

/// The options of `less`, unless the user has some: it ends if one screen is enough (F), passes colours (R), cuts long lines (S), leaves
/// the screen as it is (X), shows the prompt in full (M), and ends by Ctrl-C (K).
const LESS: &str = "FRSXMK";

/// A running pager.
#[derive(Debug)]
pub(crate) struct Pager {
    child: Arc<Mutex<Child>>,
    stdin: Option<ChildStdin>,
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
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let child = Arc::new(Mutex::new(child));
        end_behind(Arc::clone(&child))?;
        Ok(Self { child, stdin })
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Waits until the user leaves the pager. Its input is closed by then.
    pub(crate) fn wait(self) {
        wait_for(&self.child);
    }
}

/// Has Ctrl-C end the command behind the pager, and not before it has put the terminal in order. A pager that goes on after Ctrl-C is
/// waited for.
fn end_behind(child: Arc<Mutex<Child>>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    thread::Builder::new().name("fapilog-sigint".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            wait_for(&child);
            process::exit(exit_code::INTERRUPTED.into());
        }
    })?;
    Ok(())
}

fn wait_for(child: &Mutex<Child>) {
    // A pager that is gone needs no wait.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
}
