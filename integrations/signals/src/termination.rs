//! A drain when a signal ends the process.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicI32, AtomicU32, Ordering},
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
    end_event,
    watched::{Arrival, ExpectedDrain, WatchedSignal, is_ignored},
};

/// How long a drain may take, if nothing else is set.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Has the global container drained on SIGTERM and SIGINT, for at most five seconds. The last event before the drain names the signal.
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
    /// The event that names the signal is a WARNING: it explains to readers of the log why requests have no event of their end.
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
    /// The signal that has a container drained is logged to it, with its name as the field `signal`: as an INFO of the source
    /// `fapilog-signals`, or as a WARNING with [`on_second_signal`](Self::on_second_signal). The drain waits for that call as long as for
    /// the drain, and a second at most.
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
        let arrivals = Arc::<Arrivals>::default();
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
    fn wait(&self, mut signals: Signals, arrivals: &Arrivals, drains: &[ExpectedDrain], _watched: &[WatchedSignal]) {
        if let Some(signal) = signals.forever().find_map(|_| arrivals.draining()) {
            self.drain(signal);
            let drain = drains.iter().find(|drain| drain.is_of(signal));
            if drain.is_none_or(ExpectedDrain::end) {
                end_by(signal);
            }
        }
        // Another container is being drained, or the default action of the signal ends no process.
        signals.forever().for_each(drop);
    }

    fn drain(&self, signal: i32) {
        let container = match &self.container {
            Some(container) => container.upgrade(),
            None => fapilog::container::global(),
        };
        if let Some(container) = container {
            end_event::log(&container, signal, self.drains_on, self.timeout);
            // The accounts hold what was not delivered in time; no caller is left that could read the result.
            let _ = container.shutdown(self.timeout);
        }
    }
}

/// The signals that have arrived for a `Termination`, whichever of its signals they are.
#[derive(Debug, Default)]
struct Arrivals {
    count: AtomicU32,
    /// The signal that has the container drained; zero until it arrives.
    draining: AtomicI32,
}

impl Arrivals {
    /// Counts one. Those behind that which has the container drained take the default action. Called in signal handlers.
    fn count(&self, signal: i32, drains_on: Arrival) {
        // Relaxed: a number, on which no memory depends.
        let number = self.count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if number == drains_on.number() {
            // Release: pairs with `draining`.
            self.draining.store(signal, Ordering::Release);
        } else if number > drains_on.number() {
            end_by(signal);
        }
    }

    /// The signal that has the container drained. The thread may wake for an earlier one when that has arrived, too.
    fn draining(&self) -> Option<i32> {
        // Acquire: pairs with `count`.
        Some(self.draining.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }
}

fn register_count(signal: i32, arrivals: &Arc<Arrivals>, drains_on: Arrival) -> io::Result<()> {
    let arrivals = Arc::clone(arrivals);
    let act = move || arrivals.count(signal, drains_on);
    // SAFETY: the action changes atomics, and calls a function that is async-signal-safe. It does not panic.
    let registered = unsafe { low_level::register(signal, act) };
    registered.map(|_| ())
}

impl Default for Termination {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_wakes_late_for_the_first_signal_finds_the_second() {
        let arrivals = Arrivals::default();
        arrivals.count(SIGTERM, Arrival::Second);
        assert_eq!(arrivals.draining(), None);
        arrivals.count(SIGINT, Arrival::Second);
        assert_eq!(arrivals.draining(), Some(SIGINT));
    }
}
