//! Settings from a file: they reach the sink, and invalid ones are named.

use std::fs;

use fapilog::{Settings, error::SettingsError, info};
use fapilog_nats as _;
use fapilog_test_servers::servers::Nats;

use crate::{TIMEOUT, reader::StreamReader};

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

/// The problems of settings of the sink.
fn problems(settings: &str) -> String {
    let toml = format!("sinks = [\"nats\"]\n[plugin_config.nats]\n{settings}");
    let error = read(&toml).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn a_host_elsewhere_is_reached_without_tls_only_if_it_is_named() {
    let toml = "sinks = [\"nats\"]\n[plugin_config.nats]\nservers = [\"nats://logs.example.com\"]\nallow_plaintext_hosts = [\"logs.example.com\"]";
    assert!(read(toml).unwrap().into_builder().is_ok());
    assert!(problems("servers = [\"nats://logs.example.com\"]").contains("allow_plaintext_hosts"));
}

#[test]
fn settings_of_a_file_reach_the_server() {
    let Some(server) = Nats::start_with("authorization { user: shop, password: \"open sesame\" }\n") else { return };
    let options = async_nats::ConnectOptions::with_user_and_password("shop".to_owned(), "open sesame".to_owned());
    let reader = StreamReader::with(server.address(), options);
    reader.make("LOGS", "logs.>", |_| {});
    let password = tempfile::NamedTempFile::new().unwrap();
    fs::write(password.path(), "open sesame\n").unwrap();
    let toml = format!(
        "sinks = [\"nats\"]\nformatter = \"logfmt\"\n[plugin_config.nats]\nservers = [\"nats://{}\"]\ndiscover_servers = false\n\
         acknowledgement = \"stream\"\nusername = \"shop\"\npassword = {{ file = \"{}\" }}\nsubject = \"logs.{{source}}\"\nsubjects_max = 10\n\
         message_id = true\nexpected_stream = \"LOGS\"\nname = \"shop\"\ninbox_prefix = \"_INBOX.shop\"\ntls_first = false\n\
         allow_addresses = [\"169.254.0.0/16\"]\nconnect_timeout = \"5s\"\nreply_timeout = \"5s\"\nin_flight_max = 10\npayload_bytes = \"1 KiB\"",
        server.address(),
        password.path().display()
    );
    let logs = read(&toml).unwrap().into_builder().unwrap().start().unwrap();
    info!(logs.logger("orders"), "order filled", order = 42);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.lost_total()), (1, 0), "{accounts}");
    let messages = reader.messages("LOGS");
    assert!(messages[0].line.contains("order=42") && messages[0].subject == "logs.orders", "{messages:?}");
    assert_eq!(messages[0].id.as_ref().unwrap().split('-').count(), 3);
}

#[test]
fn invalid_values_are_named_all_at_once() {
    let found = problems(
        "servers = [\"nats://logs.example.com\", \"nats://127.0.0.1/x\", \"nats://127.0.0.1\"]\nacknowledgement = \"strem\"\nusername = \"shop\"\n\
         token = \"${NO_SUCH_VARIABLE_OF_NATS}\"\nsubject = \"logs.*\"\nsubjects_max = 0\nexpected_stream = \"a b\"\ninbox_prefix = \"a.>\"\n\
         tls_first = true\nconnect_timeout = \"0s\"\nreply_timeout = \"0s\"\nin_flight_max = 0\npayload_bytes = 1",
    );
    for path in [
        "servers.0 is \"nats://logs.example.com\"; it must be encrypted",
        "servers.1 is \"nats://127.0.0.1/x\"; it must be a scheme, a host and a port",
        "acknowledgement is \"strem\"",
        "username is \"shop\"; it needs a password",
        "token is given; username is given too",
        "subject is \"logs.*\"; it must be tokens",
        "subjects_max is 0; it must be from 1 to 100000",
        "expected_stream is \"a b\"; it must be the name",
        "inbox_prefix is \"a.>\"",
        "tls_first is true; each server must have a tls:// URL",
        "connect_timeout is 0s",
        "reply_timeout is 0s",
        "in_flight_max is 0; it must be from 1 to 65536",
        "payload_bytes is 1; it must be from 1 KiB to 16 MiB",
    ] {
        assert!(found.contains(&format!("plugin_config.nats.{path}")), "{path}\n{found}");
    }
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    assert!(problems("").contains("plugin_config.nats.servers is missing"), "{}", problems(""));
    let found = problems("servers = [\"nats://127.0.0.1\"]\nacknowledgement = \"none\"\nexpected_stream = \"LOGS\"");
    assert!(found.contains("it needs acknowledgement = \"stream\""), "{found}");
    let found = problems("servers = [\"nats://127.0.0.1\"]\ntoken = \"hunter2\"");
    assert!(found.contains("token") && !found.contains("hunter2"), "{found}");
    let found = problems("servers = [\"nats://user:hunter2@127.0.0.1\"]");
    assert!(found.contains("servers.0") && !found.contains("hunter2"), "{found}");
}
