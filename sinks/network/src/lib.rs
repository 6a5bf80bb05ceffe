//! Connections of network sinks.
//!
//! | module | what |
//! |---|---|
//! | [`address`] | which addresses a sink may connect to |
//! | [`tls`] | TLS settings, and the certificates that they lead to |
//! | [`dial`] | connects to an endpoint, within a time limit |
//! | [`connection`] | a connection, with TLS or without |
//!
//! All of it blocks. It is for the thread of a [`BlockingDelivery`](fapilog_plugin::sink::BlockingDelivery), and for no drain.
//!
//! A third party's sink uses it as the sinks of this workspace do:
//!
//! ```no_run
//! use std::{io::Write, time::{Duration, Instant}};
//! use fapilog_plugin::settings::Endpoint;
//! use fapilog_sink_network::{address::AddressPolicy, dial::Dialer, tls::TlsSettings};
//!
//! let endpoint = Endpoint::parse("tls://logs.example.com:6514", &["tls", "tcp"], &[])?;
//! let tls = TlsSettings::default().load().map_err(|mut problems| problems.remove(0))?;
//! let mut dialer = Dialer::new(&endpoint, 6514, AddressPolicy::default()).tls(tls);
//!
//! let mut connection = dialer.dial(Instant::now() + Duration::from_secs(5))?;
//! connection.set_write_timeout(Some(Duration::from_secs(5)))?;
//! connection.write_all(b"9 <134>1 - -")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
pub mod connection;
pub mod dial;
mod error;
mod resolver;
pub mod tls;
mod tls_io;

pub use error::ConnectError;
