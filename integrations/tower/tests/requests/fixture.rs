//! Services, requests and responses for tests of the request log.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::{
    assert_logged, assert_logged_times,
    testing::{LoggedEvent, TestLog},
};
use fapilog_tower::{BoxError, RequestBody, RequestLog, RequestLogBuilder, RequestLogLayer, ResponseBody};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

pub(crate) type RequestOf = Request<RequestBody<Full<Bytes>>>;

pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) fn layer(test: &TestLog, configure: impl FnOnce(RequestLogBuilder) -> RequestLogBuilder) -> RequestLogLayer {
    RequestLogLayer::new(configure(RequestLog::builder(test.log())).build().unwrap())
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

pub(crate) fn answer(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(body)).unwrap()
}

/// Sends a request to a service that answers with this response, and reads the response to its end.
pub(crate) async fn exchange(
    layer: &RequestLogLayer,
    request: Request<Full<Bytes>>,
    response: Response<Full<Bytes>>,
) -> Response<()> {
    let handler = move |_: RequestOf| {
        let response = response.clone();
        async move { Ok::<_, Infallible>(response) }
    };
    let response = layer.layer(service_fn(handler)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    body.collect().await.unwrap();
    Response::from_parts(parts, ())
}

pub(crate) fn canonical(test: &TestLog) -> LoggedEvent {
    assert_logged_times!(test, 1, message: "request finished");
    assert_logged!(test, message: "request finished")
}

pub(crate) fn request_id(response: &Response<()>) -> &str {
    response.headers()["x-request-id"].to_str().unwrap()
}

/// A body of frames that a test gives, and of nothing behind them.
pub(crate) struct Frames(std::collections::VecDeque<Result<Frame<Bytes>, BoxError>>);

impl Frames {
    pub(crate) fn of(frames: impl IntoIterator<Item = Result<Frame<Bytes>, BoxError>>) -> Self {
        Self(frames.into_iter().collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front())
    }
}

pub(crate) fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// The response of a service that answers with this body.
pub(crate) async fn respond_with<B: Body>(layer: &RequestLogLayer, body: B) -> Response<ResponseBody<B>> {
    let body = std::sync::Mutex::new(Some(body));
    let handler = |_: RequestOf| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    };
    layer.layer(service_fn(handler)).oneshot(get("/")).await.unwrap()
}

/// Runs work in a task of its own, which is expected to panic.
pub(crate) async fn joined<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) {
    assert!(tokio::spawn(work).await.is_err_and(|error| error.is_panic()));
}
