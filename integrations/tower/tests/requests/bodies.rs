//! The end of a response by the length of its body.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::{Level, assert_logged, assert_logged_times, assert_not_logged, testing::TestLog};
use fapilog_tower::BoxError;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{Frames, RequestOf, answer, canonical, data, exchange, get, layer, respond_with};

#[tokio::test]
async fn responses_whose_bodies_no_server_polls_are_completed() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |status: u16| move |_: RequestOf| async move { Ok::<_, Infallible>(answer(status, "not sent")) };
    let head = Request::head("/").body(Full::default()).unwrap();
    drop(layer.layer(service_fn(handler(200))).oneshot(head).await.unwrap());
    drop(layer.layer(service_fn(handler(204))).oneshot(get("/")).await.unwrap());
    drop(layer.layer(service_fn(handler(304))).oneshot(get("/")).await.unwrap());
    drop(respond_with(&layer, Empty::<Bytes>::new()).await);
    assert_logged_times!(test, 4, message: "request finished", outcome = "completed", metrics.response_bytes = 0);
}

#[tokio::test]
async fn a_body_with_all_the_bytes_that_it_announced_is_complete_without_another_poll() {
    struct Announced(u64);
    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0 -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(self.0)
        }
    }
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let mut body = respond_with(&layer, Announced(2)).await.into_body();
    body.frame().await.unwrap().unwrap();
    assert_not_logged!(test, message: "request finished");
    body.frame().await.unwrap().unwrap();
    drop(body);
    canonical(&test);
    assert_logged!(test, outcome = "completed", metrics.response_bytes = 2);
}

#[tokio::test]
async fn trailers_and_errors_behind_the_announced_bytes_count() {
    struct Announced(Frames);
    impl Body for Announced {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Pin::new(&mut self.0).poll_frame(context)
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(3)
        }
    }
    let trailers = http::HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), "13".parse().unwrap())]);
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let body = Announced(Frames::of([data("123"), Ok(Frame::trailers(trailers))]));
    respond_with(&layer, body).await.into_body().collect().await.unwrap();
    assert_eq!(canonical(&test).level, Level::Error);
    assert_logged!(test, grpc_status = "INTERNAL", outcome = "completed");

    test.clear();
    let body = Announced(Frames::of([data("123"), Err("checksum is wrong".into())]));
    assert!(respond_with(&layer, body).await.into_body().collect().await.is_err());
    canonical(&test);
    assert_logged!(test, level: Error, outcome = "body_failed", error = "checksum is wrong");
}

/// A response with a body of two bytes, whose head announces more.
fn too_short(body: &'static str) -> Response<Full<Bytes>> {
    let mut response = answer(200, body);
    response.headers_mut().insert("content-length", "5".parse().unwrap());
    response
}

#[tokio::test]
async fn a_body_that_ends_before_the_announced_bytes_has_failed() {
    for (body, error) in [
        ("12", "the body has ended after 2 of the 5 bytes that are announced"),
        ("", "the body has ended after 0 of the 5 bytes that are announced"),
    ] {
        let test = TestLog::new();
        exchange(&layer(&test, |builder| builder), get("/"), too_short(body)).await;
        canonical(&test);
        assert_logged!(test, level: Error, status = 200, outcome = "body_failed", error);
    }
    // A stream, which does not state its end before the poll behind it.
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let handler = |_: RequestOf| async {
        let response = Response::builder().header("content-length", "5");
        Ok::<_, Infallible>(response.body(Frames::of([data("12")])).unwrap())
    };
    layer.layer(service_fn(handler)).oneshot(get("/")).await.unwrap().into_body().collect().await.unwrap();
    canonical(&test);
    assert_logged!(test, outcome = "body_failed", metrics.response_bytes = 2);
}

#[tokio::test]
async fn a_response_to_head_or_without_a_body_by_its_status_is_not_too_short() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    exchange(&layer, Request::head("/").body(Full::default()).unwrap(), too_short("")).await;
    let mut not_modified = too_short("");
    *not_modified.status_mut() = StatusCode::NOT_MODIFIED;
    exchange(&layer, get("/"), not_modified).await;
    assert_logged_times!(test, 2, message: "request finished", outcome = "completed", level: Info);
}

#[tokio::test]
async fn a_refused_tunnel_has_a_body_and_an_accepted_one_has_none() {
    let test = TestLog::new();
    let layer = layer(&test, |builder| builder);
    let connect = || Request::connect("example.com:443").body(Full::default()).unwrap();
    exchange(&layer, connect(), answer(403, "no tunnels")).await;
    canonical(&test);
    assert_logged!(test, method = "CONNECT", status = 403, outcome = "completed", metrics.response_bytes = 10);

    test.clear();
    let handler = |_: RequestOf| async { Ok::<_, Infallible>(answer(200, "not sent")) };
    let response = layer.layer(service_fn(handler)).oneshot(connect()).await.unwrap();
    canonical(&test);
    assert_logged!(test, status = 200, outcome = "completed", metrics.response_bytes = 0);
    drop(response);
    canonical(&test);
}
