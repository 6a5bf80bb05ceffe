//! Containers with the sink, and the sink alone.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    metrics::Accounts,
};
use fapilog_journald::Journald;
use fapilog_plugin::{
    diagnostics::Diagnostics,
    event::Batch,
    factory::ShardInfo,
    sink::{Payload, Sink, SinkContext, SinkFactory},
};
use tempfile::TempDir;

use crate::{
    fake_journald::{FakeJournald, GotEntries},
    strict_parser::ReadEntry,
};

/// Far longer than any step of a test takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A directory with a socket in it.
pub(crate) fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    (directory, socket)
}

pub(crate) fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT })
}

/// Runs a container whose sink has this socket, and returns the entries that came.
pub(crate) fn entries_of(sink: impl FnOnce(Journald) -> Journald, log: impl FnOnce(&Container)) -> Vec<ReadEntry> {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let container = builder().sink("journald", sink(Journald::new().socket(&socket))).start().unwrap();
    log(&container);
    let accounts = shut_down(&container);
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
    drop(server);
    let got = got.all();
    assert_eq!(got.len() as u64, accounts.delivered_total(), "{accounts}");
    got.into_iter().map(|got| got.entry).collect()
}

/// The same, for a single event.
pub(crate) fn entry_of(sink: impl FnOnce(Journald) -> Journald, log: impl FnOnce(&Container)) -> ReadEntry {
    let mut entries = entries_of(sink, log);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

#[derive(Debug)]
struct NoDiagnostics;

impl Diagnostics for NoDiagnostics {
    fn report(&self, _: &str, _: String) {}
}

/// The sink without a container.
pub(crate) fn sink(journald: &Journald) -> Box<dyn Sink> {
    assert_eq!(journald.check(), []);
    let diagnostics: Arc<dyn Diagnostics> = Arc::new(NoDiagnostics);
    journald.make(&SinkContext::new(ShardInfo::new(0, 1), "journald", &diagnostics)).unwrap()
}

/// The records of a batch.
pub(crate) fn encoded(sink: &mut dyn Sink, batch: &Batch<'_>) -> Vec<Vec<u8>> {
    let mut payload = sink.payload().unwrap();
    sink.encode(batch, &mut payload).unwrap();
    records(&payload)
}

/// The records of a payload, which must be all its bytes.
pub(crate) fn records(payload: &Payload) -> Vec<Vec<u8>> {
    let records: Vec<_> = (0..payload.marked_records()).map(|index| payload.record(index).unwrap().to_vec()).collect();
    assert_eq!(records.concat(), payload.records());
    records
}

/// A name that no program has, so that entries have the same identifier on every machine.
pub(crate) fn named() -> Journald {
    Journald::new().socket(Path::new("/nonexistent/socket")).identifier("shop")
}
