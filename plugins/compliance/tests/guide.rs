//! The settings files on the page about compliance meet the standards that they name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod doubles;
mod subjects;

use std::{collections::BTreeSet, fs, sync::Arc};

use fapilog::{
    Settings,
    compliance::{ComplianceReport, RuleVerdict, Standard},
    plugin::PluginSettings,
    settings::PluginConfig,
};
use fapilog_compliance::{TABLES, TableStandard};
use subjects::ScriptedMachine;

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

fn settings_of(text: &str) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fapilog.toml");
    fs::write(&path, text).unwrap();
    Settings::from_file(path).unwrap()
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
        let settings = settings_of(&text);
        assert_eq!(settings.compliance_standards, names);
        let planned = settings.planned_container(&doubles::registry()).unwrap();
        let report = ComplianceReport::of(&planned, &standards(&settings));
        assert!(report.is_met(), "{report}");
        assert!(report.count(RuleVerdict::Pass) >= 2, "{report}");
    }
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
    for taken in ["redactors = [\"redact\"]\n", "retain_age = \"400d\"\n", "to_stderr = true\n", "timeout = \"5s\"\n"] {
        let replacement = match taken {
            "retain_age = \"400d\"\n" => "retain_age = \"40d\"\n",
            "timeout = \"5s\"\n" => "timeout = \"0s\"\n",
            "redactors = [\"redact\"]\n" => "redactors = []\n",
            _ => "to_stderr = false\n",
        };
        assert!(text.contains(taken), "{taken}");
        let mut changed = text.replace(taken, replacement);
        if taken.starts_with("redactors") {
            changed = changed.replace("[plugin_config.redact]\ncontent = \"all\"\n", "");
        }
        let settings = settings_of(&changed);
        let planned = settings.planned_container(&doubles::registry()).unwrap();
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
    let report = settings.compliance_report(&["sox"], &doubles::registry()).unwrap();
    assert_eq!(table.trim_end(), report.to_string());
}
