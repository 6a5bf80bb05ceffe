//! Signs that a server is ready.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::client::http_request;

/// The time that a single attempt may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The sign that a server is ready.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReadySign {
    /// Its process runs.
    Started,
    /// This port takes connections.
    Port(u16),
    /// A GET of this path at this port has an answer below 500.
    Http {
        /// The port.
        port: u16,
        /// The path, with its `/`.
        path: String,
    },
    /// It has printed this text since it was started.
    Log(String),
}

impl ReadySign {
    pub(super) fn is_met(&self, log: &str) -> bool {
        match self {
            Self::Started => true,
            Self::Port(port) => is_open(*port),
            Self::Http { port, path } => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                http_request(address, "GET", path, &[], &[]).is_ok_and(|reply| reply.status < 500)
            }
            Self::Log(text) => log.contains(text),
        }
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ATTEMPT).is_ok()
}
