//! Delivery by gRPC to a server on loopback.

use fapilog::settings::SecretRef;
use fapilog_sink_http::settings::{AuthSettings, BodyCompression};
use fapilog_test_servers::{Conformance, Scenario, TestCa};

use super::{
    fake::{FakeGrpc, GrpcReply, server_config},
    grpc_settings,
};
use crate::{log_numbers, shut_down, started};

const SERVER: &str = "fake (gRPC)";

#[track_caller]
fn assert_exactly_once(server: &FakeGrpc, events: u64, scenario: Scenario) {
    let counts = server.ledger(0..events).counts();
    assert_eq!((counts.delivered as u64, counts.duplicated, counts.lost), (events, 0, 0));
    Conformance::record("otlp", SERVER, scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn events_arrive_by_grpc_once_with_headers_and_credentials() {
    let server = FakeGrpc::start();
    let mut settings = grpc_settings(server.url());
    settings.headers.insert("x-tenant".to_owned(), "7".to_owned());
    settings.auth = AuthSettings::bearer(SecretRef::bytes(b"hunter2".to_vec()));
    let container = started(&settings);
    log_numbers(&container, 0..1000);
    assert_eq!(shut_down(&container).delivered_total(), 1000);
    assert_exactly_once(&server, 1000, Scenario::Happy);
    let call = &server.calls()[0];
    assert_eq!(call.path, "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
    let header = |name: &str| call.headers[name].to_str().unwrap();
    assert_eq!((header("te"), header("content-type")), ("trailers", "application/grpc"));
    assert_eq!((header("grpc-timeout"), header("x-tenant")), ("20000m", "7"));
    assert_eq!(header("authorization"), "Bearer hunter2");
    assert_eq!(server.connections(), 1);
}

#[test]
fn events_arrive_by_grpc_compressed() {
    for compression in [BodyCompression::Zstd, BodyCompression::Gzip] {
        let server = FakeGrpc::start();
        let mut settings = grpc_settings(server.url());
        settings.request.compression = compression;
        let container = started(&settings);
        log_numbers(&container, 0..1000);
        assert_eq!(shut_down(&container).delivered_total(), 1000);
        assert!(server.calls().iter().all(|call| call.headers["grpc-encoding"] == compression.token().unwrap()));
        assert_exactly_once(&server, 1000, Scenario::Compressed);
    }
}

#[test]
fn events_arrive_by_grpc_with_mutual_tls() {
    let ca = TestCa::new();
    let server = FakeGrpc::with_tls(Some(server_config(&ca, &ca.server(), true)));
    let app = ca.client("app");
    let mut settings = grpc_settings(server.url());
    settings.tls.ca_file = Some(ca.certificate_path());
    settings.tls.client_certificate = Some(app.certificate_path.clone());
    settings.tls.client_key = Some(SecretRef::file(&app.key_path).allow_readable_by_others(true));
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert_exactly_once(&server, 100, Scenario::Tls);
}

#[test]
fn a_server_of_another_authority_gets_no_call_of_grpc() {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let server = FakeGrpc::with_tls(Some(server_config(&other, &other.server(), false)));
    let mut settings = grpc_settings(server.url());
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = super::answers::impatient(&settings);
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).lost_total(), 10);
    assert!(server.calls().is_empty());
}

#[test]
fn a_message_over_the_limit_is_divided() {
    let server = FakeGrpc::start();
    server.limit(6000);
    let container = started(&grpc_settings(server.url()));
    log_numbers(&container, 0..200);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (200, 0), "{accounts}");
    assert!(server.calls().iter().any(|call| !call.is_accepted));
    assert_exactly_once(&server, 200, Scenario::OverTheLimit);
}

#[test]
fn a_call_behind_a_goaway_is_made_on_a_new_connection() {
    let server = FakeGrpc::start();
    server.queue((0..5).map(|_| GrpcReply::OkThenGoAway));
    let mut settings = grpc_settings(server.url());
    settings.batch.max_records = 10;
    let container = started(&settings);
    log_numbers(&container, 0..100);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (100, 0), "{accounts}");
    assert_eq!(server.ledger(0..100).counts().duplicated, 0);
    assert!(server.connections() > 1, "{}", server.connections());
}

#[test]
fn a_call_on_a_connection_that_the_server_has_closed_is_made_once_more() {
    let server = FakeGrpc::start();
    server.queue([GrpcReply::OkThenClose]);
    // Without the second call on a new connection, the events would be lost.
    let container = super::answers::impatient(&grpc_settings(server.url()));
    log_numbers(&container, 0..10);
    container.flush(crate::TIMEOUT).unwrap();
    server.wait_for_close();
    log_numbers(&container, 10..20);
    assert_eq!(shut_down(&container).delivered_total(), 20);
    let connections: Vec<_> = server.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 2]);
}

#[test]
fn a_connection_that_was_idle_for_too_long_is_not_used_again() {
    let server = FakeGrpc::start();
    let mut settings = grpc_settings(server.url());
    settings.request.idle_timeout = std::time::Duration::ZERO;
    let container = started(&settings);
    for number in 0..3 {
        log_numbers(&container, number..number + 1);
        container.flush(crate::TIMEOUT).unwrap();
    }
    assert_eq!(shut_down(&container).delivered_total(), 3);
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_server_of_grpc_that_is_restarted_in_flight_gets_every_event() {
    let mut server = FakeGrpc::start();
    let mut settings = grpc_settings(server.url());
    settings.batch.max_records = 50;
    let container = started(&settings);
    for round in 0..5 {
        log_numbers(&container, round * 200..round * 200 + 100);
        server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        server.restart();
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    Conformance::record_at_least_once("otlp", SERVER, Scenario::RestartedInFlight, server.ledger(0..1000).counts());
}
