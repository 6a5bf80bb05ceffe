//! Requests and answers.

use std::{
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant, SystemTime},
};

use fapilog_plugin::settings::SecretRef;
use fapilog_sink_http::{
    HttpError,
    client::{ANSWER_BYTES_MAX, HttpAnswer, HttpClient},
    settings::{AuthSettings, BodyCompression, HttpSettings},
};
use fapilog_test_servers::{FakeAnswer, FakeHttp};
use http::StatusCode;
use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::TIMEOUT;

pub(crate) fn settings(server: &FakeHttp) -> HttpSettings {
    HttpSettings::new(server.url("/logs?db=a"))
}

pub(crate) fn client(settings: &HttpSettings) -> HttpClient {
    HttpClient::new(settings.target().unwrap())
}

pub(crate) fn post(client: &mut HttpClient, body: &[u8]) -> Result<HttpAnswer, HttpError> {
    let mut request = client.request();
    request.body.extend_from_slice(body);
    client.send(&mut request, |_, _| {})
}

/// The texts of an error and its sources.
fn chain(error: &HttpError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}; {error}");
        source = error.source();
    }
    text
}

#[test]
fn a_request_has_the_body_and_the_headers_of_the_settings() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.headers.insert("X-Team".to_owned(), "shop".to_owned());
    settings.auth = AuthSettings::bearer(SecretRef::bytes(b"t0k3n".to_vec()));
    let answer = post(&mut client(&settings), b"one\n").unwrap();
    assert!(answer.is_success());
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_eq!((request.method.as_str(), request.target.as_str(), request.text()), ("POST", "/logs?db=a", "one\n"));
    assert_eq!(request.header("x-team"), Some("shop"));
    assert_eq!(request.header("authorization"), Some("Bearer t0k3n"));
    assert!(request.header("user-agent").unwrap().starts_with("fapilog/"));
}

#[test]
fn requests_share_a_connection() {
    let server = FakeHttp::start();
    let mut client = client(&settings(&server));
    for _ in 0..5 {
        post(&mut client, b"one\n").unwrap();
    }
    assert_eq!((server.wait_for(5, TIMEOUT).len(), server.connections()), (5, 1));
}

#[test]
fn a_connection_that_the_server_has_closed_meanwhile_is_replaced() {
    let server = FakeHttp::builder().requests_per_connection_unannounced(1).start();
    let mut client = client(&settings(&server));
    for _ in 0..3 {
        assert!(post(&mut client, b"one\n").unwrap().is_success());
    }
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_server_that_is_stopped_is_an_error_and_one_that_is_started_again_is_reached() {
    let server = FakeHttp::start();
    let mut client = client(&settings(&server));
    post(&mut client, b"one\n").unwrap();
    server.stop();
    let error = post(&mut client, b"two\n").unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    server.restart();
    assert!(post(&mut client, b"three\n").unwrap().is_success());
}

#[test]
fn a_redirect_to_the_same_host_is_followed_with_method_and_body() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::redirect(307, "/v2/logs"), FakeAnswer::redirect(308, server.url("/v3/logs"))]);
    assert!(post(&mut client(&settings(&server)), b"one\n").unwrap().is_success());
    let requests = server.wait_for(3, TIMEOUT);
    assert_eq!((requests[2].target.as_str(), requests[2].text()), ("/v3/logs", "one\n"));
    assert_eq!((requests[1].method.as_str(), requests[1].target.as_str()), ("POST", "/v2/logs"));
}

#[test]
fn a_redirect_to_another_host_is_refused() {
    let (server, other) = (FakeHttp::start(), FakeHttp::start());
    for location in [other.url("/logs"), "//127.0.0.1/logs".to_owned(), "https://127.0.0.1/".to_owned()] {
        server.queue([FakeAnswer::redirect(307, location)]);
        let error = post(&mut client(&settings(&server)), b"one\n").unwrap_err();
        assert!(matches!(error, HttpError::Redirect { status: StatusCode::TEMPORARY_REDIRECT }), "{error:?}");
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_redirect_that_would_drop_the_body_is_refused() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::redirect(302, "/logs")]);
    let error = post(&mut client(&settings(&server)), b"one\n").unwrap_err();
    assert!(matches!(error, HttpError::Redirect { status: StatusCode::FOUND }), "{error:?}");
}

#[test]
fn a_row_of_redirects_ends() {
    let server = FakeHttp::start();
    server.answer(|_| FakeAnswer::redirect(307, "/logs"));
    let error = post(&mut client(&settings(&server)), b"one\n").unwrap_err();
    assert!(matches!(error, HttpError::Redirect { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_huge_answer_is_read_to_its_limit() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::ok().huge_body(1 << 30), FakeAnswer::ok().endless_body()]);
    let mut client = client(&settings(&server));
    for _ in 0..2 {
        assert_eq!(post(&mut client, b"one\n").unwrap().body().len(), ANSWER_BYTES_MAX);
    }
    assert!(post(&mut client, b"two\n").unwrap().body().is_empty());
}

#[test]
fn a_client_reads_longer_answers_where_it_is_set_to() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::ok().huge_body(1 << 30)]);
    let mut client = client(&settings(&server)).answer_bytes_max(3 * ANSWER_BYTES_MAX);
    assert_eq!(post(&mut client, b"one\n").unwrap().body().len(), 3 * ANSWER_BYTES_MAX);
}

#[test]
fn an_answer_that_comes_too_late_or_too_slowly_is_a_timeout() {
    let server = FakeHttp::start();
    server.queue([
        FakeAnswer::ok().latency(Duration::from_secs(20)),
        FakeAnswer::ok().body("x".repeat(10_000)).drip(1, Duration::from_millis(20)),
    ]);
    let mut settings = settings(&server);
    settings.request.timeout = Duration::from_millis(200);
    settings.request.connect_timeout = Duration::from_millis(200);
    for _ in 0..2 {
        let start = Instant::now();
        let error = post(&mut client(&settings), b"one\n").unwrap_err();
        assert!(matches!(error, HttpError::Timeout { .. }), "{error:?}");
        assert_eq!(error.to_string(), "no answer within 200ms");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_connection_that_breaks_is_an_error() {
    let server = FakeHttp::start();
    for answer in [
        FakeAnswer::reset(),
        FakeAnswer::no_answer(),
        FakeAnswer::ok().body("x".repeat(1000)).reset_in_body(10),
        FakeAnswer::ok().body("x".repeat(1000)).close_in_body(10),
    ] {
        server.queue([answer.clone()]);
        let error = post(&mut client(&settings(&server)), b"one\n").unwrap_err();
        assert!(matches!(error, HttpError::Broken(_)), "{answer:?}: {error:?}");
    }
}

#[test]
fn an_answer_before_the_end_of_the_request_is_read() {
    let server = FakeHttp::builder().body_limit(100_000).start();
    let answer = post(&mut client(&settings(&server)), &vec![b'x'; 8 << 20]).unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn an_answer_that_is_no_http_is_an_error() {
    let server = FakeHttp::start();
    server.queue([
        FakeAnswer::raw(200, "SSH-2.0-OpenSSH_9.6\r\n"),
        FakeAnswer::raw(200, format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000))),
    ]);
    for _ in 0..2 {
        let error = post(&mut client(&settings(&server)), b"one\n").unwrap_err();
        assert!(matches!(error, HttpError::InvalidAnswer(_)), "{error:?}");
    }
}

#[test]
fn the_wait_that_a_server_asks_for_is_read() {
    let server = FakeHttp::start();
    let date = SystemTime::now() + Duration::from_secs(120);
    server.queue([FakeAnswer::new(429).retry_after_seconds(7), FakeAnswer::new(503).retry_after_date(date)]);
    let mut client = client(&settings(&server));
    assert_eq!(post(&mut client, b"one\n").unwrap().retry_after(), Some(Duration::from_secs(7)));
    let wait = post(&mut client, b"one\n").unwrap().retry_after().unwrap();
    assert!((60..=120).contains(&wait.as_secs()), "{wait:?}");
}

#[test]
fn bodies_are_compressed() {
    let server = FakeHttp::start();
    let body = b"{\"message\":\"ready\"}\n".repeat(1000);
    for (compression, token) in [(BodyCompression::Gzip, "gzip"), (BodyCompression::Zstd, "zstd")] {
        let mut settings = settings(&server);
        settings.request.compression = compression;
        let mut client = client(&settings);
        let mut request = client.request();
        request.body.extend_from_slice(&body);
        let mut sealed = Vec::new();
        client.send(&mut request, |bytes, _| sealed = bytes.to_vec()).unwrap();
        let requests = server.requests();
        let request = requests.last().unwrap();
        assert_eq!((request.header("content-encoding"), &request.body), (Some(token), &body));
        assert_eq!(sealed, request.raw_body);
        assert!(request.raw_body.len() * 10 < body.len());
    }
}

#[test]
fn an_address_of_a_metadata_service_is_not_connected_to() {
    let mut settings = HttpSettings::new("http://169.254.169.254/latest/meta-data");
    settings.allow_plaintext_hosts = vec!["169.254.169.254".to_owned()];
    let error = post(&mut client(&settings), b"one\n").unwrap_err();
    assert!(chain(&error).contains("which is link-local; allow_addresses may name it"), "{}", chain(&error));
}

/// A server whose first connection is handled by `serve`, behind the head of the first request. Returns its URL.
fn server_of(listener: TcpListener, serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let url = format!("http://{}/logs", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        serve(stream);
    });
    url
}

#[test]
fn an_interim_answer_does_not_end_the_request() {
    const BODY: usize = 8 << 20;
    let url = server_of(TcpListener::bind("127.0.0.1:0").unwrap(), |mut stream| {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nx: y\r\n\r\n").unwrap();
        let read = std::io::copy(&mut (&stream).take(BODY as u64), &mut std::io::sink()).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{read}").unwrap();
    });
    let mut settings = HttpSettings::new(url);
    settings.request.timeout = TIMEOUT;
    let answer = post(&mut client(&settings), &vec![b'x'; BODY]).unwrap();
    assert_eq!((answer.status(), answer.body()), (StatusCode::OK, BODY.to_string().as_bytes()));
}

#[test]
fn a_request_that_is_read_too_slowly_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // A window of a few KiB, so that little is on its way.
    set_socket_recv_buffer_size(&listener, 4096).unwrap();
    let url = server_of(listener, |mut stream| {
        while stream.read_exact(&mut [0; 4000]).is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut settings = HttpSettings::new(url);
    settings.request.timeout = Duration::from_millis(300);
    settings.request.connect_timeout = Duration::from_millis(300);
    let start = Instant::now();
    let error = post(&mut client(&settings), &vec![b'x'; 16 << 20]).unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error:?}");
    assert!(start.elapsed() < TIMEOUT / 3, "{:?}", start.elapsed());
}

#[test]
fn a_redirect_to_a_path_that_is_none_leaves_the_records_retryable() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::redirect(307, "/<v2>")]);
    let error = post(&mut client(&settings(&server)), b"one\n").unwrap_err();
    assert!(matches!(error, HttpError::Redirect { .. }), "{error:?}");
}
