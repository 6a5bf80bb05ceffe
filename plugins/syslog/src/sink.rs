//! The sink.

use std::time::Duration;

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    problem::{Problem, SettingsError},
    settings::{write_duration, write_size},
    sink::{
        Assurances, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkCounter, SinkError, SinkFactory,
        SinkPlace,
    },
    timestamp::Timestamp,
};
use fapilog_sink_network::{
    address::{AddressPolicy, AddressRange},
    dial::Dialer,
    tls::TlsSettings,
};

use crate::{
    SyslogFormat,
    message::MessageWriter,
    transport::{ClientOptions, Framing, SyslogAddress, SyslogClient, dialer},
};

/// Name of the counter of messages that were longer than `max_message_bytes`.
const TRUNCATED: &str = "messages_truncated";
/// Name of the counter of connections.
const OPENED: &str = "connections_opened";

/// The message that every receiver of datagrams should accept: RFC 5426, section 3.2.
const UDP_BYTES: usize = 2048;
/// The data of the longest UDP datagram over IPv4.
const UDP_BYTES_MAX: usize = 65_507;

/// The longest one: the system's clock has an end, beyond which no deadline is.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

const PAYLOAD_BYTES: std::ops::RangeInclusive<usize> = 1 << 10..=16 << 20;

/// Sends events to a receiver of syslog.
///
/// Over UDP and to a Unix socket, an event is delivered when it is sent; over TCP and TLS, when the system has taken its payload and the
/// receiver had the connection still open. Syslog has no acknowledgements.
///
/// ```no_run
/// use std::time::Duration;
/// use fapilog_plugin::sink::SinkFactory;
/// use fapilog_syslog::{Facility, Syslog, SyslogFormat};
///
/// let format = SyslogFormat::rfc5424().facility(Facility::Local0).app_name("shop").sd_id("shop@32473");
/// let sink = Syslog::new("tls://logs.example.com:6514", format).write_timeout(Duration::from_secs(5));
/// assert!(sink.check().is_empty());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Syslog {
    url: String,
    format: SyslogFormat,
    allow_plaintext_hosts: Vec<String>,
    allow_addresses: Vec<AddressRange>,
    framing: Option<Framing>,
    tls: Option<TlsSettings>,
    connect_timeout: Duration,
    write_timeout: Duration,
    payload_bytes: usize,
}

impl Syslog {
    /// A sink to the receiver at `url`: `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT`, `unix:///PATH`, or `unix://@NAME` for a
    /// name in Linux's abstract namespace. Ports without a number: 514, 601, 6514.
    pub fn new(url: impl Into<String>, format: SyslogFormat) -> Self {
        Self {
            url: url.into(),
            format,
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            framing: None,
            tls: None,
            connect_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            payload_bytes: 64 << 10,
        }
    }

    /// Sets the hosts that may be reached by UDP and by TCP without TLS, besides loopback. Default: none.
    pub fn allow_plaintext_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.allow_plaintext_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets addresses that may be reached although they are link-local, or of a cloud's metadata service. Default: none.
    pub fn allow_addresses(mut self, addresses: impl IntoIterator<Item = AddressRange>) -> Self {
        self.allow_addresses = addresses.into_iter().collect();
        self
    }

    /// Sets the ends of messages on a stream. Default: octet counting over TCP and TLS, line feeds on a Unix stream.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    /// Sets the certificates of `tls://`. Default: the authorities of the system are trusted.
    pub fn tls(mut self, tls: TlsSettings) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the time limit of a connection, with its TLS handshake. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the time limit in which the receiver takes a payload. Default: 10 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets the length of a full payload: 1 KiB to 16 MiB. Default: 64 KiB.
    pub fn payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = bytes;
        self
    }

    fn destination(&self) -> Result<SyslogAddress, Problem> {
        SyslogAddress::parse(&self.url, &self.allow_plaintext_hosts).map_err(|problem| problem.below("url"))
    }

    fn dialer(&self, destination: &SyslogAddress) -> Result<Option<Dialer>, Vec<Problem>> {
        let tls = self.tls.clone().unwrap_or_default();
        let below = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.below("tls")).collect();
        dialer(destination, &self.policy(), &tls).map_err::<Vec<Problem>, _>(below)
    }

    fn policy(&self) -> AddressPolicy {
        AddressPolicy::default().allow(self.allow_addresses.iter().copied())
    }

    /// Settings that the destination has no use for, and messages that it cannot take.
    fn problems_beside(&self, destination: &SyslogAddress) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_datagram = destination.is_udp();
        if let Some(framing) = self.framing.filter(|_| is_datagram) {
            problems.push(Problem::new("framing", framing, "a datagram has no frame; leave it out").beside("url"));
        }
        if self.tls.is_some() && !destination.is_tls() {
            problems.push(Problem::new("tls", "given", "a tls:// URL alone has it").beside("url"));
        }
        match self.format.given_bytes_max() {
            Some(bytes) if destination.is_udp() && bytes > UDP_BYTES_MAX => {
                let allowed = format!("a UDP datagram has at most {UDP_BYTES_MAX}");
                problems.push(Problem::new("max_message_bytes", bytes, allowed).beside("url"));
            }
            _ => {}
        }
        problems.extend(self.dialer(destination).err().unwrap_or_default());
        problems
    }

    fn own_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (setting, time) in [("connect_timeout", self.connect_timeout), ("write_timeout", self.write_timeout)] {
            if !TIMEOUTS.contains(&time) {
                problems.push(Problem::new(setting, write_duration(time), "it must be from 1ms to 1d"));
            }
        }
        if !PAYLOAD_BYTES.contains(&self.payload_bytes) {
            let (least, most) = (write_size(*PAYLOAD_BYTES.start()), write_size(*PAYLOAD_BYTES.end()));
            let allowed = format!("it must be from {least} to {most}");
            problems.push(Problem::new("payload_bytes", write_size(self.payload_bytes), allowed));
        }
        problems
    }

    fn default_bytes_max(&self, destination: &SyslogAddress) -> usize {
        let bytes = self.format.default_bytes_max();
        if destination.is_udp() { bytes.min(UDP_BYTES) } else { bytes }
    }
}

impl SinkFactory for Syslog {
    fn check(&self) -> Vec<Problem> {
        let mut problems = self.format.check();
        match self.destination() {
            Ok(destination) => problems.extend(self.problems_beside(&destination)),
            Err(problem) => problems.push(problem),
        }
        problems.extend(self.own_problems());
        problems
    }

    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let invalid = |problems| SinkError::permanent(SettingsError { problems });
        let destination = self.destination().map_err(|problem| invalid(vec![problem]))?;
        let dialer = self.dialer(&destination).map_err(invalid)?;
        let writer = self.format.writer(self.default_bytes_max(&destination), destination.is_unix());
        let options = ClientOptions {
            destination: destination.clone(),
            framing: self.framing,
            connect_timeout: self.connect_timeout,
            write_timeout: self.write_timeout,
        };
        let opened = context.counter(OPENED);
        let thread = DeliveryThread::start("fapilog-syslog", move || Ok(SyslogClient::new(options, dialer, opened)))?;
        let truncated = context.counter(TRUNCATED);
        Ok(Box::new(SyslogSink { destination, writer, thread, payload_bytes: self.payload_bytes, truncated }))
    }

    fn assurances(&self) -> Assurances {
        let place = match self.destination() {
            Ok(SyslogAddress::Unix(_)) => SinkPlace::Local,
            Ok(SyslogAddress::Udp(endpoint) | SyslogAddress::Tcp(endpoint) | SyslogAddress::Tls(endpoint)) => {
                SinkPlace::Network { host: endpoint.host().to_owned(), is_encrypted: endpoint.is_tls() }
            }
            Err(_) => SinkPlace::Unknown,
        };
        Assurances::unknown().place(place)
    }
}

/// A shard's end.
struct SyslogSink {
    destination: SyslogAddress,
    writer: MessageWriter,
    thread: DeliveryThread,
    payload_bytes: usize,
    truncated: SinkCounter,
}

impl Sink for SyslogSink {
    fn writer(&self) -> String {
        format!("syslog to {}", self.destination)
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.writer.begin_batch();
        for index in 0..batch.len() {
            let is_cut = self.writer.put_event(batch, index, payload.buffer())?;
            payload.end_record();
            self.truncated.add(u64::from(is_cut));
        }
        Ok(())
    }

    /// Each record is a message, or the text of one.
    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        let now = now();
        let mut append = |record: &[u8]| {
            let is_cut = self.writer.put_rendered(now, record, payload.buffer());
            payload.end_record();
            self.truncated.add(u64::from(is_cut));
        };
        if records.marked_records() > 0 {
            (0..records.marked_records()).filter_map(|index| records.record(index)).for_each(&mut append);
        } else {
            records.records().split_inclusive(|byte| *byte == b'\n').for_each(&mut append);
        }
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
