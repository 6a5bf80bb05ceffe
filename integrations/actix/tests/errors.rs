//! Errors of handlers, of inner middleware, and of bodies: status, sources, and a canonical event for each request.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    App, HttpResponse, ResponseError,
    body::{BodySize, MessageBody},
    dev::{Service, ServiceResponse},
    error::{ErrorBadGateway, InternalError},
    http::StatusCode,
    test::{TestRequest, call_service, init_service, read_body, try_call_service},
    web,
};
use bytes::Bytes;
use fapilog::{Level, assert_logged, assert_logged_times, testing::TestLog};
use fapilog_actix::{HandlerFailure, LoggedError, RequestLog, RequestLogTransform};

fn transform(test: &TestLog) -> RequestLogTransform {
    RequestLogTransform::new(RequestLog::new(test.log()))
}

#[derive(Debug)]
struct NotSaved(std::io::Error);

impl fmt::Display for NotSaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("order is not saved")
    }
}

impl Error for NotSaved {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl ResponseError for NotSaved {
    fn status_code(&self) -> StatusCode {
        StatusCode::CONFLICT
    }
}

fn not_saved() -> NotSaved {
    NotSaved(std::io::Error::other("connection reset"))
}

const CHAIN: &str = "order is not saved: connection reset";

/// Sends a request to a handler that fails, and expects a response of this status and a single canonical event with this error.
async fn expect<E: Into<actix_web::Error> + 'static>(
    transform: RequestLogTransform,
    test: &TestLog,
    error: impl Fn() -> E + Clone + 'static,
    status: u16,
    text: &str,
) -> Bytes {
    test.clear();
    let handler = move || {
        let error = error();
        async { Err::<HttpResponse, E>(error) }
    };
    let app = init_service(App::new().wrap(transform).route("/", web::get().to(handler))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_eq!(response.status().as_u16(), status);
    assert!(response.headers().contains_key("x-request-id"));
    let body = read_body(response).await;
    assert_logged_times!(test, 1, message: "request finished");
    assert_logged!(test, status, error = text, outcome = "completed");
    body
}

#[actix_web::test]
async fn errors_of_handlers_are_logged_with_their_status_and_with_their_sources_if_these_are_known() {
    let test = TestLog::new();
    let boxed = || -> Box<dyn Error> { Box::new(not_saved()) };
    expect(transform(&test), &test, boxed, 500, CHAIN).await;
    expect(transform(&test), &test, not_saved, 409, "order is not saved").await;
    expect(transform(&test).error_type::<NotSaved>(), &test, not_saved, 409, CHAIN).await;
    let internal = || InternalError::new(not_saved(), StatusCode::BAD_GATEWAY);
    expect(transform(&test), &test, internal, 502, "order is not saved").await;
    let made = || InternalError::from_response(not_saved(), HttpResponse::ImATeapot().finish());
    expect(transform(&test), &test, made, 418, "order is not saved").await;
}

#[actix_web::test]
async fn a_failure_has_its_sources_and_no_details_for_the_client() {
    let test = TestLog::new();
    let body = expect(transform(&test), &test, || HandlerFailure::from(not_saved()), 500, CHAIN).await;
    assert_eq!(body, "Internal Server Error");
    let failure = || HandlerFailure::new(StatusCode::BAD_GATEWAY, not_saved());
    assert_eq!(expect(transform(&test), &test, failure, 502, CHAIN).await, "Bad Gateway");
}

#[actix_web::test]
async fn the_error_that_a_response_stands_for_is_logged_with_its_sources() {
    let test = TestLog::new();
    let handler = || async {
        let mut response = HttpResponse::BadGateway().finish();
        response.extensions_mut().insert(LoggedError::new(not_saved()));
        response
    };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_logged!(test, level: Error, status = 502, error = CHAIN);
}

async fn taken() -> Result<ServiceResponse, actix_web::Error> {
    let response = HttpResponse::Conflict().insert_header(("x-kept", "yes")).body("taken");
    Err(InternalError::from_response(not_saved(), response).into())
}

#[actix_web::test]
async fn errors_of_inner_middleware_keep_their_response_and_are_logged_once() {
    for is_nested in [false, true] {
        let test = TestLog::new();
        let error = if is_nested {
            let scope = web::scope("")
                .route("/", web::get().to(HttpResponse::Ok))
                .wrap_fn(|_, _| taken())
                .wrap(transform(&test));
            let app = init_service(App::new().service(scope).wrap(transform(&test))).await;
            try_call_service(&app, TestRequest::get().uri("/").to_request()).await.err().unwrap()
        } else {
            let app =
                App::new().route("/", web::get().to(HttpResponse::Ok)).wrap_fn(|_, _| taken()).wrap(transform(&test));
            let app = init_service(app).await;
            try_call_service(&app, TestRequest::get().uri("/").to_request()).await.err().unwrap()
        };
        assert_eq!(error.as_response_error().status_code(), StatusCode::CONFLICT);
        let response = error.error_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers().get("x-kept").unwrap(), "yes");
        let middlewares = if is_nested { 2 } else { 1 };
        assert_logged_times!(test, middlewares, message: "request finished", status = 409, error = "order is not saved");
        assert_eq!(actix_web::body::to_bytes(response.into_body()).await.unwrap(), "taken");
    }
}

#[actix_web::test]
async fn an_error_that_is_dropped_before_its_response_is_logged_once() {
    let test = TestLog::new();
    let app = App::new()
        .route("/", web::get().to(HttpResponse::Ok))
        .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(ErrorBadGateway("no session")) })
        .wrap(transform(&test));
    let app = init_service(app).await;
    drop(app.call(TestRequest::get().uri("/").to_request()).await.err());
    assert_logged_times!(test, 1, message: "request finished", status = 502);
}

/// A body whose method panics.
struct PanicsIn(&'static str);

impl MessageBody for PanicsIn {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        assert!(self.0 != "size", "in size");
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        assert!(self.0 != "poll_next", "in poll_next");
        Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
    }
}

impl Drop for PanicsIn {
    fn drop(&mut self) {
        assert!(self.0 != "drop", "in drop");
    }
}

#[actix_web::test]
async fn a_panic_of_any_method_of_a_body_is_the_outcome() {
    for method in ["size", "poll_next", "drop"] {
        let test = TestLog::new();
        let transform = transform(&test);
        let task = actix_web::rt::spawn(async move {
            // Behind the handler, which would box the body and ask it for its size.
            let app = App::new().route("/", web::get().to(HttpResponse::Ok)).wrap_fn(move |request, service| {
                let response = service.call(request);
                async move { Ok(response.await?.map_body(|_, _| PanicsIn(method))) }
            });
            let app = init_service(app.wrap(transform)).await;
            let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
            let mut body = Box::pin(response.into_body());
            let _frame = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await;
        });
        assert!(task.await.is_err(), "{method}");
        assert_logged_times!(test, 1, level: Error, message: "request finished", outcome = "panicked");
    }
}

#[actix_web::test]
async fn a_body_that_ends_before_the_announced_bytes_has_failed() {
    struct TooShort(Option<Bytes>);
    impl MessageBody for TooShort {
        type Error = std::convert::Infallible;
        fn size(&self) -> BodySize {
            BodySize::Sized(5)
        }
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
            Poll::Ready(self.0.take().map(Ok))
        }
    }
    let test = TestLog::new();
    let handler = || async { HttpResponse::Ok().body(TooShort(Some(Bytes::from_static(b"12")))) };
    let app = init_service(App::new().wrap(transform(&test)).route("/", web::get().to(handler))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_eq!(actix_web::body::to_bytes(response.into_body()).await.unwrap(), "12");
    let error = "the body has ended after 2 of the 5 bytes that are announced";
    let event = assert_logged!(test, message: "request finished", outcome = "body_failed", error);
    assert_eq!(event.level, Level::Error);
}

#[actix_web::test]
async fn a_panic_in_the_drop_of_a_body_that_panics_does_not_end_the_process() {
    struct PanicsTwice;
    impl MessageBody for PanicsTwice {
        type Error = std::convert::Infallible;
        fn size(&self) -> BodySize {
            BodySize::Stream
        }
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
            panic!("first")
        }
    }
    impl Drop for PanicsTwice {
        fn drop(&mut self) {
            panic!("second");
        }
    }
    let test = TestLog::new();
    let app = App::new().route("/", web::get().to(HttpResponse::Ok)).wrap_fn(|request, service| {
        let response = service.call(request);
        async move { Ok(response.await?.map_body(|_, _| PanicsTwice)) }
    });
    let app = init_service(app.wrap(transform(&test))).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    let task = actix_web::rt::spawn(async move {
        let mut body = Box::pin(response.into_body());
        let _frame = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await;
    });
    assert!(task.await.is_err());
    assert_logged_times!(test, 1, message: "request finished", outcome = "panicked");
}
