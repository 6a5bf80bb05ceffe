//! Drains the log when a signal ends the process.
//!
//! The default action of SIGTERM and SIGINT ends a process on the spot, and the events that are not delivered yet are gone. With
//! [`drain_on_termination`], a thread waits for these signals, shuts the global container down, and then has the signal take
//! its default action: the parent of the process sees the usual status.
//!
//! ```no_run
//! fapilog::init()?;
//! fapilog_signals::drain_on_termination()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program that handles these signals by itself, such as a server with a graceful shutdown, needs no helper: it ends by
//! itself, and the exit drains the log. With both, the drain ends the process before the program's own shutdown does.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use fapilog::Container;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
    low_level,
};

/// How long a drain may take, if nothing else is set.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Has the global container drained on SIGTERM and SIGINT, for at most five seconds.
///
/// # Errors
/// When the system refuses the handlers or the thread.
pub fn drain_on_termination() -> io::Result<()> {
    Termination::new().install()
}

/// The signals, and the container that is drained on them.
#[derive(Debug, Clone)]
#[must_use = "nothing is drained before it is installed"]
pub struct Termination {
    signals: Vec<i32>,
    timeout: Duration,
    /// `None`: the global container of that moment.
    container: Option<Arc<Container>>,
}

impl Termination {
    /// Drains the global container on SIGTERM and SIGINT.
    pub fn new() -> Self {
        Self { signals: vec![SIGTERM, SIGINT], timeout: TIMEOUT, container: None }
    }

    /// Waits for these signals instead. Their default action must end the process, as that of SIGHUP or SIGQUIT does.
    pub fn signals(mut self, signals: impl IntoIterator<Item = i32>) -> Self {
        self.signals = signals.into_iter().collect();
        self
    }

    /// The longest drain. Default: five seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Drains this container instead of the global one.
    pub fn container(mut self, container: Arc<Container>) -> Self {
        self.container = Some(container);
        self
    }

    /// Installs the handlers, and starts the thread that waits for the signals. A signal that the process ignores, as under
    /// `nohup`, stays ignored. A second signal during the drain ends the process at once.
    ///
    /// # Errors
    /// When the system refuses the handlers or the thread, or a signal cannot be handled.
    pub fn install(mut self) -> io::Result<()> {
        self.signals.retain(|signal| !is_ignored(*signal));
        let is_draining = Arc::<AtomicBool>::default();
        for signal in &self.signals {
            // In this order: the first signal finds the flag down.
            flag::register_conditional_default(*signal, Arc::clone(&is_draining))?;
            flag::register(*signal, Arc::clone(&is_draining))?;
        }
        let signals = Signals::new(&self.signals)?;
        thread::Builder::new().name("fapilog-signals".to_owned()).spawn(move || self.wait(signals))?;
        Ok(())
    }

    fn wait(&self, mut signals: Signals) {
        for signal in signals.forever() {
            let container = self.container.clone().or_else(fapilog::container::global);
            if let Some(container) = container {
                // The accounts hold what was not delivered in time; no caller is left that could read the result.
                let _ = container.shutdown(self.timeout);
            }
            // Returns only where the default action does not end the process.
            let _ = low_level::emulate_default_handler(signal);
        }
    }
}

impl Default for Termination {
    fn default() -> Self {
        Self::new()
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the call only fills the old one, to which the pointer is.
    let has_asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: all zeros are a valid `sigaction`, filled by the call or not.
    let action = unsafe { action.assume_init() };
    has_asked && action.sa_sigaction == libc::SIG_IGN
}
