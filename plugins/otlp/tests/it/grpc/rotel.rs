//! Rotel by gRPC, which passes on all that it has accepted to a server of the test.

use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, FakeHttp, Scenario, servers::Rotel};

use super::grpc_settings;
use crate::{log_numbers, received::ledger, rotel::wait_for_records, shut_down, started};

const SERVER: &str = "rotel (gRPC)";

#[test]
fn rotel_accepts_plain_and_compressed_calls_of_grpc() {
    for (compression, scenario) in
        [(BodyCompression::None, Scenario::Happy), (BodyCompression::Gzip, Scenario::Compressed)]
    {
        let backend = FakeHttp::start();
        let Some(rotel) = Rotel::exporting_to(&backend.url("")) else { return };
        let mut settings = grpc_settings(format!("http://{}", rotel.grpc()));
        settings.request.compression = compression;
        let container = started(&settings);
        log_numbers(&container, 0..1000);
        let accounts = shut_down(&container);
        assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
        wait_for_records(&backend, 1000);
        let counts = ledger(0..1000, &backend).counts();
        Conformance::record("otlp", SERVER, scenario, counts.delivered, counts.duplicated, counts.lost);
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    }
}

/// Rotel holds accepted records in memory, so it is killed when it has passed all of them on, and events of the sink are in flight.
#[test]
fn rotel_gets_every_event_by_grpc_when_it_is_killed_and_restarted() {
    let backend = FakeHttp::start();
    let Some(mut rotel) = Rotel::exporting_to(&backend.url("")) else { return };
    let mut settings = grpc_settings(format!("http://{}", rotel.grpc()));
    settings.batch.max_records = 50;
    let container = started(&settings);
    for round in 0..2 {
        log_numbers(&container, round * 400..round * 400 + 200);
        wait_for_records(&backend, round as usize * 400 + 200);
        rotel.server.kill();
        log_numbers(&container, round * 400 + 200..round * 400 + 400);
        rotel.server.restart();
        wait_for_records(&backend, round as usize * 400 + 400);
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (800, 0), "{accounts}");
    let counts = ledger(0..800, &backend).counts();
    Conformance::record_at_least_once("otlp", SERVER, Scenario::RestartedInFlight, counts);
}
