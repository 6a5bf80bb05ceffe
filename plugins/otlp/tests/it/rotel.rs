//! Rotel, which passes on all that it has accepted to a server of the test.

use fapilog_otlp::OtlpProtocol;
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, FakeHttp, Scenario, servers::Rotel};

use super::{
    TIMEOUT, log_numbers,
    received::{ledger, numbers},
    settings_for, shut_down, started,
};

/// Waits until so many records have come out of Rotel.
fn wait_for_records(backend: &FakeHttp, records: usize) {
    backend.wait_until("all records", TIMEOUT, |requests| {
        requests.iter().map(|request| numbers(request).len()).sum::<usize>() >= records
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
