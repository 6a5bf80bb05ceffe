//! PostgreSQL for fapilog: the sink `postgres`.
//!
//! | module | what |
//! |---|---|
//! | `settings` | settings, and their checks |
//! | `address` | the URL: user, hosts, database |
//! | `column` | columns of the table |
//! | `encode` | events become rows of `COPY`, in its binary format |
//! | `schema` | the table: its migrations, and the check of its columns |
//! | `connect` | connections: TCP, Unix sockets, TLS |
//! | `client` | the delivery of a payload, which is divided where the server refuses a row |
//! | `outcome` | SQLSTATE codes, and which of them lead to another attempt |
//! | `sink` | the sink |
//!
//! The protocol is that of `tokio-postgres`, on a runtime inside the sink's own thread; the bytes of `COPY` are made by the sink, on the drain.
//!
//! Settings name the sink `postgres` where the program links the crate (`use fapilog_postgres as _;`). docs/postgres-sink.md describes the use and
//! the guarantees.
#![forbid(unsafe_code)]

mod address;
mod client;
mod column;
mod connect;
mod encode;
mod error;
mod outcome;
mod registration;
mod schema;
mod settings;
mod sink;

pub use crate::{
    column::PostgresColumn,
    error::PostgresError,
    registration::register,
    settings::{PostgresDuplicates, PostgresSettings, PostgresSslMode},
    sink::PostgresTable,
};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/postgres-sink.md")]
mod page {}
