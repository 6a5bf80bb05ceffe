//! Trails of the tests.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod tamper;

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
use fapilog_audit_trail::{
    anchor::FileAnchor,
    keys::{ChainKey, KeyFiles, VerifyingKey, generate_keys, read_chain_key, read_verifying_key},
    sink::AuditTrail,
    verify::{VerifiedTrail, Verifier, VerifyError},
};
use tempfile::TempDir;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A directory with keys and a trail.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) keys: KeyFiles,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = generate_keys(directory.path(), "example.com/audit").unwrap();
        Self { directory, keys }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("audit.jsonl")
    }

    pub(crate) fn trail_path(&self) -> PathBuf {
        self.directory.path().join("audit.jsonl.trail")
    }

    pub(crate) fn anchor_path(&self) -> PathBuf {
        self.directory.path().join("anchor.notes")
    }

    pub(crate) fn first_key_path(&self) -> PathBuf {
        self.directory.path().join("auditor.key")
    }

    /// A sink with short blocks, many checkpoints, and an anchor.
    pub(crate) fn sink(&self) -> AuditTrail {
        AuditTrail::new(self.path(), format::Json::new, SecretRef::file(&self.keys.signing))
            .block_bytes(4096)
            .checkpoint_blocks(3)
            .first_key(self.first_key_path())
            .anchor(FileAnchor::new(self.anchor_path()))
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        read_verifying_key(&self.keys.verifying).unwrap()
    }

    pub(crate) fn first_key(&self) -> ChainKey {
        read_chain_key(&self.first_key_path()).unwrap()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(self.verifying_key()).chain_key(self.first_key())
    }

    pub(crate) fn verify(&self) -> Result<VerifiedTrail, VerifyError> {
        self.verifier().verify(&self.path())
    }

    /// Writes so many payloads of some 9 KiB each, in lines of different lengths, and closes the trail.
    pub(crate) fn write(&self, sink: AuditTrail, payloads: usize) {
        let logs = start(builder(), sink);
        log_payloads(&logs, payloads);
        shut_down(&logs);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

pub(crate) fn start(builder: ContainerBuilder, sink: AuditTrail) -> Container {
    builder.sink("audit", sink).start().unwrap()
}

/// Logs and flushes.
pub(crate) fn log_payloads(logs: &Container, payloads: usize) {
    let log = logs.logger("test");
    for payload in 0..payloads {
        for record in 0..40 {
            let text = "x".repeat(20 + (payload * 31 + record * 17) % 150);
            audit!(log, "changed", user = "kim", payload, record, text = text.as_str());
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

/// A copy of a directory.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}
