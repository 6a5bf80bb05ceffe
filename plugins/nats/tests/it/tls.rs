//! TLS: the certificate of the server, that of the client, and a server that asks for TLS.

use fapilog::{info, settings::SecretRef};
use fapilog_nats::{NatsAcknowledgement, NatsSettings};
use fapilog_sink_network::tls::TlsSettings;
use fapilog_test_servers::{Conformance, Scenario, TestCa, servers::Nats};

use crate::{settings_of, shut_down, start, start_once};

/// A server without a stream: a message counts as delivered when the server has read it.
fn settings(scheme: &str, server: &Nats, ca: Option<&TestCa>) -> NatsSettings {
    let mut settings = settings_of(&format!("{scheme}://localhost:{}", server.address().port()));
    settings.acknowledgement = NatsAcknowledgement::None;
    settings.tls = ca.map(|ca| {
        let mut tls = TlsSettings::default();
        tls.ca_file = Some(ca.certificate_path());
        tls
    });
    settings
}

/// The events that are delivered of one, and what was reported.
fn deliver_one(settings: &NatsSettings) -> (u64, String) {
    let logs = start_once(settings);
    info!(logs.logger("orders"), "order", number = 1_u64);
    let (delivered, lost) = shut_down(&logs);
    assert_eq!(delivered + lost, 1);
    (delivered, format!("{:?}", logs.diagnostics()))
}

#[test]
fn tls_checks_the_certificate_of_the_server() {
    let ca = TestCa::new();
    let Some(server) = Nats::start_with_tls(&ca) else { return };
    let logs = start(&settings("tls", &server, Some(&ca)));
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    // The answer to PING behind the messages is the proof.
    assert_eq!(shut_down(&logs), (100, 0));
    Conformance::record("nats", "nats", Scenario::Tls, 100, 0, 0);
    // An authority that nobody trusts.
    let (delivered, found) = deliver_one(&settings("tls", &server, Some(&TestCa::new())));
    assert!(delivered == 0 && found.contains("no TLS connection"), "{found}");
}

#[test]
fn a_server_that_asks_for_tls_gets_it_with_the_certificates_of_the_settings_alone() {
    let ca = TestCa::new();
    let Some(server) = Nats::start_with_tls(&ca) else { return };
    assert_eq!(deliver_one(&settings("nats", &server, Some(&ca))).0, 1);
    let (delivered, found) = deliver_one(&settings("nats", &server, None));
    assert!(delivered == 0 && found.contains("asks for TLS"), "{found}");
}

#[test]
fn a_server_without_tls_gets_nothing_of_a_tls_url() {
    let Some(server) = Nats::start() else { return };
    let (delivered, found) = deliver_one(&settings("tls", &server, Some(&TestCa::new())));
    assert!(delivered == 0 && found.contains("offers no TLS"), "{found}");
}

#[test]
fn a_client_shows_its_certificate() {
    let ca = TestCa::new();
    let Some(server) = Nats::start_with_client_certificates(&ca) else { return };
    let mut settings = settings("tls", &server, Some(&ca));
    assert_eq!(deliver_one(&settings).0, 0);
    let client = ca.client("app");
    let tls = settings.tls.as_mut().unwrap();
    tls.client_certificate = Some(client.certificate_path.clone());
    tls.client_key = Some(SecretRef::file(client.key_path).allow_readable_by_others(true));
    let (delivered, found) = deliver_one(&settings);
    assert_eq!(delivered, 1, "{found}");
}
