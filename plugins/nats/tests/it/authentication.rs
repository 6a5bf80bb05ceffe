//! The four kinds of authentication.

use fapilog::{info, settings::SecretRef};
use fapilog_nats::{NatsAcknowledgement, NatsSettings};
use fapilog_test_servers::servers::Nats;

use crate::{settings_for, shut_down, start_once};

/// A pair of the NATS documentation.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC_KEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

/// The events that are delivered of one, and what was reported.
fn deliver_one(server: &Nats, change: impl FnOnce(&mut NatsSettings)) -> (u64, String) {
    let mut settings = settings_for(server);
    settings.acknowledgement = NatsAcknowledgement::None;
    change(&mut settings);
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order", number = 1_u64);
    let (delivered, lost) = shut_down(&logs);
    assert_eq!(delivered + lost, 1);
    (delivered, format!("{:?}", logs.diagnostics()))
}

fn secret(text: &str) -> Option<SecretRef> {
    Some(SecretRef::bytes(text.as_bytes().to_vec()))
}

#[test]
fn a_user_has_a_password() {
    let users = "authorization { user: \"shop\", password: \"pass \\\"word<\" }\n";
    let Some(server) = Nats::start_with(users) else { return };
    let with = |password: Option<SecretRef>| {
        deliver_one(&server, |settings| {
            settings.username = password.as_ref().map(|_| "shop".to_owned());
            settings.password = password;
        })
    };
    assert_eq!(with(secret("pass \"word<")).0, 1);
    for password in [secret("hunter2"), None] {
        let (delivered, found) = with(password);
        assert!(delivered == 0 && found.contains("refuses the connection") && !found.contains("hunter2"), "{found}");
    }
}

#[test]
fn a_token_is_a_kind_of_authentication() {
    let Some(server) = Nats::start_with("authorization { token: \"s3cr3t\" }\n") else { return };
    assert_eq!(deliver_one(&server, |settings| settings.token = secret("s3cr3t")).0, 1);
    let (delivered, found) = deliver_one(&server, |settings| settings.token = secret("hunter2"));
    assert!(delivered == 0 && !found.contains("hunter2"), "{found}");
}

#[test]
fn a_key_signs_the_nonce_of_the_server() {
    let users = format!("authorization {{ users: [ {{ nkey: {PUBLIC_KEY} }} ] }}\n");
    let Some(server) = Nats::start_with(&users) else { return };
    let (delivered, found) = deliver_one(&server, |settings| settings.nkey_seed = secret(&format!("{SEED}\n")));
    assert_eq!(delivered, 1, "{found}");
    assert_eq!(deliver_one(&server, |_| {}).0, 0);
}

#[test]
fn a_subject_that_the_user_may_not_publish_to_is_reported_and_all_others_are_delivered() {
    let users = "authorization { users: [ { user: a, password: b, permissions: { publish: \"logs.good\" } } ] }\n";
    let Some(server) = Nats::start_with(users) else { return };
    let mut settings = settings_for(&server);
    settings.acknowledgement = NatsAcknowledgement::None;
    (settings.username, settings.password) = (Some("a".to_owned()), secret("b"));
    settings.subject = "logs.{kind}".to_owned();
    let logs = start_once(&settings);
    for number in 0..20_u64 {
        info!(logs.logger("orders"), "order", number = number, kind = if number % 10 == 3 { "bad" } else { "good" });
    }
    assert_eq!(shut_down(&logs), (18, 2));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("may not publish"), "{found}");
}

#[test]
fn a_user_without_its_inbox_is_refused_at_once() {
    let users = "authorization { users: [ { user: a, password: b, permissions: { subscribe: \"_MINE.>\" } } ] }\n";
    let Some(server) = Nats::start_with(users) else { return };
    let with = |prefix: &str| {
        deliver_one(&server, |settings| {
            (settings.username, settings.password) = (Some("a".to_owned()), secret("b"));
            settings.acknowledgement = NatsAcknowledgement::Stream;
            settings.inbox_prefix = prefix.to_owned();
        })
    };
    let (_, found) = with("_INBOX");
    assert!(found.contains("may not subscribe to the inbox"), "{found}");
    let (_, found) = with("_MINE");
    assert!(found.contains("503"), "{found}");
}
