//! A drain when a signal ends the process.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use fapilog::{Container, plugin::spawn_waiting_thread};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};

use crate::{
    default_action::end_by,
    watched::{Arrival, ExpectedDrain, WatchedSignal, is_ignored},
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
    container: Option<Weak<Container>>,
    drains_on: Arrival,
}

impl Termination {
    /// Drains the global container on SIGTERM and SIGINT.
    pub fn new() -> Self {
        Self { signals: vec![SIGTERM, SIGINT], timeout: TIMEOUT, container: None, drains_on: Arrival::First }
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

    /// Drains this container instead of the global one, as long as the program holds it. For several containers, install a `Termination`
    /// each: the process ends when all of them are drained.
    pub fn container(mut self, container: &Arc<Container>) -> Self {
        self.container = Some(Arc::downgrade(container));
        self
    }

    /// Leaves the first signal to the program, and drains on the second: for a server that ends its requests in flight on the first,
    /// and an operator who does not want to wait for them. The third signal ends the process at once. Signals count together,
    /// whichever they are.
    ///
    /// Without a handler of the program, the first signal has no effect.
    ///
    /// ```no_run
    /// use fapilog_signals::Termination;
    ///
    /// let logs = fapilog::init()?;
    /// Termination::new().on_second_signal().install()?;
    /// // ... serve until the first signal, by a handler of the program ...
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_second_signal(mut self) -> Self {
        self.drains_on = Arrival::Second;
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
        self.signals.sort_unstable();
        self.signals.dedup();
        self.signals.retain(|signal| !is_ignored(*signal));
        let watched = self.signals.iter().map(|signal| WatchedSignal::new(*signal)).collect::<io::Result<Vec<_>>>()?;
        let arrivals = Arc::<AtomicU32>::default();
        for signal in &self.signals {
            // Ahead of the action that wakes the thread: it finds the signal counted.
            register_count(*signal, &arrivals, self.drains_on)?;
        }
        let signals = Signals::new(&self.signals)?;
        let drains: Vec<_> = self.signals.iter().map(|signal| ExpectedDrain::new(*signal, self.drains_on)).collect();
        // Where the thread cannot be started, both go with the closure.
        spawn_waiting_thread("fapilog-signals", move || self.wait(signals, &arrivals, &drains, &watched))?;
        Ok(())
    }

    /// The signals are watched as long as this runs: until the process ends.
    fn wait(&self, mut signals: Signals, arrivals: &AtomicU32, drains: &[ExpectedDrain], _watched: &[WatchedSignal]) {
        for signal in signals.forever() {
            // Acquire: pairs with `register_count`.
            if arrivals.load(Ordering::Acquire) < self.drains_on.number() {
                continue;
            }
            let container = match &self.container {
                Some(container) => container.upgrade(),
                None => fapilog::container::global(),
            };
            if let Some(container) = container {
                // The accounts hold what was not delivered in time; no caller is left that could read the result.
                let _ = container.shutdown(self.timeout);
            }
            let drain = drains.iter().find(|drain| drain.is_of(signal));
            if drain.is_none_or(ExpectedDrain::end) {
                end_by(signal);
            }
        }
    }
}

/// Counts the arrivals of a signal. The arrival behind that which has the container drained takes the default action.
fn register_count(signal: i32, arrivals: &Arc<AtomicU32>, drains_on: Arrival) -> io::Result<()> {
    let (arrivals, last) = (Arc::clone(arrivals), drains_on.number());
    let act = move || {
        // AcqRel: pairs with `wait`.
        if arrivals.fetch_add(1, Ordering::AcqRel) >= last {
            end_by(signal);
        }
    };
    // SAFETY: the action changes an atomic, and calls a function that is async-signal-safe. It does not panic.
    let registered = unsafe { low_level::register(signal, act) };
    registered.map(|_| ())
}

impl Default for Termination {
    fn default() -> Self {
        Self::new()
    }
}
