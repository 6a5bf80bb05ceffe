//! Delivery: a sink worker for each sink of a shard, its payloads in flight, and the reason of each loss.

mod failure;
mod in_flight;
mod rotations;
pub(crate) mod sink_reports;
pub(crate) mod sink_worker;
#[expect(unreachable_pub, reason = "the sink worker does not use it yet")]
#[cfg_attr(not(test), expect(dead_code, reason = "the sink worker does not use it yet"))]
mod store;
