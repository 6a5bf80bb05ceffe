//! The layers on a router of axum's, and axum's part of the crate.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Path,
    routing::{get, post},
};
use fapilog::{
    Container, Logger, assert_logged, format, info, metrics::HealthLevel, scope, scope::InScope, sink, testing::TestLog,
};
use fapilog_tower::{
    PanicLayer, RequestContext, RequestId, RequestLog, RequestLogLayer,
    axum::{Failure, MetricsText, MissingRequestLog, Operations, RequestLogger},
    testing,
};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

#[tokio::test]
async fn the_route_is_the_template_of_the_router_and_never_the_path() {
    let app = testing::app(|_| Router::new().route("/orders/{id}", get(|| async { "42" })));
    let response = app.get("/orders/4711?token=secret").await;
    assert_eq!(response.text(), "42");
    let event = app.canonical_event(&response);
    assert_logged!(app.log(), route = "/orders/{id}", status = 200, metrics.response_bytes = 2);
    assert!(!format!("{event:?}").contains("4711") && !format!("{event:?}").contains("secret"), "{event:?}");
}

#[tokio::test]
async fn a_nested_route_has_the_whole_template() {
    let app = testing::app(|_| {
        let orders = Router::new().route("/{id}/items", get(|| async {}));
        Router::new().nest("/shop/{shop}", orders)
    });
    app.get("/shop/7/42/items").await;
    assert_logged!(app.log(), route = "/shop/{shop}/{id}/items");
}

#[tokio::test]
async fn a_path_that_matches_no_route_has_no_route_and_is_logged() {
    let app = testing::app(|_| Router::new().route("/", get(|| async {})));
    let response = app.get("/no/such/path").await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    assert!(!app.canonical_event(&response).context.contains_key("route"));
    assert_logged!(app.log(), level: Info, status = 404);
}

#[tokio::test]
async fn the_body_of_a_request_is_counted_as_far_as_the_handler_reads_it() {
    let app = testing::app(|_| {
        Router::new().route("/all", post(|body: String| async move { body })).route("/none", post(|| async {}))
    });
    let send = |path: &str| app.send(Request::post(path).body(Body::from("12345")).unwrap());
    assert_eq!(send("/all").await.text(), "12345");
    assert_logged!(app.log(), route = "/all", metrics.request_bytes = 5, metrics.response_bytes = 5);
    send("/none").await;
    assert_logged!(app.log(), route = "/none", metrics.request_bytes = 0);
}

#[tokio::test]
async fn the_test_kit_finds_the_id_in_the_header_of_the_setting() {
    let app = testing::app_with(
        |builder| builder.id_header("x-correlation-id"),
        |_| Router::new().route("/", get(|| async {})),
    );
    let response = app.get("/").await;
    assert_eq!(response.request_id.len(), 36);
    app.canonical_event(&response);
}

#[tokio::test]
async fn a_request_is_correlated_across_handlers_tasks_and_threads() {
    let app = testing::app(|log| {
        let log = log.clone();
        let handler = move |RequestLogger(request_log): RequestLogger| async move {
            info!(log, "in the handler");
            let task = {
                let log = log.clone();
                async move {
                    tokio::task::yield_now().await;
                    info!(log, "in the task")
                }
            };
            tokio::spawn(task.in_current_scope()).await.unwrap();
            // Neither is the scope bound in this task, nor on this thread: the logger itself has the id.
            let elsewhere = request_log.clone();
            tokio::spawn(async move { info!(elsewhere, "in a task without the scope") }).await.unwrap();
            std::thread::spawn(move || info!(request_log, "on a thread")).join().unwrap();
        };
        Router::new().route("/", get(handler))
    });
    let response = app.get("/").await;
    assert_eq!(response.request_id.len(), 36);
    app.assert_correlated(&response);
    assert_eq!(app.log().events().len(), 5);
}

#[tokio::test]
#[should_panic(expected = "uncorrelated")]
async fn the_test_kit_finds_a_task_that_is_not_correlated() {
    let app = testing::app(|log| {
        let log = log.clone();
        Router::new()
            .route("/", get(|| async move { tokio::spawn(async move { info!(log, "uncorrelated") }).await.unwrap() }))
    });
    let response = app.get("/").await;
    app.assert_correlated(&response);
}

#[tokio::test]
async fn extractors_provide_the_id_and_the_context() {
    let app = testing::app(|_| {
        Router::new()
            .route("/", get(|id: RequestId, context: RequestContext| async move { format!("{id} {}", context.id()) }))
    });
    let request = Request::get("/").header("x-request-id", "7f3a").body(Body::empty()).unwrap();
    assert_eq!(app.send(request).await.text(), "7f3a 7f3a");
}

#[tokio::test]
async fn a_handler_adds_fields_to_the_canonical_event_alone() {
    async fn handler(log: RequestLogger, request: RequestContext) {
        let user_id = 42;
        request.note(scope!(correlation_id: "spoofed", user_id, status = "spoofed", cache = "miss"));
        request.note(scope!(cache = "hit", metrics.rows = 7));
        info!(log, "in the handler");
    }
    let app = testing::app(|_| Router::new().route("/", get(handler)));
    let response = app.get("/").await;
    app.canonical_event(&response);
    assert_logged!(app.log(), message: "request finished", user_id = 42, cache = "hit", metrics.rows = 7, status = 200);
    let event = assert_logged!(app.log(), message: "in the handler");
    assert!(event.context.is_empty(), "{event:?}");
    fapilog::info!(app.log().log(), "afterwards");
    assert!(assert_logged!(app.log(), message: "afterwards").context.is_empty());
}

#[tokio::test]
async fn a_request_log_around_the_router_has_the_reason_too() {
    let test = TestLog::new();
    let router = Router::new()
        .route("/", get(|| async { MissingRequestLog }))
        .layer(RequestLogLayer::new(RequestLog::new(test.log())));
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_logged!(test, message: "request finished", status = 500, error = MissingRequestLog.to_string());
}

#[tokio::test]
async fn a_failure_of_a_handler_is_logged_with_its_sources_and_hidden_from_the_client() {
    #[derive(Debug, thiserror::Error)]
    #[error("order is not saved")]
    struct NotSaved(#[source] std::io::Error);

    async fn save(Path(status): Path<u16>) -> Result<(), Failure> {
        let failed = Err(NotSaved(std::io::Error::other("connection reset")));
        match status {
            500 => Ok(failed?),
            _ => failed.map_err(|error| Failure::new(StatusCode::from_u16(status).unwrap(), error)),
        }
    }
    let app = testing::app(|_| Router::new().route("/{status}", get(save)));
    for (path, status, text) in [("/500", 500, "Internal Server Error"), ("/502", 502, "Bad Gateway")] {
        let response = app.get(path).await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (status, text));
        assert_logged!(app.log(), level: Error, message: "request finished", status,
            error = "order is not saved: connection reset");
    }
}

#[tokio::test]
async fn a_panic_of_a_handler_is_answered_with_the_id() {
    let app = testing::app(|log| {
        async fn panics() {
            panic!("out of orders")
        }
        Router::new().route("/", get(panics)).layer(PanicLayer::new(log))
    });
    let response = app.get("/").await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.text(), format!("internal server error\nrequest id: {}\n", response.request_id));
    app.canonical_event(&response);
    assert_logged!(app.log(), level: Error, message: "request finished", outcome = "panicked", panic = "out of orders");
}

#[tokio::test]
async fn a_layer_around_the_router_takes_the_route_of_its_rule() {
    let test = TestLog::new();
    let router = Router::new().route("/orders/{id}", get(|| async {}));
    let layer = RequestLogLayer::new(RequestLog::new(test.log()))
        .route(|request| request.uri.path().starts_with("/orders/").then(|| "/orders/{id}".into()));
    let service = tower::ServiceBuilder::new().layer(layer).service(router);
    let response = service.oneshot(Request::get("/orders/42").body(Body::empty()).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_logged!(test, route = "/orders/{id}");
}

/// The status, the content type and the text of a route.
async fn ask(router: &Router, path: &str) -> (u16, String, String) {
    let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let content_type = parts.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
    (parts.status.as_u16(), content_type.unwrap_or_default(), text)
}

fn container() -> (Arc<Container>, Logger) {
    let (sink, _) = sink::Memory::new(format::Json::new);
    let logs = Arc::new(Container::builder().sink("memory", sink).start().unwrap());
    let log = logs.logger("test");
    (logs, log)
}

#[tokio::test]
async fn the_health_route_answers_with_the_health_of_the_container() {
    let (logs, _) = container();
    let router: Router = Operations::new(Arc::clone(&logs)).into_router();
    let (status, content_type, text) = ask(&router, "/health").await;
    assert_eq!((status, content_type.as_str()), (200, "application/json"));
    let health: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&health["health"], &health["plugins"]["memory"]), (&"full".into(), &"active".into()), "{text}");

    let strict: Router =
        Operations::new(Arc::clone(&logs)).unhealthy_from(HealthLevel::Full).health_path("/ready").into_router();
    assert_eq!(ask(&strict, "/ready").await.0, 503);
    drop((router, strict));
    logs.shutdown(std::time::Duration::from_secs(5)).unwrap().check().unwrap();
}

#[tokio::test]
async fn the_metrics_route_answers_with_the_figures_of_now_or_with_another_text() {
    let (logs, log) = container();
    info!(log, "an event");
    logs.flush(std::time::Duration::from_secs(5)).unwrap();
    let router: Router = Operations::new(Arc::clone(&logs)).into_router();
    let (status, content_type, text) = ask(&router, "/metrics").await;
    assert_eq!((status, content_type.as_str()), (200, "application/json"));
    let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(figures["accounts"]["submitted"], 1);
    let sink = &figures["accounts"]["sinks"][0];
    assert_eq!((&sink["name"], &sink["delivered"]), (&"memory".into(), &1.into()));

    let text = |accept: Option<&str>| MetricsText::new("text/plain", format!("asked for {accept:?}"));
    let router: Router = Operations::new(Arc::clone(&logs)).metrics_path("/figures").metrics_text(text).into_router();
    assert_eq!(ask(&router, "/figures").await, (200, "text/plain".to_owned(), "asked for None".to_owned()));
    let request = Request::get("/figures").header("accept", "text/html").body(Body::empty()).unwrap();
    let body = router.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "asked for Some(\"text/html\")");
    let panics: Router = Operations::new(Arc::clone(&logs)).metrics_text(|_| panic!("no text")).into_router();
    assert_eq!(ask(&panics, "/metrics").await.0, 500);
    logs.shutdown(std::time::Duration::from_secs(5)).unwrap().check().unwrap();
}

#[tokio::test]
async fn the_metrics_route_answers_with_the_text_of_an_exporter_for_prometheus() {
    let (logs, log) = container();
    info!(log, "an event");
    let exporter = fapilog_prometheus::Exporter::builder().container("app", &logs).build().unwrap();
    let text = move |accept: Option<&str>| {
        let exposition = exporter.render(accept);
        MetricsText::new(exposition.content_type(), exposition.into_body())
    };
    let router: Router = Operations::new(Arc::clone(&logs)).metrics_text(text).into_router();
    let (status, content_type, text) = ask(&router, "/metrics").await;
    assert_eq!(status, 200);
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    assert!(text.contains("fapilog_events_submitted_total{container=\"app\"} 1"), "{text}");
    logs.shutdown(std::time::Duration::from_secs(5)).unwrap().check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ids_of_many_requests_at_a_time_are_never_mixed() {
    const REQUESTS: usize = 400;
    async fn handler(Path(number): Path<usize>, log: RequestLogger, request: RequestContext) {
        let plain = request.logger();
        tokio::task::yield_now().await;
        info!(log, "in the handler", number);
        let task = async move {
            tokio::task::yield_now().await;
            info!(plain, "in the task", number);
        };
        tokio::spawn(task.in_current_scope()).await.unwrap();
        request.note(scope!(number));
    }
    let app = Arc::new(testing::app(|_| Router::new().route("/{number}", get(handler))));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let app = Arc::clone(&app);
            let request = Request::get(format!("/{number}")).header("x-request-id", format!("id-{number}"));
            tokio::spawn(async move { app.send(request.body(Body::empty()).unwrap()).await.request_id })
        })
        .collect();
    for (number, request) in requests.into_iter().enumerate() {
        assert_eq!(request.await.unwrap(), format!("id-{number}"));
    }
    let mut seen: Vec<(String, String)> = Vec::new();
    for event in app.log().events() {
        let id = event.correlation_id.unwrap();
        assert_eq!(id, format!("id-{}", event.context["number"]));
        seen.push((id, event.message));
    }
    seen.sort();
    let count = seen.len();
    seen.dedup();
    assert_eq!((count, seen.len()), (3 * REQUESTS, 3 * REQUESTS));
}

#[tokio::test]
async fn a_router_merged_into_the_operations_keeps_its_fallback_within_the_request_log() {
    let (logs, _) = container();
    let test = TestLog::new();
    let app = Router::new().route("/", get(|| async {})).layer(RequestLogLayer::new(RequestLog::new(test.log())));
    let router: Router = Operations::new(Arc::clone(&logs)).into_router().merge(app);
    assert_eq!(ask(&router, "/health").await.0, 200);
    assert_eq!(test.events().len(), 0);
    assert_eq!(ask(&router, "/no/such/path").await.0, 404);
    assert_logged!(test, message: "request finished", status = 404);
    drop(router);
    logs.shutdown(std::time::Duration::from_secs(5)).unwrap().check().unwrap();
}

#[tokio::test]
async fn operations_merged_into_a_router_take_its_fallback_out_of_the_request_log() {
    let (logs, _) = container();
    let test = TestLog::new();
    let app = Router::new().route("/", get(|| async {})).layer(RequestLogLayer::new(RequestLog::new(test.log())));
    let router: Router = app.merge(Operations::new(Arc::clone(&logs)).into_router());
    assert_eq!(ask(&router, "/no/such/path").await.0, 404);
    assert_eq!(test.events().len(), 0);
    drop(router);
    logs.shutdown(std::time::Duration::from_secs(5)).unwrap().check().unwrap();
}
