//! A request from its head to the end of its response.

use std::{borrow::Cow, error::Error, fmt, time::Instant};

use fapilog::{
    Scope,
    event::{FieldGroup, ValueRef},
    scope,
    scope::ScopeGuard,
};

use crate::{
    AcceptedId, ByteCounter, GrpcStatus, RequestLog, RequestNotes, RequestOutcome, RequestSummary,
    canonical_event::{log_canonical, log_start},
    headers::logged_value,
    notes::EnteredNotes,
    query::append_query,
    request_log::RequestSettings,
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
/// [`sent_all_bytes`](Self::sent_all_bytes), else [`RequestOutcome::ClientDisconnected`].
///
/// A finished exchange keeps its scope: the body of the response is still polled and dropped inside it.
pub struct Exchange {
    log: RequestLog,
    scope: Scope,
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
    response_bytes: u64,
    /// The field `error`; empty without an error.
    error: Scope,
    notes: RequestNotes,
    /// Whether user code runs: a drop at that time is that of a panic.
    is_in_user_code: bool,
    /// Whether a drop is the end of the response.
    has_sent_all_bytes: bool,
    is_finished: bool,
}

/// Which events of a request are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsLogged {
    Always,
    /// Not in the sample: only if something went wrong.
    IfKept,
    Never,
}

impl IsLogged {
    fn of(settings: &RequestSettings, path: &str, id: &str) -> Self {
        if settings.skips(path) {
            Self::Never
        } else if settings.sampling.contains(id) {
            Self::Always
        } else {
            Self::IfKept
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
        let is_logged = IsLogged::of(settings, head.path, id.as_str());
        let details = if is_logged == IsLogged::Never { Scope::new() } else { details_of(settings, head, header) };
        let exchange = Self {
            log: log.clone(),
            scope: scope_of(id),
            details,
            started: Instant::now(),
            method: method_of(head.method),
            route: head.route.map(str::to_owned),
            protocol: head.protocol,
            is_logged,
            sent_status: None,
            grpc_status: None,
            request_bytes: None,
            response_bytes: 0,
            error: Scope::new(),
            notes: RequestNotes::default(),
            is_in_user_code: false,
            has_sent_all_bytes: false,
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

    /// The scope of the request: it binds the id.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Enters the scope of the request, for code that is no part of a poll, such as the drop of a future.
    pub fn enter(&self) -> ScopeGuard {
        self.scope.enter()
    }

    /// Runs the service, or a poll of its future or of the body, inside the scope. A panic in it goes on to the caller, and is
    /// the outcome of the request.
    pub fn run<R>(&mut self, user_code: impl FnOnce() -> R) -> R {
        let _entered = self.scope.enter();
        self.is_in_user_code = true;
        let result = user_code();
        self.is_in_user_code = false;
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

    /// Adds bytes of the response's body.
    pub fn count_response(&mut self, bytes: u64) {
        self.response_bytes = self.response_bytes.saturating_add(bytes);
    }

    /// Bytes of the response's body so far.
    #[must_use]
    pub fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// Notes that the response's body has all the bytes that were announced. A server may drop the body now, which is the end of
    /// the response and no disconnect; or poll on, for trailers or an error.
    pub fn sent_all_bytes(&mut self) {
        self.has_sent_all_bytes = true;
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

    /// Logs the canonical event, with this text of an error in the field `error`. A finished exchange logs nothing.
    pub fn finish_with_error(&mut self, outcome: RequestOutcome, error: &dyn fmt::Display) {
        if !self.is_finished {
            self.set_error_text(error);
            self.finish(outcome);
        }
    }

    /// Logs the canonical event. A finished exchange logs nothing.
    pub fn finish(&mut self, outcome: RequestOutcome) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let notes = self.notes.take();
        if self.is_logged == IsLogged::Never {
            return;
        }
        let settings = self.log.settings();
        let summary = self.summary(outcome);
        let level = settings.level_of(&summary);
        if self.is_logged == IsLogged::IfKept && !settings.is_kept(level, &summary) {
            return;
        }
        // The request's id and the event's fields count before the handlers'.
        let _notes = EnteredNotes::of(&notes);
        let _scope = self.scope.enter();
        let _details = (!self.details.is_empty()).then(|| self.details.enter());
        let late = self.late_details(outcome);
        let _late = (!late.is_empty()).then(|| late.enter());
        log_canonical(&settings.logger, level, &summary);
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
            response_bytes: self.response_bytes,
        }
    }

    /// Fields of the canonical event that are known late, and that most requests do not have.
    fn late_details(&self, outcome: RequestOutcome) -> Scope {
        let mut late = self.error.clone();
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
        self.finish(if self.is_in_user_code {
            RequestOutcome::Panicked
        } else if self.has_sent_all_bytes {
            RequestOutcome::Completed
        } else {
            RequestOutcome::ClientDisconnected
        });
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
fn scope_of(id: &AcceptedId<'_>) -> Scope {
    let scope = Scope::new().correlation_id(id.as_str());
    match id.flaw() {
        Some(flaw) => scope.field(FieldGroup::Tags, "invalid_request_id", ValueRef::Text(flaw.name())),
        None => scope,
    }
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
