//! PostgreSQL: happy, refused in part, throttled, killed in flight, TLS.

use std::time::Duration;

use fapilog::{info, settings::SecretRef};
use fapilog_postgres::{PostgresDuplicates, PostgresSettings};
use fapilog_sink_network::tls::TlsSettings;
use fapilog_test_servers::{Conformance, Scenario, TestCa, servers};

use crate::{ledger, settings_for, shut_down, start, start_once, until};

#[test]
fn each_event_is_a_row_with_its_id() {
    for duplicates in [PostgresDuplicates::Suppress, PostgresDuplicates::Allow] {
        let Some(server) = servers::Postgres::start() else { return };
        let mut settings = settings_for(&server);
        settings.duplicates = duplicates;
        let logs = start(&settings);
        for number in 0..1000_u64 {
            info!(logs.logger("orders"), "order filled", number = number);
        }
        assert_eq!(shut_down(&logs), (1000, 0));
        let counts = ledger(&server, 1000).counts();
        Conformance::record("postgres", "postgres", Scenario::Happy, counts.delivered, counts.duplicated, counts.lost);
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
        let ids = "SELECT count(DISTINCT id), bool_and(id ~ '^[0-9a-v]{12}-[0-9]+-[0-9]+$') FROM fapilog";
        assert_eq!(server.sql(ids), "1000|t\n");
    }
}

#[test]
fn rows_that_a_constraint_refuses_are_lost_and_all_others_are_delivered() {
    let Some(server) = servers::Postgres::start() else { return };
    let settings = settings_for(&server);
    let logs = start(&settings);
    info!(logs.logger("orders"), "first", number = 0_u64);
    assert_eq!(shut_down(&logs), (1, 0));
    server.sql("ALTER TABLE fapilog ADD CONSTRAINT odd CHECK ((context->>'number')::bigint % 100 <> 33)");
    let logs = start(&settings);
    for number in 1..1000_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (989, 10));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("23514"), "{found}");
    let counts = ledger(&server, 1000).counts();
    Conformance::record("postgres", "postgres", Scenario::Partial, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (990, 0, 10));
}

#[test]
fn a_locked_table_gets_the_events_when_it_is_free_again() {
    let Some(server) = servers::Postgres::start() else { return };
    let mut settings = settings_for(&server);
    settings.statement_timeout = Duration::from_millis(150);
    let logs = start(&settings);
    info!(logs.logger("orders"), "order", number = 0_u64);
    logs.flush(crate::TIMEOUT).unwrap();
    std::thread::scope(|threads| {
        threads.spawn(|| server.sql("BEGIN; LOCK TABLE fapilog; SELECT pg_sleep(1); COMMIT"));
        until("the table is locked", || {
            server.sql(
                "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'fapilog'::regclass",
            ) != "0\n"
        });
        for number in 1..100_u64 {
            info!(logs.logger("orders"), "order", number = number);
        }
        until("a statement has reached its limit", || logs.accounts().sinks[0].retries > 0);
    });
    assert_eq!(shut_down(&logs), (100, 0));
    let counts = ledger(&server, 100).counts();
    Conformance::record_exactly_once("postgres", "postgres", Scenario::Throttled, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
}

#[test]
fn no_event_is_lost_or_twice_when_the_server_is_killed_in_flight() {
    let Some(mut server) = servers::Postgres::start() else { return };
    let mut settings = settings_for(&server);
    settings.payload_bytes = 4 << 10;
    let logs = start(&settings);
    for number in 0..5000_u64 {
        info!(logs.logger("orders"), "order", number = number);
        if number == 2000 {
            until("events are delivered", || logs.accounts().sinks[0].delivered > 0);
            server.server.kill();
        }
        if number == 3000 {
            server.server.restart();
        }
    }
    assert_eq!(shut_down(&logs), (5000, 0));
    let counts = ledger(&server, 5000).counts();
    Conformance::record_exactly_once("postgres", "postgres", Scenario::RestartedInFlight, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (5000, 0, 0));
}

#[test]
fn tls_checks_the_certificate_of_the_server_and_sends_that_of_the_client() {
    let ca = TestCa::new();
    let Some(server) = servers::Postgres::start_with_tls(&ca) else { return };
    let data = server.sql("SHOW data_directory");
    let data = data.trim();
    server.sql(&format!(
        "CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'pass word';
         COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO '{data}/client-ca.pem';
         COPY (SELECT unnest(ARRAY['hostssl all shop 127.0.0.1/32 scram-sha-256 clientcert=verify-full', 'host all postgres 127.0.0.1/32 trust']))
         TO '{data}/pg_hba.conf'",
        ca.certificate_pem()
    ));
    server.sql("ALTER SYSTEM SET ssl_ca_file = 'client-ca.pem'");
    server.sql("SELECT pg_reload_conf()");
    until("the settings are read", || server.sql("SHOW ssl_ca_file") == "client-ca.pem\n");
    let client = ca.client("shop");
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("client.pem");
    std::fs::write(&certificate, &client.certificate_pem).unwrap();
    let mut settings = PostgresSettings::default();
    settings.url = format!("postgres://shop@localhost:{}/postgres", server.address().port());
    settings.password = Some(SecretRef::bytes(b"pass word".to_vec()));
    let mut tls = TlsSettings::default();
    tls.ca_file = Some(ca.certificate_path());
    tls.client_certificate = Some(certificate);
    tls.client_key = Some(SecretRef::bytes(client.key_pem.clone().into_bytes()));
    settings.tls = Some(tls.clone());
    let logs = start(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (100, 0));
    Conformance::record("postgres", "postgres", Scenario::Tls, 100, 0, 0);
    // Without the certificate of the client; with another password; with an authority that nobody trusts.
    let mut without = settings.clone();
    tls.client_certificate = None;
    tls.client_key = None;
    without.tls = Some(tls);
    let mut password = settings.clone();
    password.password = Some(SecretRef::bytes(b"hunter2".to_vec()));
    let mut authority = settings.clone();
    authority.tls = Some(TlsSettings::default());
    for (wrong, expected) in [(without, "28000"), (password, "28P01"), (authority, "ertificate")] {
        let logs = start_once(&wrong);
        info!(logs.logger("orders"), "order", number = 1_u64);
        assert_eq!(shut_down(&logs), (0, 1));
        let found = format!("{:?}", logs.diagnostics());
        assert!(found.contains(expected) && !found.contains("hunter2"), "{expected}: {found}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_the_time_limit() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = PostgresSettings::default();
    settings.url = format!("postgres://shop@{}", silent.local_addr().unwrap());
    settings.connect_timeout = Duration::from_millis(70);
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("within 70ms"), "{found}");
}
