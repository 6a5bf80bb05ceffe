//! Delivery: a sink worker for each sink of a shard, its payloads on their way, and the reason of each loss.
//!
//! ```text
//! batch -> encode -> payload -> submit -> queue -> attempt -> outcome -> delivered
//!                                           ^                    |
//!                                           +--- after a wait ---+-> fallback -> spill -> dead letter -> lost
//! ```
//!
//! | module | step |
//! |---|---|
//! | [`sink_worker`] | the worker: one sink of a shard |
//! | [`encode`] | whether the sink has room, which events it takes, and the payload that is being filled |
//! | `pending`, `payload_ids` | a payload from its submission to its end; its id |
//! | `destination` | all payloads that have not ended, and when the next attempt may start |
//! | `deliver`, `in_flight` | attempts start and are polled |
//! | `outcome`, `failure`, `remainder` | the end of an attempt; the loss reason of each failure; partial answers |
//! | `backoff`, `breaker` | when an attempt is made again |
//! | [`fallback`] | payloads that another sink of the shard gets |
//! | `spill`, `sink_store`, [`store`] | payloads that wait on disk, and dead letters |
//! | `flush`, `rotations`, `shutdown` | flush, new files, and the end of a sink |
//! | [`sink_reports`] | losses that the sink reports itself |
//!
//! A sink whose policy is [direct](fapilog_plugin::sink::DeliveryPolicy::direct) has no queue: an attempt starts with the
//! submission, and the sink keeps the bytes. All steps but `store` are on the drain's thread, and none waits.

mod backoff;
mod breaker;
mod deliver;
mod destination;
pub(crate) mod encode;
mod failure;
pub(crate) mod fallback;
mod flush;
mod in_flight;
mod outcome;
pub(crate) mod payload_ids;
mod pending;
mod remainder;
mod rotations;
mod shutdown;
pub(crate) mod sink_reports;
mod sink_store;
pub(crate) mod sink_worker;
mod spill;
#[cfg(test)]
mod spill_tests;
pub(crate) mod store;
#[cfg(test)]
mod tests;
