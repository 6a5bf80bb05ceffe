//! Services and bodies that fail, and clients that disconnect.

use std::{convert::Infallible, future::pending, task::Poll};

use bytes::Bytes;
use fapilog::{
    Level, assert_logged, assert_not_logged, scope,
    testing::{LoggedValue, TestLog},
};
use fapilog_tower::{BoxError, LoggedError, RequestContext, RequestOutcome};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{Frames, RequestOf, answer, canonical, data, exchange, get, layer, respond_with};

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
    assert_logged!(test, level: Info, status = 499, sent_status = 200, outcome = "client_disconnected", metrics.response_bytes = 3);
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
    assert_logged!(test, level: Info, status = 499, outcome = "client_disconnected");
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

#[derive(Debug, thiserror::Error)]
#[error("order is not saved")]
struct NotSaved(#[source] std::io::Error);

fn not_saved() -> NotSaved {
    NotSaved(std::io::Error::other("connection reset"))
}

#[tokio::test]
async fn a_boxed_error_of_a_service_is_logged_with_its_sources() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |_: RequestOf| async { Err::<Response<Full<Bytes>>, BoxError>(not_saved().into()) };
    let error = layer.layer(service_fn(handler)).oneshot(get("/")).await.err().unwrap();
    assert!(error.is::<NotSaved>());
    canonical(&test);
    assert_logged!(test, outcome = "service_failed", error = "order is not saved: connection reset");
}

#[tokio::test]
async fn an_error_of_another_type_is_logged_with_its_sources_if_the_layer_knows_the_type() {
    let test = TestLog::new();
    let by_default = layer(&test, |builder| builder);
    let handler = |_: RequestOf| async { Err::<Response<Full<Bytes>>, _>(not_saved()) };
    for (layer, error) in [
        (by_default.clone(), "order is not saved"),
        (by_default.error_type::<NotSaved>(), "order is not saved: connection reset"),
    ] {
        test.clear();
        assert!(layer.layer(service_fn(handler)).oneshot(get("/")).await.is_err());
        canonical(&test);
        assert_logged!(test, outcome = "service_failed", error);
    }
}

#[tokio::test]
async fn the_error_of_a_body_is_logged_with_its_sources_and_stays_as_it_is() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let response = respond_with(&layer, Frames::of([Err(not_saved().into())])).await;
    assert!(response.into_body().collect().await.err().unwrap().is::<NotSaved>());
    canonical(&test);
    assert_logged!(test, outcome = "body_failed", error = "order is not saved: connection reset");
}

#[tokio::test]
async fn a_drop_inside_of_another_scope_logs_the_scope_of_the_request_alone() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder.log_header("user-agent"));
    let request = || {
        let request = Request::get("/").header("x-request-id", "7f3a").header("user-agent", "curl/8");
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let handler = |request: RequestOf| {
        RequestContext::of(request.extensions()).unwrap().note(scope!(user_id = 42));
        pending::<Result<Response<Full<Bytes>>, Infallible>>()
    };
    let service = layer.layer(service_fn(handler));
    let mut future = {
        let _server = scope!(tags.region = "eu").enter();
        Box::pin(service.oneshot(request()))
    };
    {
        let _server = scope!(tags.region = "eu").enter();
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
    let other = scope!(correlation_id: "other", tenant = "other", tags.secret = "other").enter();
    drop(future);
    drop(other);
    let event = canonical(&test);
    assert_eq!(event.correlation_id.as_deref(), Some("7f3a"));
    assert!(!format!("{event:?}").contains("other"), "{event:?}");
    // All that it has otherwise.
    let names: Vec<&str> = event.context.keys().map(String::as_str).collect();
    assert_eq!(names, ["header.user-agent", "method", "outcome", "protocol", "status", "user_id"]);
    let metrics: Vec<&str> = event.metrics.keys().map(String::as_str).collect();
    assert_eq!(metrics, ["latency", "request_bytes", "response_bytes"]);
    assert_eq!((event.target.as_str(), event.level), ("fapilog::request", Level::Info));
    assert_logged!(
        test,
        tags.region = "eu",
        status = 499,
        user_id = 42,
        protocol = "HTTP/1.1",
        metrics.response_bytes = 0
    );
    assert!(matches!(event.metrics["latency"], LoggedValue::Duration(_)), "{event:?}");
}
