//! The id of a payload.

use std::fmt;

use crate::event::InstanceId;

/// Container, shard and sequence number: no other payload has the same, of whatever process or machine.
///
/// An attempt to deliver a payload again, or after a restart of the program, has the id of the first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub struct PayloadId {
    /// The container.
    pub instance: InstanceId,
    /// The shard's number in the container, from 0.
    pub shard: u32,
    /// The payload's number at its shard, from 1. All sinks of a shard count together.
    pub sequence: u64,
}

impl PayloadId {
    /// The id of the payload `sequence` of a shard.
    #[must_use]
    pub fn new(instance: InstanceId, shard: u32, sequence: u64) -> Self {
        Self { instance, shard, sequence }
    }
}

/// `instance-pshard-sequence`, as in `4fk2m09q7vh1-p0-1024`: it differs from the id of every event.
impl fmt::Display for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-p{}-{}", self.instance, self.shard, self.sequence)
    }
}
