//! Sink workers: one for each sink of a shard.

pub(crate) mod outlet;
