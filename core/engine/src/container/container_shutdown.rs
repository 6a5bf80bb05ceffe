//! The end of a container: no more events, a drain with a deadline, and the end of its threads.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::{drain_thread, lock};

use crate::{
    accounts::{Accounts, LossReason, Losses},
    audit_notes::AuditNote,
    container::{accounts, wait_until},
    diagnostics::DiagnosticLog,
    host::Host,
    port::flush::WaitOutcome,
    producer::Frontend,
    watchdog::Watchdog,
};

/// How much longer than its deadline a shard may take to end, before its thread is left to itself.
pub(super) const END_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the threads of shards that have ended may take to drop their sinks.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the watchdog may take to end: a callback for diagnostics may hang in it.
const WATCHDOG_TIMEOUT: Duration = Duration::from_millis(200);

/// How much longer than its deadline the whole shutdown may take. A file sink waits a second for writes in flight, and the
/// kernel holds a thread that ends until its io_uring requests are completed.
const OVERTIME_MAX: Duration = Duration::from_millis(1500);

/// The parts of a container that its end needs.
#[derive(Debug, Clone)]
pub(super) struct ContainerShutdown {
    pub(super) frontend: Arc<Frontend>,
    pub(super) hosts: Arc<Mutex<Vec<Host>>>,
    pub(super) watchdog: Arc<Watchdog>,
    pub(super) diagnostics: DiagnosticLog,
}

impl ContainerShutdown {
    pub(super) fn is_of(&self, frontend: &Arc<Frontend>) -> bool {
        Arc::ptr_eq(&self.frontend, frontend)
    }

    /// Takes no more events, and has the drain end by `deadline`.
    pub(super) fn request(&self, deadline: Instant) {
        if self.frontend.is_in_forked_child() {
            return;
        }
        if self.frontend.audit_notes.is_on() {
            self.note_stop();
        }
        self.frontend.close();
        for port in &self.frontend.ports {
            port.flush.request_stop(deadline);
            port.doorbell.ring();
            // The drain may hang and never end, and the watchdog ends with the container.
            port.wake_all_waiters();
        }
    }

    #[cold]
    fn note_stop(&self) {
        let object = format!("container {}", self.frontend.id());
        self.frontend.audit_notes.add_stop(AuditNote::new("log stopped", object));
    }

    /// Waits for the end of all shards. Returns whether all have ended.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let end = wait_until(deadline.checked_add(END_TIMEOUT).unwrap_or(deadline));
        let all_ended = self.frontend.ports.iter().all(|port| port.flush.wait_for_end(end) != WaitOutcome::Late);
        let latest = wait_until(deadline.checked_add(OVERTIME_MAX).unwrap_or(deadline));
        let join_end = latest.min(Instant::now() + JOIN_TIMEOUT);
        if all_ended {
            self.join_hosts(join_end);
        } else {
            drop(std::mem::take(&mut *lock(&self.hosts)));
            self.abandon();
        }
        let watchdog_end = wait_until(Instant::now() + WATCHDOG_TIMEOUT);
        self.watchdog.end(watchdog_end.saturating_duration_since(Instant::now()));
        if all_ended {
            // A shard that has taken over and ended at once: the watchdog had not noted its host.
            self.join_hosts(join_end);
        }
        all_ended
    }

    fn join_hosts(&self, end: Instant) {
        let hosts = std::mem::take(&mut *lock(&self.hosts));
        hosts.into_iter().for_each(|host| host.join(end.saturating_duration_since(Instant::now())));
    }

    /// Leaves shards to themselves that hang in a plugin or a sink: what they have not delivered is lost, and they deliver
    /// nothing more when they come back. A plugin that ends its own container does not wait, and its shard does not hang.
    pub(super) fn abandon(&self) {
        if drain_thread::is_marked() {
            return;
        }
        for port in &self.frontend.ports {
            port.report_if_it_hangs();
            port.abandon();
        }
        self.frontend.close_accounts();
    }

    /// Reports on stderr what was logged behind the shutdown of a container that has ended before the process: nothing else would.
    pub(super) fn report_behind_end(&self) {
        if !self.frontend.is_closed() {
            return;
        }
        let lost = accounts(&self.frontend).lost.of(LossReason::ContainerClosed);
        if lost > 0 {
            let text = format!("{lost} events are lost: they were logged behind the shutdown of their container");
            self.diagnostics.emergency(&text);
        }
    }

    /// Reports on stderr what was not delivered in time, where no caller is left that could.
    pub(super) fn report_late(&self) {
        let accounts = accounts(&self.frontend);
        let lost = lost_to_deadline(&accounts);
        if lost > 0 {
            let text = format!("{lost} events are lost: the container ended before they were delivered");
            self.diagnostics.emergency(&text);
        }
    }
}

/// Events that the end of the container left undelivered.
pub(super) fn lost_to_deadline(accounts: &Accounts) -> u64 {
    let late = |losses: &Losses| losses.of(LossReason::ShutdownDeadline);
    let at_sinks = accounts.sinks.iter().map(|sink| late(&sink.lost)).max();
    late(&accounts.lost) + at_sinks.unwrap_or(0)
}
