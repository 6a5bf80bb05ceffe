//! Answers, by the specification.

use std::time::{Duration, Instant};

use fapilog_otlp::OtlpProtocol;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;

use super::{log_numbers, received::ledger, settings, shut_down, started};

/// An answer that rejects records, as a server of the official messages writes it.
fn partial(rejected: i64) -> FakeAnswer {
    let partial_success =
        Some(ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: "too old".to_owned() });
    let body = ExportLogsServiceResponse { partial_success }.encode_to_vec();
    FakeAnswer::ok().header("Content-Type", "application/x-protobuf").body(body)
}

/// Delivered and lost events, and the number of requests, of ten events in one request that gets this answer.
fn outcome(protocol: OtlpProtocol, answer: FakeAnswer) -> (u64, u64, usize) {
    let server = FakeHttp::start();
    server.queue([answer]);
    let mut settings = settings(&server);
    settings.protocol = Some(protocol);
    let container = started(&settings);
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    (accounts.delivered_total(), accounts.lost_total(), server.requests().len())
}

#[test]
fn rejected_records_of_a_partial_success_are_lost_and_not_sent_again() {
    assert_eq!(outcome(OtlpProtocol::HttpProtobuf, partial(3)), (7, 3, 1));
    let text = FakeAnswer::json(r#"{"partialSuccess":{"rejectedLogRecords":"4","errorMessage":"too old"}}"#);
    assert_eq!(outcome(OtlpProtocol::HttpJson, text), (6, 4, 1));
    let number = FakeAnswer::json(r#"{"partialSuccess":{"rejectedLogRecords":4}}"#);
    assert_eq!(outcome(OtlpProtocol::HttpJson, number), (6, 4, 1));
    Conformance::record("otlp", "fake", Scenario::Partial, 7, 0, 3);
}

#[test]
fn a_partial_success_without_rejected_records_is_a_warning_and_one_with_too_many_rejects_all() {
    assert_eq!(outcome(OtlpProtocol::HttpProtobuf, partial(0)), (10, 0, 1));
    assert_eq!(outcome(OtlpProtocol::HttpProtobuf, partial(-1)), (10, 0, 1));
    assert_eq!(outcome(OtlpProtocol::HttpProtobuf, partial(99)), (0, 10, 1));
    let not_a_message = FakeAnswer::ok().body(vec![0xff; 9]);
    assert_eq!(outcome(OtlpProtocol::HttpProtobuf, not_a_message), (10, 0, 1));
}

#[test]
fn only_four_statuses_are_sent_again() {
    for status in [429, 502, 503, 504] {
        assert_eq!(outcome(OtlpProtocol::HttpProtobuf, FakeAnswer::new(status)), (10, 0, 2), "{status}");
    }
    for status in [400, 401, 403, 404, 408, 409, 415, 422, 500, 501, 505, 507] {
        assert_eq!(outcome(OtlpProtocol::HttpProtobuf, FakeAnswer::new(status)), (0, 10, 1), "{status}");
    }
}

#[test]
fn a_throttled_request_waits_as_long_as_the_server_asks() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(503)]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert!(requests.len() == 3 && requests.iter().all(|request| request.body == requests[0].body));
    let counts = ledger(0..10, &server).counts();
    Conformance::record("otlp", "fake", Scenario::Throttled, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (10, 0, 0));
}

#[test]
fn an_error_shows_the_code_of_the_status_and_not_its_message() {
    // google.rpc.Status: code 3, and a message.
    let protobuf = [&[8, 3, 18, 7][..], b"hunter2"].concat();
    let answers = [
        FakeAnswer::new(400).header("Content-Type", "application/x-protobuf").body(protobuf),
        FakeAnswer::json(r#"{"code":3,"message":"hunter2"}"#).status(400),
    ];
    for answer in answers {
        let server = FakeHttp::start();
        server.queue([answer]);
        let container = started(&settings(&server));
        log_numbers(&container, 0..1);
        shut_down(&container);
        let error = format!("{:?}", container.diagnostics());
        assert!(error.contains("400 Bad Request, with code 3 (INVALID_ARGUMENT)"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
