//! How events leave their rings: shards, and what runs them.
//!
//! A [`Shard`](shard::Shard) is plain synchronous state with one [`turn`](shard::Shard::turn). A *host* runs it: a pinned
//! glommio executor, a plain thread, or the program itself.
//!
//! # What a turn does
//!
//! 1. **Requests.** It reads stop and flush requests with *acquire*, before anything else: what was published before a
//!    request was made is seen by all that follows.
//!    Between two batches it also takes up [changes] of its plugins and sinks.
//! 2. **Roster.** At the start of each *pass* it adopts the rings that are new, and only then
//! 3. **Snapshot** takes, for each ring, how far it is published. A pass ends when every snapshot has been walked. So a
//!    pass that began after a request takes everything that was published before it.
//! 4. **Batch.** It views frames in place, by time across rings, until the batch or the pass is full.
//! 5. **Check** at the [border], **enrich, process, encode.** When every sink has encoded the batch, nothing refers to the rings any more, and
//! 6. **Release** gives their space back, once a ring and batch.
//! 7. **Deliver.** Payloads that are full or overdue go out; those under way are polled.
//! 8. **Flush.** A request is answered when a pass that began after it has ended, every payload of that time is
//!    delivered, and every sink has flushed.
//! 9. **Stop.** After a stop request, passes go on until one finds every ring empty; then payloads are flushed, and if
//!    nothing came meanwhile, that is the end. What is left at the deadline is counted as lost; what is published after
//!    the last look of all is lost to the closed container, and reckoned whenever the accounts are drawn up.

mod border;
pub(crate) mod changes;
pub(crate) mod flush;
mod gather;
mod heartbeat;
pub(crate) mod here;
pub(crate) mod host;
mod idle;
mod in_band;
pub(crate) mod latency;
mod outlet;
mod pipeline;
pub(crate) mod probe;
mod ring_state;
mod shard;

pub use host::manual::ManualDrain;
pub(crate) use idle::IdleSettings;
pub use outlet::SinkOptions;
pub(crate) use outlet::SinkPlan;
pub(crate) use pipeline::{NotMade, PipelinePlan, PluginPlan};
pub(crate) use shard::{ShardPlan, ShardSettings};
