//! The limits of payloads and of requests.

use fapilog_plugin::{
    problem::Problem,
    settings::{size_bytes, write_size},
};
use serde::{Deserialize, Serialize};

/// The longest body before compression that a sink may be set to.
const BYTES_MAX: usize = 64 << 20;

/// The setting `batch`: a payload is sent when it has so many records or bytes, or when its first event is as old as the container's
/// `flush_interval`.
///
/// No request has more. A single record that is longer than `max_bytes` is sent alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BatchSettings {
    /// The most records of a request.
    pub max_records: usize,
    /// The most bytes of all records of a request, before compression.
    #[serde(with = "size_bytes")]
    pub max_bytes: usize,
}

impl Default for BatchSettings {
    /// 10,000 records, 1 MiB.
    fn default() -> Self {
        Self { max_records: 10_000, max_bytes: 1 << 20 }
    }
}

impl BatchSettings {
    /// These limits.
    #[must_use]
    pub fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { max_records, max_bytes }
    }

    /// Neither limit above these: those that a destination documents.
    #[must_use]
    pub fn at_most(&self, max_records: usize, max_bytes: usize) -> Self {
        Self { max_records: self.max_records.min(max_records), max_bytes: self.max_bytes.min(max_bytes) }
    }

    /// Invalid settings, with paths relative to the setting `batch`.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.max_records == 0 {
            problems.push(Problem::new("max_records", 0, "it must be at least 1"));
        }
        if !(1024..=BYTES_MAX).contains(&self.max_bytes) {
            problems.push(Problem::new("max_bytes", write_size(self.max_bytes), "allowed are 1 KiB to 64 MiB"));
        }
        problems
    }
}
