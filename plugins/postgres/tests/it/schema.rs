//! The table: made, migrated, checked.

use fapilog::info;
use fapilog_test_servers::{Conformance, Scenario, servers};

use crate::{settings_for, shut_down, start, start_once};

#[test]
fn four_programs_that_start_at_once_make_one_table() {
    let Some(server) = servers::Postgres::start() else { return };
    let containers: Vec<_> = (0..4).map(|_| start(&settings_for(&server))).collect();
    for logs in &containers {
        (0..50).for_each(|number| info!(logs.logger("orders"), "order", number = number));
    }
    for logs in &containers {
        assert_eq!(shut_down(logs), (50, 0));
        assert_eq!(logs.accounts().sinks[0].retries, 0);
    }
    assert_eq!(server.sql("SELECT count(*) FROM fapilog"), "200\n");
    assert_eq!(server.sql("SELECT version FROM fapilog_schema ORDER BY version"), "1\n2\n");
}

#[test]
fn an_older_table_is_migrated_and_a_newer_one_is_refused() {
    let Some(server) = servers::Postgres::start() else { return };
    server.sql(
        "CREATE TABLE fapilog (id text PRIMARY KEY, time timestamptz NOT NULL, message text);
         INSERT INTO fapilog VALUES ('old', now(), 'kept');
         CREATE TABLE fapilog_schema (version integer PRIMARY KEY, migrated timestamptz NOT NULL DEFAULT now());
         INSERT INTO fapilog_schema VALUES (1)",
    );
    let logs = start(&settings_for(&server));
    info!(logs.logger("orders"), "new");
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(server.sql("SELECT message FROM fapilog ORDER BY time"), "kept\nnew\n");
    assert_eq!(server.sql("SELECT max(version) FROM fapilog_schema"), "2\n");
    assert_eq!(server.sql("SELECT count(*) FROM pg_indexes WHERE indexname = 'fapilog_time'"), "1\n");
    server.sql("INSERT INTO fapilog_schema VALUES (3)");
    let logs = start_once(&settings_for(&server));
    info!(logs.logger("orders"), "refused");
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("version 3 of the schema"), "{found}");
}

#[test]
fn a_table_that_is_not_to_be_made_is_checked() {
    let Some(server) = servers::Postgres::start() else { return };
    server.sql("CREATE TABLE fapilog (id text PRIMARY KEY, time timestamptz, level text, severity integer)");
    let mut settings = settings_for(&server);
    settings.create_table = false;
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("severity smallint") && found.contains("metrics jsonb"), "{found}");
    assert!(!found.contains("level text"), "{found}");
}

#[test]
fn a_privilege_that_is_missing_is_named_and_events_arrive_when_it_is_there() {
    let Some(server) = servers::Postgres::start() else { return };
    server.sql("CREATE ROLE logger LOGIN");
    let mut settings = settings_for(&server);
    let logs = start(&settings);
    info!(logs.logger("orders"), "first", number = 0_u64);
    assert_eq!(shut_down(&logs), (1, 0));
    settings.url = format!("postgres://logger@{}/postgres", server.address());
    settings.create_table = false;
    let refused = start_once(&settings);
    info!(refused.logger("orders"), "order");
    assert_eq!(shut_down(&refused), (0, 1));
    let found = format!("{:?}", refused.diagnostics());
    assert!(found.contains("permission denied for table fapilog"), "{found}");
    let logs = start(&settings);
    info!(logs.logger("orders"), "order", number = 1_u64);
    crate::until("it was refused", || logs.accounts().sinks[0].retries > 0);
    server.sql("GRANT SELECT, INSERT ON fapilog TO logger");
    assert_eq!(shut_down(&logs), (1, 0));
}

#[test]
fn a_payload_that_comes_twice_is_in_the_table_once() {
    let Some(server) = servers::Postgres::start() else { return };
    let logs = start(&settings_for(&server));
    // Rows of the same ids, as a commit without an answer leaves them.
    info!(logs.logger("orders"), "first", number = 0_u64);
    logs.flush(crate::TIMEOUT).unwrap();
    let id = server.sql("SELECT id FROM fapilog");
    let (front, sequence) = id.trim().rsplit_once('-').unwrap();
    let next = sequence.parse::<u64>().unwrap() + 1;
    server
        .sql(&format!("INSERT INTO fapilog (id, time, context) VALUES ('{front}-{next}', now(), '{{\"number\": 1}}')"));
    for number in 1..10_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (10, 0));
    let counts = crate::ledger(&server, 10).counts();
    Conformance::record_exactly_once("postgres", "postgres", Scenario::DuplicatesSuppressed, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (10, 0, 0));
}
