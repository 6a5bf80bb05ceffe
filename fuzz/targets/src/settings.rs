//! Settings of files and of variables.

use std::{fs, path::PathBuf};

use fapilog::settings::{Settings, SettingsBuilder};
use fapilog_plugin::problem::SettingsError;
use tempfile::TempDir;

/// A settings file in TOML.
pub(crate) fn toml(input: &[u8]) {
    file("toml", input);
}

/// A settings file in JSON.
pub(crate) fn json(input: &[u8]) {
    file("json", input);
}

/// A settings file in YAML.
pub(crate) fn yaml(input: &[u8]) {
    file("yaml", input);
}

fn file(extension: &str, input: &[u8]) {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    }
    let path: PathBuf = FOLDER.with(|folder| folder.path().join("settings").with_extension(extension));
    fs::write(&path, input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    check(|builder| builder.file(&path));
}

/// Variables: a name, without the prefix, and a value in each line.
pub(crate) fn variables(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // The name of a settings file would lead out of the input.
    let variables = text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| *name != "SETTINGS_FILE");
    let variables: Vec<(String, &str)> = variables.map(|(name, value)| (format!("FAPILOG_{name}"), value)).collect();
    check(|builder| builder.variables(variables.iter().map(|(name, value)| (name, value))));
}

/// Settings that are accepted are the same when they are read twice and when they are written and read. Every error has
/// the name of a setting and the allowed values.
fn check(layer: impl Fn(SettingsBuilder) -> SettingsBuilder) {
    let read = || layer(Settings::builder()).build();
    match read() {
        Ok(settings) => {
            assert_eq!(read().as_ref(), Ok(&settings), "read twice");
            check_written(&settings);
            if let Err(error) = settings.into_builder() {
                check_error(&error);
            }
        }
        Err(error) => {
            check_error(&error);
            assert_eq!(read().err(), Some(error), "read twice");
        }
    }
}

fn check_written(settings: &Settings) {
    let written = serde_json::to_string(settings).unwrap_or_else(|error| panic!("{error}: {settings:?}"));
    let read: Settings = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(&read, settings, "written as {written}");
}

fn check_error(error: &SettingsError) {
    assert!(!error.problems.is_empty(), "an error without a problem");
    for problem in &error.problems {
        assert!(!problem.path.is_empty() && !problem.allowed.is_empty(), "{problem:?}");
        assert!(error.to_string().contains(&problem.path), "{error} does not name {:?}", problem.path);
    }
}
