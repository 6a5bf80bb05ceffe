//! New files on a signal.

use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use fapilog::{Container, error::RotateError, plugin::spawn_waiting_thread};
use signal_hook::{
    consts::SIGHUP,
    iterator::{Handle, Signals},
};

use crate::watched::WatchedSignal;

/// How long the sinks may take to start their new files, if nothing else is set.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Has the sinks of the global container start new files on SIGHUP, until the returned value is dropped.
///
/// # Errors
/// When the system refuses the handler or the thread.
pub fn rotate_on_hangup() -> io::Result<RotationWatch> {
    SignalledRotation::new().install()
}

/// The signals, and the container whose sinks start new files on them: see
/// [`Container::rotate`](fapilog::Container::rotate).
#[derive(Debug, Clone)]
#[must_use = "no signal has an effect before it is installed"]
pub struct SignalledRotation {
    signals: Vec<i32>,
    timeout: Duration,
    /// `None`: the global container of that moment.
    container: Option<Weak<Container>>,
}

impl SignalledRotation {
    /// Rotates the files of the global container on SIGHUP.
    pub fn new() -> Self {
        Self { signals: vec![SIGHUP], timeout: TIMEOUT, container: None }
    }

    /// Waits for these signals instead, such as SIGUSR1.
    pub fn signals(mut self, signals: impl IntoIterator<Item = i32>) -> Self {
        self.signals = signals.into_iter().collect();
        self
    }

    /// How long the sinks may take until they are reported as late. Default: 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Rotates the files of this container instead of the global one's, as long as the program holds it.
    pub fn container(mut self, container: &Arc<Container>) -> Self {
        self.container = Some(Arc::downgrade(container));
        self
    }

    /// Installs the handlers, and starts the thread that waits for the signals. Signals that come during a rotation are
    /// answered by one more. A handler of the program that is there already is called as before, on the thread that the
    /// signal interrupts. A signal that the process ignores, as SIGHUP under `nohup`, is handled from now on.
    ///
    /// A rotation that fails is logged as an ERROR to the container itself, with the sinks and their reasons.
    ///
    /// # Errors
    /// When the system refuses the handlers or the thread, or a signal cannot be handled.
    pub fn install(self) -> io::Result<RotationWatch> {
        let watched = self.signals.iter().map(|signal| WatchedSignal::new(*signal)).collect::<io::Result<Vec<_>>>()?;
        let signals = Signals::new(&self.signals)?;
        let watch = RotationWatch { handle: signals.handle(), _watched: watched };
        spawn_waiting_thread("fapilog-rotate", move || self.wait(signals))?;
        Ok(watch)
    }

    fn wait(&self, mut signals: Signals) {
        for _ in signals.forever() {
            let container = match &self.container {
                Some(container) => container.upgrade(),
                None => fapilog::container::global(),
            };
            if let Some(container) = container {
                self.rotate(&container);
            }
        }
    }

    fn rotate(&self, container: &Container) {
        match container.rotate(self.timeout) {
            // A container that has ended has no log in which this could be reported.
            Ok(()) | Err(RotateError::ShutDown | RotateError::Forked) => {}
            Err(error) => {
                let log = container.logger("fapilog-signals");
                fapilog::error!(log, "not every sink has started a new file on the signal", error = #error);
            }
        }
    }
}

impl Default for SignalledRotation {
    fn default() -> Self {
        Self::new()
    }
}

/// Rotates on signals until it is dropped. Then the signals have the effect that they had before: their default action (that of
/// SIGHUP ends the process), or none if the process ignored them, or that of the program's handler. A rotation in flight goes on.
#[derive(Debug)]
#[must_use = "the signals have no effect any more when it is dropped"]
pub struct RotationWatch {
    handle: Handle,
    /// Dropped after the thread is asked to end: see `Drop`.
    _watched: Vec<WatchedSignal>,
}

impl Drop for RotationWatch {
    fn drop(&mut self) {
        self.handle.close();
    }
}
