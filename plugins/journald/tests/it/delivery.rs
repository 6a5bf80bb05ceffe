//! Entries on their way to the socket.

use std::{
    os::unix::net::{UnixDatagram, UnixListener},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use fapilog::{
    error, info,
    metrics::LossReason,
    sink::{OnFull, SinkOptions, SpillOptions},
};
use fapilog_journald::Journald;
use fapilog_plugin::{
    sink::{Assurances, DeliveryPolicy, Payload, Sink, SinkError, SinkErrorKind, SinkFactory, SinkPlace},
    testing::TestBatches,
};

use fapilog_test_servers::{Conformance, EventLedger, Scenario, wait_until};

use crate::{
    fake_journald::{FakeJournald, GotEntries},
    strict_parser::ReadEntry,
    support::{builder, directory, named, records, shut_down, sink},
};

/// The counter of a sink of a container.
fn counter(accounts: &fapilog::metrics::Accounts, name: &str) -> u64 {
    let counters = accounts.sinks.iter().flat_map(|sink| &sink.counters);
    counters.filter(|(other, _)| *other == name).map(|(_, count)| *count).sum()
}

#[test]
fn an_entry_that_no_datagram_holds_comes_as_a_sealed_file() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let container = builder().record_max_bytes(8 << 20).ring_capacity_bytes(64 << 20).message_max_chars(8 << 20);
    let container = container.sink("journald", Journald::new().socket(&socket)).start().unwrap();
    let log = container.logger("orders");
    let (short, long, binary) = ("x".repeat(1000), "y".repeat(3 << 20), vec![b'\n'; 1 << 20]);
    info!(log, "short", short);
    info!(log, "long", long);
    info!(log, "binary", binary = binary.as_slice());
    let accounts = shut_down(&container);
    drop(server);
    let got = got.all();
    assert_eq!(got.iter().map(|got| got.is_file).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(got[0].entry.text("SHORT"), short);
    assert_eq!(got[1].entry.text("LONG"), long);
    assert_eq!(got[2].entry.bytes("BINARY"), binary);
    assert_eq!((accounts.delivered_total(), counter(&accounts, "long_entries")), (3, 2));
}

/// Records the entries that came, by their numbers.
fn record(scenario: Scenario, logged: u64, received: impl IntoIterator<Item = u64>) {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    ledger.receive_all(received.into_iter().map(|number| number.to_string()));
    let counts = ledger.counts();
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("journald", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

fn numbers(got: &GotEntries) -> Vec<u64> {
    got.all().iter().map(|got| got.entry.text("NUMBER").parse().unwrap()).collect()
}

#[test]
fn each_event_is_an_entry() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let container = builder().sink("journald", Journald::new().socket(&socket)).start().unwrap();
    let log = container.logger("orders");
    (0..1000_u64).for_each(|number| info!(log, "order", number));
    assert_eq!(shut_down(&container).delivered_total(), 1000);
    drop(server);
    record(Scenario::Happy, 1000, numbers(&got));
}

#[test]
fn entries_that_no_datagram_holds_come_as_files_and_each_once() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let container = builder().record_max_bytes(8 << 20).ring_capacity_bytes(64 << 20);
    let container = container.sink("journald", Journald::new().socket(&socket)).start().unwrap();
    let (log, long) = (container.logger("orders"), "x".repeat(1 << 20));
    (0..10_u64).for_each(|number| info!(log, "order", number, long = long.as_str()));
    assert_eq!(shut_down(&container).delivered_total(), 10);
    drop(server);
    assert!(got.all().iter().all(|got| got.is_file));
    record(Scenario::OverTheLimit, 10, numbers(&got));
}

#[test]
fn a_long_entry_is_cut_and_counted() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let journald = Journald::new().socket(&socket).entry_bytes_max(1 << 10);
    let container = builder().sink("journald", journald).start().unwrap();
    let text = "é".repeat(2000);
    info!(container.logger("orders"), "long", text, last = 1);
    let accounts = shut_down(&container);
    drop(server);
    let entry = &got.all()[0].entry;
    assert!(text.starts_with(entry.text("TEXT")) && entry.text("TEXT").len() > 500);
    assert_eq!((entry.text("TRUNCATED"), entry.has("LAST"), counter(&accounts, "cut_entries")), ("true", false, 1));
}

#[test]
fn entries_wait_for_a_journald_that_starts_later() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let container = builder().sink("journald", Journald::new().socket(&socket)).start().unwrap();
    let report = format!("no socket of journald at {}; entries wait for it", socket.display());
    assert!(
        container.diagnostics().iter().any(|diagnostic| diagnostic.text.contains(&report)),
        "{:?}",
        container.diagnostics()
    );
    let log = container.logger("orders");
    (0..100).for_each(|number| info!(log, "order", number));
    wait_until("an attempt has failed", || container.accounts().sinks.iter().any(|sink| sink.retries > 0));
    let server = FakeJournald::start(&socket, &got);
    let accounts = shut_down(&container);
    drop(server);
    assert_eq!((got.count(), accounts.delivered_total()), (100, 100), "{accounts}");
}

#[test]
fn entries_that_waited_on_disk_come_once_after_a_restart_of_the_program() {
    let ((directory, socket), got) = (directory(), GotEntries::default());
    let start = || {
        let spill = SpillOptions::new(directory.path().join("spill"));
        let options = SinkOptions::new().on_full(OnFull::Spill).spill(spill);
        builder().sink_with("journald", Journald::new().socket(&socket), options).start().unwrap()
    };
    let container = start();
    let log = container.logger("orders");
    (0..200).for_each(|number| info!(log, "order", number, text = "two\nlines"));
    let accounts = container.shutdown(Duration::from_secs(10)).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 200, "{accounts}");
    let server = FakeJournald::start(&socket, &got);
    let container = start();
    wait_until("all entries have come", || got.count() >= 200);
    shut_down(&container);
    drop(server);
    let numbers: Vec<u64> = got.all().iter().map(|got| got.entry.text("NUMBER").parse().unwrap()).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

#[test]
fn a_journald_that_does_not_read_delays_no_one_and_gets_each_entry_once_it_reads() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let idle = UnixDatagram::bind(&socket).unwrap();
    let journald = Journald::new().socket(&socket).timeout(Duration::from_millis(20));
    let container = builder().sink("journald", journald).start().unwrap();
    let log = container.logger("orders");
    (0..3000).for_each(|number| info!(log, "order", number));
    wait_until("an attempt has failed", || container.accounts().sinks.iter().any(|sink| sink.retries > 0));
    // The queue is read to its end, as a journald does that is stopped, and another one takes its place.
    std::fs::remove_file(&socket).unwrap();
    let mut before = Vec::new();
    idle.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(bytes) = idle.recv(&mut buffer) {
        before.push(ReadEntry::parse(&buffer[..bytes]));
    }
    assert!(!before.is_empty());
    let server = FakeJournald::start(&socket, &got);
    let accounts = shut_down(&container);
    drop(server);
    let entries = before.into_iter().chain(got.all().into_iter().map(|got| got.entry));
    let numbers: Vec<u64> = entries.map(|entry| entry.text("NUMBER").parse().unwrap()).collect();
    assert_eq!(numbers, (0..3000).collect::<Vec<_>>());
    assert_eq!(accounts.delivered_total(), 3000, "{accounts}");
    record(Scenario::Throttled, 3000, numbers);
}

#[test]
fn a_shutdown_does_not_wait_for_a_journald_that_does_not_read() {
    let (_directory, socket) = directory();
    let _idle = UnixDatagram::bind(&socket).unwrap();
    let container = builder().sink("journald", Journald::new().socket(&socket)).start().unwrap();
    let log = container.logger("orders");
    (0..3000).for_each(|number| info!(log, "order", number));
    let start = Instant::now();
    let _ = container.shutdown(Duration::from_millis(200));
    // The time limit of a payload is 5 s.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    container.accounts().check().unwrap();
}

#[test]
fn a_socket_of_another_kind_is_an_error_for_good() {
    let (_directory, socket) = directory();
    let _stream = UnixListener::bind(&socket).unwrap();
    let container = builder().sink("journald", Journald::new().socket(&socket)).start().unwrap();
    error!(container.logger("orders"), "order");
    let accounts = shut_down(&container);
    let lost: u64 = accounts.sinks.iter().map(|sink| sink.lost.of(LossReason::SinkFailed)).sum();
    assert!(lost >= 1, "{accounts}");
}

/// The result of a delivery.
fn delivered(sink: &mut dyn Sink, payload: Payload) -> Result<(), SinkError> {
    let mut delivery = sink.deliver(payload);
    let mut result = None;
    wait_until("the delivery has ended", || match delivery.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ended) => {
            result = Some(ended);
            true
        }
        Poll::Pending => false,
    });
    result.unwrap()
}

#[test]
fn a_queue_that_is_full_in_mid_payload_is_a_delivery_in_part() {
    let (_directory, socket) = directory();
    let idle = UnixDatagram::bind(&socket).unwrap();
    let mut sink = sink(&Journald::new().socket(&socket).timeout(Duration::from_millis(20)));
    let mut payload = sink.payload().unwrap();
    let numbers: Vec<u64> = (0..3000).collect();
    TestBatches::new().batch(&numbers, |batch| sink.encode(batch, &mut payload).unwrap());
    let all = records(&payload);
    let error = delivered(&mut *sink, payload).unwrap_err();
    assert!(matches!(error.kind(), SinkErrorKind::Retryable { .. }));
    let SinkError::Partial { records, bytes, .. } = error else { panic!("{error:?}") };
    idle.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut got = Vec::new();
    while let Ok(bytes) = idle.recv(&mut buffer) {
        got.push(buffer[..bytes].to_vec());
    }
    assert_eq!(got, all[..records as usize]);
    assert_eq!(bytes, got.concat().len() as u64);
}

#[test]
fn a_missing_socket_is_retryable_and_names_the_path() {
    let mut sink = sink(&named());
    let mut payload = sink.payload().unwrap();
    TestBatches::new().batch(&[1], |batch| sink.encode(batch, &mut payload).unwrap());
    let error = delivered(&mut *sink, payload).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Retryable { retry_after: None });
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("no journald at /nonexistent/socket; is systemd-journald.service running"), "{source}");
}

#[test]
fn records_of_another_sink_become_messages_and_entries_stay_as_they_are() {
    let mut sink = sink(&named());
    let mut entry = sink.payload().unwrap();
    TestBatches::new().batch(&[7], |batch| sink.encode(batch, &mut entry).unwrap());
    let mut lines = Payload::new(100);
    lines.buffer().extend_from_slice(b"{\"level\":\"INFO\"}\n\nsecond\n");
    let mut marked = Payload::new(100);
    marked.buffer().extend_from_slice(b"two\nlines\xff\n");
    marked.end_record();
    let mut payload = sink.payload().unwrap();
    for records in [&entry, &lines, &marked] {
        sink.append_records(records, &mut payload);
    }
    let front = "PRIORITY=6\nSYSLOG_IDENTIFIER=shop\n";
    let expected = [
        entry.records().to_vec(),
        format!("{front}MESSAGE={{\"level\":\"INFO\"}}\n").into_bytes(),
        format!("{front}MESSAGE=second\n").into_bytes(),
        [front.as_bytes(), b"MESSAGE\n\x0a\0\0\0\0\0\0\0two\nlines\xff\n"].concat(),
    ];
    assert_eq!(records(&payload), expected);
}

#[test]
fn a_container_that_falls_back_to_the_journal_delivers_its_events_there() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let container = builder()
        .sink_with(
            "first",
            named(),
            SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1)).fallback("journald"),
        )
        .sink_with("journald", Journald::new().socket(&socket), SinkOptions::new())
        .start()
        .unwrap();
    info!(container.logger("orders"), "order", number = 7);
    let accounts = container.shutdown(Duration::from_secs(10)).unwrap();
    accounts.check().unwrap();
    drop(server);
    let got = got.all();
    assert!(!got.is_empty() && got.iter().all(|got| got.entry.text("NUMBER") == "7"), "{got:?}");
}

#[test]
fn an_attempt_ends_by_the_time_limit_of_the_sink_before_that_of_the_engine() {
    for seconds in [1, 20, 300] {
        let policy = Journald::new().timeout(Duration::from_secs(seconds)).delivery();
        assert!(policy.timeout >= Duration::from_secs(2 * seconds), "{policy:?}");
        assert_eq!(policy.check(), []);
    }
}

#[test]
fn the_sink_assures_no_more_than_another_program_of_this_machine() {
    assert_eq!(Journald::new().assurances(), Assurances::unknown().place(SinkPlace::Local));
}
