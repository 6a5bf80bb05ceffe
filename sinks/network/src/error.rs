//! Errors of connections.

use std::{io, net::IpAddr, time::Duration};

use fapilog_plugin::sink::SinkError;
use thiserror::Error;

/// Why there is no connection. Nothing was sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name of the host could not be resolved.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The host.
        host: String,
        /// The resolver's error.
        #[source]
        source: io::Error,
    },
    /// The resolver did not answer in time.
    #[error("the name of {host} is not resolved within {limit:?}")]
    ResolveTimeout {
        /// The host.
        host: String,
        /// The time limit.
        limit: Duration,
    },
    /// Every address of the host is refused.
    #[error("{host} leads to {address}, which is {reason}; allow_addresses may name it")]
    AddressRefused {
        /// The host.
        host: String,
        /// The address.
        address: IpAddr,
        /// The kind of address that it is.
        reason: &'static str,
    },
    /// The host is reached without TLS because its name is that of this machine, and the name leads elsewhere.
    #[error("{host} leads to {address}, which is not this machine: it needs TLS")]
    NotLoopback {
        /// The host.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// The URL has TLS, and the sink has given the dialer no certificates for it.
    #[error("{host} is reached by TLS, and the sink has set up none")]
    NoTls {
        /// The host.
        host: String,
    },
    /// The system could not connect.
    #[error("cannot connect to {host}, port {port}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The system's error, of the last address.
        #[source]
        source: io::Error,
    },
    /// The TLS handshake failed.
    #[error("no TLS connection to {host}, port {port}")]
    Handshake {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The error, of rustls or of the system.
        #[source]
        source: io::Error,
    },
    /// It was not done before the deadline.
    #[error("no connection to {host}, port {port}, within {limit:?}")]
    Timeout {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The time limit.
        limit: Duration,
    },
}

/// An operator, or time, may mend whatever kept the connection from being made, and nothing was sent: it is retryable.
impl From<ConnectError> for SinkError {
    fn from(error: ConnectError) -> Self {
        Self::retryable(error)
    }
}
