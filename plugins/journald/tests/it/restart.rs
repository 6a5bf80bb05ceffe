//! Restarts of journald while a program logs.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use fapilog::{
    info,
    sink::{OnFull, SinkOptions},
};
use fapilog_journald::Journald;
use fapilog_test_servers::{Conformance, EventLedger, Scenario};

use crate::{
    fake_journald::{FakeJournald, GotEntries},
    support::{builder, directory, shut_down},
};

const EVENTS: u64 = 12_000;

#[test]
fn nothing_is_lost_and_nothing_comes_twice_while_journald_is_restarted() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let container = builder()
        .sink_with("journald", Journald::new().socket(&socket), SinkOptions::new().on_full(OnFull::Block))
        .start()
        .unwrap();
    let has_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let log = container.logger("orders");
            for number in 0..EVENTS {
                info!(log, "order", number);
                if number % 100 == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            has_ended.store(true, Ordering::SeqCst);
        });
        let mut restarts = 0;
        while !has_ended.load(Ordering::SeqCst) {
            let server = FakeJournald::start(&socket, &got);
            std::thread::sleep(Duration::from_millis(80));
            drop(server);
            std::thread::sleep(Duration::from_millis(20));
            restarts += 1;
        }
        assert!(restarts > 3, "{restarts}");
    });
    let server = FakeJournald::start(&socket, &got);
    let accounts = shut_down(&container);
    drop(server);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (EVENTS, 0), "{accounts}");
    let numbers: Vec<u64> = got.all().iter().map(|got| got.entry.text("NUMBER").parse().unwrap()).collect();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..EVENTS).map(|number| number.to_string()));
    ledger.receive_all(numbers.iter().map(u64::to_string));
    let counts = ledger.counts();
    Conformance::record(
        "journald",
        "fake",
        Scenario::RestartedInFlight,
        counts.delivered,
        counts.duplicated,
        counts.lost,
    );
}
