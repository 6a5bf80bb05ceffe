//! The settings of a request log, and their use.

use std::{fmt, sync::Arc, time::Duration};

use fapilog::{Level, Logger, scope::TraceParent};

use crate::{
    AcceptedId, Exchange, IdSource, QueryLogging, RequestHead, RequestLogError, RequestSummary, call_catching_panics,
    default_level,
    headers::{HeaderLists, LoggedHeader, checked_name, holds_secrets},
    id::read_traceparent,
    sampling::IdSampling,
};

/// The header that the id of a request comes from and is sent back in.
const ID_HEADER: &str = "x-request-id";

/// The header of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// Headers that frame a message, state its content or its handling, or belong to another protocol: an id in their place breaks the
/// response.
const TAKEN: [&str; 28] = [
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "host",
    "keep-alive",
    "last-modified",
    "location",
    "retry-after",
    "strict-transport-security",
    "te",
    TRACEPARENT,
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
];

type LevelRule = Arc<dyn Fn(&RequestSummary<'_>) -> Level + Send + Sync>;

/// The settings of the events about requests, and the logger that they go to. Clones share them.
///
/// ```
/// use fapilog::{Level, Logger};
/// use fapilog_http::{IdSource, QueryLogging, RequestLog};
///
/// # let logger = Logger::disabled();
/// let requests = RequestLog::builder(&logger)
///     .id_sources([IdSource::Traceparent, IdSource::RequestId])
///     .start_event(Level::Debug)
///     .path(QueryLogging::Keys)
///     .log_header("user-agent")
///     .skip_path("/health")
///     .sample(0.1)
///     .build()?;
/// # let _ = requests;
/// # Ok::<(), fapilog_http::RequestLogError>(())
/// ```
#[derive(Clone)]
pub struct RequestLog {
    settings: Arc<RequestSettings>,
}

/// The settings, checked.
pub(crate) struct RequestSettings {
    pub(crate) logger: Logger,
    id_header: String,
    id_sources: Vec<IdSource>,
    sends_id: bool,
    pub(crate) start_level: Option<Level>,
    level_rule: Option<LevelRule>,
    client_error_level: Level,
    pub(crate) has_trace_fields: bool,
    pub(crate) path: Option<QueryLogging>,
    pub(crate) headers: Vec<LoggedHeader>,
    skipped_paths: Vec<SkippedPath>,
    pub(crate) sampling: IdSampling,
    keep_slower_than: Option<Duration>,
}

/// A path whose requests are logged if the server fails, and not else.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SkippedPath {
    Exact(String),
    /// All paths below this one, which ends with a slash.
    Below(String),
}

impl SkippedPath {
    fn of(path: String) -> Result<Self, RequestLogError> {
        let is_path = path.starts_with('/') && !path.strip_suffix("/*").unwrap_or(&path).contains('*');
        match path.strip_suffix('*') {
            _ if !is_path => Err(RequestLogError::SkipPath { value: path }),
            Some(front) => Ok(Self::Below(front.to_owned())),
            None => Ok(Self::Exact(path)),
        }
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(skipped) => path == skipped,
            Self::Below(front) => path.starts_with(front.as_str()),
        }
    }
}

impl RequestLog {
    /// A request log with the defaults of [the builder's](RequestLogBuilder) methods.
    #[must_use]
    pub fn new(logger: &Logger) -> Self {
        Self { settings: Arc::new(RequestSettings::new(logger)) }
    }

    /// A builder, for other settings.
    pub fn builder(logger: &Logger) -> RequestLogBuilder {
        RequestLogBuilder::new(logger)
    }

    /// The logger that the events go to.
    #[must_use]
    pub fn logger(&self) -> &Logger {
        &self.settings.logger
    }

    /// The name of the header that the id comes from and is sent back in, in lower case.
    #[must_use]
    pub fn id_header(&self) -> &str {
        &self.settings.id_header
    }

    /// Whether the response gets the id.
    #[must_use]
    pub fn sends_id(&self) -> bool {
        self.settings.sends_id
    }

    /// The id of a request with these headers. `header` is given a name in lower case, and returns the first value.
    #[must_use]
    pub fn accept_id<'a>(&self, header: impl Fn(&str) -> Option<&'a [u8]>) -> AcceptedId<'a> {
        AcceptedId::choose(&self.settings.id_sources, |source| match source {
            IdSource::RequestId => header(self.id_header()),
            IdSource::Traceparent => header(TRACEPARENT),
        })
    }

    /// Begins the exchange of a request. `header` is given a name in lower case, and returns the first value.
    pub fn begin<'a>(
        &self,
        head: &RequestHead<'_>,
        header: impl Fn(&str) -> Option<&'a [u8]>,
        id: &AcceptedId<'_>,
    ) -> Exchange {
        Exchange::begin(self, head, header, id)
    }

    pub(crate) fn settings(&self) -> &RequestSettings {
        &self.settings
    }
}

impl RequestSettings {
    /// The defaults.
    fn new(logger: &Logger) -> Self {
        Self {
            logger: logger.clone(),
            id_header: ID_HEADER.to_owned(),
            id_sources: vec![IdSource::RequestId, IdSource::Traceparent],
            sends_id: true,
            start_level: None,
            level_rule: None,
            client_error_level: Level::Info,
            has_trace_fields: true,
            path: None,
            headers: Vec::new(),
            skipped_paths: Vec::new(),
            sampling: IdSampling::ALL,
            keep_slower_than: None,
        }
    }

    pub(crate) fn skips(&self, path: &str) -> bool {
        self.skipped_paths.iter().any(|skipped| skipped.matches(path))
    }

    /// The level of a request's canonical event. A rule of the program that panics gives way to the default.
    pub(crate) fn level_of(&self, request: &RequestSummary<'_>) -> Level {
        let by_rule = self.level_rule.as_ref().and_then(|rule| call_catching_panics(|| rule(request)));
        let is_client_error = request.is_client_error();
        by_rule.unwrap_or_else(|| if is_client_error { self.client_error_level } else { default_level(request) })
    }

    /// Whether an event is logged although its request is not in the sample.
    pub(crate) fn is_kept(&self, level: Level, request: &RequestSummary<'_>) -> bool {
        let is_slow = || self.keep_slower_than.is_some_and(|limit| request.latency > limit);
        level >= Level::Warning || request.is_server_error() || is_slow()
    }

    /// The place of a request in a trace, if it came with one and events are to have it.
    pub(crate) fn trace_of<'a>(&self, header: impl Fn(&str) -> Option<&'a [u8]>) -> Option<TraceParent> {
        header(TRACEPARENT).filter(|_| self.has_trace_fields).and_then(read_traceparent)
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &*self.settings;
        f.debug_struct("RequestLog")
            .field("logger", &settings.logger)
            .field("id_header", &settings.id_header)
            .field("id_sources", &settings.id_sources)
            .finish_non_exhaustive()
    }
}

/// Builds a [`RequestLog`].
#[must_use = "a builder does nothing until it is built"]
pub struct RequestLogBuilder {
    settings: RequestSettings,
    headers: HeaderLists,
    skipped_paths: Vec<String>,
    sample_rate: f64,
}

impl fmt::Debug for RequestLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLogBuilder").field("logger", &self.settings.logger).finish_non_exhaustive()
    }
}

impl RequestLogBuilder {
    fn new(logger: &Logger) -> Self {
        let settings = RequestSettings::new(logger);
        Self { settings, headers: HeaderLists::default(), skipped_paths: Vec::new(), sample_rate: 1.0 }
    }

    /// The header that the id comes from ([`IdSource::RequestId`]) and is sent back in. Default: `x-request-id`.
    pub fn id_header(mut self, name: &str) -> Self {
        self.settings.id_header = name.to_owned();
        self
    }

    /// The places that the id may come from, in the order of their precedence. Without any, each request gets a new id: for
    /// services that strangers call, who may choose the ids of others. Default: [`IdSource::RequestId`], then
    /// [`IdSource::Traceparent`].
    pub fn id_sources(mut self, sources: impl IntoIterator<Item = IdSource>) -> Self {
        self.settings.id_sources = sources.into_iter().collect();
        self
    }

    /// Whether the response gets the id, in the header [`id_header`](Self::id_header). Default: yes.
    pub fn send_id(mut self, is_sent: bool) -> Self {
        self.settings.sends_id = is_sent;
        self
    }

    /// Logs an event of this level when a request begins: `request started`. Default: none.
    pub fn start_event(mut self, level: Level) -> Self {
        self.settings.start_level = Some(level);
        self
    }

    /// Whether each event of a request that came with a valid `traceparent` has the fields `trace_id` and `span_id` (of the caller's
    /// span), named as `fapilog-opentelemetry` names them. Default: yes.
    pub fn trace_fields(mut self, is_wanted: bool) -> Self {
        self.settings.has_trace_fields = is_wanted;
        self
    }

    /// The level of canonical events for [errors of clients](RequestSummary::is_client_error): statuses from 400 to 499, clients that
    /// disconnect, gRPC statuses such as `NOT_FOUND`. Anybody can cause them, so they are no warning by default. Default:
    /// [`Level::Info`].
    pub fn client_errors(mut self, level: Level) -> Self {
        self.settings.client_error_level = level;
        self
    }

    /// The level of canonical events. It takes the place of [`client_errors`](Self::client_errors). A rule that panics gives way to the
    /// default: that level, or [`default_level`].
    pub fn level(mut self, rule: impl Fn(&RequestSummary<'_>) -> Level + Send + Sync + 'static) -> Self {
        self.settings.level_rule = Some(Arc::new(rule));
        self
    }

    /// Logs the path as it came, with its query as this states, in the field `path`. Default: not logged, because paths contain
    /// names and keys of people and are too many to be counted by; the field `route` has the template.
    pub fn path(mut self, query: QueryLogging) -> Self {
        self.settings.path = Some(query);
        self
    }

    /// Logs a request header, in the field `header.<name>`: its first value, at most 1024 bytes of it. Never logged are
    /// `authorization`, `cookie`, `set-cookie`, `x-api-key`, `proxy-authorization` and those of
    /// [`deny_header`](Self::deny_header), whatever is allowed. Default: none.
    pub fn log_header(mut self, name: &str) -> Self {
        self.headers.allow(name);
        self
    }

    /// Denies a header: it is not logged, although [`log_header`](Self::log_header) names it.
    pub fn deny_header(mut self, name: &str) -> Self {
        self.headers.deny(name);
        self
    }

    /// Logs no requests of this path: `/health`, or `/static/*` for all paths below it. Requests keep their ids and scopes, and those
    /// for which [the server failed](RequestSummary::is_server_error) are logged all the same. Default: none.
    ///
    /// A path whose failures are of no interest, such as a readiness route that answers with 503, gets a low level by
    /// [`level`](Self::level).
    pub fn skip_path(mut self, path: &str) -> Self {
        self.skipped_paths.push(path.to_owned());
        self
    }

    /// The share of requests, from 0 to 1, that are logged. The id decides: all services with the same rate log the same requests.
    /// Requests whose level is WARNING or above, and all that failed, are always logged. The handlers' events are not sampled.
    /// Default: 1.
    pub fn sample(mut self, rate: f64) -> Self {
        self.sample_rate = rate;
        self
    }

    /// Logs requests that took longer than this, although they are not in the sample. Default: no limit.
    pub fn keep_slower_than(mut self, limit: Duration) -> Self {
        self.settings.keep_slower_than = Some(limit);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A header has a name that no header can have, the header of the id has a meaning in HTTP or holds secrets, the sample rate is no share, or a path
    /// to skip is no path.
    pub fn build(self) -> Result<RequestLog, RequestLogError> {
        let Self { mut settings, headers, skipped_paths, sample_rate } = self;
        settings.id_header = checked_name("id_header", &settings.id_header)?;
        let id_header = settings.id_header.as_str();
        if TAKEN.contains(&id_header) || holds_secrets(id_header) {
            return Err(RequestLogError::IdHeader { value: settings.id_header });
        }
        settings.headers = headers.into_logged()?;
        settings.skipped_paths = skipped_paths.into_iter().map(SkippedPath::of).collect::<Result<_, _>>()?;
        if !(0.0..=1.0).contains(&sample_rate) {
            return Err(RequestLogError::SampleRate { value: sample_rate });
        }
        settings.sampling = IdSampling::of(sample_rate);
        Ok(RequestLog { settings: Arc::new(settings) })
    }
}
