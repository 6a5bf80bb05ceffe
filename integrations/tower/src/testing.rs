//! Tests of a program's requests and their log. For dev-dependencies: `fapilog-tower = { version = "0.1", features = ["testing"] }`.
//!
//! ```
//! use axum::{Router, routing::get};
//! use fapilog::{Logger, info, scope::InScope};
//! use fapilog_tower::testing;
//!
//! fn routes(log: &Logger) -> Router {
//!     let log = log.clone();
//!     Router::new().route("/orders", get(move || async move {
//!         let task = { let log = log.clone(); async move { info!(log, "stock checked") } };
//!         let _ = tokio::spawn(task.in_current_scope()).await;
//!         info!(log, "listed");
//!     }))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let app = testing::app(routes);
//! let response = app.get("/orders").await;
//! assert_eq!(response.status, 200);
//! app.assert_correlated(&response);
//! fapilog::assert_logged!(app.log(), message: "request finished", route = "/orders", status = 200);
//! # });
//! ```

use axum::{Router, body::Body};
use bytes::Bytes;
use fapilog::{
    Logger,
    testing::{LoggedEvent, TestLog},
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use std::{future::poll_fn, pin::pin};
use tower_service::Service;

use crate::{RequestLog, RequestLogBuilder, RequestLogLayer};

/// A router under test, with a log that keeps its events. It needs a runtime of tokio's for the router alone.
#[derive(Debug)]
pub struct App {
    log: TestLog,
    router: Router,
    /// The header that the id is sent back in.
    id_header: String,
}

/// A response to an [`App`]'s test, with its whole body.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AppResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The id of the request: the header `x-request-id` of the response, or that of `id_header`. Empty if it is not sent.
    pub request_id: String,
}

impl AppResponse {
    /// The body as text. Bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A router under test, with a [`RequestLogLayer`] that has the default settings. `routes` is given the logger.
///
/// # Panics
/// When the system has no thread to give.
#[track_caller]
pub fn app(routes: impl FnOnce(&Logger) -> Router) -> App {
    app_with(|builder| builder, routes)
}

/// A router under test, with a [`RequestLogLayer`] that has these settings.
///
/// # Panics
/// When a setting is invalid, or the system has no thread to give.
#[track_caller]
#[expect(clippy::panic, reason = "it is how a test fails")]
pub fn app_with(
    configure: impl FnOnce(RequestLogBuilder) -> RequestLogBuilder,
    routes: impl FnOnce(&Logger) -> Router,
) -> App {
    let log = TestLog::new();
    let requests = match configure(RequestLog::builder(log.log())).build() {
        Ok(requests) => requests,
        Err(error) => panic!("{error}"),
    };
    let id_header = requests.id_header().to_owned();
    let router = routes(log.log()).layer(RequestLogLayer::new(requests));
    App { log, router, id_header }
}

impl App {
    /// The log, for assertions: `assert_logged!(app.log(), message: "request finished")`.
    pub fn log(&self) -> &TestLog {
        &self.log
    }

    /// Sends a GET request without a body.
    ///
    /// # Panics
    /// When the path is none, or the body of the response ends in an error.
    pub async fn get(&self, path: &str) -> AppResponse {
        match Request::get(path).body(Body::empty()) {
            Ok(request) => self.send(request).await,
            Err(error) => fail(&format!("{path:?} is no path of a request: {error}")),
        }
    }

    /// Sends a request, and reads the response to its end.
    ///
    /// # Panics
    /// When the body of the response ends in an error.
    pub async fn send(&self, request: Request<Body>) -> AppResponse {
        let mut router = self.router.clone();
        let Ok(()) = poll_fn(|context| Service::<Request<Body>>::poll_ready(&mut router, context)).await;
        let Ok(response) = router.call(request).await;
        read(response, &self.id_header).await
    }

    /// Expects that every event so far that the request's handlers, threads and tasks have logged has the id of this request, and
    /// that there is one at least. It is for tests that send a single request, or call [`TestLog::clear`] between two.
    ///
    /// # Panics
    /// When an event does not have the id: it is named with the place that logged it.
    #[track_caller]
    pub fn assert_correlated(&self, response: &AppResponse) {
        self.log.assert_all_correlated(&response.request_id);
    }

    /// The canonical event of a request.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub fn canonical_event(&self, response: &AppResponse) -> LoggedEvent {
        let events = self.log.events();
        let is_of_request = |event: &&LoggedEvent| {
            event.target == "fapilog::request"
                && event.message == "request finished"
                && event.correlation_id.as_deref() == Some(&response.request_id)
        };
        let found: Vec<&LoggedEvent> = events.iter().filter(is_of_request).collect();
        match found.as_slice() {
            [event] => (*event).clone(),
            _ => fail(&format!("{} canonical events of request {:?}", found.len(), response.request_id)),
        }
    }
}

/// Ends the test.
#[track_caller]
#[expect(clippy::panic, reason = "it is how a test fails")]
fn fail(report: &str) -> ! {
    panic!("{report}")
}

async fn read(response: Response<Body>, id_header: &str) -> AppResponse {
    let (parts, body) = response.into_parts();
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(error) => fail(&format!("the body of the response ended in an error: {error}")),
        }
    }
    let id = parts.headers.get(id_header).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let request_id = id.to_owned();
    AppResponse { status: parts.status, headers: parts.headers, body: bytes.into(), request_id }
}
