//! Secrets in settings: they reach the plugin, and stand in no `Debug`, no error, no dump and no diagnostic.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;
mod settings_file;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use fapilog::{
    Container, Settings,
    error::{Problem, SettingsError},
    event::Batch,
    info, plugin,
    plugin::{Metadata, PluginError, PluginKind, Registry},
    privacy::REDACTED,
    process::Processor,
    settings::{DeliverySettings, PluginConfig, Reload, SecretRef, SettingsBuilder, SinkEntry},
    sink,
};
use law::{TIMEOUT, balanced};
use serde_json::{Value, json};
use settings_file::{problems, written};

/// A part of every secret of this file.
const SECRET: &str = "hunter2";

/// A text that any setting may have, with two secrets.
const URL: &str = "https://shop:hunter2@logs.example.com/push?token=hunter2&db=1";

/// Names of settings whose values are secrets, with such a value.
fn secret_values() -> Value {
    json!({
        "password": "hunter2",
        "auth-token": ["hunter2", "x"],
        "apiKey": { "value": "hunter2" },
        "client_secret": "hunter2",
        "pasword": "hunter2",
        "headers": { "Authorization": "Basic hunter2", "X-Scope": "shop" },
        "url": URL,
        "urls": [URL],
        "note": "host=db password=hunter2",
        "nested": [{ "deep": { "passphrase": "hunter2" } }],
        "pem": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
    })
}

/// Asserts that all that can be seen of the settings, or of the error, has no secret. The valid settings are returned.
#[track_caller]
fn shown_without_secrets(builder: SettingsBuilder, registry: &Registry) -> Option<Settings> {
    let mut seen = vec![format!("{builder:?} {builder:#?}")];
    let checked = builder.clone().check();
    let made = builder.clone().into_builder_with(registry);
    let built = builder.build();
    let errors = [checked.err(), made.as_ref().err().cloned(), built.as_ref().err().cloned()];
    for error in errors.into_iter().flatten() {
        seen.push(shown_of(&error));
    }
    if let Ok(made) = &made {
        seen.push(format!("{made:?}"));
    }
    if let Ok(settings) = &built {
        seen.push(format!("{settings:?} {settings:#?} {}", serde_json::to_string(settings).unwrap()));
    }
    for text in seen {
        assert!(!text.contains(SECRET), "{text}");
    }
    built.ok()
}

fn shown_of(error: &SettingsError) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    format!("{error} {error:?} {:?} {:?}", error.problems, sources.collect::<Vec<_>>())
}

/// A processor that takes any settings, and keeps them as they were given.
struct Probe;

impl Processor for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }
}

/// A registry with a processor `probe`, and the settings that it got.
fn probed() -> (Registry, Arc<Mutex<Option<Value>>>) {
    let mut registry = Registry::linked();
    let seen = Arc::new(Mutex::new(None));
    let got = Arc::clone(&seen);
    let metadata = Metadata::new("probe", "1.0.0");
    let probe = move |settings: &plugin::PluginSettings<'_>| {
        assert!(!format!("{settings:?}").contains(SECRET), "{settings:?}");
        *got.lock().unwrap() = Some(settings.read::<Value>()?);
        Ok(plugin::Factory::processor(|_| Probe))
    };
    registry.register_processor(metadata, probe).unwrap();
    (registry, seen)
}

/// The paths of all settings that a file or a variable can have.
fn setting_paths() -> Vec<String> {
    let aliases = Settings::ALIASES.iter().chain(Settings::IN_TABLES).map(|(written, _)| *written);
    Settings::NAMES.iter().copied().chain(aliases).map(str::to_owned).collect()
}

/// A table with this value at the path.
fn at(path: &str, value: &Value) -> Value {
    path.rsplit('.').fold(value.clone(), |below, name| json!({ name: below }))
}

#[test]
fn a_secret_in_any_setting_of_a_file_is_shown_nowhere() {
    let registry = Registry::linked();
    for path in setting_paths() {
        for value in [json!(URL), json!([URL]), json!([secret_values()]), json!({ "agent": secret_values() })] {
            let table = at(&path, &value);
            let file = written("log.json", &table.to_string());
            shown_without_secrets(Settings::builder().file(&file.path), &registry);
            shown_without_secrets(Settings::builder().table("[log] of shop.json", &table), &registry);
        }
    }
}

#[test]
fn a_secret_in_any_variable_is_shown_nowhere() {
    let registry = Registry::linked();
    for path in setting_paths() {
        let name = format!("FAPILOG_{}", path.to_ascii_uppercase().replace('.', "__"));
        for value in [
            URL.to_owned(),
            format!("x,{URL}"),
            json!({ "agent": secret_values() }).to_string(),
            format!("[{}]", secret_values()),
        ] {
            shown_without_secrets(Settings::builder().variables([(name.clone(), value)]), &registry);
        }
    }
    for name in
        ["FAPILOG_PASSWORD", "FAPILOG_PLUGIN_CONFIG__FILE__API_KEY", "FAPILOG_PLUGIN_CONFIG__FILE__AUTHORIZATION__X"]
    {
        shown_without_secrets(Settings::builder().variables([(name, "hunter2")]), &registry);
    }
    let no_text: [(&str, std::ffi::OsString); 1] =
        [("FAPILOG_PLUGIN_CONFIG__FILE__NOTE", std::os::unix::ffi::OsStringExt::from_vec(b"hunter2\xff".to_vec()))];
    shown_without_secrets(Settings::builder().variables(no_text), &registry);
}

#[test]
fn a_secret_in_a_table_of_a_sink_is_shown_nowhere() {
    let registry = Registry::linked();
    let tables = ["delivery", "spill", "dead_letters", "name", "type", "formatter", "on_full", "fallback", "password"];
    for table in tables {
        for value in [json!(URL), secret_values(), json!({ "directory": URL, "path": URL, "timeout": URL })] {
            let mut sink = json!({ "name": "stdout" });
            sink[table] = value;
            let settings = json!({ "sinks": [sink], "routing": { "stdout": secret_values() } });
            shown_without_secrets(Settings::builder().table("code", &settings), &registry);
        }
    }
    for key in ["level_min", "level_max", "targets", "sources", "token"] {
        let settings = json!({ "routing": { "stdout": { key: URL } } });
        shown_without_secrets(Settings::builder().table("code", &settings), &registry);
    }
}

#[test]
fn a_secret_in_code_is_shown_nowhere() {
    let registry = Registry::linked();
    let code: [SettingsBuilder; 6] = [
        Settings::builder().sinks([SinkEntry::new(URL).kind(URL).formatter(URL).fallback(URL)]),
        Settings::builder().sinks([SinkEntry::new("stdout").delivery(DeliverySettings::new())]).formatter(URL),
        Settings::builder().enrichers([URL]).processors([URL]).redactors([URL]),
        Settings::builder().compliance_standards([URL]),
        Settings::builder().plugin_config("stdout", PluginConfig::of(&secret_values()).unwrap()),
        Settings::builder().plugin_config("none", PluginConfig::new().with("password", "hunter2").with("url", URL)),
    ];
    for builder in code {
        shown_without_secrets(builder, &registry);
    }
    let config = PluginConfig::new().with("token", "hunter2").with("urls", vec![URL]);
    assert!(!format!("{config:?} {config:#?} {}", serde_json::to_string(&config).unwrap()).contains(SECRET));
}

/// Settings with a built-in plugin or sink that has these settings of its own.
fn with_own(info: &plugin::PluginInfo, own: Value) -> SettingsBuilder {
    let name = &info.name;
    let list = |kind: PluginKind| if info.kind == kind { vec![name.clone()] } else { Vec::new() };
    let settings = json!({
        "enrichers": list(PluginKind::Enricher),
        "processors": list(PluginKind::Processor),
        "redactors": list(PluginKind::Redactor),
        "sinks": [if info.kind == PluginKind::Sink { name } else { "stdout" }],
        "formatter": if info.kind == PluginKind::Formatter { name } else { "json" },
        "plugin_config": { name.as_str(): own },
    });
    Settings::builder().table("code", &settings)
}

/// Those of the names that are settings of the plugin.
fn known_settings(info: &plugin::PluginInfo, names: &[String], registry: &Registry) -> Vec<String> {
    // An error lists 100 problems of a table at most.
    let known_among = |names: &[String]| {
        let own = names.iter().map(|name| (name.clone(), json!(URL))).collect();
        let error = with_own(info, Value::Object(own)).into_builder_with(registry).err();
        let problems = error.map(|error| error.problems).unwrap_or_default();
        let unknown = problems.iter().filter(|problem| problem.allowed.starts_with("there is no such setting"));
        let unknown: BTreeSet<&str> = unknown.filter_map(|problem| problem.path.rsplit('.').next()).collect();
        names.iter().filter(|name| !unknown.contains(name.as_str())).cloned().collect::<Vec<_>>()
    };
    names.chunks(90).flat_map(known_among).collect()
}

#[test]
fn a_secret_among_the_settings_of_a_built_in_plugin_is_shown_nowhere() {
    let (registry, names) = (Registry::linked(), own_settings());
    let mut count = 0;
    for info in registry.plugins() {
        shown_without_secrets(with_own(info, secret_values()), &registry);
        for name in known_settings(info, &names, &registry) {
            count += 1;
            for value in [json!(URL), json!([URL]), json!([[URL]]), secret_values()] {
                shown_without_secrets(with_own(info, json!({ name.as_str(): value })), &registry);
            }
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn a_plugin_gets_the_secrets_that_a_running_container_shows_nowhere() {
    let (mut registry, seen) = probed();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let diagnostics = Arc::new(Mutex::new(String::new()));
    let reported = Arc::clone(&diagnostics);
    let settings = json!({
        "sinks": ["memory"], "processors": ["probe"], "internal_log_level": "TRACE", "executor": "thread",
        "plugin_config": { "probe": secret_values() },
    });
    let builder = Settings::builder()
        .error_callback(move |diagnostic| reported.lock().unwrap().push_str(&format!("{diagnostic} {diagnostic:?}")))
        .table("code", &settings);
    let settings = shown_without_secrets(builder, &registry).unwrap();
    let container: Container = settings.clone().into_builder_with(&registry).unwrap().start().unwrap();
    assert_eq!(seen.lock().unwrap().take().unwrap(), secret_values());

    info!(container.logger("orders"), "order filled");
    let mut other = settings;
    other.sinks = vec![SinkEntry::new(URL)];
    let error = Reload::reload(&container, other).unwrap_err();
    let kept = Reload::settings(&container).unwrap();
    let shown = format!("{container:?} {error} {error:?} {kept:?} {:?}", container.metrics());
    assert!(!shown.contains(SECRET), "{shown}");
    balanced(container.shutdown(TIMEOUT).unwrap());
    assert!(!events.lines().concat().contains(SECRET));
    assert!(!diagnostics.lock().unwrap().contains(SECRET));
}

#[test]
fn settings_that_were_written_have_no_secret_and_are_refused_where_one_was() {
    let (registry, _) = probed();
    let own = json!({ "processors": ["probe"], "plugin_config": { "probe": { "password": "hunter2", "host": "db" } } });
    let settings = shown_without_secrets(Settings::builder().table("code", &own), &registry).unwrap();
    let dump = serde_json::to_value(&settings).unwrap();
    assert_eq!(dump["plugin_config"]["probe"], json!({ "password": REDACTED, "host": "db" }));
    let error = Settings::builder().table("dump", &dump).into_builder_with(&registry).unwrap_err();
    let expected =
        "plugin_config.probe.password is [redacted]; a secret is given by reference: the secret was left out";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_secret_that_is_given_by_reference_reaches_the_plugin() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    fs::write(&path, "hunter2\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let token = |value: &str| {
        let settings = json!({ "plugin_config": { "timestamp": {} } });
        let variables = [("FAPILOG_PLUGIN_CONFIG__AGENT__TOKEN", value)];
        let builder = Settings::builder().table("code", &settings).variables(variables);
        let settings = builder.build().unwrap();
        plugin::PluginSettings::new("agent", &settings.plugin_config["agent"]).read::<Agent>().map(|agent| agent.token)
    };
    let by_file = token(&json!({ "file": path }).to_string()).unwrap();
    assert_eq!(by_file.read().unwrap().expose(), b"hunter2");
    assert_eq!(token("${AGENT_TOKEN}").unwrap(), SecretRef::env("AGENT_TOKEN"));
    let problems = token("hunter2").unwrap_err();
    assert_eq!(&*problems[0].value, REDACTED);
    assert!(problems[0].allowed.contains("write \"${NAME}\""), "{}", problems[0]);
}

#[test]
fn a_check_runs_no_program_that_prints_a_secret_and_a_start_does() {
    let mut registry = Registry::linked();
    let agent = |settings: &plugin::PluginSettings<'_>| {
        let own: Agent = settings.read()?;
        let token = own.token.read().map_err(|error| vec![error.problem("token")])?;
        assert_eq!(token.expose(), b"hunter2");
        Ok(plugin::Factory::processor(|_| Probe))
    };
    registry.register_processor(Metadata::new("agent", "1.0.0"), agent).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let builder = |script: String| {
        let own = json!({ "token": { "command": ["sh", "-c", script] } });
        let settings = json!({ "processors": ["agent"], "plugin_config": { "agent": own } });
        Settings::builder().table("code", &settings)
    };
    let printing = format!("touch {}; echo hunter2", trace.display());
    builder(printing.clone()).check_with(&registry).unwrap();
    assert!(!trace.exists());
    drop(builder(printing).into_builder_with(&registry).unwrap());
    assert!(trace.exists());

    let failing = || builder("echo hunter2; exit 7".to_owned());
    failing().check_with(&registry).unwrap();
    let error = failing().into_builder_with(&registry).unwrap_err();
    let expected = "plugin_config.agent.token is command sh; failed with exit status: 7; its stderr is not shown";
    assert!(error.to_string().contains(expected), "{error}");
    assert!(!shown_of(&error).contains(SECRET), "{error}");
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Agent {
    token: SecretRef,
}

#[test]
fn a_file_that_cannot_be_read_is_refused_without_its_secrets() {
    let files = [
        ("a.toml", "password = hunter2\n"),
        ("a.toml", "password = \"hunter2\n"),
        ("a.toml", "password = \"\"\"hunter2\n"),
        ("a.toml", "password = \"a\"\npassword = \"hunter2\"\n"),
        ("a.toml", "password = \"hunter2\" \"hunter2\"\n"),
        ("a.toml", "password = [\"hunter2\"\nx = 1\n"),
        ("a.toml", "password = \"\\hunter2\"\n"),
        ("a.toml", "[password]\nhunter2\n"),
        ("a.json", "{ \"password\": \"hunter2\""),
        ("a.json", "{ \"password\": hunter2 }"),
        ("a.json", "{ \"password\": \"a\", \"password\": \"hunter2\" }"),
        ("a.json", "\"hunter2\""),
        ("a.yaml", "password: \"hunter2\n"),
        ("a.yaml", "password: [hunter2\n"),
        ("a.yaml", "password: *hunter2\n"),
        ("a.yaml", "password: !hunter2 x\nlevel: info\n"),
        ("a.yaml", "password: a\npassword: hunter2\n"),
        ("a.yaml", "password: hunter2: hunter2\n"),
        ("a.yaml", "hunter2"),
        ("a.yaml", "password: !!int hunter2\n"),
        ("a.yaml", "password: \"\\hunter2\"\n"),
    ];
    for (name, text) in files {
        let file = written(name, text);
        let builder = Settings::builder().file(&file.path);
        let shown = format!("{} {:?}", shown_of(&builder.clone().build().unwrap_err()), problems(builder));
        // The name of an anchor, a tag or a key is no value.
        let is_name = ["*hunter2", "!hunter2", "[password]\nhunter2"].iter().any(|part| text.contains(part));
        assert!(is_name || !shown.contains(SECRET), "{text}: {shown}");
    }
}

/// Words in back quotes that begin a row of a table, or stand in a reference of settings.
fn own_settings() -> Vec<String> {
    let pages = [
        include_str!("../../docs/settings.md"),
        include_str!("../../docs/plugins.md"),
        include_str!("../../docs/enrichers.md"),
        include_str!("../../docs/processors.md"),
        include_str!("../../docs/file-sink.md"),
        include_str!("../../docs/console-sink.md"),
        include_str!("../../docs/text-formats.md"),
        include_str!("../../docs/spill.md"),
    ];
    let words = pages.into_iter().flat_map(|page| page.split('`').skip(1).step_by(2));
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase()) && word.len() > 1;
    let is_plain = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
    let names: BTreeSet<&str> = words.filter(is_name).filter(is_plain).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Names on these pages that do look secret: keys that are secret, and names of rules and plugins.
const SECRET_NAMES: [&str; 4] = ["credentials", "hash_key", "signing_key", "url_credentials"];

#[test]
fn no_setting_that_exists_has_a_name_that_looks_secret() {
    let names: BTreeSet<String> = own_settings().into_iter().chain(setting_paths()).collect();
    assert!(names.len() > 100 && names.contains("key") && names.contains("rotate_bytes"), "{names:?}");
    let hidden: Vec<_> =
        names.iter().filter(|name| &*Problem::new(name.as_str(), "\"x\"", "").value == REDACTED).collect();
    let hidden: Vec<_> = hidden.into_iter().filter(|name| !SECRET_NAMES.contains(&name.as_str())).collect();
    assert_eq!(hidden, Vec::<&String>::new());
}
