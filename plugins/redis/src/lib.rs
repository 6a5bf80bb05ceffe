//! Redis streams for fapilog: the sink `redis`.
//!
//! | module | what |
//! |---|---|
//! | `settings` | settings, and their checks |
//! | `template` | keys of streams with placeholders |
//! | `encode` | events become commands: `XADD`, in the protocol's own bytes |
//! | `reply` | replies of the server, and which of them lead to another attempt |
//! | `password` | the password, which is read again when the server has refused it |
//! | `client` | the connection: it writes a payload's commands, and reads a reply for each |
//! | `sink` | the sink |
//!
//! The sink has its own encoder and reader of the protocol (RESP2), and no client library. A command is an array of byte strings, and is encoded
//! on the drain straight into the payload; a library would build it again from values on the thread. A reply to `XADD` is one line or one string.
//! Addresses, TLS and time limits are those of `fapilog-sink-network`. The tests read the streams by the crate `redis`.
//!
//! Settings name the sink `redis` where the program links the crate (`use fapilog_redis as _;`). docs/redis-sink.md describes the use and the
//! guarantees.
#![forbid(unsafe_code)]

mod client;
mod encode;
mod error;
mod password;
mod registration;
mod reply;
mod settings;
mod sink;
mod template;

pub use crate::{error::RedisError, registration::register, settings::RedisSettings, sink::RedisStream};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/redis-sink.md")]
mod page {}
