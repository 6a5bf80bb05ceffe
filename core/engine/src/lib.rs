//! The engine: how an event travels from a log call to its sinks.
//!
//! The rooms, from the top down; a room uses those below it only:
//!
//! | module | what |
//! |---|---|
//! | [`container`] | one log with everything that belongs to it |
//! | `watchdog` | sees shards that hang |
//! | [`host`] | what runs a shard: a glommio executor, a plain thread, the program itself |
//! | `shard` | one drain: takes batches from rings through the plugins to the sinks |
//! | `delivery` | the sink workers: payloads, and what becomes of them |
//! | `totals` | the accounts of a container, added up |
//! | [`producer`] | what a log call does: loggers, lanes, overflow, scopes |
//! | [`port`] | the shared end of a shard: what producers and the program share with it |
//! | `audit_notes` | what happens to the log itself, for its audit events |
//! | `text_redaction` | redaction of texts that are in no event |
//! | `supervisor`, [`route`], [`order`], [`executor`], [`on_hang`], [`clock`] | limits for plugins; which events a sink takes; order; the answer to a hang; time |
//! | [`machine`] | questions about the machine, for programs that report on it |
//! | [`accounts`], [`diagnostics`] | what became of every event; reports about the log itself |

pub mod accounts;
mod audit_notes;
pub mod clock;
pub mod container;
mod delivery;
pub mod diagnostics;
pub mod error;
pub mod executor;
pub mod host;
pub mod machine;
#[cfg(fapilog_loom)]
#[doc(hidden)]
pub mod model_api;
pub mod on_hang;
pub mod order;
pub mod port;
pub mod producer;
pub mod route;
mod shard;
mod supervisor;
mod text_redaction;
mod totals;
mod watchdog;
