//! Settings from a file: they reach the sink, and invalid ones are named.

use std::fs;

use fapilog::{Settings, error::SettingsError, info};
use fapilog_kafka as _;
use fapilog_test_servers::servers::Tansu;

use crate::{TIMEOUT, topics::read_topic};

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

/// The problems of settings of the sink.
fn problems(settings: &str) -> String {
    let toml = format!("sinks = [\"kafka\"]\n[plugin_config.kafka]\n{settings}");
    let error = read(&toml).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn a_host_elsewhere_is_reached_without_tls_only_if_it_is_named() {
    let toml = "sinks = [\"kafka\"]\n[plugin_config.kafka]\nbrokers = [\"kafka://kafka.example.com\"]\n\
                allow_plaintext_hosts = [\"kafka.example.com\"]";
    assert!(read(toml).unwrap().into_builder().is_ok());
    assert!(problems("brokers = [\"kafka://kafka.example.com\"]").contains("allow_plaintext_hosts"));
}

#[test]
fn settings_of_a_file_reach_the_broker() {
    let Some(server) = Tansu::start() else { return };
    let toml = format!(
        "sinks = [\"kafka\"]\nformatter = \"logfmt\"\n[plugin_config.kafka]\nbrokers = [\"kafka://{}\"]\nclient_id = \"shop\"\n\
         topic = \"shop.{{source}}\"\ntopics_max = 1\nkey = \"{{order}}\"\nheaders = {{ level = \"{{level}}\" }}\nid_header = \"event_id\"\n\
         compression = \"lz4\"\npartitioner = \"fnv1a_random\"\nacks = \"leader\"\nidempotence = false\nlinger = \"1ms\"\n\
         record_bytes_max = \"64 KiB\"\nconnect_timeout = \"5s\"\ndelivery_timeout = \"10s\"\npayload_bytes = \"64 KiB\"\n\
         allow_addresses = [\"169.254.0.0/16\"]\noptions = {{ \"socket.keepalive.enable\" = \"true\" }}",
        server.broker()
    );
    let logs = read(&toml).unwrap().into_builder().unwrap().start().unwrap();
    info!(logs.logger("orders"), "order filled", order = 42);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.lost_total()), (1, 0), "{accounts}");
    let records = read_topic(&server.broker().to_string(), "shop.orders");
    let record = &records[0];
    assert_eq!((records.len(), record.key.as_deref()), (1, Some(&b"42"[..])));
    assert!(String::from_utf8_lossy(&record.value).contains("order=42"));
    assert_eq!(record.header("level").as_deref(), Some("INFO"));
    assert_eq!(record.header("event_id").unwrap().split('-').count(), 3);
}

#[test]
fn invalid_values_are_named_all_at_once() {
    let found = problems(
        "brokers = [\"kafkas://kafka.example.com/logs\", \"kafka://kafka.example.com\"]\nclient_id = \"\"\ntopic = \"logs:{level}\"\ntopics_max = 0\n\
         key = \"{\"\nheaders = { user = \"}\" }\nacks = \"leader\"\nlinger = \"2s\"\nrecord_bytes_max = 1\nconnect_timeout = \"10ms\"\n\
         delivery_timeout = \"0s\"\npayload_bytes = 1\n\
         options = { \"acks\" = \"1\", \"socket.keep\" = \"true\", \"sasl.password\" = \"hunter2\", \"socket.timeout.ms\" = \"x\" }",
    );
    for path in [
        "brokers[0] is \"kafkas://kafka.example.com/logs\"; it must be a scheme, a host and a port",
        "brokers[1] is \"kafka://kafka.example.com\"; it must be encrypted",
        "client_id is \"\"",
        "topic is \"logs:{level}\"; it must be 1 to 249 letters",
        "topics_max is 0; it must be from 1 to 10000",
        "key is \"{\"; it must be a text",
        "headers.user is \"}\"",
        "acks is \"leader\"; idempotence needs acks = \"all\"",
        "linger is 2s; it must be from 0s to 1s",
        "record_bytes_max is 1; it must be from 1 KiB to 64 MiB",
        "connect_timeout is 10ms; it must be from 1s to 1m",
        "delivery_timeout is 0s; it must be from 1s to 10m",
        "payload_bytes is 1; it must be from 1 KiB to 16 MiB",
        "options.\"acks\" is given; librdkafka's acks is set by the setting acks",
        "options.\"socket.keep\" is \"true\"; librdkafka refuses it: No such configuration property",
        "options.\"sasl.password\" is given; librdkafka's sasl.password is set by the setting sasl",
        "options.\"socket.timeout.ms\" is \"x\"",
    ] {
        assert!(found.contains(&format!("plugin_config.kafka.{path}")), "{path}\n{found}");
    }
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    assert!(problems("").contains("plugin_config.kafka.brokers is missing"), "{}", problems(""));
    let broker = "brokers = [\"kafka://127.0.0.1\"]";
    let found = problems(&format!("{broker}\ntls = {{}}"));
    assert!(found.contains("tls is given; a kafkas:// broker alone has it"), "{found}");
    let found = problems(&format!("{broker}\nid_header = \"a\"\nheaders = {{ a = \"b\" }}"));
    assert!(found.contains("another name than id_header"), "{found}");
    let found = problems(&format!("{broker}\nsasl = {{ mechanism = \"SCRAM-SHA-1\", username = \"shop\" }}"));
    assert!(found.contains("sasl.mechanism"), "{found}");
    let found = problems(&format!("{broker}\nsasl = {{ username = \"\" }}"));
    assert!(found.contains("sasl.username is \"\"") && found.contains("sasl.password is missing"), "{found}");
    let found = problems(&format!("{broker}\nsasl = {{ username = \"shop\", password = \"hunter2\" }}"));
    assert!(found.contains("sasl.password") && !found.contains("hunter2"), "{found}");
    let found = problems("brokers = [\"kafkas://a.example.com\", \"kafka://127.0.0.1\"]");
    assert!(found.contains("all brokers must have the same scheme"), "{found}");
    let tls = "tls = { ca_file = \"/no/such/file\", client_certificate = \"/no/such/file\" }";
    let found = problems(&format!("brokers = [\"kafkas://a.example.com\"]\n{tls}"));
    for path in ["tls.ca_file", "tls.client_certificate is /no/such/file; it needs a client_key"] {
        assert!(found.contains(path), "{path}\n{found}");
    }
}

#[test]
fn options_that_librdkafka_refuses_together_stop_the_start() {
    let toml = "sinks = [\"kafka\"]\n[plugin_config.kafka]\nbrokers = [\"kafka://127.0.0.1\"]\n\
                options = { \"reconnect.backoff.ms\" = \"1000\", \"reconnect.backoff.max.ms\" = \"10\" }";
    let error = read(toml).unwrap().into_builder().unwrap().start().unwrap_err();
    assert!(format!("{error:?}").contains("reconnect.backoff.max.ms"), "{error:?}");
}
