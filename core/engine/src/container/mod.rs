//! A container: one log, with everything that belongs to it.

mod at_exit;
mod builder;
mod container_shutdown;
mod delivery_metrics;
mod flush;
mod metrics;
mod options;
mod plugins;
mod rotate;
mod tasks;

use std::{
    any::Any,
    mem::ManuallyDrop,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

pub use self::{
    builder::ContainerBuilder,
    delivery_metrics::{DeliveryMetrics, RecoveredEvents, SpillMetrics},
    metrics::{Metrics, MetricsReader, PluginMetrics, RingMetrics},
};
pub(crate) use crate::totals::accounts;
use crate::totals::refused_accounts;
pub use crate::{
    delivery::store::options::{DeadLetterOptions, SpillOptions},
    port::{
        latency::{LatencyHistogram, Percentiles},
        plan::SinkOptions,
        throughput::Throughput,
    },
};
use fapilog_plugin::{
    diagnostics::Diagnostics,
    event::InstanceId,
    threads::{drain_thread, lock},
};
use fapilog_record::{directives::Directives, level::LevelFilter, text::bounded::front};

use crate::{
    accounts::{Accounts, CountsByLevel},
    audit_notes::AuditNote,
    container::container_shutdown::{ContainerShutdown, lost_to_deadline},
    diagnostics::{Diagnostic, DiagnosticLog},
    error::{FlushError, ShutdownError},
    executor::Executor,
    host::Host,
    port::ShardPort,
    producer::{Frontend, Logger},
    watchdog::Watchdog,
};

/// The most bytes of the error of a change in an audit event: an error may list many values.
const REFUSAL_BYTES_MAX: usize = 2048;

/// How long a dropped container drains.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// An isolated log: loggers in front, sinks behind, and the drain between. Two containers share nothing.
///
/// Dropping it shuts it down, with five seconds to drain. A container that is never dropped, because the program exits or keeps
/// it in a `static`, is drained at the exit if it [asks for it](Container::drain_at_exit).
#[doc(alias = "AsyncLoggingContainer")]
#[derive(Debug)]
pub struct Container {
    frontend: Arc<Frontend>,
    hosts: Arc<Mutex<Vec<Host>>>,
    watchdog: Arc<Watchdog>,
    /// Held while a change is posted, so that all shards take changes up in one order, and come to the same of each.
    posting: Mutex<()>,
    executor: Option<Executor>,
    started_at: SystemTime,
    diagnostics: DiagnosticLog,
    /// Plugins that were added and removed at run time: a reload keeps these changes. The lock is held for a moment only: a
    /// plugin may want it while a reload waits for that plugin's drain.
    at_run_time: Mutex<plugins::RunTimeChanges>,
    /// See [`Container::attachment`].
    attachment: Option<builder::Attachment>,
}

impl Container {
    /// A container to be configured.
    pub fn builder() -> ContainerBuilder {
        ContainerBuilder::default()
    }

    /// A number that no other container of the process has.
    #[doc(alias = "container_id")]
    #[must_use]
    pub fn id(&self) -> u64 {
        self.frontend.id()
    }

    /// The container's part of the [ids of its events](fapilog_plugin::event::EventId): no other container has it, of whatever
    /// process or machine.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.frontend.instance()
    }

    /// A logger; `source` names it in its events. Names are kept for the container's life: the first 65,536 are distinct.
    #[doc(alias = "create_logger")]
    #[doc(alias = "get_logger")]
    #[must_use]
    pub fn logger(&self, source: &str) -> Logger {
        Logger::new(Arc::clone(&self.frontend), source)
    }

    /// The least level that is logged, by targets that have no level of their own.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        self.frontend.level()
    }

    /// The levels that are logged, by target. In a forked child, nothing.
    #[must_use]
    pub fn directives(&self) -> Directives {
        if self.frontend.is_in_forked_child() {
            Directives::new(LevelFilter::Off)
        } else {
            (*self.frontend.directives()).clone()
        }
    }

    /// Changes the levels that are logged, for all loggers of the container: one level for all, or
    /// [directives](Directives) by target. Log calls go by it as soon as each thread sees it.
    pub fn set_level(&self, level: impl Into<Directives>) {
        let (former, level) = (self.frontend.directives(), level.into());
        let note = AuditNote::new("levels changed", "levels").detail("from", &former).detail("to", &level);
        self.frontend.set_level(level);
        self.frontend.add_audit_note(note);
    }

    /// Has an audit event of a change that was refused, if the container has [such events](ContainerBuilder::audit_events). Hidden: the layers
    /// above the engine call it, whose changes the engine does not see.
    #[doc(hidden)]
    pub fn note_refused_change(&self, what: &'static str, object: &str, error: &str) {
        let error = front(error, REFUSAL_BYTES_MAX);
        self.frontend.add_audit_note(AuditNote::new(what, object).failed().detail("error", error));
    }

    /// The value that was [attached](ContainerBuilder::attachment) to the builder, if it is a `T`. The layers above the
    /// engine keep there what they need for a running container, as settings do for a reload.
    #[must_use]
    pub fn attachment<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.attachment.as_ref()?.0).downcast().ok()
    }

    /// Whether this process is a forked child of the one that made it.
    #[must_use]
    pub fn is_in_forked_child(&self) -> bool {
        self.frontend.is_in_forked_child()
    }

    /// In a forked child that has a global container of its own: loggers of the global container move on to that one. Hidden: the
    /// facade calls it.
    #[doc(hidden)]
    pub fn leave_in_forked_child(&self) {
        self.frontend.leave_in_forked_child();
    }

    /// Whether it takes no more events: it is shut down, or a shutdown was requested.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.frontend.is_closed()
    }

    /// The executor that the drain was started on; `None` if the program runs it. A diagnostic about `executor` reports a drain that
    /// had to leave it.
    #[must_use]
    pub fn executor(&self) -> Option<Executor> {
        self.executor
    }

    /// The diagnostics of fallbacks and failures, in the order in which they came up. Empty in a forked child.
    #[doc(alias = "internal_logging")]
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        if self.frontend.is_in_forked_child() { Vec::new() } else { self.diagnostics.all() }
    }

    /// Adds a warning to the diagnostics: for parts of the program that change the container at run time, or watch it. The text
    /// stands between quotes, escaped. In a forked child, nothing.
    pub fn report_diagnostic(&self, about: &str, text: impl Into<String>) {
        if !self.frontend.is_in_forked_child() {
            self.diagnostics.report(about, text.into());
        }
    }

    /// How many rings there are, in use or kept for the next thread.
    #[must_use]
    pub fn rings(&self) -> usize {
        self.frontend.rings()
    }

    /// The accounts of all events so far. In a forked child, only of those that never came as far as a ring.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        if self.frontend.is_in_forked_child() { refused_accounts(&self.frontend) } else { accounts(&self.frontend) }
    }

    /// Waits until everything that was logged before this call is delivered by every sink, and durable where a file sink
    /// syncs. Returns the accounts then, sink by sink. It takes as long as the work, and not longer. On a drain's own
    /// thread, in a plugin, it requests the flush and does not wait.
    ///
    /// # Errors
    /// When that is not so after `timeout`, or never will be: the error names the sinks.
    pub fn flush(&self, timeout: Duration) -> Result<Accounts, FlushError> {
        flush::flush(&self.frontend, timeout)
    }

    /// The frontend, in which the models open lanes.
    #[cfg(any(test, fapilog_loom))]
    pub(crate) fn frontend(&self) -> &Arc<Frontend> {
        &self.frontend
    }

    /// Asks for a flush and does not wait: for programs that run the drain themselves.
    pub fn request_flush(&self) {
        if !self.frontend.is_in_forked_child() {
            for port in &self.frontend.ports {
                request_flush(port);
            }
        }
    }

    /// Takes no more events, delivers those that are there, stops the sinks, and returns the final accounts. Later calls
    /// return them again.
    ///
    /// # Errors
    /// When something was not delivered within `timeout`; it is lost then, and counted.
    #[doc(alias = "stop_and_drain")]
    #[doc(alias = "drain")]
    pub fn shutdown(&self, timeout: Duration) -> Result<Accounts, ShutdownError> {
        if self.frontend.is_in_forked_child() {
            return Err(ShutdownError::Forked);
        }
        let deadline = deadline_after(timeout);
        let shutdown = self.to_shut_down();
        shutdown.request(deadline);
        let all_ended = shutdown.wait(deadline);
        self.report(all_ended, timeout)
    }

    fn to_shut_down(&self) -> ContainerShutdown {
        ContainerShutdown {
            frontend: Arc::clone(&self.frontend),
            hosts: Arc::clone(&self.hosts),
            watchdog: Arc::clone(&self.watchdog),
            diagnostics: self.diagnostics.clone(),
        }
    }

    /// Has the container drained when the process exits, if it is not dropped before: with `std::process::exit`, or at the
    /// end of `main`. The exit waits five seconds at most. A process that aborts, or that a signal kills, drains nothing. A
    /// container that the program drains itself cannot be drained at the exit.
    pub fn drain_at_exit(&self) {
        if self.executor.is_some() && !self.frontend.is_in_forked_child() {
            at_exit::register(self.to_shut_down());
        }
    }

    /// Counts events that were lost before the container was there. Hidden, because only the facade has loggers without a
    /// container.
    #[doc(hidden)]
    pub fn count_missed(&self, events: &CountsByLevel) {
        if events.total() > 0 {
            self.frontend.count_missed(events);
        }
    }

    /// The result of a shutdown.
    fn report(&self, all_ended: bool, timeout: Duration) -> Result<Accounts, ShutdownError> {
        let accounts = self.accounts();
        if !all_ended || lost_to_deadline(&accounts) > 0 {
            return Err(ShutdownError::Deadline { timeout, accounts: Box::new(accounts) });
        }
        Ok(accounts)
    }

    /// Takes no more events and has the drain end by `deadline`, and does not wait: for programs that run the drain
    /// themselves.
    pub fn request_shutdown(&self, deadline: Instant) {
        self.to_shut_down().request(deadline);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.frontend.is_in_forked_child() {
            // The threads behind these handles are in another process. No lock: a thread of the parent may hold it.
            let _leaked = ManuallyDrop::new(std::mem::take(&mut self.hosts));
            let _leaked = ManuallyDrop::new(std::mem::take(&mut self.watchdog));
            return;
        }
        at_exit::forget(&self.frontend);
        let is_manual = self.executor.is_none();
        if is_manual {
            // This very thread may run the drain: it would wait for itself.
            self.request_shutdown(deadline_after(DROP_TIMEOUT));
        } else {
            // A shutdown before this has reported it to its caller. No caller is left that could read the result of this one.
            let was_shut_down = lock(&self.hosts).is_empty();
            if self.shutdown(DROP_TIMEOUT).is_err() && !was_shut_down {
                self.to_shut_down().report_late();
            }
        }
    }
}

/// How long to wait for a drain until `deadline`: on a drain's own thread not at all, since it would wait for itself.
fn wait_until(deadline: Instant) -> Instant {
    if drain_thread::is_marked() { Instant::now() } else { deadline }
}

/// The deadline after a timeout. A timeout beyond a year counts as a year.
fn deadline_after(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let now = Instant::now();
    now.checked_add(timeout.min(YEAR)).unwrap_or(now)
}

fn request_flush(port: &ShardPort) -> u64 {
    let ticket = port.flush.request();
    port.doorbell.ring();
    ticket
}
