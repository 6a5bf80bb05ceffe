//! Audit trails of the tests.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this is test code")]

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};

use fapilog::{Container, Level, audit, container::Executor, format, settings::SecretRef};
use fapilog_audit_trail::{
    anchor::FileAnchor,
    format::{EntryBody, TrailEntry, split_notes},
    sink::AuditTrail,
};
use tempfile::TempDir;

use crate::command::{run_in, run_in_with};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A directory with a trail, and the keys that `fapilog keys audit` made.
pub(crate) struct Trail(TempDir);

impl Trail {
    /// Keys, and no trail yet.
    pub(crate) fn keys() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys");
        let made = crate::command::run(&["keys", "audit", keys.to_str().unwrap(), "--name", "example.com/audit"]);
        assert_eq!((made.status.code(), made.stderr.as_slice()), (Some(0), &[][..]));
        Self(directory)
    }

    /// A closed trail of 160 records in many blocks, with an anchor.
    pub(crate) fn closed() -> Self {
        let trail = Self::keys();
        let logs = trail.start(trail.sink());
        log(&logs, 4);
        shut_down(&logs);
        trail
    }

    pub(crate) fn sink(&self) -> AuditTrail {
        AuditTrail::new(self.path("audit.jsonl"), format::Json::new, SecretRef::file(self.path("keys/signing.key")))
            .block_bytes(4096)
            .checkpoint_blocks(3)
            .first_key(self.path("keys/first-chain.key"))
            .anchor(FileAnchor::new(self.path("anchor.notes")))
    }

    pub(crate) fn start(&self, sink: AuditTrail) -> Container {
        Container::builder().executor(Executor::Thread).level(Level::Trace).sink("audit", sink).start().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command in the directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.0.path(), arguments)
    }

    /// Runs the command with a text as its standard input.
    pub(crate) fn run_with(&self, input: &[u8], arguments: &[&str]) -> Output {
        run_in_with(self.0.path(), input, arguments)
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path(name), bytes).unwrap();
    }

    /// The entries of the live trail file, with their places in it.
    fn entries(&self) -> Vec<(TrailEntry, Range<usize>)> {
        let bytes = fs::read(self.path("audit.jsonl.trail")).unwrap();
        let (mut entries, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let (entry, leaf, chain) = TrailEntry::read(&bytes[at..]).unwrap();
            let end = at + leaf.len() + chain.len();
            entries.push((entry, at..end));
            at = end;
        }
        entries
    }

    /// The places of the blocks in the data file, and of their entries in the trail file.
    pub(crate) fn blocks(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let place = |(entry, place): (TrailEntry, _)| match entry.body {
            EntryBody::Block(block) => Some((block.offset as usize..block.end() as usize, place)),
            _ => None,
        };
        self.entries().into_iter().filter_map(place).collect()
    }

    /// The number of checkpoints in the live trail file.
    fn checkpoints(&self) -> usize {
        let is_checkpoint = |(entry, _): &(TrailEntry, _)| matches!(entry.body, EntryBody::Checkpoint(_));
        self.entries().iter().filter(|entry| is_checkpoint(entry)).count()
    }

    /// The records in order.
    pub(crate) fn records(&self) -> Vec<String> {
        fs::read_to_string(self.path("audit.jsonl")).unwrap().lines().map(str::to_owned).collect()
    }

    /// Waits until the anchor has the checkpoints of the trail: a thread of its own stores them.
    pub(crate) fn wait_for_anchor(&self) {
        let end = Instant::now() + TIMEOUT;
        loop {
            let notes = fs::read_to_string(self.path("anchor.notes")).unwrap_or_default();
            if notes.ends_with('\n') && split_notes(&notes).len() == self.checkpoints() {
                return;
            }
            assert!(Instant::now() < end, "{} checkpoints, and these notes: {notes}", self.checkpoints());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A copy of the directory, as it is now. A running trail is copied behind its [anchor](Self::wait_for_anchor).
    pub(crate) fn copy(&self) -> Self {
        let to = tempfile::tempdir().unwrap();
        copy_files(self.0.path(), to.path());
        Self(to)
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Logs 40 records for each payload, and flushes.
pub(crate) fn log(logs: &Container, payloads: usize) {
    let log = logs.logger("test");
    for payload in 0..payloads {
        for record in 0..40 {
            audit!(log, "changed", user = "kim", payload, record, text = "x".repeat(100).as_str());
        }
        logs.flush(TIMEOUT).unwrap();
    }
}

/// Shuts the container down, and checks the law.
pub(crate) fn shut_down(logs: &Container) {
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
}
