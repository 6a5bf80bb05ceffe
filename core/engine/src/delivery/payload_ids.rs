//! The ids of a shard's payloads.

use std::{cell::Cell, rc::Rc};

use fapilog_plugin::{event::InstanceId, factory::ShardInfo, sink::PayloadId};

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
            last: Rc::default(),
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
