//! Trails of the tests, and their indexes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog::{
    Container, Level, audit,
    container::{ContainerBuilder, Executor},
    format,
    settings::SecretRef,
};
use fapilog_audit_index::{
    error::IndexError,
    index::{AuditIndex, IndexUpdate, SearchReport},
    query::{AuditQuery, TextPattern},
};
use fapilog_audit_trail::{
    keys::{KeyFiles, generate_keys, read_verifying_key},
    sink::AuditTrail,
    verify::Verifier,
};
use tempfile::TempDir;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A directory with keys, a trail and an index.
pub(crate) struct Fixture {
    directory: TempDir,
    keys: KeyFiles,
}

/// The records that a search has found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) records: Vec<FoundText>,
    pub(crate) report: SearchReport,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundText {
    pub(crate) text: String,
    pub(crate) number: u64,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) is_signed: bool,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = generate_keys(directory.path(), "example.com/audit").unwrap();
        Self { directory, keys }
    }

    /// With a closed trail of `payloads` times the records of [`log_actions`].
    pub(crate) fn closed(payloads: usize) -> Self {
        let fixture = Self::new();
        let logs = fixture.start(fixture.sink());
        (0..payloads).for_each(|_| log_actions(&logs));
        shut_down(&logs);
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("audit.jsonl")
    }

    pub(crate) fn sink(&self) -> AuditTrail {
        self.sink_with(format::Json::new)
    }

    pub(crate) fn sink_with<F: fapilog::format::Formatter + 'static>(
        &self,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> AuditTrail {
        AuditTrail::new(self.data(), formatter, SecretRef::file(&self.keys.signing))
            .block_bytes(4096)
            .first_key(self.path("first.key"))
    }

    pub(crate) fn start(&self, sink: AuditTrail) -> Container {
        builder().sink("audit", sink).start().unwrap()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(read_verifying_key(&self.keys.verifying).unwrap()).running()
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.path("audit.jsonl.index")
    }

    pub(crate) fn index(&self) -> AuditIndex {
        AuditIndex::open(&self.index_path()).unwrap()
    }

    pub(crate) fn update(&self) -> Result<IndexUpdate, IndexError> {
        let verifier = self.verifier();
        self.index().update(&mut verifier.reader(&self.data())?)
    }

    /// Updates the index, and searches it.
    pub(crate) fn search(&self, query: &AuditQuery) -> Result<Found, IndexError> {
        let verifier = self.verifier();
        let mut trail = verifier.reader(&self.data())?;
        let mut index = AuditIndex::open(&self.index_path())?;
        index.update(&mut trail)?;
        let mut records = Vec::new();
        let report = index.search(&mut trail, query, |record| {
            let text = String::from_utf8(record.bytes.to_vec()).unwrap();
            let fapilog_audit_index::record::FoundRecord { number, segment, offset, is_signed, .. } = record;
            records.push(FoundText { text, number, segment, offset, is_signed });
            Ok::<(), IndexError>(())
        })?;
        assert_eq!(report.found, records.len() as u64);
        Ok(Found { records, report })
    }

    #[track_caller]
    pub(crate) fn found(&self, query: &AuditQuery) -> Vec<String> {
        self.search(query).unwrap().records.into_iter().map(|record| record.text).collect()
    }

    /// The records of the live data file.
    pub(crate) fn records(&self) -> Vec<String> {
        fs::read_to_string(self.data()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Changes the index behind its back.
    pub(crate) fn forge(&self, sql: &str) {
        rusqlite::Connection::open(self.index_path()).unwrap().execute_batch(sql).unwrap();
    }

    pub(crate) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// The rotated data files, the oldest first.
    pub(crate) fn rotated(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|name| name == "jsonl") && *path != self.data())
            .collect();
        paths.sort();
        paths
    }
}

pub(crate) fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

/// Logs twelve records: three users, two actions, two outcomes.
pub(crate) fn log_actions(logs: &Container) {
    let log = logs.logger("shop");
    for user in ["kim", "ada", "kit"] {
        for (action, object) in [("order cancelled", "order 1"), ("limit raised", "account 4711")] {
            for outcome in ["success", "denied"] {
                audit!(log, action, who = user, object, outcome, origin = "192.0.2.1");
            }
        }
    }
    logs.flush(TIMEOUT).unwrap();
}

/// Shuts the container down, and checks the law.
pub(crate) fn shut_down(logs: &Container) {
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
}

pub(crate) fn pattern(text: &str) -> TextPattern {
    text.parse().unwrap()
}

pub(crate) fn all() -> AuditQuery {
    AuditQuery::new()
}
