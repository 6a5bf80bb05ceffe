//! The settings of the sink.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fapilog_plugin::{
    event::FieldPath,
    named_enum,
    problem::Problem,
    settings::{SecretRef, duration, size_bytes, write_duration, write_size},
};
use fapilog_sink_http::settings::{AuthSettings, BodyCompression, HttpSettings, HttpTarget};

/// The front of all paths of the collector.
const COLLECTOR: &str = "/services/collector";

/// The longest text of `host`, `source`, `sourcetype` and `index`.
const NAME_BYTES_MAX: usize = 1024;

const HOUR: Duration = Duration::from_secs(3600);

named_enum! {
    /// An endpoint of the collector.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum HecEndpoint {
        /// JSON objects with time and metadata for each event.
        #[default]
        Event = "event",
        /// Lines, with metadata for all of them.
        Raw = "raw",
    }
}

fapilog_sink_http::http_settings! {
    /// The settings of the sink `splunk`: these, and those of [all HTTP sinks](fapilog_sink_http::settings).
    ///
    /// The credentials are `token`, and not `auth`; the compression is `compression`, and not `request.compression`.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct SplunkSettings {
        /// The HEC token.
        pub token: Option<SecretRef>,
        /// The endpoint.
        pub endpoint: HecEndpoint,
        /// The `host` of events. If it is not given, the name of the machine.
        pub host: Option<String>,
        /// The field whose value is the `host` of an event that has it.
        pub host_field: Option<String>,
        /// The `source` of events. If it is not given, that of the token.
        pub source: Option<String>,
        /// The field whose value is the `source` of an event that has it.
        pub source_field: Option<String>,
        /// The `sourcetype` of events. Empty: that of the token.
        pub sourcetype: String,
        /// The field whose value is the `sourcetype` of an event that has it.
        pub sourcetype_field: Option<String>,
        /// The `index` of events. If it is not given, that of the token.
        pub index: Option<String>,
        /// The field whose value is the `index` of an event that has it.
        pub index_field: Option<String>,
        /// The fields that are indexed, such as `tags.region`.
        pub fields: Vec<String>,
        /// The compression of requests: `gzip` or `none`.
        pub compression: BodyCompression,
        /// Whether events are delivered when the indexers acknowledge them, and not before.
        pub acks: bool,
        /// How long the sink waits for an acknowledgement.
        #[serde(with = "duration")]
        pub ack_timeout: Duration,
        /// The time between two queries of an acknowledgement.
        #[serde(with = "duration")]
        pub ack_interval: Duration,
        /// The longest request, before compression, that the collector takes.
        #[serde(with = "size_bytes")]
        pub max_content_length: usize,
    }
}

impl Default for SplunkSettings {
    /// The endpoint `event`, sourcetype `_json`, gzip, no acknowledgement (else within 60 s, asked for every second), requests up to 1 MB.
    fn default() -> Self {
        Self {
            token: None,
            endpoint: HecEndpoint::Event,
            host: None,
            host_field: None,
            source: None,
            source_field: None,
            sourcetype: "_json".to_owned(),
            sourcetype_field: None,
            index: None,
            index_field: None,
            fields: Vec::new(),
            compression: BodyCompression::Gzip,
            acks: false,
            ack_timeout: Duration::from_secs(60),
            ack_interval: Duration::from_secs(1),
            max_content_length: 1_000_000,
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: BTreeMap::new(),
            request: Default::default(),
            batch: Default::default(),
        }
    }
}

/// The destinations of a sink's requests.
#[derive(Debug)]
pub(crate) struct HecTargets {
    pub(crate) events: HttpTarget,
    /// Without compression: Splunk documents it for events alone.
    pub(crate) acks: Option<HttpTarget>,
}

impl SplunkSettings {
    /// The destinations, and all that is invalid.
    pub(crate) fn targets(&self) -> Result<HecTargets, Vec<Problem>> {
        let mut problems = self.check();
        let mut http = self.client();
        http.url = self.url_of(self.endpoint.name(), &mut problems);
        let events = http.target().map_err(|found| problems.extend(found.into_iter().map(of_client)));
        let (Ok(events), true) = (events, problems.is_empty()) else { return Err(problems) };
        let mut acks = None;
        if self.acks {
            http.request.compression = BodyCompression::None;
            http.request.compression_level = None;
            http.url = self.url_of("ack", &mut problems);
            acks = Some(http.target()?);
        }
        Ok(HecTargets { events: events.batch_at_most(usize::MAX, self.max_content_length), acks })
    }

    /// The host of events without one of their own.
    pub(crate) fn host_name(&self) -> String {
        let of_machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.host.clone().unwrap_or_else(of_machine)
    }

    /// The fields that are indexed.
    pub(crate) fn indexed_fields(&self) -> Vec<FieldPath> {
        self.fields.iter().map(|path| FieldPath::from(path.as_str())).collect()
    }

    fn client(&self) -> HttpSettings {
        let mut http = self.http();
        let credentials = |token| AuthSettings::header("authorization", "Splunk ", token);
        http.auth = self.token.clone().map_or_else(AuthSettings::default, credentials);
        http.request.compression = self.compression;
        http
    }

    /// The URL of an endpoint: `url` may be the server, a path in front of the collector, or the endpoint itself.
    fn url_of(&self, endpoint: &str, problems: &mut Vec<Problem>) -> String {
        if self.url.is_empty() {
            return String::new();
        }
        let own = format!("{COLLECTOR}/{}", self.endpoint);
        let base = self.url.trim_end_matches('/');
        let base = base.strip_suffix(own.as_str()).or_else(|| base.strip_suffix(COLLECTOR)).unwrap_or(base);
        if base.contains(COLLECTOR) || base.contains(['?', '#']) {
            let allowed = format!("it must be the URL of the server, without a query; the sink adds {own}");
            problems.push(Problem::new("url", format!("{:?}", self.url), allowed).beside("endpoint"));
        }
        format!("{base}{COLLECTOR}/{endpoint}")
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.token.is_none() {
            let allowed = "it must be a reference to a HEC token, such as \"${SPLUNK_TOKEN}\"";
            problems.push(Problem::new("token", "missing", allowed));
        }
        if !self.auth.is_none() {
            problems.push(Problem::new("auth", "[redacted]", "the credentials are the setting token"));
        }
        if self.request.compression != BodyCompression::None {
            let allowed = "the compression is the setting compression of the sink";
            problems.push(Problem::new("request.compression", self.request.compression, allowed));
        }
        if self.compression == BodyCompression::Zstd {
            problems.push(Problem::new("compression", self.compression, "Splunk takes gzip and none"));
        }
        self.check_names(&mut problems);
        self.check_fields(&mut problems);
        self.check_limits(&mut problems);
        problems
    }

    fn check_names(&self, problems: &mut Vec<Problem>) {
        let names = [
            ("host", self.host.as_deref()),
            ("source", self.source.as_deref()),
            ("sourcetype", Some(&*self.sourcetype).filter(|name| !name.is_empty())),
            ("index", self.index.as_deref()),
        ];
        for (setting, name) in names {
            let Some(name) = name else { continue };
            if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
                let allowed = format!("it must be a text of 1 to {NAME_BYTES_MAX} bytes without control characters");
                problems.push(Problem::new(setting, format!("{name:?}"), allowed));
            }
        }
    }

    fn check_fields(&self, problems: &mut Vec<Problem>) {
        let paths = [
            ("host_field", &self.host_field),
            ("source_field", &self.source_field),
            ("sourcetype_field", &self.sourcetype_field),
            ("index_field", &self.index_field),
        ];
        let is_raw = self.endpoint == HecEndpoint::Raw;
        let of_event_alone = "the endpoint raw has the same metadata for all events";
        for (setting, path) in paths {
            match path.as_deref() {
                Some(path) if is_raw => problems.push(Problem::new(setting, path, of_event_alone).beside("endpoint")),
                Some("") => problems.push(Problem::new(setting, "\"\"", "it must be the path of a field")),
                _ => {}
            }
        }
        if is_raw && !self.fields.is_empty() {
            let allowed = "the endpoint raw has no indexed fields of events";
            problems.push(Problem::new("fields", self.fields.join(", "), allowed).beside("endpoint"));
        }
        let mut names = BTreeSet::new();
        for (index, path) in self.indexed_fields().iter().enumerate() {
            if path.name().is_empty() || !names.insert(path.name().to_owned()) {
                let allowed = "it must be the path of a field whose name no other one has, such as tags.region";
                problems.push(Problem::new(format!("fields[{index}]"), path, allowed));
            }
        }
    }

    fn check_limits(&self, problems: &mut Vec<Problem>) {
        if !(Duration::from_millis(10)..=HOUR).contains(&self.ack_timeout) {
            let value = write_duration(self.ack_timeout);
            problems.push(Problem::new("ack_timeout", value, "allowed are 10ms to 1h"));
        }
        if self.ack_interval < Duration::from_millis(1) || self.ack_interval > self.ack_timeout {
            let value = write_duration(self.ack_interval);
            problems.push(Problem::new("ack_interval", value, "allowed are 1ms to ack_timeout").beside("ack_timeout"));
        }
        if !(1024..=64 << 20).contains(&self.max_content_length) {
            let value = write_size(self.max_content_length);
            problems.push(Problem::new("max_content_length", value, "allowed are 1 KiB to 64 MiB"));
        }
    }
}

/// A problem of the client's settings, with the path that the user gave.
fn of_client(mut problem: Problem) -> Problem {
    if problem.path.starts_with("auth.header") {
        problem.path = "token".to_owned();
    }
    problem
}
