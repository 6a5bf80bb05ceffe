//! Answers of servers of gRPC, by the specification; and those of no specification.

use std::{
    io::{Read, Write},
    net::TcpListener,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_otlp::{Otlp, OtlpSettings};
use fapilog_test_servers::{Conformance, Scenario};
use h2::Reason;

use super::{
    fake::{FakeGrpc, GrpcReply},
    grpc_settings,
};
use crate::{builder, log_numbers, shut_down, started};

/// A container whose sink makes one attempt.
pub(crate) fn impatient(settings: &OtlpSettings) -> Container {
    let options = SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1));
    builder().sink_with("otlp", Otlp::new(settings).unwrap(), options).start().unwrap()
}

/// Delivered and lost events, and the number of calls, of ten events in one call that gets this answer.
fn outcome(reply: GrpcReply) -> (u64, u64, usize) {
    let server = FakeGrpc::start();
    server.queue([reply]);
    let mut settings = grpc_settings(server.url());
    settings.request.timeout = Duration::from_millis(700);
    settings.request.connect_timeout = Duration::from_millis(700);
    let container = started(&settings);
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    (accounts.delivered_total(), accounts.lost_total(), server.calls().len())
}

#[test]
fn each_status_has_the_outcome_of_the_specification() {
    for code in [1, 4, 7, 10, 11, 12, 14, 15, 16] {
        assert_eq!(outcome(GrpcReply::status(code)), (10, 0, 2), "{code}");
    }
    for code in [2, 3, 5, 6, 8, 9, 13, 17, 99] {
        assert_eq!(outcome(GrpcReply::status(code)), (0, 10, 1), "{code}");
    }
    assert_eq!(outcome(GrpcReply::LateStatus(14)), (10, 0, 2));
    assert_eq!(outcome(GrpcReply::LateStatus(3)), (0, 10, 1));
}

/// `google.rpc.Status { details: [RetryInfo { retry_delay: 0.4 s }] }`, in base64 without padding.
fn retry_info() -> String {
    "GjQKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SCAoGEICI3r4B".to_owned()
}

#[test]
fn a_server_that_is_throttled_is_asked_again_after_the_delay_of_its_retry_info() {
    let server = FakeGrpc::start();
    server.queue([GrpcReply::Status { code: 8, message: "busy", details: Some(retry_info()) }]);
    let container = started(&grpc_settings(server.url()));
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (10, 0), "{accounts}");
    let calls = server.calls();
    assert_eq!(calls.len(), 2);
    let wait = calls[1].at - calls[0].at;
    assert!(wait >= Duration::from_millis(400), "{wait:?}");
    let counts = server.ledger(0..10).counts();
    Conformance::record("otlp", "fake (gRPC)", Scenario::Throttled, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn rejected_records_of_a_partial_success_by_grpc_are_lost_and_not_sent_again() {
    assert_eq!(outcome(GrpcReply::Ok { rejected: 3 }), (7, 3, 1));
    assert_eq!(outcome(GrpcReply::Ok { rejected: -1 }), (10, 0, 1));
    assert_eq!(outcome(GrpcReply::Ok { rejected: 99 }), (0, 10, 1));
    Conformance::record("otlp", "fake (gRPC)", Scenario::Partial, 7, 0, 3);
}

#[test]
fn the_answer_of_a_proxy_has_the_outcome_of_its_status() {
    for status in [401, 403, 404, 429, 502, 503, 504] {
        assert_eq!(outcome(GrpcReply::Http(status)), (10, 0, 2), "{status}");
    }
    for status in [400, 500] {
        assert_eq!(outcome(GrpcReply::Http(status)), (0, 10, 1), "{status}");
    }
    assert_eq!(outcome(GrpcReply::NoStatus), (10, 0, 2));
}

#[test]
fn details_that_are_not_base64_are_ignored() {
    for text in ["!!!", "A", "=", "////"] {
        let reply = GrpcReply::Status { code: 8, message: "busy", details: Some(text.to_owned()) };
        assert_eq!(outcome(reply), (0, 10, 1), "{text}");
    }
}

#[test]
fn an_answer_that_is_slow_endless_or_broken_ends_and_is_followed_by_another_attempt() {
    for reply in [
        GrpcReply::Silence,
        GrpcReply::Drip,
        GrpcReply::Endless,
        GrpcReply::LongHead,
        GrpcReply::Close,
        GrpcReply::Reset(Reason::INTERNAL_ERROR),
        GrpcReply::Reset(Reason::REFUSED_STREAM),
        GrpcReply::Reset(Reason::ENHANCE_YOUR_CALM),
    ] {
        let start = Instant::now();
        assert_eq!(outcome(reply.clone()), (10, 0, 2), "{reply:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{reply:?}");
    }
}

#[test]
fn a_server_that_is_none_of_http_2_gets_no_call() {
    for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), &[0xff; 4000], b""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 24]);
            let _ = stream.write_all(answer);
        });
        let container = impatient(&grpc_settings(format!("http://{address}")));
        log_numbers(&container, 0..10);
        assert_eq!(shut_down(&container).lost_total(), 10);
        server.join().unwrap();
    }
}
