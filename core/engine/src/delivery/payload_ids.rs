//! The ids of a shard's payloads.

use std::{cell::Cell, rc::Rc};

use fapilog_plugin::{event::InstanceId, factory::ShardInfo, sink::PayloadId};

/// The bits of the sequence numbers of one shard. Those above are the number of shards that were abandoned before it.
const SEQUENCE_BITS: u32 = 48;

/// Gives each payload of a shard an id. All sinks of the shard count together: two of them may have one destination.
#[derive(Debug, Clone)]
pub(crate) struct PayloadIds {
    instance: InstanceId,
    shard: u32,
    last: Rc<Cell<u64>>,
    last_hand_over: Rc<Cell<u64>>,
}

impl PayloadIds {
    pub(crate) fn new(instance: InstanceId, shard: ShardInfo) -> Self {
        Self {
            instance,
            shard: u32::try_from(shard.index).unwrap_or(u32::MAX),
            // A shard that takes over counts in a range of its own: 2^48 payloads at a million a second are nine years.
            last: Rc::new(Cell::new(u64::from(shard.abandoned) << SEQUENCE_BITS)),
            last_hand_over: Rc::default(),
        }
    }

    /// The number of a payload that goes to a fallback.
    pub(super) fn next_hand_over(&self) -> u64 {
        let number = self.last_hand_over.get() + 1;
        self.last_hand_over.set(number);
        number
    }

    /// The last id; that of no payload, if there was none.
    pub(super) fn last(&self) -> PayloadId {
        PayloadId::new(self.instance, self.shard, self.last.get())
    }

    pub(super) fn next(&self) -> PayloadId {
        self.last.set(self.last.get() + 1);
        self.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_takes_over_gives_no_id_again() {
        let shard = ShardInfo::new(1, 2);
        let [first, next] =
            [shard, shard.after(1)].map(|shard| PayloadIds::new(InstanceId::from_bits(7), shard).next());
        assert_eq!((first.sequence, next.sequence), (1, (1 << SEQUENCE_BITS) + 1));
        assert!(first < next);
    }
}
