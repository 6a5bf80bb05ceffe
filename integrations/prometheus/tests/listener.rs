//! The listener: what it answers, and that no peer can hold it up.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use fapilog::{Container, info, metrics::MetricsReader};
use fapilog_prometheus::{Exporter, ListenError, MetricsListener};
use support::{answer, connect, get, openmetrics, send, shut_down, started};

const OPEN_METRICS: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";

fn listening(container: &Container) -> MetricsListener {
    Exporter::builder().container("app", container).build().unwrap().listen("127.0.0.1:0").unwrap()
}

#[test]
fn a_scraper_gets_the_format_that_it_asks_for() {
    let (container, _events) = started();
    let listener = listening(&container);
    let answered = get(listener.address(), "/metrics", OPEN_METRICS);
    assert_eq!(answered.status(), "200");
    assert_eq!(answered.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert_eq!(answered.header("content-length"), Some(answered.body.len().to_string().as_str()));
    assert_eq!(answered.header("connection"), Some("close"));
    assert!(openmetrics::read(&answered.body).unwrap().len() > 50);
    let answered = get(listener.address(), "/metrics?name%5B%5D=x", "");
    assert_eq!(answered.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answered.body.contains("\n# TYPE fapilog_events_submitted_total counter\n"));
    shut_down(&container);
}

#[test]
fn each_request_reads_the_figures_anew() {
    let (container, _events) = started();
    let listener = listening(&container);
    for number in 1..=3 {
        info!(container.logger("test"), "counted");
        let body = get(listener.address(), "/metrics", "").body;
        assert!(body.contains(&format!("fapilog_events_submitted_total{{container=\"app\"}} {number}\n")), "{body}");
    }
    shut_down(&container);
}

#[test]
fn other_requests_get_an_error_and_the_next_one_is_served() {
    let (container, _events) = started();
    let listener = listening(&container);
    let too_long = format!("GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(100_000));
    let post = format!("POST /metrics HTTP/1.1\r\nContent-Length: 20000\r\n\r\n{}", "x".repeat(20_000));
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "404", "not found\n"),
        ("GET /metrics/ HTTP/1.1\r\n\r\n", "404", "not found\n"),
        ("HEAD /other HTTP/1.1\r\n\r\n", "404", ""),
        ("DELETE /metrics HTTP/1.1\r\n\r\n", "405", ""),
        (post.as_str(), "405", ""),
        ("GET /metrics HTTP/2.0\r\n\r\n", "505", ""),
        ("no HTTP at all\r\n\r\n", "400", ""),
        (too_long.as_str(), "431", ""),
        ("GET /metrics HTTP/1.0\r\n\r\n", "200", "# HELP"),
    ];
    for (request, status, body) in cases {
        let answered = send(listener.address(), request.as_bytes());
        let line = request.lines().next().unwrap();
        assert_eq!(answered.status(), status, "{line}");
        assert!(
            answered.body.starts_with(body) && answered.body.is_empty() == body.is_empty(),
            "{line}: {}",
            answered.body
        );
    }
    let head = send(listener.address(), b"HEAD /metrics HTTP/1.1\r\n\r\n");
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(head.body.is_empty() && length > 1000, "{head:?}");
    assert_eq!(send(listener.address(), b"DELETE / HTTP/1.1\r\n\r\n").header("allow"), Some("GET, HEAD"));
    shut_down(&container);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let (container, _events) = started();
    let listener = listening(&container);
    let mut stream = connect(listener.address());
    stream.set_nodelay(true).unwrap();
    for byte in format!("GET /metrics HTTP/1.1\r\n{OPEN_METRICS}\r\n").bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    let answered = answer(stream);
    assert!(answered.body.ends_with("# EOF\n"));
    shut_down(&container);
}

#[test]
fn peers_that_send_nothing_or_go_away_hold_others_up_for_the_timeout_at_most() {
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let timeout = Duration::from_millis(200);
    let listener = exporter.listener().request_timeout(timeout).start("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let silent = connect(listener.address());
    let mut slow = connect(listener.address());
    slow.write_all(b"GET /metrics HT").unwrap();
    drop(connect(listener.address()));
    assert_eq!(get(listener.address(), "/metrics", "").status(), "200");
    assert!(start.elapsed() >= 2 * timeout, "the peers before it were not waited for");
    assert_eq!(answer(silent).status(), "408");
    assert_eq!(answer(slow).status(), "408");
    shut_down(&container);
}

/// A peer whose buffers are full: the response is longer than both.
#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let (container, _events) = started();
    let mut builder = Exporter::builder();
    // About 20 MB.
    for number in 0..800 {
        builder = builder.container(&format!("container-{number}"), &container);
    }
    let timeout = Duration::from_millis(300);
    let listener = builder.build().unwrap().listener().request_timeout(timeout).start("127.0.0.1:0").unwrap();
    let mut deaf = connect(listener.address());
    deaf.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    // The next one is served when the first is given up.
    assert_eq!(get(listener.address(), "/", "").status(), "404");
    let mut bytes = Vec::new();
    let _ = deaf.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length: usize = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    assert!(body.len() < length, "all of the {length} bytes fit the buffers");
    shut_down(&container);
}

#[test]
fn requests_at_the_same_time_are_served_one_after_the_other() {
    let (container, _events) = started();
    let listener = listening(&container);
    let address = listener.address();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(move || (0..10).for_each(|_| assert_eq!(get(address, "/metrics", "").status(), "200")));
        }
    });
    shut_down(&container);
}

/// Whether something listens there.
fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_dropped_listener_stops_at_once_and_frees_its_port() {
    let (container, _events) = started();
    let listener = listening(&container);
    let address = listener.address();
    // A connection that is open does not keep it, nor does its timeout of 5 s.
    assert_eq!(get(address, "/metrics", "").status(), "200");
    let mut open = connect(address);
    open.write_all(b"GET /metr").unwrap();
    let start = Instant::now();
    drop(listener);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(!is_open(address));
    drop(open);
    TcpListener::bind(address).unwrap();
    shut_down(&container);
}

#[test]
fn a_function_of_the_program_that_does_not_return_keeps_the_drop_for_two_seconds_at_most() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (entered, is_there) = mpsc::channel();
    let read = move || {
        let _ = entered.send(());
        let _ = wait.lock().unwrap().recv();
        None
    };
    let exporter = Exporter::builder().source("hangs", read).build().unwrap();
    let listener = exporter.listen("127.0.0.1:0").unwrap();
    let mut stream = connect(listener.address());
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    is_there.recv().unwrap();
    let start = Instant::now();
    drop(listener);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    drop(release);
    // It has ended the connection without a response, or with one.
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn a_function_that_panics_ends_nothing() {
    let (container, _events) = started();
    let reader: MetricsReader = container.metrics_reader();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let read = move || {
        assert!(calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0, "the program's own function");
        Some(reader.read())
    };
    let listener = Exporter::builder().source("app", read).build().unwrap().listen("127.0.0.1:0").unwrap();
    let first = get(listener.address(), "/metrics", "");
    assert_eq!((first.status(), first.body.as_str()), ("200", ""));
    assert!(get(listener.address(), "/metrics", "").body.contains("fapilog_shards"));
    shut_down(&container);
}

#[test]
fn the_path_is_the_program_s_to_choose() {
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let listener = exporter
        .listener()
        .path("/log/metrics")
        .start("[::1]:0")
        .or_else(|_| exporter.listener().path("/log/metrics").start("127.0.0.1:0"));
    let listener = listener.unwrap();
    assert_eq!(get(listener.address(), "/log/metrics", "").status(), "200");
    assert_eq!(get(listener.address(), "/metrics", "").status(), "404");
    shut_down(&container);
}

#[test]
fn an_address_or_a_path_that_is_none_is_an_error_with_what_is_allowed() {
    let exporter = Exporter::global();
    for address in ["", "localhost", "9184", "127.0.0.1", "127.0.0.1:99999", "::1:9184"] {
        let error = exporter.listen(address).unwrap_err();
        assert!(matches!(error, ListenError::Address { .. }), "{address}: {error}");
        let expected = format!(
            "{address:?} is no address to listen at: it is an IP address with a port, such as \"127.0.0.1:9184\" or \"[::1]:9184\""
        );
        assert_eq!(error.to_string(), expected);
    }
    for path in ["", "metrics", "/a b", "/a?b"] {
        let error = exporter.listener().path(path).start("127.0.0.1:0").unwrap_err();
        assert!(
            matches!(error, ListenError::Path { .. }) && error.to_string().starts_with(&format!("{path:?} is no path")),
            "{error}"
        );
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = exporter.listen(&address.to_string()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen at {address} for the metrics: ")), "{error}");
}

#[test]
fn the_global_container_is_the_one_of_the_moment() {
    let listener = Exporter::global().listen("127.0.0.1:0").unwrap();
    assert_eq!(get(listener.address(), "/metrics", "").body, "");
    let logs = fapilog::set_global(started().0).unwrap();
    info!("counted");
    let body = get(listener.address(), "/metrics", "").body;
    assert!(body.contains("fapilog_events_submitted_total{container=\"app\"} 1\n"), "{body}");
    shut_down(&logs);
}
