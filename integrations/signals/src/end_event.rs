//! The event that names the signal by which a process ends.

use std::{borrow::Cow, sync::Arc, sync::mpsc, time::Duration};

use fapilog::{Container, plugin::spawn_waiting_thread};
use signal_hook::low_level;

use crate::watched::Arrival;

/// How long the drain waits for its event. A log call may run functions of the program, and wait for a ring.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// Logs that the signal has the container drained, as the last event before the drain. The drain does not depend on it: the call is on a
/// thread of its own, and `timeout` the longest wait for it.
pub(crate) fn log(container: &Arc<Container>, signal: i32, arrival: Arrival, timeout: Duration) {
    // A container that has ended has no log, and would count the event as lost.
    if container.is_closed() {
        return;
    }
    let container = Arc::clone(container);
    let (done, is_done) = mpsc::channel::<()>();
    let logging = spawn_waiting_thread("fapilog-signals", move || {
        log_signal(&container, signal, arrival);
        drop((container, done));
    });
    if logging.is_ok() {
        // The sender is dropped behind the call.
        let _ = is_done.recv_timeout(timeout.min(LOG_TIMEOUT));
    }
}

fn log_signal(container: &Container, signal: i32, arrival: Arrival) {
    let log = container.logger("fapilog-signals");
    let signal = name_of(signal);
    match arrival {
        Arrival::First => fapilog::info!(log, "a signal drains the log and ends the process", signal = &*signal),
        Arrival::Second => {
            fapilog::warn!(
                log,
                "a second signal drains the log and ends the process amid its shutdown",
                signal = &*signal
            );
        }
    }
}

/// Such as `SIGTERM`.
fn name_of(signal: i32) -> Cow<'static, str> {
    low_level::signal_name(signal).map_or_else(|| Cow::Owned(format!("signal {signal}")), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use fapilog::{format, sink};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn a_container_that_has_ended_counts_no_event_of_a_signal_as_lost() {
        let (memory, events) = sink::Memory::new(format::Json::new);
        let container = Arc::new(Container::builder().sink("memory", memory).start().unwrap());
        log(&container, libc::SIGTERM, Arrival::First, TIMEOUT);
        container.shutdown(TIMEOUT).unwrap();
        log(&container, libc::SIGTERM, Arrival::First, TIMEOUT);
        let accounts = container.accounts();
        accounts.check().unwrap();
        assert_eq!((events.lines().len(), accounts.submitted, accounts.lost_total()), (1, 1, 0));
    }

    #[test]
    fn a_signal_without_a_name_has_its_number() {
        assert_eq!((&*name_of(libc::SIGTERM), &*name_of(40)), ("SIGTERM", "signal 40"));
    }
}
