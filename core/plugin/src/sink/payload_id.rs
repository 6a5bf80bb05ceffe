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
    /// 0 for the payload as it was encoded. After a delivery of some of its records, those that are left are a payload of the next
    /// part number.
    pub part: u32,
}

impl PayloadId {
    /// The id of the payload `sequence` of a shard.
    #[must_use]
    pub fn new(instance: InstanceId, shard: u32, sequence: u64) -> Self {
        Self { instance, shard, sequence, part: 0 }
    }

    /// The id of the records that are left of this payload.
    #[must_use]
    pub fn next_part(self) -> Self {
        Self { part: self.part.wrapping_add(1), ..self }
    }
}

/// `instance-pshard-sequence`, as in `4fk2m09q7vh1-p0-1024`, and behind it `-part`, if that is not 0. It differs from the id of
/// every event.
impl fmt::Display for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-p{}-{}", self.instance, self.shard, self.sequence)?;
        if self.part > 0 {
            write!(f, "-{}", self.part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_part_behind_the_first() {
        let id = PayloadId::new(InstanceId::default(), 3, 1024);
        assert_eq!(id.to_string(), "000000000000-p3-1024");
        assert_eq!(id.next_part().to_string(), "000000000000-p3-1024-1");
    }
}
