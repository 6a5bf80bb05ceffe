//! TLS: stunnel in front of Tansu, which has none.

use std::time::Duration;

use fapilog::{info, settings::SecretRef};
use fapilog_kafka::{KafkaSettings, KafkaTls};
use fapilog_test_servers::{
    Conformance, Scenario, TestCa,
    servers::{Stunnel, Tansu},
};

use crate::{ledger_of, number, shut_down, start, start_once, topics::read_topic_with};

/// Settings for the broker behind stunnel, with an authority.
fn settings_for(stunnel: &Stunnel, ca: &TestCa) -> KafkaSettings {
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafkas://localhost:{}", stunnel.address().port())];
    settings.delivery_timeout = Duration::from_secs(10);
    let mut tls = KafkaTls::default();
    tls.ca_file = Some(ca.certificate_path());
    settings.tls = Some(tls);
    settings
}

/// Logs one event, which is lost. Returns the reports about it.
fn refused(settings: &KafkaSettings) -> String {
    let mut settings = settings.clone();
    settings.delivery_timeout = Duration::from_secs(2);
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (0, 1));
    format!("{:?}", logs.diagnostics())
}

#[test]
fn tls_checks_the_certificate_of_the_broker_and_its_name() {
    let ca = TestCa::new();
    let Some(builder) = Stunnel::builder() else { return };
    let Some(server) = Tansu::behind(builder.port()) else { return };
    let stunnel = builder.start(server.broker(), &ca.server());
    let settings = settings_for(&stunnel, &ca);
    let logs = start(&settings);
    for number in 0..500_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (500, 0));
    // The reader has TLS by the settings of librdkafka.
    let authority = ca.certificate_path().display().to_string();
    let options = [("security.protocol", "ssl"), ("ssl.ca.location", authority.as_str())];
    let records = read_topic_with(&format!("localhost:{}", stunnel.address().port()), "fapilog", &options);
    let counts = ledger_of(records.iter().filter_map(|record| number(&record.value)), 500).counts();
    Conformance::record("kafka", "tansu", Scenario::Tls, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (500, 0, 0));
    // An authority that nobody trusts.
    let mut without = settings.clone();
    without.tls = None;
    let found = refused(&without);
    assert!(found.contains("certificate verify failed"), "{found}");
    // A name that is not in the certificate.
    let Some(builder) = Stunnel::builder() else { return };
    let other = builder.start(server.broker(), &ca.server_for(&["kafka.example.com"]));
    let found = refused(&settings_for(&other, &ca));
    assert!(found.contains("certificate verify failed"), "{found}");
}

#[test]
fn a_client_shows_its_certificate_with_a_key_by_reference() {
    let ca = TestCa::new();
    let Some(builder) = Stunnel::builder() else { return };
    let Some(server) = Tansu::behind(builder.port()) else { return };
    let stunnel = builder.start_mutual(server.broker(), &ca.server(), &ca);
    let mut settings = settings_for(&stunnel, &ca);
    let client = ca.client("shop");
    if let Some(tls) = &mut settings.tls {
        tls.client_certificate = Some(client.certificate_path.clone());
        tls.client_key = Some(SecretRef::file(client.key_path.clone()).allow_readable_by_others(true));
    }
    let logs = start(&settings);
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (1, 0));
    assert!(!format!("{:?}", logs.diagnostics()).contains("PRIVATE KEY"));
    if let Some(tls) = &mut settings.tls {
        (tls.client_certificate, tls.client_key) = (None, None);
    }
    refused(&settings);
}
