//! Handlers that ask for the request's log where there is none. A program of its own, because the global container is.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

use axum::{Router, body::Body, routing::get};
use fapilog::{Container, format, sink};
use fapilog_tower::{RequestContext, RequestId, axum::RequestLogger};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

#[tokio::test]
async fn the_client_gets_a_500_without_the_reason_and_the_global_container_logs_it() {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let global = fapilog::set_global(Container::builder().sink("memory", sink).start().unwrap()).unwrap();
    let router = Router::new()
        .route("/logger", get(|_: RequestLogger| async {}))
        .route("/id", get(|_: RequestId| async {}))
        .route("/context", get(|_: RequestContext| async {}));
    for path in ["/logger", "/id", "/context"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "Internal Server Error");
    }
    let accounts = global.shutdown(std::time::Duration::from_secs(5)).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total()), (3, 3));
    let reason = "add RequestLogLayer to the router";
    assert!(events.lines().iter().all(|line| line.contains(r#""level":"ERROR""#) && line.contains(reason)));
}
