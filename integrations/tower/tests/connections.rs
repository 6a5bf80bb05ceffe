//! Requests over real connections: clients that disconnect, and those that do not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    convert::Infallible,
    future::{IntoFuture, pending},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use fapilog::{assert_logged, assert_logged_times, testing::TestLog};
use fapilog_tower::{RequestLog, RequestLogLayer};
use http_body::Frame;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

const DEADLINE: Duration = Duration::from_secs(20);

/// A server on a port of the system's choice, until it is dropped.
struct Server {
    address: std::net::SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(test: &TestLog, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router.layer(RequestLogLayer::new(RequestLog::new(test.log())));
        let task = tokio::spawn(async { axum::serve(listener, router).into_future().await.unwrap() });
        Self { address, task }
    }

    /// A connection on which a request was sent.
    async fn send(&self, method: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until the canonical event is logged, once.
async fn canonical(test: &TestLog) {
    let deadline = Instant::now() + DEADLINE;
    let is_there = || test.events().iter().any(|event| event.message == "request finished");
    while !is_there() {
        assert!(Instant::now() < deadline, "the canonical event is not logged in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_logged_times!(test, 1, message: "request finished");
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_client_that_disconnects_while_the_handler_works_is_logged_as_499() {
    let test = TestLog::new();
    let started = Arc::new(Notify::new());
    let starts = Arc::clone(&started);
    let handler = move || async move {
        starts.notify_one();
        pending::<()>().await;
    };
    let server = Server::start(&test, Router::new().route("/slow", get(handler))).await;
    let stream = server.send("GET", "/slow").await;
    started.notified().await;
    drop(stream);
    canonical(&test).await;
    assert_logged!(test, level: Info, route = "/slow", status = 499, outcome = "client_disconnected");
}

/// A body without an end.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 4096])))))
    }
}

#[tokio::test]
async fn a_client_that_disconnects_while_the_body_is_sent_is_logged_as_499() {
    let test = TestLog::new();
    let handler = || async { Response::new(Body::new(Endless)) };
    let server = Server::start(&test, Router::new().route("/endless", get(handler))).await;
    let mut stream = server.send("GET", "/endless").await;
    stream.read_exact(&mut [0; 1024]).await.unwrap();
    drop(stream);
    canonical(&test).await;
    assert_logged!(test, status = 499, sent_status = 200, outcome = "client_disconnected");
}

/// A body of three frames, whose length is not known before.
struct ThreeFrames(u8);

impl http_body::Body for ThreeFrames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        Poll::Ready((self.0 <= 3).then(|| Ok(Frame::data(Bytes::from_static(b"abc")))))
    }
}

#[tokio::test]
async fn responses_that_are_read_to_their_end_are_completed() {
    let router = || {
        Router::new()
            .route("/text", get(|| async { "nine char" }))
            .route("/chunks", get(|| async { Response::new(Body::new(ThreeFrames(0))) }))
    };
    for path in ["/text", "/chunks"] {
        let test = TestLog::new();
        let server = Server::start(&test, router()).await;
        let text = read_all(server.send("GET", path).await).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("x-request-id: "), "{text}");
        canonical(&test).await;
        assert_logged!(test, level: Info, route = path, status = 200, outcome = "completed", metrics.response_bytes = 9);
    }
}

#[tokio::test]
async fn a_stream_whose_length_is_in_the_header_alone_is_completed() {
    // As files and responses of a proxy are sent: hyper drops the body behind the last byte, or before the first poll.
    for (bytes, body) in [(9, ThreeFrames(0)), (0, ThreeFrames(3))] {
        let test = TestLog::new();
        let body = std::sync::Arc::new(std::sync::Mutex::new(Some(Body::new(body))));
        let handler = move || async move {
            let body = body.lock().unwrap().take().unwrap();
            Response::builder().header("content-length", bytes).body(body).unwrap()
        };
        let server = Server::start(&test, Router::new().route("/file", get(handler))).await;
        let text = read_all(server.send("GET", "/file").await).await;
        assert!(text.contains(&format!("content-length: {bytes}\r\n")), "{text}");
        canonical(&test).await;
        assert_logged!(test, level: Info, status = 200, outcome = "completed", metrics.response_bytes = bytes);
    }
}

#[tokio::test]
async fn a_head_request_is_completed_although_its_body_is_not_sent() {
    let test = TestLog::new();
    let server = Server::start(&test, Router::new().route("/text", get(|| async { "nine char" }))).await;
    let text = read_all(server.send("HEAD", "/text").await).await;
    assert!(text.contains("content-length: 9"), "{text}");
    canonical(&test).await;
    assert_logged!(test, method = "HEAD", status = 200, outcome = "completed");
}

#[tokio::test]
async fn a_stream_that_ends_before_its_content_length_breaks_the_connection_and_is_logged() {
    let test = TestLog::new();
    let handler =
        || async { Response::builder().header("content-length", 12).body(Body::new(ThreeFrames(0))).unwrap() };
    let server = Server::start(&test, Router::new().route("/short", get(handler))).await;
    // The end of the connection: hyper may have sent a part of the response, or none.
    read_all(server.send("GET", "/short").await).await;
    canonical(&test).await;
    assert_logged!(test, level: Error, status = 200, outcome = "body_failed", metrics.response_bytes = 9,
        error = "the body has ended after 9 of the 12 bytes that are announced");
}

#[tokio::test]
async fn a_request_that_expects_to_be_continued_is_logged_with_its_body() {
    let test = TestLog::new();
    let server = Server::start(&test, Router::new().route("/", post(|body: String| async { body }))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert!(read_all(stream).await.ends_with("abc"));
    canonical(&test).await;
    assert_logged!(test, status = 200, outcome = "completed", metrics.request_bytes = 3, metrics.response_bytes = 3);
}

#[tokio::test]
async fn an_upgraded_connection_works_and_is_logged_at_its_start() {
    let test = TestLog::new();
    let handler = |mut request: axum::extract::Request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let mut text = [0; 4];
            stream.read_exact(&mut text).await.unwrap();
            stream.write_all(&text).await.unwrap();
        });
        let response = Response::builder().status(101).header("upgrade", "echo").header("connection", "upgrade");
        response.body(Body::empty()).unwrap()
    };
    let server = Server::start(&test, Router::new().route("/", get(handler))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    canonical(&test).await;
    assert_logged!(test, level: Info, status = 101, outcome = "completed", metrics.response_bytes = 0);
    stream.write_all(b"ping").await.unwrap();
    let text = read_all(stream).await;
    assert!(text.starts_with("HTTP/1.1 101 ") && text.ends_with("ping"), "{text}");
    canonical(&test).await;
}

#[tokio::test]
async fn a_handler_that_panics_closes_the_connection_and_is_logged() {
    let test = TestLog::new();
    async fn panics() {
        panic!("out of orders")
    }
    let server = Server::start(&test, Router::new().route("/", get(panics))).await;
    assert_eq!(read_all(server.send("GET", "/").await).await, "");
    canonical(&test).await;
    assert_logged!(test, level: Error, status = 500, outcome = "panicked");
}

#[tokio::test]
async fn hyper_alone_serves_the_layer_too_on_a_connection_with_several_requests() {
    use tower::{Layer, ServiceExt, service_fn};
    let test = TestLog::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = |_: http::Request<_>| async { Ok::<_, Infallible>(http::Response::new(ThreeFrames(0))) };
    let service = RequestLogLayer::new(RequestLog::new(test.log())).layer(service_fn(handler));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let by_hyper = hyper::service::service_fn(move |request| service.clone().oneshot(request));
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), by_hyper).await.unwrap();
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for id in ["one", "two"] {
        let request = http::Request::get("/").header("x-request-id", id).body(Empty::<Bytes>::new()).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.headers()["x-request-id"], id);
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(body.to_bytes(), "abcabcabc");
    }
    drop(client);
    connection.await.unwrap().unwrap();
    server.await.unwrap();
    assert_logged_times!(test, 2, message: "request finished", outcome = "completed", metrics.response_bytes = 9);
    assert_logged!(test, correlation_id: "two");
}
