//! Panics of the code that works for a request.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::{Level, assert_logged, assert_logged_times, info, testing::TestLog};
use fapilog_tower::RequestBody;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{RequestOf, answer, canonical, exchange, get, joined, layer, respond_with};

#[tokio::test]
async fn a_panic_goes_through_and_is_the_outcome_in_the_service_in_its_future_and_in_the_body() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("in the body")
        }
    }

    let test = TestLog::new();
    let by_call = layer(&test, |builder| builder);
    #[allow(unreachable_code)]
    let panics = |_: RequestOf| {
        panic!("in the call");
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    joined(by_call.layer(service_fn(panics)).oneshot(get("/"))).await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = "panicked");

    test.clear();
    let panics = |_: RequestOf| async { panic!("in the future") as Result<Response<Full<Bytes>>, Infallible> };
    joined(by_call.layer(service_fn(panics)).oneshot(get("/"))).await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 500, outcome = "panicked");

    test.clear();
    let response = respond_with(&by_call, Panics).await;
    joined(response.into_body().collect()).await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 200, outcome = "panicked");
}

#[tokio::test]
async fn a_payload_of_a_rule_whose_drop_panics_does_not_reach_the_server() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("dropped")
        }
    }
    let test = TestLog::new();
    let rules = layer(&test, |builder| builder.level(|_| std::panic::panic_any(PanicsInDrop)));
    exchange(&rules, get("/"), answer(200, "")).await;
    let event = canonical(&test);
    assert_eq!(event.level, Level::Info);
    test.clear();
    let routes = layer(&test, |builder| builder).route(|_| std::panic::panic_any(PanicsInDrop));
    exchange(&routes, get("/"), answer(200, "")).await;
    canonical(&test);
}

/// A body that logs and panics in one of its methods.
struct PanicsIn {
    method: &'static str,
    log: fapilog::Logger,
}

impl PanicsIn {
    fn panic_in(&self, method: &str) {
        if self.method == method {
            info!(self.log, "about to panic");
            panic!("in {method}");
        }
    }
}

impl Body for PanicsIn {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.panic_in("poll_frame");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
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

impl Drop for PanicsIn {
    fn drop(&mut self) {
        self.panic_in("drop");
    }
}

#[tokio::test]
async fn a_panic_of_any_method_of_a_response_body_is_the_outcome_and_has_the_id() {
    for method in ["poll_frame", "is_end_stream", "size_hint", "drop"] {
        let test = TestLog::new();
        let body = PanicsIn { method, log: test.log().clone() };
        let layer = layer(&test, |builder| builder);
        joined(async move {
            let mut response = respond_with(&layer, body).await;
            let _frame = response.body_mut().frame().await;
        })
        .await;
        let event = canonical(&test);
        assert_logged!(test, level: Error, outcome = "panicked");
        assert_logged_times!(test, 1, message: "about to panic");
        test.assert_all_correlated(&event.correlation_id.unwrap());
    }
}

/// A body that does not panic before the server looks at it.
struct PanicsLater(AtomicBool);

impl PanicsLater {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    fn look(&self) {
        // Relaxed: a single thread looks.
        assert!(!self.0.swap(true, Ordering::Relaxed), "second look");
    }
}

impl Body for PanicsLater {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        self.look();
        SizeHint::default()
    }
}

#[tokio::test]
async fn a_panic_while_the_server_looks_at_a_body_is_the_outcome() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    joined(async move {
        let response = respond_with(&layer, PanicsLater::new()).await;
        response.body().size_hint()
    })
    .await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 200, outcome = "panicked");
}

#[tokio::test]
async fn a_panic_of_a_request_body_before_the_call_is_the_outcome() {
    let test = TestLog::new();
    let body = PanicsIn { method: "is_end_stream", log: test.log().clone() };
    let layer = layer(&test, |builder| builder);
    joined(async move {
        let handler = |_: Request<RequestBody<PanicsIn>>| async { Ok::<_, Infallible>(answer(200, "")) };
        layer.layer(service_fn(handler)).oneshot(Request::get("/").body(body).unwrap()).await
    })
    .await;
    canonical(&test);
    let event = assert_logged!(test, level: Error, status = 500, outcome = "panicked");
    test.assert_all_correlated(&event.correlation_id.unwrap());
}

#[tokio::test]
async fn a_second_panic_in_the_drop_of_a_body_does_not_end_the_process() {
    struct PanicsTwice;
    impl Body for PanicsTwice {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("first")
        }
    }
    impl Drop for PanicsTwice {
        fn drop(&mut self) {
            panic!("second");
        }
    }
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let response = respond_with(&layer, PanicsTwice).await;
    joined(async move {
        let mut body = response.into_body();
        let _frame = body.frame().await;
    })
    .await;
    canonical(&test);
    assert_logged!(test, level: Error, status = 200, outcome = "panicked");
}
