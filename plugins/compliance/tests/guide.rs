//! The settings files on the page about compliance meet the standards that they name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod subjects;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use fapilog::{
    Settings,
    compliance::{ComplianceReport, RuleVerdict, Standard},
    plugin::{PluginSettings, Registry},
    settings::PluginConfig,
};
use fapilog_audit_trail as _; // links the sink `audit_trail`
use fapilog_compliance::{TABLES, TableStandard};
use fapilog_encryption::KeyEncryptionKey;
use subjects::ScriptedMachine;
use tempfile::TempDir;

/// The settings files on the page, each with the standards in its first line.
fn files() -> Vec<(Vec<String>, String)> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compliance-guide.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    let named = |text: String| {
        let names = text.strip_prefix("# profile: ")?.lines().next()?.split(", ").map(str::to_owned).collect();
        Some((names, text))
    };
    blocks.filter_map(named).collect()
}

/// Settings, and the directory of the keys that they name: a formatter reads its key when it is planned.
fn settings_of(text: &str) -> (Settings, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("log.key");
    fs::write(&key, KeyEncryptionKey::generate().unwrap().to_secret_text().as_bytes()).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let path = directory.path().join("fapilog.toml");
    fs::write(&path, text.replace("keys/log.key", key.to_str().unwrap())).unwrap();
    (Settings::from_file(path).unwrap(), directory)
}

/// The standards of the settings, on a machine that is as it should be.
fn standards(settings: &Settings) -> Vec<Arc<dyn Standard>> {
    let standard = |name: &String| -> Arc<dyn Standard> {
        let table = TABLES.iter().find(|table| table.name == name).unwrap();
        let config = settings.plugin_config.get(name).cloned().unwrap_or_else(PluginConfig::new);
        let machine = Arc::new(ScriptedMachine::default());
        Arc::new(TableStandard::read(*table, machine, &PluginSettings::new(name, &config)).unwrap())
    };
    settings.compliance_standards.iter().map(standard).collect()
}

#[test]
fn each_settings_file_on_the_page_meets_its_standards() {
    for (names, text) in files() {
        let (settings, _keys) = settings_of(&text);
        assert_eq!(settings.compliance_standards, names);
        let planned = settings.planned_container(&Registry::linked()).unwrap();
        let report = ComplianceReport::of(&planned, &standards(&settings));
        assert!(report.is_met(), "{report}");
        assert!(report.count(RuleVerdict::Pass) >= 2, "{report}");
    }
}

#[test]
fn each_settings_file_on_the_page_is_one_of_the_example_service() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/service/settings"));
    let read = |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.unwrap().path()).unwrap();
    let of_example: BTreeSet<String> = fs::read_dir(folder).unwrap().map(read).collect();
    assert_eq!(files().into_iter().map(|(_, text)| text).collect::<BTreeSet<_>>(), of_example);
}

#[test]
fn each_standard_has_a_settings_file_and_a_section_on_the_page() {
    let named: BTreeSet<String> = files().into_iter().flat_map(|(names, _)| names).collect();
    let known: BTreeSet<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    assert_eq!(named, known);
}

#[test]
fn a_settings_file_without_one_of_its_tables_misses_a_rule() {
    let (_, text) = files().into_iter().find(|(names, _)| *names == ["pci-dss"]).unwrap();
    let changes = [
        ("redactors = [\"redact\"]\n", "redactors = []\n"),
        ("level_min = \"AUDIT\"\n", "level_min = \"SECURITY\"\n"),
        (", spill = { directory = \"log/spill\" }", ""),
        ("to_stderr = true\n", "to_stderr = false\n"),
        ("timeout = \"5s\"\n", "timeout = \"0s\"\n"),
    ];
    for (taken, replacement) in changes {
        assert!(text.contains(taken), "{taken}");
        let mut changed = text.replace(taken, replacement);
        if taken.starts_with("redactors") {
            let (front, back) = changed.split_once("[plugin_config.redact]").unwrap();
            changed = [front, &back[back.find("\n[").unwrap()..]].concat();
        }
        let (settings, _keys) = settings_of(&changed);
        let planned = settings.planned_container(&Registry::linked()).unwrap();
        let report = ComplianceReport::of(&planned, &standards(&settings));
        assert!(!report.is_met(), "{taken}");
    }
}

#[test]
fn the_table_on_the_page_is_the_report_of_its_settings() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compliance-guide.md")).unwrap();
    let table = page.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let file = PluginConfig::new().with("path", "/var/log/shop/app.log").with("sync", "batch");
    let settings = Settings::builder().sinks(["file"]).plugin_config("file", file).build().unwrap();
    let report = settings.compliance_report(&["sox"], &Registry::linked()).unwrap();
    assert_eq!(table.trim_end(), report.to_string());
}
