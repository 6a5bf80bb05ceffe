//! A request from its head to the end of its response.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use fapilog::{
    Level, Scope,
    event::{FieldGroup, ValueRef},
    scope,
    scope::TraceParent,
};

use crate::{
    AcceptedId, ByteCounter, GrpcStatus, RequestLog, RequestNotes, RequestOutcome, RequestSummary,
    canonical_event::{CanonicalEvent, log_start},
    headers::logged_value,
    notes::TakenNotes,
    query::append_query,
    request_log::RequestSettings,
    response_length::ResponseLength,
};

/// The status of a request whose client disconnected: nginx's number for it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The status of a request without a response.
const INTERNAL_SERVER_ERROR: u16 = 500;

/// The head of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestHead<'a> {
    /// The method: `GET`.
    pub method: &'a str,
    /// The path as it came, without the query.
    pub path: &'a str,
    /// The query, without the question mark.
    pub query: Option<&'a str>,
    /// The template that the path matched: `/orders/{id}`.
    pub route: Option<&'a str>,
    /// The protocol: `HTTP/1.1`.
    pub protocol: &'static str,
}

/// A request from its head to the end of its response. It owns the request's scope, and logs a canonical event, exactly once.
///
/// An exchange that is dropped before [`finish`](Self::finish) logs the event with the outcome that the drop stands for:
/// [`RequestOutcome::Panicked`] if a panic went through [`run`](Self::run), [`RequestOutcome::Completed`] behind
/// the bytes that [`announce_response`](Self::announce_response) has announced, else [`RequestOutcome::ClientDisconnected`]. The event
/// then has the scope of the request and the one around its start, and not the scope of the thread that drops it.
///
/// A finished exchange keeps its scope: the body of the response is still polled and dropped inside it.
pub struct Exchange {
    log: RequestLog,
    /// The scope around the request when it began.
    around: Scope,
    scope: Scope,
    trace: Option<TraceParent>,
    /// Fields of the canonical event that most requests do not have.
    details: Scope,
    started: Instant,
    method: Cow<'static, str>,
    route: Option<String>,
    protocol: &'static str,
    is_logged: IsLogged,
    sent_status: Option<u16>,
    grpc_status: Option<GrpcStatus>,
    request_bytes: Option<ByteCounter>,
    response_length: ResponseLength,
    /// The field `error`; empty without an error.
    error: Scope,
    notes: RequestNotes,
    /// Whether user code runs, or has panicked.
    is_in_user_code: AtomicBool,
    is_finished: bool,
}

/// Which events of a request are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsLogged {
    Always,
    /// The request is not in the sample: only if something went wrong, or took long.
    IfKept,
    /// The path is skipped: only if the server failed.
    IfFailed,
}

impl IsLogged {
    fn of(settings: &RequestSettings, path: &str, id: &str) -> Self {
        if settings.skips(path) {
            Self::IfFailed
        } else if settings.sampling.contains(id) {
            Self::Always
        } else {
            Self::IfKept
        }
    }

    fn keeps(self, settings: &RequestSettings, level: Level, request: &RequestSummary<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::IfKept => settings.is_kept(level, request),
            Self::IfFailed => request.is_server_error(),
        }
    }
}

impl Exchange {
    pub(crate) fn begin<'a>(
        log: &RequestLog,
        head: &RequestHead<'_>,
        header: impl Fn(&str) -> Option<&'a [u8]>,
        id: &AcceptedId<'_>,
    ) -> Self {
        let settings = log.settings();
        let trace = settings.trace_of(&header);
        let exchange = Self {
            log: log.clone(),
            around: Scope::current(),
            scope: scope_of(id, trace.as_ref()),
            trace,
            details: details_of(settings, head, header),
            started: Instant::now(),
            method: method_of(head.method),
            route: head.route.map(str::to_owned),
            protocol: head.protocol,
            is_logged: IsLogged::of(settings, head.path, id.as_str()),
            sent_status: None,
            grpc_status: None,
            request_bytes: None,
            response_length: ResponseLength::default(),
            error: Scope::new(),
            notes: RequestNotes::default(),
            is_in_user_code: AtomicBool::new(false),
            is_finished: false,
        };
        exchange.log_start();
        exchange
    }

    fn log_start(&self) {
        let settings = self.log.settings();
        let Some(level) = settings.start_level.filter(|_| self.is_logged == IsLogged::Always) else { return };
        let _scope = self.scope.enter();
        let _details = self.details.enter();
        log_start(&settings.logger, level, &self.method, self.route.as_deref(), self.protocol);
    }

    /// The scope of the request: it binds the id and the place in the trace.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The place of the request in a trace: that of its header `traceparent`, if events are to have it.
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.trace
    }

    /// Runs the service, a poll of its future or of the body, or another method or drop of them, inside the scope. A panic in it goes on to
    /// the caller, and is the outcome of the request.
    pub fn run<R>(&self, user_code: impl FnOnce() -> R) -> R {
        let _entered = self.scope.enter();
        // Relaxed, all: read when the exchange is dropped, which is behind all calls. A panic leaves the flag set, also where a runtime
        // has caught it and this is the drop behind it.
        let was_in_user_code = self.is_in_user_code.load(Ordering::Relaxed);
        self.is_in_user_code.store(true, Ordering::Relaxed);
        let result = user_code();
        self.is_in_user_code.store(was_in_user_code, Ordering::Relaxed);
        result
    }

    /// Sets the template that the path matched, where it is known late.
    pub fn set_route(&mut self, route: &str) {
        self.route = Some(route.to_owned());
    }

    /// The fields that handlers add to the canonical event.
    #[must_use]
    pub fn notes(&self) -> RequestNotes {
        self.notes.clone()
    }

    /// Counts the bytes of the request's body from now on.
    pub fn count_request(&mut self) -> ByteCounter {
        self.request_bytes.get_or_insert_default().clone()
    }

    /// Notes the status of the response, which is sent from now on.
    pub fn responded(&mut self, status: u16) {
        self.sent_status = Some(status);
    }

    /// Notes the bytes of the response's body that its head announces, or the body itself. A server may drop the body behind them, which
    /// is the end of the response and no disconnect; or poll on, for trailers or an error. A body that ends before them has failed.
    pub fn announce_response(&mut self, bytes: u64) {
        self.response_length.announce(bytes);
    }

    /// Adds bytes of the response's body.
    pub fn count_response(&mut self, bytes: u64) {
        self.response_length.add(bytes);
    }

    /// Sets the status of a gRPC call.
    pub fn set_grpc_status(&mut self, status: GrpcStatus) {
        self.grpc_status = Some(status);
    }

    /// Sets the error that the response stands for. The canonical event has it with its sources, in the field `error`.
    pub fn set_error(&mut self, error: &(dyn Error + 'static)) {
        self.error = scope!(error = #error);
    }

    /// Sets the text of the error that the response stands for, where there is no more than a text.
    pub fn set_error_text(&mut self, error: &dyn fmt::Display) {
        self.error = scope!(error = %error);
    }

    /// Logs the canonical event of a response whose body has ended: as [`RequestOutcome::Completed`], or as
    /// [`RequestOutcome::BodyFailed`] if announced bytes are missing, which breaks the connection.
    pub fn finish_body(&mut self) {
        let Some(announced) = self.response_length.announced_beyond_sent() else {
            return self.finish(RequestOutcome::Completed);
        };
        if !self.is_finished {
            let sent = self.response_length.sent();
            self.set_error_text(&format_args!(
                "the body has ended after {sent} of the {announced} bytes that are announced"
            ));
            self.finish(RequestOutcome::BodyFailed);
        }
    }

    /// Logs the canonical event. A finished exchange logs nothing.
    pub fn finish(&mut self, outcome: RequestOutcome) {
        self.finish_by(outcome, |event| event.log());
    }

    fn finish_by(&mut self, outcome: RequestOutcome, log: impl FnOnce(&CanonicalEvent<'_>)) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let TakenNotes { fields, panic } = self.notes.take();
        let outcome = if panic.is_some() { RequestOutcome::Panicked } else { outcome };
        let settings = self.log.settings();
        let request = &self.summary(outcome);
        let level = settings.level_of(request);
        if !self.is_logged.keeps(settings, level, request) {
            return;
        }
        let late = &self.late_details(outcome, panic);
        let (logger, details) = (&settings.logger, [&self.details, late]);
        log(&CanonicalEvent {
            logger,
            level,
            request,
            around: &self.around,
            notes: &fields,
            scope: &self.scope,
            details,
        });
    }

    fn summary(&self, outcome: RequestOutcome) -> RequestSummary<'_> {
        let status = match (outcome, self.sent_status) {
            (RequestOutcome::ClientDisconnected, _) => CLIENT_CLOSED_REQUEST,
            (_, sent) => sent.unwrap_or(INTERNAL_SERVER_ERROR),
        };
        RequestSummary {
            method: &self.method,
            route: self.route.as_deref(),
            protocol: self.protocol,
            status,
            sent_status: self.sent_status,
            grpc_status: self.grpc_status,
            outcome,
            latency: self.started.elapsed(),
            request_bytes: self.request_bytes.as_ref().map_or(0, ByteCounter::bytes),
            response_bytes: self.response_length.sent(),
        }
    }

    /// Fields of the canonical event that are known late, and that most requests do not have.
    fn late_details(&self, outcome: RequestOutcome, panic: Option<Scope>) -> Scope {
        let mut late = self.error.clone();
        if let Some(panic) = panic {
            late = late.around(&panic);
        }
        if let Some(status) = self.grpc_status {
            late = late.field(FieldGroup::Context, "grpc_status", ValueRef::Text(status.name()));
        }
        match self.sent_status {
            Some(sent) if outcome == RequestOutcome::ClientDisconnected => {
                late.field(FieldGroup::Context, "sent_status", ValueRef::U64(sent.into()))
            }
            _ => late,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let outcome = if *self.is_in_user_code.get_mut() {
            RequestOutcome::Panicked
        } else if self.response_length.is_complete() {
            RequestOutcome::Completed
        } else {
            RequestOutcome::ClientDisconnected
        };
        self.finish_by(outcome, |event| event.log_outside_of_thread_scope());
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("method", &self.method)
            .field("route", &self.route)
            .field("sent_status", &self.sent_status)
            .finish_non_exhaustive()
    }
}

/// The scope of a request.
fn scope_of(id: &AcceptedId<'_>, trace: Option<&TraceParent>) -> Scope {
    let scope = request_scope(id.as_str(), trace);
    match id.flaw() {
        Some(flaw) => scope.field(FieldGroup::Tags, "invalid_request_id", ValueRef::Text(flaw.name())),
        None => scope,
    }
}

/// A scope that binds the id of a request and its place in a trace, under the names of `fapilog-opentelemetry`'s defaults.
#[must_use]
pub fn request_scope(id: &str, trace: Option<&TraceParent>) -> Scope {
    let scope = Scope::new().correlation_id(id);
    let Some(trace) = trace else { return scope };
    scope.field(FieldGroup::Context, "trace_id", ValueRef::Text(trace.trace_id_text().as_ref())).field(
        FieldGroup::Context,
        "span_id",
        ValueRef::Text(trace.span_id_text().as_ref()),
    )
}

/// The fields that are logged by setting.
fn details_of<'a>(
    settings: &RequestSettings,
    head: &RequestHead<'_>,
    header: impl Fn(&str) -> Option<&'a [u8]>,
) -> Scope {
    let mut details = Scope::new();
    if let Some(query_logging) = settings.path {
        let mut path = head.path.to_owned();
        head.query.into_iter().for_each(|query| append_query(&mut path, query, query_logging));
        details = details.field(FieldGroup::Context, "path", ValueRef::Text(&path));
    }
    for logged in &settings.headers {
        if let Some(value) = header(&logged.name) {
            details = details.field(FieldGroup::Context, &logged.key, logged_value(value));
        }
    }
    details
}

/// The method, without a copy if it is a common one.
fn method_of(method: &str) -> Cow<'static, str> {
    const COMMON: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    match COMMON.iter().find(|common| **common == method) {
        Some(common) => Cow::Borrowed(common),
        None => Cow::Owned(method.to_owned()),
    }
}
