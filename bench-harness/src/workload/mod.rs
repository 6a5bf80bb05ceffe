//! The workloads: log calls, and the lines that must come out.
//!
//! Each workload is written twice, side by side: as log calls, and as the lines that they must become, put together
//! with nothing of the library's. Every event contains its producer's index and its own number.

mod expected;
mod mixed;
mod primitives;
mod string;

use fapilog::Logger;

pub(crate) use self::expected::{EventIdText, ExpectedLine};
pub(crate) use self::{mixed::Mixed, primitives::Primitives, string::Text};
use crate::cli::WorkloadName;

/// The `source` of all events.
pub(crate) const SOURCE: &str = "bench";

/// A kind of events.
pub(crate) trait Workload {
    /// Logs a producer's event `n`.
    fn log(log: &Logger, producer: u32, n: u64);

    /// Writes what event `n` must look like, from its level on.
    fn expect(line: &mut ExpectedLine, n: u64);
}

/// Writes the expected line of an event of a workload.
pub(crate) type Expect = fn(&mut ExpectedLine, u64);

pub(crate) fn expect_of(name: WorkloadName) -> Expect {
    match name {
        WorkloadName::Primitives => Primitives::expect,
        WorkloadName::String => Text::expect,
        WorkloadName::Mixed => Mixed::expect,
    }
}

/// The most that an event of a workload takes in a file: for asking whether there is room.
pub(crate) fn line_bytes_max(name: WorkloadName) -> u64 {
    match name {
        WorkloadName::Primitives => 384,
        WorkloadName::String => 448,
        WorkloadName::Mixed => 768,
    }
}
