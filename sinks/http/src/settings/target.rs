//! The destination of requests.

use std::collections::BTreeMap;

use fapilog_plugin::{
    problem::Problem,
    settings::Endpoint,
    sink::{Assurances, SinkPlace},
};
use fapilog_sink_network::{
    address::{AddressPolicy, AddressRange},
    dial::Dialer,
    tls::{Tls, TlsSettings},
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    client::Credentials,
    settings::{AuthSettings, BatchSettings, HEADER_TEXT_RULE, HttpRequestSettings, header_value},
};

const SCHEMES: [&str; 2] = ["https", "http"];

/// Headers that the client sets itself.
const OWN_HEADERS: [&str; 6] =
    ["connection", "content-encoding", "content-length", "expect", "host", "transfer-encoding"];

/// Whether the client sets this header itself, so that a setting cannot name it.
pub(crate) fn is_own_header(name: &HeaderName) -> bool {
    OWN_HEADERS.contains(&name.as_str())
}

/// The text of a problem with such a header.
pub(crate) const OWN_HEADER_RULE: &str = "the sink sets this header itself";

/// The settings that all HTTP sinks have.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(
    clippy::exhaustive_structs,
    reason = "the macro of another crate makes it; a new field is a new version of both"
)]
pub struct HttpSettings {
    /// Where the requests go.
    pub url: String,
    /// Hosts that are reached without TLS, by name.
    pub allow_plaintext_hosts: Vec<String>,
    /// Addresses and networks that would be refused.
    pub allow_addresses: Vec<AddressRange>,
    /// TLS.
    pub tls: TlsSettings,
    /// Credentials.
    pub auth: AuthSettings,
    /// More headers.
    pub headers: BTreeMap<String, String>,
    /// Time limits and compression.
    pub request: HttpRequestSettings,
    /// The limits of a payload.
    pub batch: BatchSettings,
}

impl HttpSettings {
    /// Settings for this URL, and the defaults for all else.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Reads the URL, the certificates and the credentials.
    ///
    /// # Errors
    /// All problems, with paths relative to the settings of the sink.
    pub fn target(&self) -> Result<HttpTarget, Vec<Problem>> {
        let mut problems = self.check();
        let endpoint = keep(self.endpoint(), &mut problems);
        let headers = keep(self.header_map(), &mut problems);
        let credentials = keep(Credentials::read(&self.auth), &mut problems);
        let tls = match &endpoint {
            Some(endpoint) if endpoint.is_tls() => {
                let below = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.below("tls")).collect();
                keep(self.tls.load().map(Some).map_err::<Vec<_>, _>(below), &mut problems)
            }
            _ => Some(None),
        };
        match (endpoint, headers, credentials, tls) {
            (Some(endpoint), Some(headers), Some(credentials), Some(tls)) if problems.is_empty() => Ok(HttpTarget {
                endpoint,
                policy: AddressPolicy::default().allow(self.allow_addresses.iter().copied()),
                tls,
                credentials,
                headers,
                request: self.request.clone(),
                batch: self.batch.clone(),
            }),
            _ => Err(problems),
        }
    }

    fn check(&self) -> Vec<Problem> {
        let below = |setting: &'static str| move |problem: Problem| problem.below(setting);
        let request = self.request.check().into_iter().map(below("request"));
        let batch = self.batch.check().into_iter().map(below("batch"));
        request.chain(batch).collect()
    }

    fn endpoint(&self) -> Result<Endpoint, Vec<Problem>> {
        if self.url.is_empty() {
            return Err(vec![Problem::new("url", "missing", "it must be a URL that begins with https:// or http://")]);
        }
        Endpoint::parse(&self.url, &SCHEMES, &self.allow_plaintext_hosts).map_err(|problem| vec![problem.below("url")])
    }

    fn header_map(&self) -> Result<HeaderMap, Vec<Problem>> {
        let mut map = HeaderMap::new();
        let mut problems = Vec::new();
        for (name, value) in &self.headers {
            match header(name, value) {
                Ok((name, value)) => drop(map.insert(name, value)),
                Err(problem) => problems.push(problem.below("headers")),
            }
        }
        if problems.is_empty() { Ok(map) } else { Err(problems) }
    }
}

/// The value, or nothing and its problems.
fn keep<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let parsed: HeaderName =
        name.parse().map_err(|_| Problem::new("", format!("{name:?}"), "it must be the name of a header"))?;
    if is_own_header(&parsed) {
        return Err(Problem::new(name, format!("{value:?}"), OWN_HEADER_RULE));
    }
    if parsed == http::header::AUTHORIZATION {
        let allowed = "a secret stands in the setting auth, by reference: see secrets.md";
        return Err(Problem::new(name, "[redacted]", allowed).beside("auth"));
    }
    let problem = || Problem::new(name, format!("{value:?}"), HEADER_TEXT_RULE);
    let value = header_value(value.as_bytes()).ok_or_else(problem)?;
    Ok((parsed, value))
}

/// The destination of requests, with certificates and credentials that were read.
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpTarget {
    pub(crate) endpoint: Endpoint,
    pub(crate) policy: AddressPolicy,
    pub(crate) tls: Option<Tls>,
    pub(crate) credentials: Credentials,
    pub(crate) headers: HeaderMap,
    pub(crate) request: HttpRequestSettings,
    pub(crate) batch: BatchSettings,
}

impl HttpTarget {
    /// The URL, in its parts.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The limits of a payload.
    #[must_use]
    pub fn batch(&self) -> &BatchSettings {
        &self.batch
    }

    /// Time limits and compression of requests.
    #[must_use]
    pub fn request(&self) -> &HttpRequestSettings {
        &self.request
    }

    /// The certificates, with which the URL has TLS.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Connects to the host of the URL, at `default_port` if the URL has none.
    pub fn dialer(&self, default_port: u16) -> Dialer {
        let dialer = Dialer::new(&self.endpoint, default_port, self.policy.clone());
        match &self.tls {
            Some(tls) => dialer.tls(tls.clone()),
            None => dialer,
        }
    }

    /// The headers of a request: those of the settings, and the credentials.
    pub fn request_headers(&mut self) -> HeaderMap {
        let mut headers = self.headers.clone();
        self.credentials.apply(&mut headers);
        headers
    }

    /// The destination has refused the credentials: their secret is read again before a later request, 10 s after it was read at the earliest.
    pub fn suspect_credentials(&mut self) {
        self.credentials.suspect();
    }

    /// With limits that do not exceed these: those that the destination documents.
    pub fn batch_at_most(mut self, max_records: usize, max_bytes: usize) -> Self {
        self.batch = self.batch.at_most(max_records, max_bytes);
        self
    }

    /// With one more header in each request, unless the settings have it.
    pub fn default_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.entry(name).or_insert(value);
        self
    }

    /// The assurances of a sink with this destination.
    pub fn assurances(&self) -> Assurances {
        let host = match self.endpoint.port() {
            Some(port) => format!("{}:{port}", self.endpoint.host()),
            None => self.endpoint.host().to_owned(),
        };
        Assurances::unknown().place(SinkPlace::Network { host, is_encrypted: self.endpoint.is_tls() })
    }
}
