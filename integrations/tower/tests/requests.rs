//! The layer around a plain service: ids, scopes, the canonical event.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use fapilog::{
    Level, assert_logged, assert_logged_times, assert_not_logged, info,
    testing::{LoggedEvent, LoggedValue, TestLog},
};
use fapilog_tower::{
    BoxError, IdSource, LoggedError, QueryLogging, RequestBody, RequestContext, RequestLog, RequestLogBuilder,
    RequestLogLayer, RequestOutcome, ResponseBody, grpc_route,
};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, ServiceExt, service_fn};

type RequestOf = Request<RequestBody<Full<Bytes>>>;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn layer(test: &TestLog, configure: impl FnOnce(RequestLogBuilder) -> RequestLogBuilder) -> RequestLogLayer {
    RequestLogLayer::new(configure(RequestLog::builder(test.log())).build().unwrap())
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

fn answer(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(body)).unwrap()
}

/// Sends a request to a service that answers with this response, and reads the response to its end.
async fn exchange(
    layer: &RequestLogLayer,
    request: Request<Full<Bytes>>,
    response: Response<Full<Bytes>>,
) -> Response<()> {
    let handler = move |_: RequestOf| {
        let response = response.clone();
        async move { Ok::<_, Infallible>(response) }
    };
    let response = layer.layer(service_fn(handler)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    body.collect().await.unwrap();
    Response::from_parts(parts, ())
}

fn canonical(test: &TestLog) -> LoggedEvent {
    assert_logged_times!(test, 1, message: "request finished");
    assert_logged!(test, message: "request finished")
}

fn request_id(response: &Response<()>) -> &str {
    response.headers()["x-request-id"].to_str().unwrap()
}

/// A body of frames that a test gives, and of nothing behind them.
struct Frames(std::collections::VecDeque<Result<Frame<Bytes>, BoxError>>);

impl Frames {
    fn of(frames: impl IntoIterator<Item = Result<Frame<Bytes>, BoxError>>) -> Self {
        Self(frames.into_iter().collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front())
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// The response of a service that answers with this body.
async fn respond_with<B: Body>(layer: &RequestLogLayer, body: B) -> Response<ResponseBody<B>> {
    let body = std::sync::Mutex::new(Some(body));
    let handler = |_: RequestOf| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    };
    layer.layer(service_fn(handler)).oneshot(get("/")).await.unwrap()
}

#[tokio::test]
async fn the_canonical_event_states_all_that_is_known_of_the_request() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder).route(|_| Some("/orders/{id}".into()));
    let request = Request::post("/orders/42?token=secret").body(Full::from("12345")).unwrap();
    let handler = |request: RequestOf| async move {
        let read = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(read, "12345");
        Ok::<_, Infallible>(answer(201, "1234567"))
    };
    let response = layer.layer(service_fn(handler)).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    let event = canonical(&test);
    assert_eq!((event.level, event.target.as_str()), (Level::Info, "fapilog::request"));
    let context: Vec<&str> = event.context.keys().map(String::as_str).collect();
    assert_eq!(context, ["method", "outcome", "protocol", "route", "status"]);
    assert_logged!(
        test,
        method = "POST",
        route = "/orders/{id}",
        status = 201,
        protocol = "HTTP/1.1",
        outcome = "completed",
        metrics.request_bytes = 5,
        metrics.response_bytes = 7
    );
    assert!(
        matches!(event.metrics["latency"], LoggedValue::Duration(latency) if latency > Duration::ZERO),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_request_without_a_known_route_has_no_such_field() {
    let test = TestLog::new();
    exchange(&layer(&test, |builder| builder), get("/a/secret/path"), answer(200, "")).await;
    let event = canonical(&test);
    assert!(!event.context.contains_key("route") && !event.context.contains_key("path"), "{event:?}");
}

#[tokio::test]
async fn an_id_of_the_client_is_bound_and_sent_back() {
    let test = TestLog::new();
    let request = Request::get("/").header("x-request-id", "7F3a._-").body(Full::default()).unwrap();
    let response = exchange(&layer(&test, |builder| builder), request, answer(200, "")).await;
    assert_eq!(request_id(&response), "7F3a._-");
    assert_logged!(test, message: "request finished", correlation_id: "7F3a._-");
}

#[tokio::test]
async fn a_request_without_an_id_gets_a_uuid_v7() {
    let test = TestLog::new();
    let response = exchange(&layer(&test, |builder| builder), get("/"), answer(200, "")).await;
    let id = request_id(&response);
    assert_eq!((id.len(), &id[14..15]), (36, "7"));
    let event = assert_logged!(test, message: "request finished", correlation_id: id);
    assert!(event.tags.is_empty(), "{event:?}");
}

#[tokio::test]
async fn an_invalid_id_gives_way_to_a_new_one_and_is_flagged_in_each_event() {
    let test = TestLog::new();
    let request = Request::get("/").header("x-request-id", "a b").body(Full::default()).unwrap();
    let handler = |_: RequestOf| {
        info!(test.log(), "in the handler");
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    let layer = layer(&test, |builder| builder);
    let response = layer.layer(service_fn(handler)).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 36);
    drop(response);
    assert_logged_times!(test, 2, tags.invalid_request_id = "characters");
}

#[tokio::test]
async fn the_trace_id_is_the_id_where_there_is_no_other_or_where_it_comes_first() {
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = |id: Option<&str>| {
        let request = Request::get("/").header("traceparent", TRACEPARENT);
        let request = id.into_iter().fold(request, |request, id| request.header("x-request-id", id));
        request.body(Full::default()).unwrap()
    };
    let test = TestLog::new();
    let by_default = layer(&test, |builder| builder);
    assert_eq!(request_id(&exchange(&by_default, request(None), answer(200, "")).await), trace_id);
    assert_eq!(request_id(&exchange(&by_default, request(Some("7f3a")), answer(200, "")).await), "7f3a");
    let trace_first = layer(&test, |builder| builder.id_sources([IdSource::Traceparent, IdSource::RequestId]));
    assert_eq!(request_id(&exchange(&trace_first, request(Some("7f3a")), answer(200, "")).await), trace_id);
    let always_new = layer(&test, |builder| builder.id_sources([]));
    assert_eq!(request_id(&exchange(&always_new, request(Some("7f3a")), answer(200, "")).await).len(), 36);
}

#[tokio::test]
async fn the_header_of_the_id_can_have_another_name_or_not_be_sent() {
    let test = TestLog::new();
    let request = || Request::get("/").header("x-correlation-id", "7f3a").body(Full::default()).unwrap();
    let other = layer(&test, |builder| builder.id_header("X-Correlation-Id"));
    let response = exchange(&other, request(), answer(200, "")).await;
    assert_eq!(response.headers()["x-correlation-id"], "7f3a");
    let not_sent = layer(&test, |builder| builder.id_header("x-correlation-id").send_id(false));
    assert!(exchange(&not_sent, request(), answer(200, "")).await.headers().is_empty());
    assert_logged_times!(test, 2, correlation_id: "7f3a");
}

#[tokio::test]
async fn events_of_the_service_of_its_future_of_its_drop_and_of_the_body_have_the_id() {
    struct LogsItsDrop<'a>(&'a TestLog);
    impl Drop for LogsItsDrop<'_> {
        fn drop(&mut self) {
            info!(self.0.log(), "dropped");
        }
    }
    struct LogsItsPoll(fapilog::Logger);
    impl Body for LogsItsPoll {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            info!(self.0, "body polled");
            Poll::Ready(None)
        }
    }
    let test = TestLog::new();
    let handler = |_: RequestOf| {
        info!(test.log(), "called");
        async {
            let _held = LogsItsDrop(&test);
            tokio::task::yield_now().await;
            info!(test.log(), "resumed");
            Ok::<_, Infallible>(Response::new(LogsItsPoll(test.log().clone())))
        }
    };
    let layer = layer(&test, |builder| builder);
    let request = Request::get("/").header("x-request-id", "7f3a").body(Full::default()).unwrap();
    let response = layer.layer(service_fn(handler)).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    test.assert_all_correlated("7f3a");
    assert_eq!(test.events().len(), 5);
}

#[tokio::test]
async fn a_body_has_the_id_behind_its_end_and_in_its_drop_too() {
    struct LogsAll(fapilog::Logger);
    impl Body for LogsAll {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            info!(self.0, "body polled");
            Poll::Ready(None)
        }
    }
    impl Drop for LogsAll {
        fn drop(&mut self) {
            info!(self.0, "cursor closed");
        }
    }
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let mut response = respond_with(&layer, LogsAll(test.log().clone())).await;
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(response.body_mut().frame().await.is_none());
    assert!(response.body_mut().frame().await.is_none());
    drop(response);
    test.assert_all_correlated(&id);
    assert_eq!(test.events().len(), 4);
    canonical(&test);

    // The body of a response to HEAD is dropped without a poll.
    test.clear();
    let log = test.log().clone();
    let handler = |_: RequestOf| async { Ok::<_, Infallible>(Response::new(LogsAll(log.clone()))) };
    let head = Request::head("/").header("x-request-id", "7f3a").body(Full::default()).unwrap();
    drop(layer.layer(service_fn(handler)).oneshot(head).await.unwrap());
    test.assert_all_correlated("7f3a");
    assert_logged_times!(test, 1, message: "cursor closed");
}

#[tokio::test]
async fn two_requests_of_a_thread_do_not_share_an_id() {
    let test = TestLog::new();
    let log = test.log();
    let handler = |request: RequestOf| async move {
        tokio::task::yield_now().await;
        info!(log, "served", path = request.uri().path());
        Ok::<_, Infallible>(answer(200, ""))
    };
    let layer = layer(&test, |builder| builder);
    let send = |path: &'static str| {
        let request = Request::get(path).header("x-request-id", &path[1..]).body(Full::default()).unwrap();
        layer.layer(service_fn(handler)).oneshot(request)
    };
    let (one, other) = tokio::join!(send("/one"), send("/other"));
    drop((one, other));
    assert_logged!(test, message: "served", correlation_id: "one", path = "/one");
    assert_logged!(test, message: "served", correlation_id: "other", path = "/other");
    info!(test.log(), "afterwards");
    assert_eq!(assert_logged!(test, message: "afterwards").correlation_id, None);
}

#[tokio::test]
async fn a_handler_finds_the_id_and_a_logger_in_the_extensions() {
    let test = TestLog::new();
    let handler = |request: RequestOf| {
        let context = RequestContext::of(request.extensions()).unwrap().clone();
        std::thread::spawn(move || info!(context.logger(), "elsewhere", id = %context.id())).join().unwrap();
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    let layer = layer(&test, |builder| builder);
    let request = Request::get("/").header("x-request-id", "7f3a").body(Full::default()).unwrap();
    drop(layer.layer(service_fn(handler)).oneshot(request).await.unwrap());
    assert_logged!(test, message: "elsewhere", correlation_id: "7f3a", id = "7f3a");
}

#[tokio::test]
async fn a_layer_inside_another_takes_its_id() {
    let test = TestLog::new();
    let (outer, inner) = (layer(&test, |builder| builder), layer(&test, |builder| builder.id_sources([])));
    let handler = |request: Request<RequestBody<RequestBody<Full<Bytes>>>>| {
        let id = RequestContext::of(request.extensions()).unwrap().id().to_string();
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(id))) }
    };
    let response = outer.layer(inner.layer(service_fn(handler))).oneshot(get("/")).await.unwrap();
    let id = response.headers()["x-request-id"].clone();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), id.as_bytes());
    test.assert_all_correlated(id.to_str().unwrap());
}

#[tokio::test]
async fn the_level_goes_by_the_status() {
    for (status, level) in [(200, Level::Info), (304, Level::Info), (404, Level::Warning), (503, Level::Error)] {
        let test = TestLog::new();
        exchange(&layer(&test, |builder| builder), get("/"), answer(status, "")).await;
        assert_eq!(canonical(&test).level, level, "{status}");
    }
}

#[tokio::test]
async fn a_rule_of_the_program_sets_the_level_and_the_default_counts_where_it_panics() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| {
        builder.level(|request| match request.status {
            404 => Level::Debug,
            418 => panic!("no rule for teapots"),
            _ => Level::Critical,
        })
    });
    for status in [404, 418, 200] {
        exchange(&layer, get("/"), answer(status, "")).await;
    }
    assert_logged!(test, level: Debug, status = 404);
    assert_logged!(test, level: Warning, status = 418);
    assert_logged!(test, level: Critical, status = 200);
}

#[tokio::test]
async fn a_start_event_is_logged_by_setting_alone() {
    let test = TestLog::new();
    exchange(&layer(&test, |builder| builder), get("/"), answer(200, "")).await;
    assert_not_logged!(test, message: "request started");
    let with_start = layer(&test, |builder| builder.start_event(Level::Info)).route(|_| Some("/".into()));
    exchange(&with_start, get("/"), answer(200, "")).await;
    assert_logged!(test, level: Info, message: "request started", method = "GET", route = "/", protocol = "HTTP/1.1");
}

#[tokio::test]
async fn skipped_paths_have_ids_but_no_events() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder.skip_path("/health").skip_path("/static/*").start_event(Level::Info));
    for (path, status) in [("/health", 503), ("/static/a.css", 200), ("/static/", 200)] {
        let response = exchange(&layer, get(path), answer(status, "")).await;
        assert_eq!(request_id(&response).len(), 36);
    }
    assert_not_logged!(test);
    exchange(&layer, get("/healthy"), answer(200, "")).await;
    assert_logged!(test, message: "request finished");
}

#[tokio::test]
async fn a_sample_goes_by_the_id_and_keeps_errors_and_slow_requests() {
    let test = TestLog::new();
    let none = layer(&test, |builder| builder.sample(0.0).start_event(Level::Info));
    exchange(&none, get("/"), answer(200, "")).await;
    assert_not_logged!(test);
    exchange(&none, get("/"), answer(500, "")).await;
    assert_logged!(test, level: Error, status = 500);
    let slow = layer(&test, |builder| builder.sample(0.0).keep_slower_than(Duration::ZERO));
    exchange(&slow, get("/"), answer(201, "")).await;
    assert_logged!(test, status = 201);

    let half = layer(&test, |builder| builder.sample(0.5));
    let again = layer(&test, |builder| builder.sample(0.5));
    test.clear();
    for number in 0..200 {
        for layer in [&half, &again] {
            let request =
                Request::get("/").header("x-request-id", format!("id-{number}")).body(Full::default()).unwrap();
            exchange(layer, request, answer(200, "")).await;
        }
    }
    let ids: Vec<_> = test.events().into_iter().map(|event| event.correlation_id).collect();
    assert!(ids.chunks(2).all(|pair| pair[0] == pair[1]), "both layers choose the same requests");
    assert!((120..280).contains(&ids.len()), "{}", ids.len());
}

#[tokio::test]
async fn an_error_is_kept_even_where_a_rule_gives_it_a_low_level() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder.sample(0.0).level(|_| Level::Info));
    exchange(&layer, get("/"), answer(500, "")).await;
    assert_logged!(test, level: Info, status = 500);
}

#[tokio::test]
async fn a_path_is_logged_by_setting_and_its_query_is_redacted() {
    for (query, path) in [
        (QueryLogging::Omitted, "/search"),
        (QueryLogging::default(), "/search?…"),
        (QueryLogging::Keys, "/search?q=…&page=…"),
        (QueryLogging::Full, "/search?q=a&page=2"),
    ] {
        let test = TestLog::new();
        exchange(&layer(&test, |builder| builder.path(query)), get("/search?q=a&page=2"), answer(200, "")).await;
        assert_logged!(test, message: "request finished", path);
    }
}

#[tokio::test]
async fn headers_are_logged_if_they_are_allowed_and_never_if_they_hold_secrets() {
    let test = TestLog::new();
    let denied = ["authorization", "cookie", "set-cookie", "x-api-key", "proxy-authorization", "x-session"];
    let layer = layer(&test, |builder| {
        let builder = denied.iter().fold(builder, |builder, name| builder.log_header(name));
        builder.log_header("User-Agent").log_header("x-absent").deny_header("X-Session")
    });
    let request = denied
        .iter()
        .fold(Request::get("/").header("user-agent", "curl/8"), |request, name| request.header(*name, "secret"));
    exchange(&layer, request.header("x-other", "secret").body(Full::default()).unwrap(), answer(200, "")).await;
    let event = assert_logged!(test, message: "request finished", "header.user-agent" = "curl/8");
    let headers: Vec<_> = event.context.keys().filter(|key| key.starts_with("header.")).collect();
    assert_eq!(headers, ["header.user-agent"]);
    assert!(!format!("{event:?}").contains("secret"));
}

#[test]
fn an_invalid_setting_is_refused_with_its_name_and_value() {
    let log = fapilog::Logger::disabled();
    let error = |configure: fn(RequestLogBuilder) -> RequestLogBuilder| {
        configure(RequestLog::builder(&log)).build().unwrap_err().to_string()
    };
    for (text, parts) in [
        (error(|builder| builder.id_header("x request id")), ["id_header", "\"x request id\""]),
        (error(|builder| builder.id_header("Content-Length")), ["id_header", "\"content-length\""]),
        (error(|builder| builder.sample(1.5)), ["sample", "1.5"]),
        (error(|builder| builder.sample(f64::NAN)), ["sample", "NaN"]),
        (error(|builder| builder.skip_path("health")), ["skip_path", "\"health\""]),
        (error(|builder| builder.skip_path("/a/*/b")), ["skip_path", "\"/a/*/b\""]),
        (error(|builder| builder.skip_path("/a/*/*")), ["skip_path", "\"/a/*/*\""]),
        (error(|builder| builder.log_header("")), ["log_header", "\"\""]),
    ] {
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_fails_is_logged_with_its_error() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |_: RequestOf| async { Err::<Response<Full<Bytes>>, BoxError>("no warehouse".into()) };
    let error = layer.layer(service_fn(handler)).oneshot(get("/")).await.err().unwrap();
    assert_eq!(error.to_string(), "no warehouse");
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = RequestOutcome::ServiceFailed.name(), error = "no warehouse");
}

#[tokio::test]
async fn a_body_that_fails_is_logged_with_its_error_and_the_status_that_was_sent() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let response = respond_with(&layer, Frames::of([data("123"), Err("disk gone".into())])).await;
    assert!(response.into_body().collect().await.is_err());
    canonical(&test);
    assert_logged!(test, level: Error, status = 200, outcome = "body_failed", error = "disk gone", metrics.response_bytes = 3);
}

#[tokio::test]
async fn an_error_that_the_response_stands_for_is_logged_with_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("order is not saved")]
    struct NotSaved(#[source] std::io::Error);
    let test = TestLog::new();
    let mut response = answer(502, "");
    response.extensions_mut().insert(LoggedError::new(NotSaved(std::io::Error::other("connection reset"))));
    exchange(&layer(&test, |builder| builder), get("/"), response).await;
    canonical(&test);
    assert_logged!(test, status = 502, error = "order is not saved: connection reset");
}

#[tokio::test]
async fn a_body_that_is_dropped_early_is_a_client_that_disconnected() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let mut body = respond_with(&layer, Frames::of([data("123"), data("456")])).await.into_body();
    body.frame().await.unwrap().unwrap();
    assert_not_logged!(test, message: "request finished");
    drop(body);
    canonical(&test);
    assert_logged!(test, level: Warning, status = 499, sent_status = 200, outcome = "client_disconnected", metrics.response_bytes = 3);
}

#[tokio::test]
async fn a_future_that_is_dropped_is_a_client_that_disconnected() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |_: RequestOf| pending::<Result<Response<Full<Bytes>>, Infallible>>();
    let mut future = Box::pin(layer.layer(service_fn(handler)).oneshot(get("/")));
    let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    drop(future);
    let event = canonical(&test);
    assert!(!event.context.contains_key("sent_status"), "{event:?}");
    assert_logged!(test, level: Warning, status = 499, outcome = "client_disconnected");
}

#[tokio::test]
async fn a_panic_goes_through_and_is_the_outcome_in_the_service_in_its_future_and_in_the_body() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("in the body")
        }
    }
    async fn joined<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) {
        assert!(tokio::spawn(work).await.is_err_and(|error| error.is_panic()));
    }

    let test = TestLog::new();
    let by_call = layer(&test, |builder| builder);
    #[allow(unreachable_code)]
    let panics = |_: RequestOf| {
        panic!("in the call");
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    joined(by_call.layer(service_fn(panics)).oneshot(get("/"))).await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = "panicked");

    test.clear();
    let panics = |_: RequestOf| async { panic!("in the future") as Result<Response<Full<Bytes>>, Infallible> };
    joined(by_call.layer(service_fn(panics)).oneshot(get("/"))).await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = "panicked");

    test.clear();
    let response = respond_with(&by_call, Panics).await;
    joined(response.into_body().collect()).await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 200, outcome = "panicked");
}

#[tokio::test]
async fn responses_whose_bodies_no_server_polls_are_completed() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |status: u16| move |_: RequestOf| async move { Ok::<_, Infallible>(answer(status, "not sent")) };
    let head = Request::head("/").body(Full::default()).unwrap();
    drop(layer.layer(service_fn(handler(200))).oneshot(head).await.unwrap());
    drop(layer.layer(service_fn(handler(204))).oneshot(get("/")).await.unwrap());
    drop(layer.layer(service_fn(handler(304))).oneshot(get("/")).await.unwrap());
    drop(respond_with(&layer, Empty::<Bytes>::new()).await);
    assert_logged_times!(test, 4, message: "request finished", outcome = "completed", metrics.response_bytes = 0);
}

#[tokio::test]
async fn a_body_with_all_the_bytes_that_it_announced_is_complete_without_another_poll() {
    struct Announced(u64);
    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0 -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(self.0)
        }
    }
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let mut body = respond_with(&layer, Announced(2)).await.into_body();
    body.frame().await.unwrap().unwrap();
    assert_not_logged!(test, message: "request finished");
    body.frame().await.unwrap().unwrap();
    drop(body);
    canonical(&test);
    assert_logged!(test, outcome = "completed", metrics.response_bytes = 2);
}

#[tokio::test]
async fn trailers_and_errors_behind_the_announced_bytes_count() {
    struct Announced(Frames);
    impl Body for Announced {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Pin::new(&mut self.0).poll_frame(context)
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(3)
        }
    }
    let trailers = http::HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), "13".parse().unwrap())]);
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let body = Announced(Frames::of([data("123"), Ok(Frame::trailers(trailers))]));
    respond_with(&layer, body).await.into_body().collect().await.unwrap();
    assert_eq!(canonical(&test).level, Level::Error);
    assert_logged!(test, grpc_status = "INTERNAL", outcome = "completed");

    test.clear();
    let body = Announced(Frames::of([data("123"), Err("checksum is wrong".into())]));
    assert!(respond_with(&layer, body).await.into_body().collect().await.is_err());
    canonical(&test);
    assert_logged!(test, level: Error, outcome = "body_failed", error = "checksum is wrong");
}

#[tokio::test]
async fn an_error_whose_text_panics_does_not_reach_the_server() {
    #[derive(Debug)]
    struct Panics;
    impl std::fmt::Display for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text")
        }
    }
    impl std::error::Error for Panics {}
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |_: RequestOf| async { Err::<Response<Full<Bytes>>, Panics>(Panics) };
    assert!(layer.layer(service_fn(handler)).oneshot(get("/")).await.is_err());
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = "service_failed");

    test.clear();
    let mut response = answer(502, "");
    response.extensions_mut().insert(LoggedError::new(Panics));
    exchange(&layer, get("/"), response).await;
    canonical(&test);
    assert_logged!(test, status = 502, outcome = "completed");
}

#[tokio::test]
async fn a_payload_of_a_rule_whose_drop_panics_does_not_reach_the_server() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("dropped")
        }
    }
    let test = TestLog::new();
    let rules = layer(&test, |builder| builder.level(|_| std::panic::panic_any(PanicsInDrop)));
    exchange(&rules, get("/"), answer(200, "")).await;
    let event = canonical(&test);
    assert_eq!(event.level, Level::Info);
    test.clear();
    let routes = layer(&test, |builder| builder).route(|_| std::panic::panic_any(PanicsInDrop));
    exchange(&routes, get("/"), answer(200, "")).await;
    canonical(&test);
}

#[tokio::test]
async fn the_grpc_status_is_that_of_the_trailers_or_of_the_headers() {
    let trailers = |status: &'static str| {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        Ok(Frame::trailers(trailers))
    };
    for (status, name, level) in
        [("0", "OK", Level::Info), ("5", "NOT_FOUND", Level::Warning), ("13", "INTERNAL", Level::Error)]
    {
        let test = TestLog::new();
        let layer = layer(&test, |builder| builder);
        let response = respond_with(&layer, Frames::of([data("123"), trailers(status)])).await;
        response.into_body().collect().await.unwrap();
        let event = canonical(&test);
        assert_eq!((event.level, &event.context["grpc_status"]), (level, &LoggedValue::of(name)));
    }
    let test = TestLog::new();
    let mut only_headers = answer(200, "");
    only_headers.headers_mut().insert("grpc-status", "7".parse().unwrap());
    exchange(&layer(&test, |builder| builder), get("/"), only_headers).await;
    assert_logged!(test, level: Warning, status = 200, grpc_status = "PERMISSION_DENIED");
}

#[tokio::test]
async fn the_route_rule_of_grpc_takes_the_paths_of_grpc_alone_and_a_rule_that_panics_counts_as_none() {
    let test = TestLog::new();
    let grpc = layer(&test, |builder| builder).route(grpc_route);
    let request = Request::post("/shop.Orders/Get").header("content-type", "application/grpc+proto");
    exchange(&grpc, request.body(Full::default()).unwrap(), answer(200, "")).await;
    assert_logged!(test, route = "/shop.Orders/Get");
    test.clear();
    exchange(&grpc, get("/secret"), answer(200, "")).await;
    let panics = layer(&test, |builder| builder).route(|_| panic!("no route"));
    assert_eq!(exchange(&panics, get("/secret"), answer(200, "")).await.status(), StatusCode::OK);
    for event in assert_logged_times!(test, 2, message: "request finished") {
        assert!(!event.context.contains_key("route"), "{event:?}");
    }
}
