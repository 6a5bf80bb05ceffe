//! The fields and the level of the canonical event.

use std::{convert::Infallible, time::Duration};

use fapilog::{
    Level, assert_logged, assert_logged_times,
    testing::{LoggedValue, TestLog},
};
use fapilog_tower::grpc_route;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{Frames, RequestOf, answer, canonical, data, exchange, get, layer, respond_with};

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
async fn the_level_goes_by_the_status() {
    for (status, level) in [(200, Level::Info), (304, Level::Info), (404, Level::Info), (503, Level::Error)] {
        let test = TestLog::new();
        exchange(&layer(&test, |builder| builder), get("/"), answer(status, "")).await;
        assert_eq!(canonical(&test).level, level, "{status}");
    }
}

#[tokio::test]
async fn the_grpc_status_is_that_of_the_trailers_or_of_the_headers() {
    let trailers = |status: &'static str| {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        Ok(Frame::trailers(trailers))
    };
    for (status, name, level) in
        [("0", "OK", Level::Info), ("5", "NOT_FOUND", Level::Info), ("13", "INTERNAL", Level::Error)]
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
    assert_logged!(test, level: Info, status = 200, grpc_status = "PERMISSION_DENIED");
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
