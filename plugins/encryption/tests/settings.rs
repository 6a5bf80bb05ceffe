//! The formatter by its name in settings.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod support;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use fapilog::{Settings, error::SettingsError, info};
use fapilog_encryption::{DecryptionKeys, Identity, KeyEncryptionKey, KeyStore};
use fapilog_plugin::registry::{PluginSettings, Registry};
use fapilog_plugin::{
    error::PluginError, event::Batch, factory::Factory, formatter::Formatter, registry::Metadata,
    settings::PluginConfig,
};
use support::{TIMEOUT, holds, keys, records};

/// Settings of a file sink whose events are encrypted.
fn toml(log: &Path, encrypted: &str) -> String {
    let path = log.display();
    format!("sinks = [\"file\"]\nformatter = \"encrypted\"\n[plugin_config.file]\npath = \"{path}\"\n{encrypted}")
}

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

fn log_planted(text: &str) {
    let logs = read(text).unwrap().into_builder().unwrap().start().unwrap();
    info!(logs.logger("orders"), "planted text", amount = 12.5);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
}

/// The problems of the settings.
fn problems(encrypted: &str) -> String {
    problems_with(encrypted, &Registry::linked())
}

fn problems_with(encrypted: &str, registry: &Registry) -> String {
    let directory = tempfile::tempdir().unwrap();
    let settings = read(&toml(&directory.path().join("app.log"), encrypted));
    let error = settings.and_then(|settings| settings.into_builder_with(registry).map(drop)).unwrap_err();
    // Without the place in the file, whose name is a random one.
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn a_recipient_reads_the_lines_of_the_formatter_that_settings_name() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    let identity = Identity::generate().unwrap();
    let table = "[plugin_config.encrypted]\nformatter = \"logfmt\"\ncompression = \"none\"";
    log_planted(&toml(&log, &format!("{table}\nrecipients = [\"{}\"]", identity.recipient())));
    let bytes = fs::read(&log).unwrap();
    assert!(!holds(&bytes, "planted") && !holds(&bytes, "amount"));
    let lines = String::from_utf8(records(&bytes, keys(&identity))).unwrap();
    assert!(lines.contains("msg=\"planted text\"") && lines.contains("amount=12.5"), "{lines}");
}

#[test]
fn the_formatter_is_json_by_default_and_its_own_settings_count() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    let identity = Identity::generate().unwrap();
    let table = format!("[plugin_config.encrypted]\nrecipients = [\"{}\"]", identity.recipient());
    log_planted(&toml(&log, &table));
    let line: serde_json::Value = serde_json::from_slice(&records(&fs::read(&log).unwrap(), keys(&identity))).unwrap();
    assert_eq!(line["message"], "planted text");
    let error = problems(&format!("{table}\n[plugin_config.json]\nnonsense = 1"));
    assert!(error.starts_with("plugin_config.json.nonsense is "), "{error}");
}

#[test]
fn a_key_comes_from_a_file_and_keys_of_days_from_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let (log, key_file) = (directory.path().join("app.log"), directory.path().join("key"));
    let key = KeyEncryptionKey::generate().unwrap();
    fs::write(&key_file, &*key.to_secret_text()).unwrap();
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    let store = directory.path().join("keys");
    let table = format!(
        "[plugin_config.encrypted]\nkey = {{ file = \"{}\" }}\nshred_by = \"day\"\nkey_store = \"{}\"\nrotate_after = \"10m\"",
        key_file.display(),
        store.display()
    );
    log_planted(&toml(&log, &table));
    let bytes = fs::read(&log).unwrap();
    let store = KeyStore::open(store).unwrap();
    assert_eq!(store.days().unwrap().len(), 1);
    let lines = records(&bytes, DecryptionKeys::new().key(key.clone()).key_store(store));
    assert!(holds(&lines, "planted text"));
    assert!(records(&bytes, DecryptionKeys::new().key(key)).is_empty(), "without the store, no frame opens");
}

#[test]
fn an_unknown_formatter_a_sink_and_the_formatter_itself_are_refused() {
    let recipient = Identity::generate().unwrap().recipient();
    let wrapping = |name: &str| {
        problems(&format!("[plugin_config.encrypted]\nformatter = \"{name}\"\nrecipients = [\"{recipient}\"]"))
    };
    let error = wrapping("jsn");
    assert!(error.starts_with("plugin_config.encrypted.formatter is \"jsn\"; there is no such formatter"), "{error}");
    assert!(error.contains("did you mean json?"), "{error}");
    let error = wrapping("file");
    assert!(error.starts_with("plugin_config.encrypted.formatter is \"file\"; it is the name of a sink"), "{error}");
    let error = wrapping("encrypted");
    let expected = "plugin_config.encrypted.formatter is \"encrypted\"; it would wrap itself: this is encrypted";
    assert!(error.starts_with(expected), "{error}");
}

/// Registers a formatter that wraps the one of its setting `formatter`.
fn register_wrapper(registry: &mut Registry, name: &'static str) {
    struct Wrapper(Box<dyn Formatter>);
    impl Formatter for Wrapper {
        fn name(&self) -> &'static str {
            "wrapper"
        }
        fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
            self.0.format(batch, out)
        }
    }
    #[derive(serde::Deserialize)]
    struct Own {
        formatter: String,
    }
    let make = |settings: &PluginSettings<'_>| {
        let own: Own = settings.read()?;
        let wrapped = settings.formatter_named("formatter", &own.formatter)?;
        Ok(Factory::formatter(move |_| Wrapper(wrapped())))
    };
    registry.register_formatter(Metadata::new(name, "1.0.0"), make).unwrap();
}

#[test]
fn a_cycle_of_formatters_is_refused_with_its_way() {
    let mut registry = Registry::linked();
    register_wrapper(&mut registry, "wrapper");
    let recipient = Identity::generate().unwrap().recipient();
    let tables = format!(
        "[plugin_config.encrypted]\nformatter = \"wrapper\"\nrecipients = [\"{recipient}\"]\n\
         [plugin_config.wrapper]\nformatter = \"encrypted\""
    );
    let error = problems_with(&tables, &registry);
    let expected = "plugin_config.wrapper.formatter is \"encrypted\"; it would wrap itself: this is encrypted, which \
                    wraps wrapper\n";
    assert_eq!(error, expected);
}

#[test]
fn formatters_wrap_each_other_in_a_row() {
    let mut registry = Registry::linked();
    register_wrapper(&mut registry, "wrapper");
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    let identity = Identity::generate().unwrap();
    let tables = format!(
        "[plugin_config.encrypted]\nformatter = \"wrapper\"\nrecipients = [\"{}\"]\n\
         [plugin_config.wrapper]\nformatter = \"auto\"",
        identity.recipient()
    );
    let settings = read(&toml(&log, &tables)).unwrap();
    let logs = settings.into_builder_with(&registry).unwrap().start().unwrap();
    info!(logs.logger("orders"), "planted text");
    logs.shutdown(TIMEOUT).unwrap().check().unwrap();
    assert!(records(&fs::read(&log).unwrap(), keys(&identity)).starts_with(b"{"), "`auto` is JSON in a file");
}

#[test]
fn only_a_formatter_wraps_another_by_its_name() {
    let settings = PluginSettings::new("alone", &PluginConfig::new());
    let problems = settings.formatter_named("formatter", "json").map(drop).unwrap_err();
    assert_eq!(problems[0].to_string(), "formatter is \"json\"; only a formatter wraps another by its name");
}

#[test]
fn every_invalid_setting_is_reported_at_once() {
    let error = problems(
        "[plugin_config.encrypted]\ncompression = \"zstd\"\ncompression_level = 23\nrotate_after = \"1ms\"\n\
         rotate_after_bytes = \"1 KiB\"\nrecipients = [\"fapilog1x\"]\nkey_store = \"/nowhere\"",
    );
    let expected = [
        "compression_level is 23; it must be from 1, the fastest, to 22",
        "key_store is /nowhere; it is of use with `shred_by = \"day\"`",
        "recipients[0] is \"fapilog1x\"; the text is no key: a character of it is missing or wrong",
        "rotate_after is 1ms; it must be 1s or more",
        "rotate_after_bytes is 1024; it must be 1 MiB or more",
    ];
    for line in expected {
        assert!(error.contains(&format!("plugin_config.encrypted.{line}")), "{line}\n{error}");
    }
    let error = problems("[plugin_config.encrypted]\nkey = \"${FAPILOG_TEST_NO_SUCH_KEY}\"\nshred_by = \"day\"");
    assert!(
        error.contains("encrypted.key is ${FAPILOG_TEST_NO_SUCH_KEY}; names a variable that is not set"),
        "{error}"
    );
    assert!(error.contains("encrypted.key_store is missing; it must be given for `shred_by`"), "{error}");
}

#[test]
fn settings_without_a_recipient_and_a_key_are_refused() {
    let error = problems("");
    assert!(error.contains("encrypted.recipients is empty; there must be a recipient, or a `key`"), "{error}");
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let identity = Identity::generate().unwrap().to_secret_text();
    let error = problems(&format!("[plugin_config.encrypted]\nrecipients = [\"{}\"]", *identity));
    assert!(error.contains("recipients[0] is given; the text is a key of another kind"), "{error}");
    assert!(!error.contains(&identity[20..30]), "{error}");
    let error = problems("[plugin_config.encrypted]\nkey = \"hunter2\"");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_check_makes_no_key_store_and_looks_at_one_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let recipient = Identity::generate().unwrap().recipient();
    let store = directory.path().join("keys");
    let table = format!(
        "[plugin_config.encrypted]\nrecipients = [\"{recipient}\"]\nshred_by = \"day\"\nkey_store = \"{}\"",
        store.display()
    );
    let file = directory.path().join("settings.toml");
    fs::write(&file, toml(&directory.path().join("app.log"), &table)).unwrap();
    let check = || Settings::builder().file(&file).check_with(&Registry::linked());
    check().unwrap();
    assert!(!store.exists());
    fs::create_dir(&store).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o755)).unwrap();
    let error = check().unwrap_err().to_string();
    assert!(error.contains("has mode 0755; it must be a directory of mode 0700"), "{error}");
}

#[test]
fn a_key_store_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let recipient = Identity::generate().unwrap().recipient();
    let error = problems(&format!(
        "[plugin_config.encrypted]\nrecipients = [\"{recipient}\"]\nshred_by = \"day\"\nkey_store = \"{}\"",
        directory.path().display()
    ));
    assert!(error.contains("has mode 0755; it must be a directory of mode 0700"), "{error}");
}
