//! The client on the delivery thread: a connection, which is made when there is something to deliver, and kept.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    problem::Problem,
    sink::{BlockingDelivery, Payload, SinkCounter, SinkError},
};
use fapilog_sink_network::{address::AddressPolicy, dial::Dialer, tls::TlsSettings};
use rustix::io::Errno;

use crate::transport::{
    Framing, SyslogAddress, SyslogError,
    address::UnixName,
    datagram::{DatagramError, DatagramSocket},
    framing::Frames,
    stream::{StreamSocket, WriteError},
};

const UDP_PORT: u16 = 514;
const TCP_PORT: u16 = 601;
const TLS_PORT: u16 = 6514;

/// Where and how a client delivers.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) destination: SyslogAddress,
    pub(crate) framing: Option<Framing>,
    pub(crate) connect_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

/// Delivers payloads.
#[derive(Debug)]
pub(crate) struct SyslogClient {
    options: ClientOptions,
    dialer: Option<Dialer>,
    connection: Option<SyslogConnection>,
    frames: Frames,
    opened: SinkCounter,
}

/// The dialer of an address on the network. An address of `tls://` always has TLS.
pub(crate) fn dialer(
    destination: &SyslogAddress,
    policy: &AddressPolicy,
    tls: &TlsSettings,
) -> Result<Option<Dialer>, Vec<Problem>> {
    Ok(match destination {
        SyslogAddress::Tcp(endpoint) => Some(Dialer::new(endpoint, TCP_PORT, policy.clone())),
        SyslogAddress::Tls(endpoint) => Some(Dialer::new(endpoint, TLS_PORT, policy.clone()).tls(tls.load()?)),
        SyslogAddress::Udp(endpoint) => Some(Dialer::new(endpoint, UDP_PORT, policy.clone())),
        SyslogAddress::Unix(_) => None,
    })
}

#[derive(Debug)]
enum SyslogConnection {
    Datagram(DatagramSocket),
    Stream(StreamSocket),
}

impl SyslogConnection {
    fn is_usable(&mut self) -> bool {
        match self {
            Self::Datagram(socket) => socket.is_fresh(),
            Self::Stream(stream) => stream.is_open(),
        }
    }
}

impl BlockingDelivery for SyslogClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let kept = self.connection.take().and_then(|mut kept| kept.is_usable().then_some(kept));
        let connection = match kept {
            Some(kept) => kept,
            None => self.connect().map_err(SinkError::retryable)?,
        };
        match connection {
            SyslogConnection::Datagram(socket) => self.send_datagrams(socket, &payload),
            SyslogConnection::Stream(stream) => self.write_frames(stream, &payload),
        }
    }
}

impl SyslogClient {
    pub(crate) fn new(options: ClientOptions, dialer: Option<Dialer>, opened: SinkCounter) -> Self {
        Self { options, dialer, connection: None, frames: Frames::default(), opened }
    }

    fn connect(&mut self) -> Result<SyslogConnection, Box<dyn std::error::Error + Send + Sync>> {
        let deadline = Instant::now() + self.options.connect_timeout;
        let connection = match (&self.options.destination, &mut self.dialer) {
            (SyslogAddress::Unix(name), _) => self.connect_unix(name)?,
            (SyslogAddress::Udp(_), Some(dialer)) => {
                let addresses = dialer.addresses(deadline)?;
                self.connect_udp(&addresses)?
            }
            (_, Some(dialer)) => SyslogConnection::Stream(StreamSocket::Network(dialer.dial(deadline)?)),
            (_, None) => return Err(self.connect_error(io::ErrorKind::Unsupported.into()).into()),
        };
        self.opened.add(1);
        Ok(connection)
    }

    /// A socket for the first address: datagrams show only later that nobody receives them.
    fn connect_udp(&self, addresses: &[SocketAddr]) -> Result<SyslogConnection, SyslogError> {
        let address = addresses.first().copied().ok_or(io::ErrorKind::NotFound.into());
        let socket = address.and_then(|address| DatagramSocket::udp(address, self.options.write_timeout));
        socket.map(SyslogConnection::Datagram).map_err(|source| self.connect_error(source))
    }

    /// Datagrams where the socket takes them, else a stream.
    fn connect_unix(&self, name: &UnixName) -> Result<SyslogConnection, SyslogError> {
        let socket = match DatagramSocket::unix(name, self.options.write_timeout) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::PROTOTYPE) => {
                StreamSocket::unix(name, self.options.connect_timeout).map(SyslogConnection::Stream)
            }
            other => other.map(SyslogConnection::Datagram),
        };
        socket.map_err(|source| self.connect_error(source))
    }

    fn connect_error(&self, source: io::Error) -> SyslogError {
        SyslogError::Connect { destination: self.destination(), source }
    }

    fn destination(&self) -> String {
        self.options.destination.to_string()
    }

    /// Writes the frames of a payload. If the connection breaks meanwhile, nothing of the payload counts as delivered: what the system
    /// had taken may not have arrived. If the receiver is slow, the records count that the system has taken, because it still sends them.
    fn write_frames(&mut self, mut stream: StreamSocket, payload: &Payload) -> Result<(), SinkError> {
        let framing = match stream {
            StreamSocket::Network(_) => Framing::OctetCounting,
            StreamSocket::Unix(_) => Framing::LineFeed,
        };
        self.frames.fill(payload, self.options.framing.unwrap_or(framing));
        let deadline = Instant::now() + self.options.write_timeout;
        match stream.write_all_by(self.frames.bytes(), deadline) {
            Ok(()) if stream.is_open() => {
                self.connection = Some(SyslogConnection::Stream(stream));
                Ok(())
            }
            Ok(()) => Err(SinkError::retryable(SyslogError::Closed { destination: self.destination() })),
            Err(error) => Err(self.write_error(error, payload)),
        }
    }

    fn write_error(&self, WriteError { written, source }: WriteError, payload: &Payload) -> SinkError {
        let destination = self.destination();
        if !matches!(source.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
            return SinkError::retryable(SyslogError::Send { destination, source });
        }
        let timeout = SyslogError::Timeout { destination, limit: self.options.write_timeout };
        let source = SinkError::retryable(timeout);
        match self.frames.whole(written) {
            0 => source,
            records => {
                let bytes =
                    (0..records).filter_map(|index| payload.record(index)).map(|record| record.len() as u64).sum();
                SinkError::Partial { records: records as u64, bytes, source: Box::new(source) }
            }
        }
    }

    /// Sends the records of a payload, each as a datagram.
    fn send_datagrams(&mut self, mut socket: DatagramSocket, payload: &Payload) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.options.write_timeout;
        let count = payload.marked_records();
        let mut too_long = Vec::new();
        for (index, record) in (0..count).filter_map(|index| Some((index, payload.record(index)?))) {
            match self.send_or_reconnect(&mut socket, record, deadline) {
                Ok(()) => {}
                Err(DatagramError::TooLong) => too_long.push(index),
                Err(error) => return Err(self.datagram_error(error, index, count, too_long)),
            }
        }
        if let Some(error) = socket.late_error() {
            return Err(self.datagram_error(error, count, count, too_long));
        }
        self.connection = Some(SyslogConnection::Datagram(socket));
        if too_long.is_empty() {
            return Ok(());
        }
        Err(SinkError::rejected(too_long, SyslogError::TooLong { destination: self.destination() }))
    }

    /// A receiver on this machine that was started again has a new socket under its name.
    fn send_or_reconnect(
        &mut self,
        socket: &mut DatagramSocket,
        record: &[u8],
        deadline: Instant,
    ) -> Result<(), DatagramError> {
        let gone = match socket.send(record, deadline) {
            Err(DatagramError::Gone(error)) => error,
            other => return other,
        };
        match self.connect() {
            Ok(SyslogConnection::Datagram(new)) => *socket = new,
            Ok(SyslogConnection::Stream(_)) | Err(_) => return Err(DatagramError::Other(gone)),
        }
        socket.send(record, deadline)
    }

    /// The error of the datagram `index`: it and all behind it are not sent. A refusal is the answer to the datagram in front of it.
    fn datagram_error(&self, error: DatagramError, index: usize, count: usize, too_long: Vec<usize>) -> SinkError {
        let destination = self.destination();
        let (first, source) = match error {
            DatagramError::Refused(source) => (index.saturating_sub(1), source),
            DatagramError::Gone(source) | DatagramError::Other(source) => (index, source),
            DatagramError::TooLong => (index, Errno::MSGSIZE.into()),
        };
        let source = match source.kind() {
            io::ErrorKind::WouldBlock => SyslogError::Timeout { destination, limit: self.options.write_timeout },
            _ => SyslogError::Send { destination, source },
        };
        if first == 0 {
            return SinkError::retryable(source);
        }
        let retryable = (first..count).filter(|index| !too_long.contains(index)).collect();
        SinkError::PerRecord { rejected: too_long, retryable, retry_after: None, source: source.into() }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
