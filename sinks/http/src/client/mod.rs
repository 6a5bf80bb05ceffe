//! Sends requests to one destination. It blocks: it is for the thread of a
//! [`BlockingDelivery`](fapilog_plugin::sink::BlockingDelivery).

mod answer;
mod compress;
mod connector;
mod credentials;
mod redirect;
mod request;
mod retry_after;
mod transport;

use std::{
    io::Read,
    time::{Duration, Instant},
};

pub use answer::HttpAnswer;
pub use compress::Compressor;
pub(crate) use credentials::Credentials;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
pub use request::OutgoingRequest;
use ureq::{Agent, Body};

use crate::{
    client::connector::{NetworkConnector, NoResolver},
    error::HttpError,
    settings::{HttpRequestSettings, HttpTarget},
};

/// The longest body of an answer that is read, unless the client is set to [another length](HttpClient::answer_bytes_max). Bytes behind
/// it are ignored, and the connection is closed.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// The answers to credentials that are no longer valid. Datadog, for one, sends 403.
const REFUSES_CREDENTIALS: [StatusCode; 2] = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];

/// The most redirects of a request.
const REDIRECTS_MAX: u32 = 3;

/// A client of one destination, with a connection that is kept.
///
/// ```no_run
/// use fapilog_sink_http::{client::HttpClient, settings::HttpSettings};
///
/// let target = HttpSettings::new("https://logs.example.com/ingest").target().map_err(|mut problems| problems.remove(0))?;
/// let mut client = HttpClient::new(target);
/// let mut request = client.request();
/// request.body.extend_from_slice(b"{\"message\":\"ready\"}\n");
/// let answer = client.send(&mut request, |_, _| {})?;
/// assert!(answer.is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HttpClient {
    agent: Agent,
    connections: NetworkConnector,
    origin: String,
    path_and_query: String,
    headers: HeaderMap,
    settings: HttpRequestSettings,
    credentials: Credentials,
    compressor: Compressor,
    answer_bytes_max: usize,
    /// The memory of the last body, for the next one.
    spare: Vec<u8>,
}

impl HttpClient {
    /// A client of this destination. It connects at the first request.
    #[must_use]
    pub fn new(target: HttpTarget) -> Self {
        let HttpTarget { endpoint, policy, tls, credentials, headers, request, batch: _ } = target;
        let connections = NetworkConnector::new(&endpoint, policy, tls, request.connect_timeout);
        let agent = Agent::with_parts(config(&request), connections.clone(), NoResolver);
        let path_and_query = endpoint.path_and_query().to_owned();
        let url = endpoint.to_string();
        let origin = url.strip_suffix(&path_and_query).unwrap_or(&url).to_owned();
        let compressor = Compressor::new(&request);
        Self {
            agent,
            connections,
            origin,
            path_and_query,
            headers,
            settings: request,
            credentials,
            compressor,
            answer_bytes_max: ANSWER_BYTES_MAX,
            spare: Vec::new(),
        }
    }

    /// Reads bodies of answers up to this length, in place of [`ANSWER_BYTES_MAX`]. The memory is in use while an answer is read.
    #[must_use]
    pub fn answer_bytes_max(mut self, bytes: usize) -> Self {
        self.answer_bytes_max = bytes;
        self
    }

    /// A request to the path of the URL: `POST`, with the headers of the settings and an empty body.
    #[must_use]
    pub fn request(&mut self) -> OutgoingRequest {
        let mut body = std::mem::take(&mut self.spare);
        body.clear();
        OutgoingRequest::new(self.path_and_query.clone(), self.headers.clone(), body)
    }

    /// Sends a request, and returns the answer, whatever its status. `seal` sees the bytes of the body as they are sent, and may add headers: a
    /// signature.
    ///
    /// A request on a connection that was kept, and that breaks before there is an answer, is sent once more on a new one: the destination
    /// has closed the connection in the meantime.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(
        &mut self,
        request: &mut OutgoingRequest,
        seal: impl FnOnce(&[u8], &mut HeaderMap),
    ) -> Result<HttpAnswer, HttpError> {
        let deadline = Instant::now() + self.settings.timeout;
        let body = self.compressor.compress(&request.body).map_err(HttpError::Compress)?;
        if let Some(token) = self.settings.compression.token() {
            request.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(token));
        }
        self.credentials.apply(&mut request.headers);
        seal(body, &mut request.headers);
        let exchange = RequestRun {
            agent: &self.agent,
            connections: &self.connections,
            origin: &self.origin,
            settings: &self.settings,
            answer_bytes_max: self.answer_bytes_max,
        };
        let answer = exchange.follow(request, body, deadline);
        if answer.as_ref().is_ok_and(|answer| REFUSES_CREDENTIALS.contains(&answer.status())) {
            self.credentials.suspect();
        }
        self.spare = std::mem::take(&mut request.body);
        answer
    }
}

fn config(settings: &HttpRequestSettings) -> ureq::config::Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(HEAD_BYTES_MAX)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .max_idle_age(settings.idle_timeout)
        .user_agent(concat!("fapilog/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .proxy(None)
        .build()
}

/// A request on its way, with its redirects.
struct RequestRun<'a> {
    agent: &'a Agent,
    connections: &'a NetworkConnector,
    origin: &'a str,
    settings: &'a HttpRequestSettings,
    answer_bytes_max: usize,
}

impl RequestRun<'_> {
    fn follow(&self, request: &OutgoingRequest, body: &[u8], deadline: Instant) -> Result<HttpAnswer, HttpError> {
        let mut path = request.path_and_query.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(request, &path, body, deadline)?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            path =
                redirect::path_within(self.origin, &answer).ok_or(HttpError::Redirect { status: answer.status() })?;
        }
        Err(HttpError::Redirect { status: StatusCode::LOOP_DETECTED })
    }

    fn send(
        &self,
        request: &OutgoingRequest,
        path: &str,
        body: &[u8],
        deadline: Instant,
    ) -> Result<HttpAnswer, HttpError> {
        let connects = self.connections.made();
        match self.attempt(request, path, body, deadline) {
            Err(HttpError::Broken(_)) if self.connections.made() == connects => {
                self.attempt(request, path, body, deadline)
            }
            result => result,
        }
    }

    fn attempt(
        &self,
        request: &OutgoingRequest,
        path: &str,
        body: &[u8],
        deadline: Instant,
    ) -> Result<HttpAnswer, HttpError> {
        let limit = self.settings.timeout;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HttpError::Timeout { limit });
        }
        let response = self.run(request, path, body, left).map_err(|error| http_error(error, limit))?;
        self.answer(response, limit)
    }

    fn run(
        &self,
        request: &OutgoingRequest,
        path: &str,
        body: &[u8],
        left: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        let uri: Uri = format!("{}{path}", self.origin).parse().map_err(http::Error::from)?;
        let mut built = Request::builder().method(request.method.clone()).uri(uri).body(body)?;
        *built.headers_mut() = request.headers.clone();
        let built = self.agent.configure_request(built).timeout_global(Some(left)).build();
        self.agent.run(built)
    }

    fn answer(&self, response: Response<Body>, limit: Duration) -> Result<HttpAnswer, HttpError> {
        let (parts, mut body) = response.into_parts();
        let mut front = Vec::new();
        let read = body.as_reader().take(self.answer_bytes_max as u64).read_to_end(&mut front);
        // The status decides, and the head was whole: a body that breaks changes nothing.
        if let Err(error) = read
            && parts.status.is_success()
        {
            return Err(http_error(ureq::Error::from(error), limit));
        }
        Ok(HttpAnswer::new(parts.status, parts.headers, front, self.settings.show_answers))
    }
}

fn http_error(error: ureq::Error, limit: Duration) -> HttpError {
    match error {
        ureq::Error::Timeout(_) => HttpError::Timeout { limit },
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => HttpError::Timeout { limit },
        ureq::Error::Io(error) => HttpError::Broken(error),
        ureq::Error::Other(error) => match error.downcast() {
            Ok(connect) => HttpError::Connect(*connect),
            Err(other) => HttpError::InvalidAnswer(other),
        },
        error @ (ureq::Error::Http(_) | ureq::Error::BadUri(_)) => HttpError::InvalidRequest(error.into()),
        error => HttpError::InvalidAnswer(error.into()),
    }
}
