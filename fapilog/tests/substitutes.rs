//! Substitutes of sensitive data, by settings.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{fs, sync::Arc};

use fapilog::{
    Settings, info,
    plugin::{Metadata, PluginError, Registry},
    redact::{SensitiveValue, Substitute},
    sink,
};
use law::{TIMEOUT, balanced, parsed};

/// Reverses the value, behind a prefix of its settings and the subject.
struct Reversed(String);

impl Substitute for Reversed {
    fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError> {
        let reversed: String = value.text.chars().rev().collect();
        out.push_str(&format!("{}:{}:{reversed}", self.0, value.subject.unwrap_or("nobody")));
        Ok(())
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ReversedSettings {
    prefix: String,
}

fn registry() -> Registry {
    let mut registry = Registry::linked();
    let metadata = Metadata::new("reversed", "1.0.0").description("Reverses values");
    registry
        .register_substitute(metadata, |settings| {
            let ReversedSettings { prefix } = settings.read()?;
            Ok(Arc::new(Reversed(prefix)))
        })
        .unwrap();
    registry
}

fn settings(toml: &str) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    fs::write(&path, format!("sinks = [\"memory\"]\nredactors = [\"redact\"]\n{toml}")).unwrap();
    Settings::from_file(&path).unwrap()
}

#[track_caller]
fn refused(toml: &str, expected: &[&str]) {
    let mut registry = registry();
    sink::Memory::register(&mut registry, "memory").unwrap();
    let error = settings(toml).into_builder_with(&registry).err().unwrap().to_string();
    for part in expected {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn an_action_names_a_substitute_which_has_its_own_settings() {
    let mut registry = registry();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let toml = "[plugin_config.redact]\nsubject = \"user_id\"\nactions = { email = \"reversed\" }\n\
        [plugin_config.reversed]\nprefix = \"r\"\n";
    let logs = settings(toml).into_builder_with(&registry).unwrap().start().unwrap();
    info!(logs.logger("x"), "login", user_id = 7, email = "ade");
    balanced(logs.shutdown(TIMEOUT).unwrap());
    assert_eq!(parsed(&events)[0]["context"]["email"], "r:7:eda");
}

#[test]
fn an_action_that_is_none_is_refused_with_all_names() {
    let config = |action: &str| format!("[plugin_config.redact]\nactions = {{ email = \"{action}\" }}\n");
    refused(
        &config("maks"),
        &["redact.actions.email is \"maks\"", "drop, mask, partial", "reversed", "did you mean mask?"],
    );
    refused(&config("reversed"), &["plugin_config.reversed.prefix is missing"]);
    refused("[plugin_config.reversed]\nprefix = \"r\"\n", &["plugin_config.reversed is given", "no redactor names it"]);
}
