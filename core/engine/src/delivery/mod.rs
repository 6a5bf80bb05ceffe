//! Sink workers: one for each sink of a shard.

pub(crate) mod sink_worker;
