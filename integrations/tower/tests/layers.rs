//! The layers inside the request log: panics and errors.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::{assert_logged, assert_logged_times, assert_not_logged, testing::TestLog};
use fapilog_tower::{BoxError, ErrorLayer, PanicLayer, RequestLog, RequestLogLayer};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

fn request() -> Request<Empty<Bytes>> {
    Request::get("/").header("x-request-id", "7f3a").body(Empty::new()).unwrap()
}

/// Sends a request through a request log and a panic layer to this service, and reads the response to its end.
async fn send<R, S, B>(test: &TestLog, panics: PanicLayer, service: S) -> (StatusCode, String, Result<String, BoxError>)
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes, Error = Infallible>,
    RequestLogLayer: tower::Layer<
            fapilog_tower::PanicService<S>,
            Service = fapilog_tower::RequestLogService<fapilog_tower::PanicService<S>>,
        >,
    fapilog_tower::RequestLogService<fapilog_tower::PanicService<S>>: Service<
            Request<Empty<Bytes>>,
            Response = Response<fapilog_tower::ResponseBody<fapilog_tower::PanicBody<B>>>,
            Error = Infallible,
        >,
{
    let service =
        ServiceBuilder::new().layer(RequestLogLayer::new(RequestLog::new(test.log()))).layer(panics).service(service);
    let response = service.oneshot(request()).await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let status = response.status();
    let body = response.into_body().collect().await.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
    (status, id, body)
}

type RequestOf = Request<fapilog_tower::RequestBody<Empty<Bytes>>>;

#[tokio::test]
async fn a_handler_that_panics_is_answered_with_the_id_and_without_details() {
    let test = TestLog::new();
    let handler = |_: RequestOf| async { panic!("the secret {}", 42) as Result<Response<Full<Bytes>>, Infallible> };
    let (status, id, body) = send(&test, PanicLayer::new(test.log()), service_fn(handler)).await;
    assert_eq!((status, id.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "7f3a"));
    assert_eq!(body.unwrap(), "internal server error\nrequest id: 7f3a\n");
    let event = assert_logged!(test, level: Error, message: "handler panicked", correlation_id: "7f3a", panic = "the secret 42");
    assert!(!event.context.contains_key("location"), "{event:?}");
    assert_logged_times!(test, 1, message: "request finished", status = 500, outcome = "completed");
}

#[tokio::test]
async fn a_panic_before_there_is_a_future_is_caught_too() {
    let test = TestLog::new();
    #[allow(unreachable_code)]
    let handler = |_: RequestOf| {
        std::panic::panic_any(42);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    };
    let (status, ..) = send(&test, PanicLayer::new(test.log()), service_fn(handler)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_logged!(test, message: "handler panicked", panic = "(a value that is no text)");
}

#[tokio::test]
async fn the_place_of_a_panic_is_logged_by_setting() {
    let test = TestLog::new();
    let line = line!() + 1;
    let handler = |_: RequestOf| async { panic!("lost") as Result<Response<Full<Bytes>>, Infallible> };
    send(&test, PanicLayer::new(test.log()).locations(), service_fn(handler)).await.2.unwrap();
    let event = assert_logged!(test, message: "handler panicked", panic = "lost");
    let location = event.context["location"].to_string();
    assert!(location.contains(&format!("layers.rs:{line}:")), "{location}");
}

#[tokio::test]
async fn a_panic_without_a_place_does_not_get_that_of_an_earlier_request() {
    let test = TestLog::new();
    let panics = || PanicLayer::new(test.log()).locations();
    let catches = service_fn(|_: RequestOf| async {
        assert!(std::panic::catch_unwind(|| panic!("caught by the handler")).is_err());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    assert_eq!(send(&test, panics(), catches).await.0, StatusCode::OK);
    // As a handler goes on with the panic of a task: no hook runs.
    let resumes = service_fn(|_: RequestOf| async {
        std::panic::resume_unwind(Box::new("of a task")) as Result<Response<Full<Bytes>>, Infallible>
    });
    assert_eq!(send(&test, panics(), resumes).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    let event = assert_logged!(test, message: "handler panicked", panic = "of a task");
    assert!(!event.context.contains_key("location"), "{event:?}");
}

#[tokio::test]
async fn a_value_whose_drop_panics_after_a_panic_does_not_reach_the_server() {
    struct PanicsInItsDrop;
    impl Drop for PanicsInItsDrop {
        fn drop(&mut self) {
            panic!("in the drop")
        }
    }
    struct Panics(Option<PanicsInItsDrop>);
    impl Future for Panics {
        type Output = Result<Response<Full<Bytes>>, Infallible>;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            assert!(self.0.is_none(), "first");
            Poll::Pending
        }
    }
    let test = TestLog::new();
    let handler = |_: RequestOf| Panics(Some(PanicsInItsDrop));
    let (status, ..) = send(&test, PanicLayer::new(test.log()), service_fn(handler)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_logged!(test, message: "handler panicked", panic = "first");
    assert_logged!(test, message: "handler panicked", panic = "in the drop");
}

#[tokio::test]
async fn a_body_that_panics_ends_in_an_error() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("in the body")
        }
    }
    let test = TestLog::new();
    let handler = |_: RequestOf| async { Ok::<_, Infallible>(Response::new(Panics)) };
    let (status, _, body) = send(&test, PanicLayer::new(test.log()), service_fn(handler)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body.unwrap_err().to_string(), "the body of the response panicked");
    assert_logged!(test, level: Error, message: "response body panicked", correlation_id: "7f3a", panic = "in the body");
    assert_logged!(test, message: "request finished", outcome = "body_failed", error = "the body of the response panicked");
}

#[tokio::test]
async fn a_handler_that_does_not_panic_is_left_as_it_is() {
    let test = TestLog::new();
    let handler = |_: RequestOf| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("fine"))) };
    let (status, _, body) = send(&test, PanicLayer::new(test.log()), service_fn(handler)).await;
    assert_eq!((status, body.unwrap().as_str()), (StatusCode::OK, "fine"));
    assert_not_logged!(test, level: Error);
}

#[derive(Debug, thiserror::Error)]
#[error("order is not saved")]
struct NotSaved(#[source] std::io::Error);

fn not_saved() -> BoxError {
    NotSaved(std::io::Error::other("connection reset")).into()
}

#[tokio::test]
async fn a_service_that_fails_is_answered_and_logged_with_its_sources() {
    let test = TestLog::new();
    let service = ServiceBuilder::new()
        .layer(RequestLogLayer::new(RequestLog::new(test.log())))
        .layer(ErrorLayer::new(test.log()))
        .service(service_fn(|_: RequestOf| async { Err::<Response<Full<Bytes>>, _>(not_saved()) }));
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!((response.status(), response.headers().len()), (StatusCode::INTERNAL_SERVER_ERROR, 1));
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    let error = "order is not saved: connection reset";
    assert_logged!(test, level: Error, message: "service failed", correlation_id: "7f3a", error);
    assert_logged_times!(test, 1, message: "request finished", status = 500, error);
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_answered_for_by_the_call() {
    #[derive(Clone)]
    struct NeverReady;
    impl Service<RequestOf> for NeverReady {
        type Response = Response<Full<Bytes>>;
        type Error = BoxError;
        type Future = std::future::Ready<Result<Self::Response, BoxError>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Err(not_saved()))
        }
        fn call(&mut self, _: RequestOf) -> Self::Future {
            panic!("a service that is not ready is called")
        }
    }
    let test = TestLog::new();
    let service = ServiceBuilder::new()
        .layer(RequestLogLayer::new(RequestLog::new(test.log())))
        .layer(ErrorLayer::new(test.log()))
        .service(NeverReady);
    assert_eq!(service.oneshot(request()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_logged!(test, level: Error, message: "service failed");
}

#[tokio::test]
async fn a_rule_of_the_program_chooses_the_status_and_the_default_counts_where_it_panics() {
    let test = TestLog::new();
    let status = |layer: ErrorLayer| {
        let handler = service_fn(|_: Request<Empty<Bytes>>| async { Err::<Response<Full<Bytes>>, _>(not_saved()) });
        let service = ServiceBuilder::new().layer(layer).service(handler);
        async { service.oneshot(request()).await.unwrap().status() }
    };
    let by_type = |error: &BoxError| match error.downcast_ref::<NotSaved>() {
        Some(_) => StatusCode::BAD_GATEWAY,
        None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    assert_eq!(status(ErrorLayer::new(test.log()).status(by_type)).await, StatusCode::BAD_GATEWAY);
    let panics = ErrorLayer::new(test.log()).status(|_| panic!("no status"));
    assert_eq!(status(panics).await, StatusCode::INTERNAL_SERVER_ERROR);
}
