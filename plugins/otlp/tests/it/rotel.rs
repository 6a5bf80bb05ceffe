//! Rotel, which passes on all that it has accepted to a server of the test.

use std::collections::BTreeSet;

use fapilog_otlp::OtlpProtocol;
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, FakeHttp, Scenario, servers::Rotel};

use super::{
    TIMEOUT, log_numbers,
    received::{ledger, numbers},
    settings_for, shut_down, started,
};

/// Waits until so many different records have come out of Rotel.
pub(crate) fn wait_for_records(backend: &FakeHttp, records: usize) {
    backend.wait_until("all records", TIMEOUT, |requests| {
        let different: BTreeSet<u64> = requests.iter().flat_map(|request| numbers(request)).collect();
        different.len() >= records
    });
}

#[test]
fn rotel_accepts_both_forms_and_compressed_requests() {
    for (protocol, compression, scenario) in [
        (OtlpProtocol::HttpProtobuf, BodyCompression::None, Scenario::Happy),
        (OtlpProtocol::HttpJson, BodyCompression::None, Scenario::Happy),
        (OtlpProtocol::HttpProtobuf, BodyCompression::Gzip, Scenario::Compressed),
    ] {
        let backend = FakeHttp::start();
        let Some(rotel) = Rotel::exporting_to(&backend.url("")) else { return };
        let mut settings = settings_for(format!("http://{}", rotel.http()));
        settings.protocol = Some(protocol);
        settings.request.compression = compression;
        let container = started(&settings);
        log_numbers(&container, 0..1000);
        let accounts = shut_down(&container);
        assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
        wait_for_records(&backend, 1000);
        let counts = ledger(0..1000, &backend).counts();
        Conformance::record("otlp", "rotel", scenario, counts.delivered, counts.duplicated, counts.lost);
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    }
}

/// Rotel holds accepted records in memory, so it is killed when it has passed all of them on, and events of the sink are in flight.
#[test]
fn rotel_gets_every_event_when_it_is_killed_and_restarted() {
    let backend = FakeHttp::start();
    let Some(mut rotel) = Rotel::exporting_to(&backend.url("")) else { return };
    let mut settings = settings_for(format!("http://{}", rotel.http()));
    settings.batch.max_records = 50;
    let container = started(&settings);
    for round in 0..3 {
        log_numbers(&container, round * 400..round * 400 + 200);
        wait_for_records(&backend, round as usize * 400 + 200);
        rotel.server.kill();
        log_numbers(&container, round * 400 + 200..round * 400 + 400);
        rotel.server.restart();
        wait_for_records(&backend, round as usize * 400 + 400);
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1200, 0), "{accounts}");
    let counts = ledger(0..1200, &backend).counts();
    Conformance::record_at_least_once("otlp", "rotel", Scenario::RestartedInFlight, counts);
}
