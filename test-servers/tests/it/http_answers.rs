//! Answers: by script, with the ways in which a server misbehaves.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::{Duration, Instant, SystemTime},
};

use fapilog_test_servers::{FakeAnswer, FakeHttp};

use crate::http_client::{DEADLINE, HttpClient, exchange};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn answers_of_the_queue_come_before_those_of_the_function() {
    let server = FakeHttp::builder().answer(|request| FakeAnswer::json(format!("{:?}", request.method))).start();
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    server.queue([
        FakeAnswer::new(429).retry_after_seconds(7),
        FakeAnswer::new(503).retry_after_date(date).body("later"),
    ]);
    let throttled = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n";
    assert_eq!(exchange(&server, GET), throttled);
    let later = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nlater";
    assert_eq!(exchange(&server, GET), later);
    let json = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\n\"GET\"";
    assert_eq!(exchange(&server, GET), json);
    assert_eq!(server.accepted().len(), 1);
}

#[test]
fn connections_are_closed_after_the_number_of_requests_that_they_allow() {
    let server = FakeHttp::builder().requests_per_connection(2).start();
    let mut client = HttpClient::connect(&server);
    client.send(GET);
    assert!(!client.head().contains("Connection: close"));
    client.send(GET);
    assert!(client.head().contains("Connection: close"));
    assert_eq!(client.all().unwrap(), "");
}

#[test]
fn connections_are_closed_unannounced_after_some_requests_or_when_they_are_idle() {
    let counted = FakeHttp::builder().requests_per_connection_unannounced(1).start();
    let idle = FakeHttp::builder().idle_limit(Duration::from_millis(20)).start();
    for server in [counted, idle] {
        let mut client = HttpClient::connect(&server);
        client.send(GET);
        assert!(!client.head().contains("Connection: close"));
        assert_eq!(client.all().unwrap(), "");
    }
}

#[test]
fn a_reset_comes_before_the_answer_or_within_its_body() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::reset(), FakeAnswer::ok().body("hello").reset_in_body(3)]);
    for expected in ["", "hel"] {
        let mut client = HttpClient::connect(&server);
        client.post("", b"x");
        if !expected.is_empty() {
            assert!(client.head().contains("Content-Length: 5"));
            let mut body = [0; 3];
            client.stream.read_exact(&mut body).unwrap();
            assert_eq!(body, expected.as_bytes());
        }
        assert_eq!(client.all().unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(server.accepted().len(), 2, "the server took both requests");
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_sent() {
    let server = FakeHttp::builder().body_limit(4).start();
    let mut client = HttpClient::connect(&server);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.all().unwrap().starts_with("HTTP/1.1 413 Content Too Large\r\n"));
    let chunked = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert!(exchange(&server, chunked).starts_with("HTTP/1.1 413 "));
    assert!(server.requests().iter().all(|request| !request.is_whole));
}

#[test]
fn an_expectation_gets_an_interim_answer() {
    let server = FakeHttp::start();
    let mut client = HttpClient::connect(&server);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_server_that_ignores_expectations_waits_for_the_body() {
    let server = FakeHttp::builder().ignores_expectations().start();
    let mut client = HttpClient::connect(&server);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
}

#[test]
fn an_answer_may_be_missing_cut_or_no_http_at_all() {
    let server = FakeHttp::start();
    server.queue([
        FakeAnswer::no_answer(),
        FakeAnswer::ok().body("hello").close_in_body(3),
        FakeAnswer::raw(200, "+OK\r\n"),
    ]);
    assert_eq!(exchange(&server, GET), "");
    assert_eq!(exchange(&server, GET), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    assert_eq!(exchange(&server, GET), "+OK\r\n");
}

#[test]
fn a_redirect_names_its_target_and_a_chunked_body_its_pieces() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::redirect(307, "http://other.test/"), FakeAnswer::ok().chunked_body("hello")]);
    assert!(exchange(&server, GET).contains("\r\nLocation: http://other.test/\r\n"));
    assert!(exchange(&server, GET).ends_with("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
}

#[test]
fn an_answer_to_the_head_may_reset_the_connection_within_the_request() {
    let server = FakeHttp::builder().on_head(|_| Some(FakeAnswer::reset().after_reading(3))).start();
    let mut client = HttpClient::connect(&server);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhello");
    assert_eq!(client.all().unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.requests()[0].raw_body, b"hel");
    assert_eq!(server.accepted().len(), 0);
}

#[test]
fn answers_have_latency_and_pace() {
    let server = FakeHttp::start();
    let (wait, latency) = (Duration::from_millis(5), Duration::from_millis(30));
    server.queue([FakeAnswer::ok().body("hello").latency(latency).drip(10, wait)]);
    let start = Instant::now();
    let answer = exchange(&server, GET);
    assert!(answer.ends_with("hello"));
    let pieces = u32::try_from(answer.len() / 10).unwrap();
    assert!(start.elapsed() >= latency + wait * pieces);
}

#[test]
fn an_endless_body_ends_with_the_client_or_the_server() {
    let server = FakeHttp::builder().answer(|_| FakeAnswer::ok().endless_body()).start();
    let mut client = HttpClient::connect(&server);
    client.send(GET);
    client.stream.read_exact(&mut [0; 100_000]).unwrap();
    drop(client);
    let mut client = HttpClient::connect(&server);
    client.send(GET);
    client.head();
    let reader = std::thread::spawn(move || client.stream.read_to_end(&mut Vec::new()).map(drop));
    server.stop();
    drop(reader.join().unwrap());
}

#[test]
fn a_huge_body_has_its_length() {
    let server = FakeHttp::builder().answer(|_| FakeAnswer::ok().huge_body(300_000)).start();
    let answer = exchange(&server, GET);
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), 300_000);
}

#[test]
fn a_server_restarts_on_its_port_with_its_script_and_record() {
    let server = FakeHttp::builder().answer(|_| FakeAnswer::ok().latency(DEADLINE)).start();
    let mut client = HttpClient::connect(&server);
    client.post("", b"in flight");
    server.wait_for(1, DEADLINE);
    server.stop();
    assert_eq!(client.all().unwrap_or_default(), "");
    assert_eq!(TcpStream::connect(server.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.restart();
    server.queue([FakeAnswer::ok()]);
    assert!(exchange(&server, GET).starts_with("HTTP/1.1 200 "));
    assert_eq!((server.requests().len(), server.connections()), (2, 2));
}
