//! Ids: from the client, from a trace, or new.

use std::convert::Infallible;

use bytes::Bytes;
use fapilog::{assert_logged, assert_logged_times, info, scope, testing::TestLog};
use fapilog_tower::{IdSource, RequestBody, RequestContext};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{RequestOf, TRACEPARENT, answer, exchange, get, layer, request_id};

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
async fn events_of_a_request_with_a_traceparent_have_its_trace_and_span() {
    let test = TestLog::new();
    let handler = |request: RequestOf| {
        info!(test.log(), "in the handler");
        let context = RequestContext::of(request.extensions()).unwrap().clone();
        assert_eq!(context.trace_parent().unwrap().to_string(), TRACEPARENT);
        std::thread::spawn(move || info!(context.logger(), "on a thread")).join().unwrap();
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    let layer = layer(&test, |builder| builder);
    let request = Request::get("/").header("traceparent", TRACEPARENT).header("x-request-id", "7f3a");
    drop(layer.layer(service_fn(handler)).oneshot(request.body(Full::default()).unwrap()).await.unwrap());
    let (trace_id, span_id) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    assert_logged_times!(test, 3, correlation_id: "7f3a", trace_id, span_id);
}

#[tokio::test]
async fn a_note_of_the_requests_own_span_counts_before_the_traceparent_and_never_before_the_id() {
    let test = TestLog::new();
    let handler = |request: RequestOf| {
        let context = RequestContext::of(request.extensions()).unwrap();
        context.note(scope!(correlation_id: "another", trace_id = "of the span", span_id = "own"));
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    let layer = layer(&test, |builder| builder);
    let request = Request::get("/").header("traceparent", TRACEPARENT).header("x-request-id", "7f3a");
    drop(layer.layer(service_fn(handler)).oneshot(request.body(Full::default()).unwrap()).await.unwrap());
    assert_logged_times!(test, 1, correlation_id: "7f3a", trace_id = "of the span", span_id = "own");
}

#[tokio::test]
async fn a_request_without_a_valid_traceparent_or_by_setting_has_no_trace() {
    let test = TestLog::new();
    let (by_default, unwanted) = (layer(&test, |builder| builder), layer(&test, |builder| builder.trace_fields(false)));
    let request = |value: &str| Request::get("/").header("traceparent", value).body(Full::default()).unwrap();
    exchange(&by_default, get("/"), answer(200, "")).await;
    exchange(&by_default, request("00-none"), answer(200, "")).await;
    exchange(&unwanted, request(TRACEPARENT), answer(200, "")).await;
    for event in assert_logged_times!(test, 3, message: "request finished") {
        assert!(!event.context.contains_key("trace_id") && !event.context.contains_key("span_id"), "{event:?}");
    }
}

#[tokio::test]
async fn an_id_that_is_no_text_is_flagged_and_a_header_that_is_none_is_logged_as_bytes() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder.log_header("x-raw"));
    let raw = || http::HeaderValue::from_bytes(b"\xFF\tx").unwrap();
    let request = Request::get("/").header("x-request-id", raw()).header("x-raw", raw()).header("traceparent", raw());
    let response = exchange(&layer, request.body(Full::default()).unwrap(), answer(200, "")).await;
    assert_eq!(request_id(&response).len(), 36);
    let event = assert_logged!(test, message: "request finished", tags.invalid_request_id = "characters");
    assert!(event.context.contains_key("header.x-raw") && !event.context.contains_key("trace_id"), "{event:?}");
}

#[tokio::test]
async fn a_response_with_as_many_headers_as_there_can_be_is_sent_without_the_id() {
    let test = TestLog::new();
    let mut response = answer(200, "");
    let mut number = 0;
    while response
        .headers_mut()
        .try_append(format!("x-{number}").parse::<http::HeaderName>().unwrap(), "x".parse().unwrap())
        .is_ok()
    {
        number += 1;
    }
    let response = exchange(&layer(&test, |builder| builder), get("/"), response).await;
    assert!(response.headers().get("x-request-id").is_none());
    assert_logged!(test, message: "request finished", status = 200);
}
