//! The settings of the sink.

use std::{ops::RangeInclusive, time::Duration};

use fapilog_plugin::{
    named_enum,
    problem::Problem,
    settings::{Endpoint, SecretRef, duration, size_bytes, write_duration, write_size},
};
use fapilog_sink_network::{
    address::AddressRange,
    tls::{Tls, TlsSettings},
};
use serde::Deserialize;

use crate::subject::{SUBJECT_RULE, SubjectTemplate, is_subject};

/// `tls` is with TLS. `nats` is without, unless the server asks for it.
pub(crate) const SCHEMES: [&str; 2] = ["tls", "nats"];
const SERVERS_MAX: usize = 64;
const PAYLOAD_BYTES: RangeInclusive<usize> = 1 << 10..=16 << 20;
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const SUBJECTS: RangeInclusive<usize> = 1..=100_000;
const IN_FLIGHT: RangeInclusive<usize> = 1..=65_536;

named_enum! {
    /// The answer that an event counts as delivered by.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum NatsAcknowledgement {
        /// A stream of JetStream has the message.
        #[default]
        Stream = "stream",
        /// The server has read the message.
        None = "none",
    }
}

/// The settings of the sink `nats`.
///
/// ```
/// use fapilog_nats::NatsSettings;
///
/// let mut settings = NatsSettings::default();
/// settings.servers = vec!["tls://nats-1.example.com".to_owned(), "tls://nats-2.example.com".to_owned()];
/// settings.subject = "logs.{source}.{level}".to_owned();
/// settings.expected_stream = Some("LOGS".to_owned());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NatsSettings {
    /// The servers of a cluster: `tls://HOST:PORT` with TLS, or `nats://HOST:PORT`. Without a port: 4222.
    pub servers: Vec<String>,
    /// Whether servers that `INFO` names are used too. Default: true.
    pub discover_servers: bool,
    /// The answer that an event counts as delivered by. Default: that of a stream.
    pub acknowledgement: NatsAcknowledgement,
    /// The subject, with placeholders such as `{level}` and `{tags.region}`. Default: `fapilog`.
    pub subject: String,
    /// The number of subjects that the placeholders may make, for each shard. Events of further subjects go to that with `other` in place of
    /// each value. Default: 1000.
    pub subjects_max: usize,
    /// Whether a message has its event's id in the header `Nats-Msg-Id`, by which a stream drops duplicates. Default: true.
    pub message_id: bool,
    /// The name of the stream that must take the messages (`Nats-Expected-Stream`). Default: any.
    pub expected_stream: Option<String>,
    /// The name of the connection, for operators of the server. Default: `fapilog`.
    pub name: String,
    /// The front of the subject of acknowledgements. Default: `_INBOX`.
    pub inbox_prefix: String,
    /// The user.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretRef>,
    /// A token.
    pub token: Option<SecretRef>,
    /// The seed of the user's key (nkey), such as `SUA…`.
    pub nkey_seed: Option<SecretRef>,
    /// A credentials file: a JWT with the seed of its key.
    pub credentials: Option<SecretRef>,
    /// Certificates of `tls://`, and of a server that asks for TLS.
    pub tls: Option<TlsSettings>,
    /// Whether the TLS handshake comes before `INFO`, as the server's `handshake_first` has it. Default: false.
    pub tls_first: bool,
    /// Hosts that are reached without TLS, besides loopback.
    pub allow_plaintext_hosts: Vec<String>,
    /// Addresses and networks that would be refused.
    pub allow_addresses: Vec<AddressRange>,
    /// The time limit of a connection to one of the servers, all of them together: with TLS and the authentication. Default: 5 s.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The time limit of a payload: from its first byte to the last acknowledgement. Default: 10 s.
    #[serde(with = "duration")]
    pub reply_timeout: Duration,
    /// The number of messages whose acknowledgements are waited for at a time: 1 to 65536. Default: 4096.
    pub in_flight_max: usize,
    /// The length of a full payload: 1 KiB to 16 MiB. Default: 256 KiB.
    #[serde(with = "size_bytes")]
    pub payload_bytes: usize,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            discover_servers: true,
            acknowledgement: NatsAcknowledgement::Stream,
            subject: "fapilog".to_owned(),
            subjects_max: 1000,
            message_id: true,
            expected_stream: None,
            name: "fapilog".to_owned(),
            inbox_prefix: "_INBOX".to_owned(),
            username: None,
            password: None,
            token: None,
            nkey_seed: None,
            credentials: None,
            tls: None,
            tls_first: false,
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(10),
            in_flight_max: 4096,
            payload_bytes: 256 << 10,
        }
    }
}

/// Settings that are valid.
#[derive(Debug, Clone)]
pub(crate) struct NatsTarget {
    /// At least one.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) subject: SubjectTemplate,
    pub(crate) settings: NatsSettings,
}

impl NatsTarget {
    /// All errors at once.
    pub(crate) fn new(settings: &NatsSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.own_problems();
        let endpoints = settings.endpoints(&mut problems);
        let subject = SubjectTemplate::parse(&settings.subject);
        if subject.is_none() {
            problems.push(Problem::new("subject", format!("{:?}", settings.subject), SUBJECT_RULE));
        }
        problems.extend(settings.authentication_problems());
        if let Err(found) = settings.load_tls(&endpoints) {
            problems.extend(found);
        }
        match subject {
            Some(subject) if problems.is_empty() => Ok(Self { endpoints, subject, settings: settings.clone() }),
            _ => Err(problems),
        }
    }

    /// Reads the certificates, if a server may need them.
    pub(crate) fn tls(&self) -> Result<Option<Tls>, Vec<Problem>> {
        self.settings.load_tls(&self.endpoints)
    }

    /// The URLs.
    pub(crate) fn destination(&self) -> String {
        let urls: Vec<_> = self.endpoints.iter().map(url_of).collect();
        urls.join(", ")
    }
}

/// The URL of a server.
pub(crate) fn url_of(endpoint: &Endpoint) -> String {
    endpoint.to_string().trim_end_matches('/').to_owned()
}

impl NatsSettings {
    fn endpoints(&self, problems: &mut Vec<Problem>) -> Vec<Endpoint> {
        if self.servers.is_empty() || self.servers.len() > SERVERS_MAX {
            let allowed = "it must have 1 to 64 URLs, such as [\"tls://nats.example.com\"]";
            let value = if self.servers.is_empty() { "missing".to_owned() } else { self.servers.len().to_string() };
            problems.push(Problem::new("servers", value, allowed));
        }
        let mut endpoints = Vec::new();
        for (index, url) in self.servers.iter().enumerate() {
            let path = format!("servers.{index}");
            match Endpoint::parse(url, &SCHEMES, &self.allow_plaintext_hosts) {
                Err(problem) => problems.push(problem.below(&path)),
                Ok(endpoint) if endpoint.path_and_query() != "/" => {
                    problems.push(Problem::new(path, format!("{url:?}"), "it must be a scheme, a host and a port"));
                }
                Ok(endpoint) => endpoints.push(endpoint),
            }
        }
        if self.tls_first && endpoints.iter().any(|endpoint| !endpoint.is_tls()) {
            problems.push(Problem::new("tls_first", true, "each server must have a tls:// URL then").beside("servers"));
        }
        endpoints
    }

    fn own_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (setting, time) in [("connect_timeout", self.connect_timeout), ("reply_timeout", self.reply_timeout)] {
            if time < TIMEOUT_MIN {
                problems.push(Problem::new(setting, write_duration(time), "it must be at least 1ms"));
            }
        }
        if !PAYLOAD_BYTES.contains(&self.payload_bytes) {
            let allowed = "it must be from 1 KiB to 16 MiB";
            problems.push(Problem::new("payload_bytes", write_size(self.payload_bytes), allowed));
        }
        if !SUBJECTS.contains(&self.subjects_max) {
            problems.push(Problem::new("subjects_max", self.subjects_max, "it must be from 1 to 100000"));
        }
        if !IN_FLIGHT.contains(&self.in_flight_max) {
            problems.push(Problem::new("in_flight_max", self.in_flight_max, "it must be from 1 to 65536"));
        }
        if self.inbox_prefix.len() > 64 || !is_subject(self.inbox_prefix.as_bytes()) {
            let allowed = "it must be a subject of 64 bytes at most, without wildcards";
            problems.push(Problem::new("inbox_prefix", format!("{:?}", self.inbox_prefix), allowed));
        }
        problems.extend(self.expected_stream.as_deref().and_then(|stream| self.stream_problem(stream)));
        problems
    }

    fn stream_problem(&self, stream: &str) -> Option<Problem> {
        let is_name = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'.' | b'*' | b'>' | b'/' | b'\\');
        let value = || format!("{stream:?}");
        if stream.is_empty() || stream.len() > 255 || !stream.bytes().all(is_name) {
            let allowed = "it must be the name of a stream: without spaces, dots, wildcards and slashes";
            return Some(Problem::new("expected_stream", value(), allowed));
        }
        let allowed = "it needs acknowledgement = \"stream\": without it, no stream is asked";
        let is_unused = self.acknowledgement == NatsAcknowledgement::None;
        is_unused.then(|| Problem::new("expected_stream", value(), allowed).beside("acknowledgement"))
    }

    fn authentication_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let given = [
            ("username", self.username.is_some()),
            ("token", self.token.is_some()),
            ("nkey_seed", self.nkey_seed.is_some()),
            ("credentials", self.credentials.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, is_given)| *is_given);
        if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
            let allowed = format!("{first} is given too; a connection has one kind of authentication");
            problems.push(Problem::new(second, "given", allowed).beside(first));
        }
        match (&self.username, &self.password) {
            (Some(name), None) => {
                let problem = Problem::new("username", format!("{name:?}"), "it needs a password");
                problems.push(problem.beside("password"));
            }
            (None, Some(password)) => {
                problems.push(Problem::new("password", password, "it needs a username").beside("username"));
            }
            _ => {}
        }
        problems
    }

    /// The certificates of `tls://`. For `nats://`, they are those of a server that asks for TLS, and only if they are given: the system may
    /// have none.
    fn load_tls(&self, endpoints: &[Endpoint]) -> Result<Option<Tls>, Vec<Problem>> {
        if self.tls.is_none() && !endpoints.iter().any(Endpoint::is_tls) {
            return Ok(None);
        }
        let loaded = self.tls.clone().unwrap_or_default().load();
        let below = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.below("tls")).collect();
        loaded.map(Some).map_err(below)
    }
}
