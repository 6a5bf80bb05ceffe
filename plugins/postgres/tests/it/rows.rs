//! Values of rows: as the server has them.

use fapilog::{Scope, info};
use fapilog_postgres::PostgresColumn;
use fapilog_test_servers::{Conformance, Scenario, servers};

use crate::{settings_for, shut_down, start};

#[test]
fn unusual_values_arrive_and_a_nul_is_replaced() {
    let Some(server) = servers::Postgres::start() else { return };
    let mut settings = settings_for(&server);
    (settings.schema, settings.table) = ("my \"schema\"; --".to_owned(), "the 'table' \"x\"".to_owned());
    let logs = start(&settings);
    let scope = Scope::new().correlation_id("7f3a\0\"'").enter();
    info!(
        logs.logger("a\"b'c\\"),
        "it is",
        nul = "a\0b\\u0000",
        quote = "'; DROP TABLE x; --\"\\",
        huge = u128::MAX,
        float = f64::MAX,
        nan = f64::NAN,
        infinite = f64::NEG_INFINITY,
        tags.region = "eu\u{10ffff}",
        metrics.latency = 3.5
    );
    drop(scope);
    assert_eq!(shut_down(&logs), (1, 0));
    let table = "\"my \"\"schema\"\"; --\".\"the 'table' \"\"x\"\"\"";
    let sql = |what: &str| server.sql(&format!("SELECT {what} FROM {table}"));
    assert_eq!(sql("source, message, level, severity, category"), "a\"b'c\\|it is|INFO|3|SYSTEM\n");
    assert_eq!(sql("correlation_id = U&'7f3a\\FFFD\"'''"), "t\n");
    assert_eq!(sql("context->>'nul' = U&'a\\FFFDb\\\\u0000'"), "t\n");
    assert_eq!(sql("context->>'quote'"), "'; DROP TABLE x; --\"\\\n");
    assert_eq!(sql("tags->>'region' = U&'eu\\+10FFFF', metrics->>'latency'"), "t|3.5\n");
    assert_eq!(sql("abs(extract(epoch from now() - time)) < 60"), "t\n");
    assert!(sql("context->'huge'").contains("340282366920938463463374607431768211455"));
}

#[test]
fn a_row_above_the_limit_arrives_without_its_fields() {
    let Some(server) = servers::Postgres::start() else { return };
    let mut settings = settings_for(&server);
    settings.row_bytes_max = 1 << 10;
    let logs = start(&settings);
    let body = "x".repeat(3000);
    info!(logs.logger("orders"), "long", body = body.as_str());
    info!(logs.logger("orders"), "short", body = "x");
    assert_eq!(shut_down(&logs), (2, 0));
    let found = server.sql("SELECT message, context IS NULL FROM fapilog ORDER BY message");
    assert_eq!(found, "long|t\nshort|f\n");
    Conformance::record("postgres", "postgres", Scenario::OverTheLimit, 2, 0, 0);
}

#[test]
fn the_columns_are_those_of_the_settings() {
    let Some(server) = servers::Postgres::start() else { return };
    let mut settings = settings_for(&server);
    settings.columns = vec![PostgresColumn::Time, PostgresColumn::Id, PostgresColumn::Target, PostgresColumn::Fields];
    let logs = start(&settings);
    info!(logs.logger("orders"), "order", number = 1, tags.region = "eu");
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(
        server.sql("SELECT fields FROM fapilog"),
        "{\"tags\": {\"region\": \"eu\"}, \"context\": {\"number\": 1}}\n"
    );
    // Columns that come later are added.
    settings.columns.push(PostgresColumn::Message);
    let logs = start(&settings);
    info!(logs.logger("orders"), "second");
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(server.sql("SELECT message FROM fapilog ORDER BY time"), "\nsecond\n");
}

#[test]
fn the_query_of_the_page_counts_errors_by_minute() {
    let Some(server) = servers::Postgres::start() else { return };
    let logs = start(&settings_for(&server));
    fapilog::error!(logs.logger("orders"), "failed", order = 42, reason = "limit");
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (1 + 1, 0));
    let page = include_str!("../../../../docs/postgres-sink.md");
    let query = page.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let found = server.sql(query);
    assert!(found.ends_with("|orders|1\n"), "{found}");
}
