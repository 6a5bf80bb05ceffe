//! The settings of a request log.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use fapilog::{Level, assert_logged, assert_not_logged, testing::TestLog};
use fapilog_tower::{QueryLogging, RequestLog, RequestLogBuilder};
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{RequestOf, answer, exchange, get, joined, layer, request_id};

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
    assert_logged!(test, level: Info, status = 418);
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
    for (path, status) in [("/health", 200), ("/static/a.css", 404), ("/static/", 200)] {
        let response = exchange(&layer, get(path), answer(status, "")).await;
        assert_eq!(request_id(&response).len(), 36);
    }
    assert_not_logged!(test);
    exchange(&layer, get("/healthy"), answer(200, "")).await;
    assert_logged!(test, message: "request finished");
}

#[tokio::test]
async fn a_failure_on_a_skipped_path_is_logged_with_all_its_fields() {
    let test = TestLog::new();
    let layer =
        layer(&test, |builder| builder.skip_path("/health").path(QueryLogging::Redacted).start_event(Level::Info));
    exchange(&layer, get("/health"), answer(503, "")).await;
    assert_eq!(test.events().len(), 1);
    assert_logged!(test, level: Error, message: "request finished", path = "/health", status = 503);

    test.clear();
    let handler = |_: RequestOf| async { panic!("no health") as Result<Response<Full<Bytes>>, Infallible> };
    joined(layer.layer(service_fn(handler)).oneshot(get("/health"))).await;
    assert_logged!(test, level: Error, outcome = "panicked");
}

#[tokio::test]
async fn errors_of_clients_have_the_level_of_their_setting() {
    let test = TestLog::new();
    let warns = layer(&test, |builder| builder.sample(0.0).client_errors(Level::Warning));
    for status in [200, 404, 500] {
        exchange(&warns, get("/"), answer(status, "")).await;
    }
    assert_eq!(test.events().len(), 2, "a WARNING is kept, whatever the sample is");
    assert_logged!(test, level: Warning, status = 404);
    assert_logged!(test, level: Error, status = 500);
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
        (error(|builder| builder.id_header("Authorization")), ["id_header", "\"authorization\""]),
        (error(|builder| builder.id_header("traceparent")), ["id_header", "\"traceparent\""]),
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
