//! NATS for fapilog: the sink `nats`.
//!
//! | module | what |
//! |---|---|
//! | `settings` | settings, and their checks |
//! | `subject` | subjects with placeholders |
//! | `encode` | events become commands: `HPUB`, in the protocol's own bytes |
//! | `protocol` | messages of the server, within limits |
//! | `ack` | acknowledgements of streams, and which of their errors lead to another attempt |
//! | `nkey` | keys of NATS, and credentials files |
//! | `servers` | the servers of a cluster, and those that `INFO` names |
//! | `connection` | a connection: bytes in both directions within a time limit |
//! | `greeting` | the beginning of a connection: TLS, authentication, subscription |
//! | `exchange` | a payload's messages, and the answers to them |
//! | `client` | the client: it connects to one of the servers, and delivers payloads |
//! | `sink` | the sink |
//!
//! The sink has its own client of the protocol: docs/decisions/0070-small-protocols-have-clients-of-ours.md has the reasons. The tests read the
//! streams by the crate `async-nats`.
//!
//! Settings name the sink `nats` where the program links the crate (`use fapilog_nats as _;`). docs/nats-sink.md describes the use and the
//! guarantees.
#![forbid(unsafe_code)]

mod ack;
mod client;
mod connection;
mod encode;
mod error;
mod exchange;
mod greeting;
mod nkey;
mod protocol;
mod registration;
mod servers;
mod settings;
mod sink;
mod subject;

pub use crate::{
    error::NatsError,
    registration::register,
    settings::{NatsAcknowledgement, NatsSettings},
    sink::NatsPublisher,
};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/nats-sink.md")]
mod page {}
