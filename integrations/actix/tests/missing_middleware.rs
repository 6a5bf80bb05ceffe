//! Handlers that ask for the request's log where there is none. A program of its own, because the global container is.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

use actix_web::{
    App,
    http::StatusCode,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use fapilog::{Container, format, sink};
use fapilog_actix::LoggedRequest;

#[actix_web::test]
async fn the_client_gets_a_500_without_the_reason_and_the_global_container_logs_it() {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let global = fapilog::set_global(Container::builder().sink("memory", sink).start().unwrap()).unwrap();
    let app = init_service(App::new().route("/", web::get().to(|_: LoggedRequest| async { "" }))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(read_body(response).await, "Internal Server Error");
    let accounts = global.shutdown(std::time::Duration::from_secs(5)).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total()), (1, 1));
    let line = &events.lines()[0];
    assert!(line.contains(r#""level":"ERROR""#) && line.contains("add RequestLogTransform"), "{line}");
}
