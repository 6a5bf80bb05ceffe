//! SASL by PLAIN: a proxy in front of Tansu checks the user and the password, and passes everything else on.

use std::time::Duration;

use fapilog::{info, settings::SecretRef};
use fapilog_kafka::{KafkaSasl, KafkaSettings, SaslMechanism};

use crate::{
    number,
    proxy::{ProxyAction, key_of, tansu_behind},
    shut_down, start, start_once,
    topics::read_topic_with,
};

/// Keys of requests, by the protocol's table.
const SASL_HANDSHAKE: u16 = 17;
const API_VERSIONS: u16 = 18;
const SASL_AUTHENTICATE: u16 = 36;
const SASL_AUTHENTICATION_FAILED: u16 = 58;
/// The initial response of PLAIN (RFC 4616): no other identity, the user, the password.
const TOKEN: &[u8] = b"\0shop\0pass word";

/// Checks the password of a connection, before any other request.
fn check_password(is_authenticated: &mut bool, request: &[u8]) -> ProxyAction {
    let id = &request[4..8];
    match key_of(request) {
        // No error, and one mechanism.
        SASL_HANDSHAKE => ProxyAction::Answer([id, &[0, 0, 0, 0, 0, 1, 0, 5], b"PLAIN"].concat()),
        SASL_AUTHENTICATE => {
            *is_authenticated = request.ends_with(TOKEN);
            let error = if *is_authenticated { 0 } else { SASL_AUTHENTICATION_FAILED };
            // The error, no text, no bytes, and a session without an end.
            ProxyAction::Answer([id, &error.to_be_bytes(), &[0xff, 0xff], &[0; 12]].concat())
        }
        key => {
            assert!(*is_authenticated || key == API_VERSIONS, "a request {key} before the password");
            ProxyAction::Pass
        }
    }
}

fn settings_for(port: u16, password: &str) -> KafkaSettings {
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafka://localhost:{port}")];
    let mut sasl = KafkaSasl::default();
    (sasl.mechanism, sasl.username) = (SaslMechanism::Plain, "shop".to_owned());
    sasl.password = Some(SecretRef::bytes(password.as_bytes().to_vec()));
    settings.sasl = Some(sasl);
    settings
}

#[test]
fn a_user_with_a_password_is_authenticated_by_plain() {
    let Some((_server, port)) = tansu_behind(|| {
        let mut is_authenticated = false;
        move |request: &[u8]| check_password(&mut is_authenticated, request)
    }) else {
        return;
    };
    let logs = start(&settings_for(port, "pass word"));
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (100, 0));
    let mut settings = settings_for(port, "wrong word");
    settings.delivery_timeout = Duration::from_secs(2);
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order", number = 100);
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("SASL") && !found.contains("wrong word"), "{found}");
    assert_eq!(numbers_behind(port).len(), 100);
}

/// The reader has the password, too.
fn numbers_behind(port: u16) -> Vec<u64> {
    let properties = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "shop"),
        ("sasl.password", "pass word"),
    ];
    let records = read_topic_with(&format!("localhost:{port}"), "fapilog", &properties);
    records.iter().filter_map(|record| number(&record.value)).collect()
}
