//! Settings from a file: they reach the sink, and invalid ones are named.

use std::fs;

use fapilog::{Settings, error::SettingsError};
use fapilog_redis as _;

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
fn all_settings_are_read() {
    let all = "sinks = [\"redis\"]\n[plugin_config.redis]\nurl = \"redis://logs.example.com\"\nusername = \"shop\"\npassword = \"${REDIS_PASSWORD}\"\n\
               database = 3\nstream = \"logs:{level}\"\nstreams_max = 8\nmax_events = 1000\nevent_field = \"e\"\nid_field = \"i\"\n\
               allow_plaintext_hosts = [\"logs.example.com\"]\nallow_addresses = [\"169.254.0.0/16\"]\nconnect_timeout = \"2s\"\n\
               reply_timeout = \"3s\"\npayload_bytes = \"1 MiB\"";
    read(all).unwrap().into_builder().unwrap();
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
