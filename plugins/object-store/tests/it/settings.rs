//! Settings from a file: they reach the sink, and invalid ones are named.

use std::fs;

use fapilog::{Settings, error::SettingsError};
use fapilog_object_store as _;

use crate::{TIMEOUT, fake_store, log_numbers, taken};

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

/// The problems of settings of the sink.
fn problems(settings: &str) -> String {
    let toml = format!("sinks = [\"object_store\"]\n[plugin_config.object_store]\n{settings}");
    let error = read(&toml).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn settings_of_a_file_reach_the_store() {
    let store = fake_store();
    let spool = tempfile::tempdir().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "s3cr3t\n").unwrap();
    let toml = format!(
        "sinks = [\"object_store\"]\nformatter = \"logfmt\"\n[plugin_config.object_store]\nstore = \"s3\"\nbucket = \"logs\"\n\
         region = \"eu-central-1\"\nendpoint = \"{}\"\npath_style = true\nname = \"shop/{{date}}/{{id}}.log\"\n\
         compression = \"gzip\"\ncompression_level = 9\npart_bytes = \"6 MiB\"\ncreate_only = false\n\
         storage_class = \"STANDARD_IA\"\nrequest_timeout = \"20s\"\nconnect_timeout = \"2s\"\nretry_max = \"1s\"\n\
         allow_addresses = [\"169.254.0.0/16\"]\nallow_plaintext_hosts = [\"s3.internal\"]\n\
         [plugin_config.object_store.credentials]\naccess_key_id = \"ID\"\nsecret_access_key = {{ file = \"{}\" }}\n\
         session_token = {{ file = \"{}\" }}\n\
         [plugin_config.object_store.segment]\nmax_bytes = \"1 MiB\"\nmax_events = 100\nmax_age = \"1m\"\n\
         [plugin_config.object_store.spool]\ndirectory = \"{}\"\nmax_bytes = \"4 MiB\"\nsync = false\n\
         [plugin_config.object_store.lock]\nmode = \"compliance\"\ndays = 3\n\
         [plugin_config.object_store.encryption]\nkind = \"aes256\"\n",
        store.url(""),
        secret.path().display(),
        secret.path().display(),
        spool.path().display()
    );
    let logs = read(&toml).unwrap().into_builder().unwrap().start().unwrap();
    log_numbers(&logs, 0..10);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.lost_total()), (10, 0), "{accounts}");
    let objects = taken(&store);
    assert!(objects.len() == 1 && objects[0].name.starts_with("shop/20"), "{objects:?} {:?}", logs.diagnostics());
    assert_eq!(objects[0].text().lines().count(), 10);
    assert!(objects[0].text().contains("number=9"));
    let request = store.accepted().remove(0);
    let header = |name| request.header(name);
    assert!(header("authorization").unwrap().contains("Credential=ID/") && header("if-none-match").is_none());
    assert!(header("authorization").unwrap().contains("/eu-central-1/s3/"));
    assert_eq!(header("x-amz-security-token"), Some("s3cr3t"));
    assert_eq!(header("x-amz-storage-class"), Some("STANDARD_IA"));
    assert_eq!(header("x-amz-server-side-encryption"), Some("AES256"));
    assert_eq!(header("x-amz-object-lock-mode"), Some("COMPLIANCE"));
    let signed = header("authorization").unwrap();
    for name in [
        "x-amz-object-lock-mode",
        "x-amz-object-lock-retain-until-date",
        "x-amz-checksum-sha256",
        "x-amz-sdk-checksum-algorithm",
    ] {
        assert!(signed.contains(name), "{name} is not signed: {signed}");
    }
}

#[test]
fn invalid_values_are_named_all_at_once() {
    let found = problems(
        "store = \"s3\"\nname = \"logs/{date}\"\npart_bytes = \"1 MiB\"\ncompression_level = 23\naccount = \"a\"\nretry_max = \"0s\"\n\
         endpoint = \"http://s3.example.com\"\n[plugin_config.object_store.segment]\nmax_events = 0\nmax_age = \"1ms\"\n\
         [plugin_config.object_store.spool]\ndirectory = \"spool\"\nmax_bytes = \"1 MiB\"\n\
         [plugin_config.object_store.credentials]\naccess_key_id = \"ID\"\naccount_key = { env = \"KEY\" }\n\
         [plugin_config.object_store.lock]\ndays = 0\n",
    );
    for path in [
        "bucket",
        "name",
        "part_bytes",
        "compression_level",
        "account",
        "retry_max",
        "endpoint",
        "segment.max_events",
        "segment.max_age",
        "spool.directory",
        "spool.max_bytes",
        "credentials.account_key",
        "credentials",
        "lock.days",
    ] {
        assert!(found.contains(&format!("plugin_config.object_store.{path} is ")), "{path}: {found}");
    }
}

#[test]
fn names_and_kinds_that_are_unknown_have_a_suggestion() {
    let found = problems("store = \"s2\"\nbuckett = \"logs\"");
    assert!(found.contains("did you mean s3?") && found.contains("did you mean bucket?"), "{found}");
}

#[test]
fn a_store_needs_credentials_of_its_kind() {
    let spool = "[plugin_config.object_store.spool]\ndirectory = \"/var/spool/shop\"\n";
    let found = problems(&format!("bucket = \"logs\"\n{spool}"));
    assert!(found.contains("credentials is missing; one kind must be given"), "{found}");
    let found = problems(&format!(
        "store = \"gcs\"\nbucket = \"logs\"\nencryption = {{}}\n{spool}[plugin_config.object_store.credentials]\nsas_token = \"${{SAS}}\"\n"
    ));
    assert!(found.contains("the store azure alone has it") && found.contains("encryption is given"), "{found}");
    let found = problems(&format!(
        "bucket = \"logs\"\n{spool}[plugin_config.object_store.credentials]\nsecret_access_key = \"hunter2\"\n"
    ));
    assert!(!found.contains("hunter2"), "{found}");
}
