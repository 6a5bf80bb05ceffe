//! Connects to an endpoint.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use fapilog_plugin::settings::Endpoint;
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use crate::{address::AddressPolicy, connection::NetworkConnection, error::ConnectError, resolver::Resolver, tls::Tls};

/// The least time for an address, where a host has many and little time is left.
const ADDRESS_TIME_MIN: Duration = Duration::from_millis(50);

/// Connects to one endpoint: resolves its name, refuses addresses by the [policy](AddressPolicy), connects to the addresses in turn, and does the
/// TLS handshake.
#[derive(Debug)]
#[must_use]
pub struct Dialer {
    host: String,
    port: u16,
    policy: AddressPolicy,
    tls: Option<Tls>,
    /// The endpoint is without TLS because it is this machine.
    must_be_loopback: bool,
    needs_tls: bool,
    resolver: Resolver,
}

impl Dialer {
    /// Connects to the endpoint, at `default_port` if it has none.
    pub fn new(endpoint: &Endpoint, default_port: u16, policy: AddressPolicy) -> Self {
        Self {
            host: endpoint.host().to_owned(),
            port: endpoint.port().unwrap_or(default_port),
            policy,
            tls: None,
            must_be_loopback: !endpoint.is_tls() && endpoint.is_loopback(),
            needs_tls: endpoint.is_tls(),
            resolver: Resolver::new(endpoint.host()),
        }
    }

    /// With TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connects, by the deadline at the latest.
    ///
    /// # Errors
    /// When there is no connection by then. Nothing was sent.
    pub fn dial(&mut self, deadline: Instant) -> Result<NetworkConnection, ConnectError> {
        if self.needs_tls && self.tls.is_none() {
            return Err(ConnectError::NoTls { host: self.host.clone() });
        }
        let start = Instant::now();
        let stream = self.connect_tcp(deadline)?;
        match &self.tls {
            None => Ok(NetworkConnection::plain(stream)),
            Some(tls) => self.handshake(tls, stream, start, deadline),
        }
    }

    /// Connects without a handshake, also where [`dial`](Self::dial) does one: for a client library that has a TLS connection of its own, made of
    /// [`Tls::client_config`] and [`server_name`](Self::server_name).
    ///
    /// # Errors
    /// When there is no connection by the deadline. Nothing was sent.
    pub fn connect_tcp(&mut self, deadline: Instant) -> Result<TcpStream, ConnectError> {
        let start = Instant::now();
        let addresses = self.addresses(deadline)?;
        self.connect(&addresses, start, deadline)
    }

    /// Does the TLS handshake over a connection that [`connect_tcp`](Self::connect_tcp) has made: for a protocol that begins in clear, and continues
    /// with TLS. The caller must have read nothing of the server's that came behind the request for TLS: such bytes are not protected.
    ///
    /// # Errors
    /// When there is no connection by the deadline, and [`ConnectError::NoTls`] when the dialer has no certificates.
    pub fn upgrade(&self, stream: TcpStream, deadline: Instant) -> Result<NetworkConnection, ConnectError> {
        match &self.tls {
            None => Err(ConnectError::NoTls { host: self.host.clone() }),
            Some(tls) => self.handshake(tls, stream, Instant::now(), deadline),
        }
    }

    /// The name that the server's certificate must have; `None` without TLS.
    ///
    /// # Errors
    /// When the host, or the name that the settings give in its place, can be in no certificate.
    pub fn server_name(&self) -> Result<Option<ServerName<'static>>, ConnectError> {
        let Some(tls) = &self.tls else { return Ok(None) };
        let invalid = |source| ConnectError::Handshake { host: self.host.clone(), port: self.port, source };
        self.certificate_name(tls).map(Some).map_err(invalid)
    }

    /// The addresses of the host that are not refused, at least one: for a protocol without connections.
    ///
    /// # Errors
    /// When the name is not resolved by the deadline, and when all of its addresses are refused.
    pub fn addresses(&mut self, deadline: Instant) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = self.resolver.resolve(deadline)?;
        let mut refused = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match self.refusal(address) {
                None => allowed.push(SocketAddr::new(address, self.port)),
                Some(error) => refused = refused.or(Some(error)),
            }
        }
        match refused {
            Some(error) if allowed.is_empty() => Err(error),
            _ => Ok(allowed),
        }
    }

    fn refusal(&self, address: IpAddr) -> Option<ConnectError> {
        let host = || self.host.clone();
        if let Some(reason) = self.policy.refusal(address) {
            return Some(ConnectError::AddressRefused { host: host(), address, reason });
        }
        let is_elsewhere = self.must_be_loopback && !address.to_canonical().is_loopback();
        is_elsewhere.then(|| ConnectError::NotLoopback { host: host(), address })
    }

    /// Each address has half of the time that is left, and the last one has all of it.
    fn connect(&self, addresses: &[SocketAddr], start: Instant, deadline: Instant) -> Result<TcpStream, ConnectError> {
        let mut last_error = io::Error::from(io::ErrorKind::TimedOut);
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let is_last = index + 1 == addresses.len();
            let limit = if is_last { left } else { (left / 2).max(ADDRESS_TIME_MIN).min(left) };
            match TcpStream::connect_timeout(address, limit) {
                Ok(stream) => {
                    // A request is written as a whole. Without it, its last segment may wait for an acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last_error = error,
            }
        }
        Err(self.failed(last_error, start, deadline, |host, port, source| ConnectError::Connect { host, port, source }))
    }

    fn handshake(
        &self,
        tls: &Tls,
        stream: TcpStream,
        start: Instant,
        deadline: Instant,
    ) -> Result<NetworkConnection, ConnectError> {
        let failed = |source: io::Error| {
            self.failed(source, start, deadline, |host, port, source| ConnectError::Handshake { host, port, source })
        };
        let name = self.certificate_name(tls).map_err(failed)?;
        let mut session = ClientConnection::new(tls.client_config(), name)
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        let mut stream = stream;
        while session.is_handshaking() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
            set_timeouts(&stream, Some(left)).map_err(failed)?;
            step(&mut session, &mut stream).map_err(failed)?;
        }
        set_timeouts(&stream, None).map_err(failed)?;
        Ok(NetworkConnection::tls(StreamOwned::new(session, stream)))
    }

    fn certificate_name(&self, tls: &Tls) -> io::Result<ServerName<'static>> {
        let name = tls.server_name().unwrap_or(&self.host).to_owned();
        ServerName::try_from(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }

    fn failed(
        &self,
        source: io::Error,
        start: Instant,
        deadline: Instant,
        other: impl FnOnce(String, u16, io::Error) -> ConnectError,
    ) -> ConnectError {
        let (host, port) = (self.host.clone(), self.port);
        match source.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                ConnectError::Timeout { host, port, limit: deadline.saturating_duration_since(start) }
            }
            _ => other(host, port, source),
        }
    }
}

fn set_timeouts(stream: &TcpStream, limit: Option<Duration>) -> io::Result<()> {
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)
}

/// A read or a write of the handshake: `ClientConnection::complete_io` would go on for as long as the server sends a byte now and then.
fn step(session: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    if session.wants_write() {
        session.write_tls(stream)?;
        return Ok(());
    }
    if session.read_tls(stream)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let processed = session.process_new_packets();
    if processed.is_err() {
        // The alert, which names the reason to the server.
        let _ = session.write_tls(stream);
    }
    processed.map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
