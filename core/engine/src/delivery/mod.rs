//! Delivery: a sink worker for each sink of a shard, its payloads on their way, and the reason of each loss.

mod backoff;
mod breaker;
mod deliver;
mod destination;
pub(crate) mod encode;
mod ending;
mod failure;
pub(crate) mod fallback;
mod flush;
mod in_flight;
mod outcome;
pub(crate) mod payload_ids;
mod pending;
mod remainder;
mod rotations;
pub(crate) mod sink_reports;
mod sink_store;
pub(crate) mod sink_worker;
mod spill;
#[cfg(test)]
mod spill_tests;
pub(crate) mod store;
