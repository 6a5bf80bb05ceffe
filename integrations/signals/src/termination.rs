//! A drain when a signal ends the process.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use fapilog::{Container, plugin::spawn_waiting_thread};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
    low_level,
};

use crate::watched::{WatchedSignal, is_ignored};

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
    /// A handler of the program that is there already is called as before, on the thread that the signal interrupts, and the
    /// drain begins beside it. In a forked child the signals have the effect that they had before this call, until the child
    /// installs its own.
    ///
    /// # Errors
    /// When the system refuses the handlers or the thread, or a signal cannot be handled.
    pub fn install(mut self) -> io::Result<()> {
        self.signals.retain(|signal| !is_ignored(*signal));
        let watched = self.signals.iter().map(|signal| WatchedSignal::new(*signal)).collect::<io::Result<Vec<_>>>()?;
        let is_draining = Arc::<AtomicBool>::default();
        for signal in &self.signals {
            // In this order: the first signal finds the flag down.
            flag::register_conditional_default(*signal, Arc::clone(&is_draining))?;
            flag::register(*signal, Arc::clone(&is_draining))?;
        }
        let signals = Signals::new(&self.signals)?;
        spawn_waiting_thread("fapilog-signals", move || self.wait(signals, &watched))?;
        Ok(())
    }

    /// The signals are watched as long as this runs: until the process ends.
    fn wait(&self, mut signals: Signals, _watched: &[WatchedSignal]) {
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
