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
use http_body::{Body, Frame, SizeHint};
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
    let event = assert_logged!(test, level: Error, message: "request finished", correlation_id: "7f3a", status = 500,
        outcome = "panicked", panic = "the secret 42");
    assert!(!event.context.contains_key("location"), "{event:?}");
    assert_eq!(test.events().len(), 1, "a panic is a single event");
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
    assert_logged!(test, outcome = "panicked", panic = "(a value that is no text)");
}

#[tokio::test]
async fn the_place_of_a_panic_is_logged_by_setting() {
    let test = TestLog::new();
    let line = line!() + 1;
    let handler = |_: RequestOf| async { panic!("lost") as Result<Response<Full<Bytes>>, Infallible> };
    send(&test, PanicLayer::new(test.log()).locations(), service_fn(handler)).await.2.unwrap();
    let event = assert_logged!(test, message: "request finished", panic = "lost");
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
    let event = assert_logged!(test, message: "request finished", panic = "of a task");
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
    assert_logged_times!(test, 1, message: "request finished", outcome = "panicked", panic = "first");
    assert_logged_times!(test, 1, level: Error, message: "handler panicked", correlation_id: "7f3a", panic = "in the drop");
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
    assert_eq!(test.events().len(), 1, "a panic is a single event");
    assert_logged!(test, level: Error, message: "request finished", correlation_id: "7f3a", outcome = "panicked",
        panic = "in the body", error = "the body of the response panicked");
}

#[tokio::test]
async fn a_body_that_panics_in_a_look_at_it_or_in_its_drop_is_caught_and_logged_once() {
    struct Panics(&'static str);
    impl Panics {
        fn panic_in(&self, method: &str) {
            assert!(self.0 != method, "in {method}");
        }
    }
    impl Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }
        fn is_end_stream(&self) -> bool {
            self.panic_in("is_end_stream");
            false
        }
        fn size_hint(&self) -> SizeHint {
            self.panic_in("size_hint");
            SizeHint::default()
        }
    }
    impl Drop for Panics {
        fn drop(&mut self) {
            self.panic_in("drop");
        }
    }
    for method in ["is_end_stream", "size_hint"] {
        let test = TestLog::new();
        let handler = |_: RequestOf| async move { Ok::<_, Infallible>(Response::new(Panics(method))) };
        let (_, _, body) = send(&test, PanicLayer::new(test.log()), service_fn(handler)).await;
        assert_eq!(body.unwrap_err().to_string(), "the body of the response panicked");
        assert_eq!(test.events().len(), 1, "a panic is a single event");
        assert_logged!(test, level: Error, outcome = "panicked", panic = format!("in {method}"));
    }
    let test = TestLog::new();
    let handler = |_: RequestOf| async move { Ok::<_, Infallible>(Response::new(Panics("drop"))) };
    send(&test, PanicLayer::new(test.log()), service_fn(handler)).await.2.unwrap();
    // The canonical event is logged at the end of the body, which is before its drop.
    assert_logged_times!(test, 1, message: "request finished", outcome = "completed");
    assert_logged_times!(test, 1, level: Error, message: "response body panicked", correlation_id: "7f3a", panic = "in drop");
}

#[tokio::test]
async fn a_handler_whose_variables_panic_when_the_client_disconnects_does_not_reach_the_server() {
    struct PanicsInItsDrop;
    impl Drop for PanicsInItsDrop {
        fn drop(&mut self) {
            panic!("in the drop")
        }
    }
    let test = TestLog::new();
    let handler = |_: RequestOf| async {
        let _held = PanicsInItsDrop;
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
    };
    let layers = ServiceBuilder::new()
        .layer(RequestLogLayer::new(RequestLog::new(test.log())))
        .layer(PanicLayer::new(test.log()));
    let mut future = Box::pin(layers.service(service_fn(handler)).oneshot(request()));
    let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    drop(future);
    assert_logged_times!(test, 1, level: Error, message: "request finished", outcome = "panicked", panic = "in the drop");
    assert_eq!(test.events().len(), 1, "a panic is a single event");
}

#[tokio::test]
async fn a_panic_outside_of_a_request_log_is_an_event_of_its_own() {
    let test = TestLog::new();
    let handler = |_: Request<Empty<Bytes>>| async { panic!("alone") as Result<Response<Full<Bytes>>, Infallible> };
    let service = ServiceBuilder::new().layer(PanicLayer::new(test.log())).service(service_fn(handler));
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "internal server error\n");
    assert_eq!(test.events().len(), 1);
    assert_logged!(test, level: Error, message: "handler panicked", panic = "alone");
}

#[tokio::test]
async fn bodies_of_other_data_than_bytes_are_caught_too() {
    let test = TestLog::new();
    for panics in [false, true] {
        let handler = move |_: Request<Empty<Bytes>>| async move {
            assert!(!panics, "no text");
            Ok::<_, Infallible>(Response::new(Full::new(bytes::BytesMut::from("text"))))
        };
        let service = ServiceBuilder::new().layer(PanicLayer::new(test.log())).service(service_fn(handler));
        let body = service.oneshot(request()).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, if panics { "internal server error\n" } else { "text" });
    }
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
    assert_eq!(test.events().len(), 1, "a failure is a single event");
    assert_logged!(test, level: Error, message: "request finished", correlation_id: "7f3a", status = 500, error);
}

#[tokio::test]
async fn a_service_that_fails_outside_of_a_request_log_is_an_event_of_its_own() {
    let test = TestLog::new();
    let handler = service_fn(|_: Request<Empty<Bytes>>| async { Err::<Response<Full<Bytes>>, _>(not_saved()) });
    let service = ServiceBuilder::new().layer(ErrorLayer::new(test.log())).service(handler);
    assert_eq!(service.oneshot(request()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(test.events().len(), 1);
    assert_logged!(test, level: Error, message: "service failed", error = "order is not saved: connection reset");
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
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    response.into_body().collect().await.unwrap();
    assert_logged!(test, level: Error, status = 500, error = "order is not saved: connection reset");
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

/// A service that is called behind its own readiness alone.
#[derive(Default)]
struct Reserves {
    is_reserved: bool,
}

impl Clone for Reserves {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<A> Service<Request<A>> for Reserves {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.is_reserved = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<A>) -> Self::Future {
        let is_reserved = std::mem::take(&mut self.is_reserved);
        std::future::ready(if is_reserved { Ok(Response::default()) } else { Err("not reserved".into()) })
    }
}

#[tokio::test]
async fn each_call_uses_the_readiness_of_its_own_service_and_no_clone_does() {
    let test = TestLog::new();
    let mut service = ServiceBuilder::new()
        .layer(RequestLogLayer::new(RequestLog::new(test.log())))
        .layer(ErrorLayer::new(test.log()))
        .layer(PanicLayer::new(test.log()))
        .service(Reserves::default());
    for _ in 0..2 {
        let mut clone = service.clone();
        let ready = ServiceExt::<Request<Empty<Bytes>>>::ready(&mut service).await.unwrap();
        assert_eq!(ready.call(request()).await.unwrap().status(), StatusCode::OK);
        assert_eq!(clone.call(request()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_logged_times!(test, 4, message: "request finished");
}
