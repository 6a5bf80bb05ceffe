//! The scope of a request, in all code that works for it.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::{assert_logged, assert_logged_times, info, testing::TestLog};
use fapilog_tower::RequestContext;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{RequestOf, answer, canonical, layer, respond_with};

#[tokio::test]
async fn events_of_the_service_of_its_future_of_its_drop_and_of_the_body_have_the_id() {
    struct LogsItsDrop<'a>(&'a TestLog);
    impl Drop for LogsItsDrop<'_> {
        fn drop(&mut self) {
            info!(self.0.log(), "dropped");
        }
    }
    struct LogsItsPoll(fapilog::Logger);
    impl Body for LogsItsPoll {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            info!(self.0, "body polled");
            Poll::Ready(None)
        }
    }
    let test = TestLog::new();
    let handler = |_: RequestOf| {
        info!(test.log(), "called");
        async {
            let _held = LogsItsDrop(&test);
            tokio::task::yield_now().await;
            info!(test.log(), "resumed");
            Ok::<_, Infallible>(Response::new(LogsItsPoll(test.log().clone())))
        }
    };
    let layer = layer(&test, |builder| builder);
    let request = Request::get("/").header("x-request-id", "7f3a").body(Full::default()).unwrap();
    let response = layer.layer(service_fn(handler)).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    test.assert_all_correlated("7f3a");
    assert_eq!(test.events().len(), 5);
}

#[tokio::test]
async fn a_body_has_the_id_behind_its_end_and_in_its_drop_too() {
    struct LogsAll(fapilog::Logger);
    impl Body for LogsAll {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            info!(self.0, "body polled");
            Poll::Ready(None)
        }
    }
    impl Drop for LogsAll {
        fn drop(&mut self) {
            info!(self.0, "cursor closed");
        }
    }
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let mut response = respond_with(&layer, LogsAll(test.log().clone())).await;
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(response.body_mut().frame().await.is_none());
    assert!(response.body_mut().frame().await.is_none());
    drop(response);
    test.assert_all_correlated(&id);
    assert_eq!(test.events().len(), 4);
    canonical(&test);

    // The body of a response to HEAD is dropped without a poll.
    test.clear();
    let log = test.log().clone();
    let handler = |_: RequestOf| async { Ok::<_, Infallible>(Response::new(LogsAll(log.clone()))) };
    let head = Request::head("/").header("x-request-id", "7f3a").body(Full::default()).unwrap();
    drop(layer.layer(service_fn(handler)).oneshot(head).await.unwrap());
    test.assert_all_correlated("7f3a");
    assert_logged_times!(test, 1, message: "cursor closed");
}

#[tokio::test]
async fn two_requests_of_a_thread_do_not_share_an_id() {
    let test = TestLog::new();
    let log = test.log();
    let handler = |request: RequestOf| async move {
        tokio::task::yield_now().await;
        info!(log, "served", path = request.uri().path());
        Ok::<_, Infallible>(answer(200, ""))
    };
    let layer = layer(&test, |builder| builder);
    let send = |path: &'static str| {
        let request = Request::get(path).header("x-request-id", &path[1..]).body(Full::default()).unwrap();
        layer.layer(service_fn(handler)).oneshot(request)
    };
    let (one, other) = tokio::join!(send("/one"), send("/other"));
    drop((one, other));
    assert_logged!(test, message: "served", correlation_id: "one", path = "/one");
    assert_logged!(test, message: "served", correlation_id: "other", path = "/other");
    info!(test.log(), "afterwards");
    assert_eq!(assert_logged!(test, message: "afterwards").correlation_id, None);
}

#[tokio::test]
async fn a_handler_finds_the_id_and_a_logger_in_the_extensions() {
    let test = TestLog::new();
    let handler = |request: RequestOf| {
        let context = RequestContext::of(request.extensions()).unwrap().clone();
        std::thread::spawn(move || info!(context.logger(), "elsewhere", id = %context.id())).join().unwrap();
        async { Ok::<_, Infallible>(answer(200, "")) }
    };
    let layer = layer(&test, |builder| builder);
    let request = Request::get("/").header("x-request-id", "7f3a").body(Full::default()).unwrap();
    drop(layer.layer(service_fn(handler)).oneshot(request).await.unwrap());
    assert_logged!(test, message: "elsewhere", correlation_id: "7f3a", id = "7f3a");
}
