//! Requests: recorded, decoded, and checked by the standard.

use std::io::Write;

use fapilog_test_servers::{FakeAnswer, FakeHttp};

use crate::http_client::{DEADLINE, HttpClient, exchange};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn a_request_is_recorded_with_its_parts() {
    let server = FakeHttp::start();
    let mut client = HttpClient::connect(&server);
    client.post("X-Tenant: a\r\n", b"hello");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
    client.send("PUT /b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
    let [first, second] = server.wait_for(2, DEADLINE).try_into().unwrap();
    assert_eq!((first.method.as_str(), first.path(), first.query(), first.text()), ("POST", "/logs", "a=1", "hello"));
    assert_eq!((first.header("x-TENANT"), first.status()), (Some("a"), Some(200)));
    assert_eq!((second.method.as_str(), second.text()), ("PUT", "hello!"));
    assert_eq!([first.connection, first.number, second.connection, second.number], [1, 1, 1, 2]);
    assert_eq!(server.connections(), 1);
}

#[test]
fn bodies_are_decoded_by_their_content_encoding() {
    let server = FakeHttp::start();
    let mut client = HttpClient::connect(&server);
    let text = "hello ".repeat(50).into_bytes();
    for encoding in ["gzip", "deflate", "zstd", "snappy"] {
        let packed = pack(encoding, &text);
        client.post(&format!("Content-Encoding: {encoding}\r\n"), &packed);
        client.head();
        let requests = server.requests();
        let request = requests.last().unwrap();
        assert_eq!((&request.body, &request.raw_body), (&text, &packed), "{encoding}");
    }
    client.post("", &pack("snappy", &text));
    client.head();
    assert_eq!(server.requests()[4].unsnapped(), text);
}

fn pack(encoding: &str, text: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match encoding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(text, 1).unwrap(),
        _ => snap::raw::Encoder::new().compress_vec(text).unwrap(),
    }
}

#[test]
fn requests_that_break_the_standard_are_violations_and_get_400() {
    let server = FakeHttp::start();
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "connection 1, request 1: there must be a single header `Host`, and there are 0"),
        ("GET / HTTP/1.0\r\nHost: test\r\n\r\n", "connection 2, request 1: the version is not HTTP/1.1"),
        ("GET / HTTP/1.1\nHost: test\r\n\r\n", "connection 3, request 1: a line of the head ends with LF alone"),
        (
            "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "connection 4, request 1: there are both `Content-Length` and `Transfer-Encoding`",
        ),
        (
            "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "connection 5, request 1: `xyz` is no size of a chunk",
        ),
        (
            "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nContent-Encoding: br\r\n\r\nab",
            "connection 6, request 1: `Content-Encoding: br` is none of gzip, deflate, zstd, snappy, identity",
        ),
        (
            "GET /a{b} HTTP/1.1\r\nHost: test\r\n\r\n",
            "connection 7, request 1: the target `/a{b}` is no path with a query as RFC 3986 has them",
        ),
    ];
    for (bytes, violation) in cases {
        assert!(exchange(&server, bytes).starts_with("HTTP/1.1 400 "), "{bytes}");
        assert_eq!(server.take_violations(), [violation], "{bytes}");
    }
}

#[test]
fn a_violation_that_no_test_takes_fails_the_test_when_the_server_is_dropped() {
    let server = FakeHttp::start();
    exchange(&server, "nonsense\r\n\r\n");
    let panic = std::panic::catch_unwind(move || drop(server)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("connection 1, request 1: the head is malformed"));
}

#[test]
fn an_assertion_that_fails_in_the_script_is_a_violation() {
    let server = FakeHttp::start();
    server.answer(|request| {
        assert_eq!(request.method, "POST", "method");
        FakeAnswer::ok()
    });
    assert!(exchange(&server, GET).starts_with("HTTP/1.1 400 "));
    assert!(server.take_violations()[0].contains("the script panicked: assertion `left == right` failed: method"));
}

#[test]
fn a_request_that_the_client_leaves_unfinished_is_counted_and_no_violation() {
    let server = FakeHttp::start();
    assert_eq!(exchange(&server, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhel"), "");
    assert_eq!((server.aborted(), server.requests().len()), (1, 0));
}
