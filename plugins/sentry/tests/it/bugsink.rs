//! Bugsink takes error events, and no logs.

use std::time::Instant;

use fapilog::error;
use fapilog_test_servers::{Conformance, EventCounts, EventLedger, Scenario, servers::Bugsink};

use super::envelope::{TIMEOUT, shut_down, started, with_dsn};

const EVENTS: u64 = 30;

/// Logs errors, and counts what Bugsink has of them, when it has digested all.
fn count(bugsink: &mut Bugsink, mut between: impl FnMut(&mut Bugsink, u64)) -> EventCounts {
    let mut settings = with_dsn(bugsink.dsn());
    settings.logs = false;
    let container = started(&settings);
    let log = container.logger("shop");
    for number in 0..EVENTS {
        between(bugsink, number);
        error!(log, "number {number}", number);
    }
    assert_eq!(shut_down(&container).lost_total(), 0);
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let mut ledger = EventLedger::new();
        ledger.submit_all((0..EVENTS).map(|number| number.to_string()));
        ledger.receive_all(bugsink.events().iter().map(|event| event["extra"]["context"]["number"].to_string()));
        if ledger.counts().lost == 0 || Instant::now() > deadline {
            return ledger.counts();
        }
    }
}

#[test]
fn bugsink_gets_every_error_once() {
    let Some(mut bugsink) = Bugsink::start() else { return };
    Conformance::record_exactly_once("sentry", "bugsink", Scenario::Happy, count(&mut bugsink, |_, _| {}));
}

#[test]
fn bugsink_that_is_restarted_has_every_error_once() {
    let Some(mut bugsink) = Bugsink::start() else { return };
    let counts = count(&mut bugsink, |bugsink, number| match number {
        10 => bugsink.server.kill(),
        20 => bugsink.server.restart(),
        _ => {}
    });
    Conformance::record_exactly_once("sentry", "bugsink", Scenario::RestartedInFlight, counts);
}
