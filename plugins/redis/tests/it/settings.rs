//! Settings from a file: they reach the sink, and invalid ones are named.

use std::{fs, time::Duration};

use fapilog::{Settings, error::SettingsError, info};
use fapilog_redis::{RedisSettings, RedisStream};
use fapilog_test_servers::servers::Redis;
use redis::{Commands, streams::StreamRangeReply};

use crate::TIMEOUT;

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

/// The problems of settings of the sink.
fn problems(settings: &str) -> String {
    let toml = format!("sinks = [\"redis\"]\n[plugin_config.redis]\n{settings}");
    let error = read(&toml).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn a_host_elsewhere_is_reached_without_tls_only_if_it_is_named() {
    let toml = "sinks = [\"redis\"]\n[plugin_config.redis]\nurl = \"redis://logs.example.com\"\nallow_plaintext_hosts = [\"logs.example.com\"]";
    assert!(read(toml).unwrap().into_builder().is_ok());
    assert!(problems("url = \"redis://logs.example.com\"").contains("allow_plaintext_hosts"));
}

#[test]
fn settings_of_a_file_reach_the_server() {
    let Some(server) = Redis::start() else { return };
    let address = server.address();
    let mut client = redis::Client::open(format!("redis://{address}")).unwrap().get_connection().unwrap();
    redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("open sesame").exec(&mut client).unwrap();
    let password = tempfile::NamedTempFile::new().unwrap();
    fs::write(password.path(), "open sesame\n").unwrap();
    let toml = format!(
        "sinks = [\"redis\"]\nformatter = \"logfmt\"\n[plugin_config.redis]\nurl = \"redis://{address}\"\ndatabase = 3\nusername = \"default\"\n\
         password = {{ file = \"{}\" }}\nstream = \"{{{{shop}}}}:{{source}}\"\nstreams_max = 1\nmax_events = 1000\nevent_field = \"line\"\n\
         id_field = \"event_id\"\nallow_addresses = [\"169.254.0.0/16\"]\nconnect_timeout = \"5s\"\nreply_timeout = \"5s\"\npayload_bytes = \"1 KiB\"",
        password.path().display()
    );
    let logs = read(&toml).unwrap().into_builder().unwrap().start().unwrap();
    info!(logs.logger("orders"), "order filled", order = 42);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.lost_total()), (1, 0), "{accounts}");
    redis::cmd("SELECT").arg(3).exec(&mut client).unwrap();
    let entries: StreamRangeReply = client.xrange_all("{shop}:orders").unwrap();
    let (line, id): (String, String) = (entries.ids[0].get("line").unwrap(), entries.ids[0].get("event_id").unwrap());
    assert!(line.contains("order=42") && !line.ends_with('\n'), "{line}");
    assert_eq!(id.split('-').count(), 3, "{id}");
}

#[test]
fn invalid_values_are_named_all_at_once() {
    let found = problems(
        "url = \"redis://logs.example.com\"\nusername = \"shop\"\nstream = \"logs:{\"\nstreams_max = 0\nmax_events = 0\nevent_field = \"\"\n\
         connect_timeout = \"0s\"\nreply_timeout = \"0s\"\npayload_bytes = 1",
    );
    for path in [
        "url is \"redis://logs.example.com\"; it must be encrypted",
        "username is \"shop\"; it needs a password",
        "stream is \"logs:{\"; it must be a key",
        "streams_max is 0; it must be from 1 to 10000",
        "max_events is 0",
        "event_field is \"\"",
        "connect_timeout is 0s",
        "reply_timeout is 0s",
        "payload_bytes is 1; it must be from 1 KiB to 16 MiB",
    ] {
        assert!(found.contains(&format!("plugin_config.redis.{path}")), "{path}\n{found}");
    }
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    assert!(problems("").contains("plugin_config.redis.url is missing"), "{}", problems(""));
    let found = problems("url = \"redis://127.0.0.1/2\"\nid_field = \"event\"");
    assert!(found.contains("the setting database") && found.contains("id_field is \"event\""), "{found}");
    let found = problems("url = \"redis://127.0.0.1\"\ntls = {}");
    assert!(found.contains("tls is given; a rediss:// URL alone has it"), "{found}");
    let found = problems("url = \"redis://127.0.0.1\"\npassword = \"hunter2\"");
    assert!(found.contains("password") && !found.contains("hunter2"), "{found}");
}

#[test]
fn a_time_limit_beyond_the_clock_is_refused() {
    let mut settings = RedisSettings::default();
    settings.url = "redis://127.0.0.1".to_owned();
    (settings.connect_timeout, settings.reply_timeout) = (Duration::MAX, Duration::from_secs(24 * 3600 + 1));
    let problems = RedisStream::new(&settings, fapilog::format::Json::new).unwrap_err().problems;
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["connect_timeout", "reply_timeout"]);
    assert_eq!(problems[0].allowed, "it must be from 1ms to 1d");
}
