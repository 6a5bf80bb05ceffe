//! Settings from a file: they reach the sink, and invalid ones are named.

use std::fs;

use fapilog::{Settings, error::SettingsError, info};
use fapilog_postgres as _;
use fapilog_test_servers::servers;

use crate::TIMEOUT;

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

/// The problems of settings of the sink.
fn problems(settings: &str) -> String {
    let toml = format!("sinks = [\"postgres\"]\n[plugin_config.postgres]\n{settings}");
    let error = read(&toml).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn settings_of_a_file_reach_the_server() {
    let Some(server) = servers::Postgres::start() else { return };
    let toml = format!(
        "sinks = [\"postgres\"]\n[plugin_config.postgres]\nurl = \"postgres://{}\"\nuser = \"postgres\"\ndatabase = \"postgres\"\n\
         sslmode = \"disable\"\napplication_name = \"shop\"\nschema = \"logs\"\ntable = \"shop\"\ncolumns = [\"time\", \"message\"]\n\
         duplicates = \"allow\"\nconnect_timeout = \"5s\"\nstatement_timeout = \"5s\"\npayload_bytes = \"64 KiB\"\nrow_bytes_max = \"64 KiB\"\n\
         create_table = false",
        server.address()
    );
    server.sql("CREATE SCHEMA logs; CREATE TABLE logs.shop (time timestamptz, message text, by text DEFAULT current_setting('application_name'))");
    let logs = read(&toml).unwrap().into_builder().unwrap().start().unwrap();
    info!(logs.logger("orders"), "order filled");
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.lost_total()), (1, 0), "{accounts}");
    assert_eq!(server.sql("SELECT message, by FROM logs.shop"), "order filled|shop\n");
}

#[test]
fn invalid_values_are_named_all_at_once() {
    let found = problems(
        "url = \"postgres://shop@logs.example.com\"\nsslmode = \"disable\"\nuser = \"other\"\nschema = \"\"\ntable = \"\"\n\
         columns = [\"id\", \"id\"]\nconnect_timeout = \"0s\"\nstatement_timeout = \"0s\"\npayload_bytes = 1\nrow_bytes_max = 1",
    );
    for path in [
        "url is \"logs.example.com\"; it must be encrypted: sslmode",
        "user is \"other\"; it stands in the URL already",
        "schema is \"\"",
        "table is \"\"",
        "columns is \"id, id\"; each column stands once",
        "connect_timeout is 0s",
        "statement_timeout is 0s",
        "payload_bytes is 1",
        "row_bytes_max is 1",
    ] {
        assert!(found.contains(&format!("plugin_config.postgres.{path}")), "{path}\n{found}");
    }
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    assert!(problems("").contains("url"), "{}", problems(""));
    assert!(problems("url = \"postgres://127.0.0.1\"").contains("user is missing"));
    let found = problems("url = \"postgres://a@127.0.0.1\"\nsslmode = \"disable\"\ntls = {}");
    assert!(found.contains("tls is given"), "{found}");
    let found = problems("url = \"postgres://a@127.0.0.1\"\nsocket = \"/run/x\"");
    assert!(found.contains("no host where socket"), "{found}");
    let found = problems("url = \"postgres://a:hunter2@127.0.0.1\"\npassword = \"hunter2\"");
    assert!(found.contains("password") && !found.contains("hunter2"), "{found}");
    let found = problems("url = \"postgres://a@127.0.0.1\"\ncolumns = [\"time\"]");
    assert!(found.contains("unless duplicates are allowed"), "{found}");
}
