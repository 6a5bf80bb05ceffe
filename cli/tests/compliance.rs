//! `fapilog compliance`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;

use std::fs;

use command::{fapilog, json, run, stderr, stdout};
use tempfile::TempDir;

/// A directory with this settings file.
fn settings(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("settings.toml"), text).unwrap();
    directory
}

fn check(directory: &TempDir, arguments: &[&str]) -> std::process::Output {
    let mut command = fapilog();
    command.args(["compliance", "check", "settings.toml"]).args(arguments).current_dir(directory.path());
    command.output().unwrap()
}

/// Settings that meet the rules of the Sarbanes-Oxley Act that a machine can check, one of them by a statement.
const SOX: &str = "sinks = [\"file\"]\n[plugin_config.file]\npath = \"app.log\"\nsync = \"batch\"\n\
    [plugin_config.sox.met_elsewhere]\n\"sox/802\" = \"a write-once volume; change 4711\"\n";

#[test]
fn rules_that_are_not_met_end_with_40_and_a_table_with_the_evidence() {
    let directory = settings("sinks = [\"file\"]\n[plugin_config.file]\npath = \"app.log\"\n");
    let output = check(&directory, &["--profile", "sox", "--profile", "gdpr"]);
    let text = stdout(&output);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(40), ""), "{text}");
    assert!(
        text.starts_with("Sarbanes-Oxley Act\nrule ") && text.contains("\n\nGDPR, Regulation (EU) 2016/679\n"),
        "{text}"
    );
    let row = text.lines().find(|line| line.starts_with("sox/802 ")).unwrap();
    assert!(row.contains("  fail ") && row.contains("a change of stored events would not be detected"), "{row}");
    assert!(!directory.path().join("app.log").exists(), "nothing is made of the settings");
}

#[test]
fn rules_that_are_met_end_with_0() {
    let directory = settings(SOX);
    let output = check(&directory, &["--profile", "sox"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let row = stdout(&output).lines().find(|line| line.starts_with("sox/802 ")).unwrap().to_owned();
    assert!(row.contains("  met_elsewhere ") && row.contains("change 4711"), "{row}");
}

#[test]
fn the_standards_of_the_settings_are_checked_if_no_other_is_named() {
    let directory = settings(&format!("compliance_standards = [\"sox\"]\n{SOX}"));
    let output = check(&directory, &[]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).starts_with("Sarbanes-Oxley Act\n"), "{}", stdout(&output));
    let output = check(&settings("sinks = [\"stdout\"]\n"), &[]);
    let expected = "fapilog: --profile: it is not given, and the settings have no compliance_standards; allowed are pci-dss, \
        hipaa, sox, gdpr, ccpa\n";
    assert_eq!((stderr(&output).as_str(), output.status.code()), (expected, Some(2)));
}

#[test]
fn an_audit_trail_is_known_to_detect_changes() {
    let directory = settings(
        "sinks = [\"audit_trail\"]\n[plugin_config.audit_trail]\npath = \"audit.jsonl\"\n\
         signing_key = { file = \"signing.key\" }\n",
    );
    let output = check(&directory, &["--profile", "sox"]);
    let row = stdout(&output).lines().find(|line| line.starts_with("sox/802 ")).unwrap().to_owned();
    assert!(row.contains("  pass "), "{row}");
    assert!(!directory.path().join("audit.jsonl").exists());
}

#[test]
fn json_has_the_findings_of_each_standard() {
    let output = check(&settings("sinks = [\"stdout\"]\n"), &["--profile", "hipaa", "--json"]);
    let report = json(&output);
    assert_eq!((&report["is_met"], output.status.code()), (&false.into(), Some(40)));
    assert_eq!(report["standards"][0]["name"], "hipaa");
    let finding = &report["standards"][0]["findings"][0];
    for key in ["id", "reference", "asks", "verdict", "evidence"] {
        assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {finding}");
    }
}

#[test]
fn verdicts_have_colours_on_request() {
    let output = check(&settings("sinks = [\"stdout\"]\n"), &["--profile", "sox", "--color", "always"]);
    assert!(stdout(&output).contains("  \x1b[31mfail\x1b[0m"), "{}", stdout(&output));
}

#[test]
fn variables_lie_above_the_file_on_request() {
    let directory = settings("sinks = [\"stdout\"]\n");
    let run = |arguments: &[&str]| {
        let mut command = fapilog();
        command.args(["compliance", "check", "settings.toml", "--profile", "sox"]).args(arguments);
        command.env("FAPILOG_SHARDS", "many").current_dir(directory.path()).output().unwrap().status.code()
    };
    assert_eq!([run(&[]), run(&["--env"])], [Some(40), Some(1)]);
}

#[test]
fn invalid_settings_end_with_1_and_name_each_value() {
    let output = check(&settings("sinks = [\"stdout\"]\nshards = 100\n"), &["--profile", "sox"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let text = stderr(&output);
    assert!(text.starts_with("fapilog: 1 invalid setting: shards is 100; allowed are 1 to 64"), "{text}");
    assert!(text.ends_with("\n`fapilog check` shows each with its place\n"), "{text}");
}

#[test]
fn a_standard_that_there_is_not_is_an_invalid_argument() {
    let output = check(&settings(SOX), &["--profile", "pci_dss"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("[possible values: pci-dss, hipaa, sox, gdpr, ccpa]"), "{text}");
    assert!(text.contains("a similar value exists: 'pci-dss'"), "{text}");
    assert_eq!(check(&settings(SOX), &[]).status.code(), Some(2));
}

#[test]
fn the_list_has_every_rule_with_its_reference() {
    let text = stdout(&run(&["compliance", "list"]));
    let listed = json(&run(&["compliance", "list", "--json"]));
    for table in fapilog_compliance::TABLES {
        assert!(text.contains(&format!("{}  {}\n", table.name, table.title)), "{}", table.name);
        let standards = listed["standards"].as_array().unwrap();
        let standard = standards.iter().find(|standard| standard["name"] == table.name).unwrap();
        assert_eq!(standard["rules"].as_array().unwrap().len(), table.rules.len());
        for rule in table.rules {
            let line = text.lines().find(|line| line.starts_with(&format!("  {} ", rule.info.id))).unwrap();
            assert!(line.contains(rule.info.reference) && line.ends_with(rule.info.asks), "{line}");
        }
    }
    let one = stdout(&run(&["compliance", "list", "--profile", "gdpr"]));
    assert!(one.starts_with("gdpr  ") && !one.contains("pci-dss/"), "{one}");
}

#[test]
fn settings_that_name_the_audit_trail_and_the_encryption_are_checked() {
    let directory = settings(
        "sinks = [{ name = \"file\", formatter = \"encrypted\" }, \"audit_trail\"]\n\
         [plugin_config.file]\npath = \"app.log\"\n[plugin_config.encrypted]\nrecipients = [\"nobody\"]\n\
         [plugin_config.audit_trail]\nblock_bytes = 1\n",
    );
    let output = fapilog().args(["check", "settings.toml", "--json"]).current_dir(directory.path()).output().unwrap();
    let report = json(&output);
    let problems = report["problems"].to_string();
    for setting in
        ["plugin_config.audit_trail.block_bytes", "plugin_config.audit_trail.path", "plugin_config.encrypted"]
    {
        assert!(problems.contains(setting), "{setting}: {report}");
    }
    assert_eq!(report["unknown_plugins"], serde_json::json!([]));
}
