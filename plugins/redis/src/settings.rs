//! The settings of the sink.

use std::{ops::RangeInclusive, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    settings::{Endpoint, SecretRef, duration, size_bytes, write_duration, write_size},
};
use fapilog_sink_network::{
    address::{AddressPolicy, AddressRange},
    dial::Dialer,
    tls::TlsSettings,
};
use serde::Deserialize;

use crate::template::{STREAM_RULE, StreamTemplate};

const SCHEMES: [&str; 2] = ["rediss", "redis"];
const PORT: u16 = 6379;
const PAYLOAD_BYTES: RangeInclusive<usize> = 1 << 10..=16 << 20;
/// The longest one: the system's clock has an end, beyond which no deadline is.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
const STREAMS: RangeInclusive<usize> = 1..=10_000;

/// The settings of the sink `redis`.
///
/// ```
/// use fapilog_redis::RedisSettings;
///
/// let mut settings = RedisSettings::default();
/// settings.url = "rediss://redis.example.com".to_owned();
/// settings.stream = "logs:{tags.service}".to_owned();
/// settings.max_events = Some(1_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisSettings {
    /// `rediss://HOST:PORT` with TLS, or `redis://HOST:PORT`. Without a port: 6379.
    pub url: String,
    /// The user of the server's access control list. Without it, the password is that of the user `default`.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretRef>,
    /// The number of the database.
    pub database: u32,
    /// The key of the stream, with placeholders such as `{level}` and `{tags.region}`. Default: `fapilog`.
    pub stream: String,
    /// The number of streams that the placeholders may make, for each shard. Events of further streams go to that with `other` in place of
    /// each value. Default: 100.
    pub streams_max: usize,
    /// The number of events that a stream keeps, about: the server removes the oldest ones. Default: all.
    pub max_events: Option<u64>,
    /// The name of the entry's field with the formatter's line, without its line feed. Default: `event`.
    pub event_field: String,
    /// The name of the entry's field with the event's id, by which a reader drops duplicates. Default: `id`. Empty: there is none.
    pub id_field: String,
    /// Certificates of `rediss://`.
    pub tls: Option<TlsSettings>,
    /// Hosts that are reached without TLS, besides loopback.
    pub allow_plaintext_hosts: Vec<String>,
    /// Addresses and networks that would be refused.
    pub allow_addresses: Vec<AddressRange>,
    /// The time limit of a connection, with its TLS handshake and the password. Default: 5 s.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The time limit of a payload: from its first byte to the last reply. Default: 10 s.
    #[serde(with = "duration")]
    pub reply_timeout: Duration,
    /// The length of a full payload: 1 KiB to 16 MiB. Default: 256 KiB.
    #[serde(with = "size_bytes")]
    pub payload_bytes: usize,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            username: None,
            password: None,
            database: 0,
            stream: "fapilog".to_owned(),
            streams_max: 100,
            max_events: None,
            event_field: "event".to_owned(),
            id_field: "id".to_owned(),
            tls: None,
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(10),
            payload_bytes: 256 << 10,
        }
    }
}

/// Settings that are valid.
#[derive(Debug, Clone)]
pub(crate) struct RedisTarget {
    pub(crate) endpoint: Endpoint,
    pub(crate) stream: StreamTemplate,
    pub(crate) settings: RedisSettings,
}

impl RedisTarget {
    /// All errors at once.
    pub(crate) fn new(settings: &RedisSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.own_problems();
        let endpoint = keep(settings.endpoint(), &mut problems);
        let stream = keep(settings.stream_template(), &mut problems);
        if let Some(endpoint) = &endpoint {
            problems.extend(settings.problems_beside(endpoint));
        }
        match (endpoint, stream) {
            (Some(endpoint), Some(stream)) if problems.is_empty() => {
                Ok(Self { endpoint, stream, settings: settings.clone() })
            }
            _ => Err(problems),
        }
    }

    /// Reads the certificates.
    pub(crate) fn dialer(&self) -> Result<Dialer, Vec<Problem>> {
        let policy = AddressPolicy::default().allow(self.settings.allow_addresses.iter().copied());
        let dialer = Dialer::new(&self.endpoint, PORT, policy);
        Ok(if self.endpoint.is_tls() { dialer.tls(self.settings.load_tls()?) } else { dialer })
    }

    /// The URL.
    pub(crate) fn destination(&self) -> String {
        self.endpoint.to_string().trim_end_matches('/').to_owned()
    }
}

fn keep<T>(result: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

impl RedisSettings {
    fn endpoint(&self) -> Result<Endpoint, Problem> {
        if self.url.is_empty() {
            let allowed = "it must be given, such as \"rediss://redis.example.com\"";
            return Err(Problem::new("url", "missing", allowed));
        }
        let endpoint = Endpoint::parse(&self.url, &SCHEMES, &self.allow_plaintext_hosts);
        let endpoint = endpoint.map_err(|problem| problem.below("url"))?;
        if endpoint.path_and_query() != "/" {
            let allowed = "it must be a scheme, a host and a port; the number of the database is the setting database";
            return Err(Problem::new("url", format!("{:?}", self.url), allowed).beside("database"));
        }
        Ok(endpoint)
    }

    fn stream_template(&self) -> Result<StreamTemplate, Problem> {
        StreamTemplate::parse(&self.stream)
            .ok_or_else(|| Problem::new("stream", format!("{:?}", self.stream), STREAM_RULE))
    }

    fn own_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (setting, time) in [("connect_timeout", self.connect_timeout), ("reply_timeout", self.reply_timeout)] {
            if !TIMEOUTS.contains(&time) {
                problems.push(Problem::new(setting, write_duration(time), "it must be from 1ms to 1d"));
            }
        }
        if !PAYLOAD_BYTES.contains(&self.payload_bytes) {
            let allowed = "it must be from 1 KiB to 16 MiB";
            problems.push(Problem::new("payload_bytes", write_size(self.payload_bytes), allowed));
        }
        if !STREAMS.contains(&self.streams_max) {
            problems.push(Problem::new("streams_max", self.streams_max, "it must be from 1 to 10000"));
        }
        if self.max_events == Some(0) {
            problems.push(Problem::new("max_events", 0, "it must be at least 1; leave it out to keep all events"));
        }
        if self.event_field.is_empty() {
            problems.push(Problem::new("event_field", "\"\"", "it must be a name"));
        }
        if self.event_field == self.id_field {
            let allowed = "it must be another name than event_field";
            problems.push(Problem::new("id_field", format!("{:?}", self.id_field), allowed).beside("event_field"));
        }
        if let (Some(name), None) = (&self.username, &self.password) {
            let allowed = "it needs a password";
            problems.push(Problem::new("username", format!("{name:?}"), allowed).beside("password"));
        }
        problems
    }

    fn problems_beside(&self, endpoint: &Endpoint) -> Vec<Problem> {
        match (endpoint.is_tls(), &self.tls) {
            (true, _) => self.load_tls().err().unwrap_or_default(),
            (false, Some(_)) => vec![Problem::new("tls", "given", "a rediss:// URL alone has it").beside("url")],
            (false, None) => Vec::new(),
        }
    }

    fn load_tls(&self) -> Result<fapilog_sink_network::tls::Tls, Vec<Problem>> {
        let loaded = self.tls.clone().unwrap_or_default().load();
        loaded.map_err(|problems| problems.into_iter().map(|problem| problem.below("tls")).collect())
    }
}
