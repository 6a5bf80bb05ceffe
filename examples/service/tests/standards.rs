//! The shop under the settings file of each standard, in strict mode: its events, its secrets, and the report.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod profile_run;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fapilog::{
    Settings,
    compliance::{ComplianceReport, RuleVerdict, Standard},
    plugin::{PluginSettings, Registry},
    settings::{ComplianceMode, PluginConfig},
};
use fapilog_audit_trail::{
    keys::{read_chain_key, read_verifying_key},
    verify::{VerifiedTrail, Verifier, VerifyError},
};
use fapilog_compliance::{ClockState, MachineProbe, TABLES, TableStandard};
use fapilog_encryption::{DecryptionKeys, Decryptor, KeyEncryptionKey};
use profile_run::{EndedShop, RunningShop, clock_variable, request, settings_file};
use serde_json::Value;

const PASSWORD: &str = "correct-horse-battery";
const EMAIL: &str = "ada@example.com";
/// Texts that no output may have: the secrets of requests, and the card number that a careless log call has.
const SECRETS: &[&str] =
    &[PASSWORD, EMAIL, "4012 8888 8888 1881", "4012888888881881", "4111 1111 1111 1111", "4111111111111111"];

/// A run of the shop: it serves requests, the sensitive ones among them, and ends.
fn served(profile: &str) -> EndedShop {
    let mut shop = RunningShop::start(profile, &[]);
    let address = shop.address();
    assert_eq!(request(&address, "POST", "/orders/42", "", "4012 8888 8888 1881"), 200);
    assert_eq!(request(&address, "POST", "/sessions", "", &format!("{EMAIL}\n{PASSWORD}")), 200);
    assert_eq!(request(&address, "POST", "/sessions", "", &format!("{EMAIL}\nswordfish-{PASSWORD}")), 401);
    assert_eq!(request(&address, "GET", "/orders/42/payment", "x-staff-id: staff-3\r\n", ""), 200);
    assert_eq!(request(&address, "GET", "/orders/42/payment", "", ""), 403);
    assert_eq!(request(&address, "DELETE", "/customers/customer-7", "x-staff-id: staff-3\r\n", ""), 204);
    let ended = shop.terminate();
    assert!(ended.status.success(), "{}: {}", ended.status, ended.stderr);
    // The shop itself checks the law, and fails if it does not hold.
    assert!(ended.stdout.contains(", 0 lost, 0 pending"), "{}", ended.stdout);
    ended
}

fn is_encrypted(profile: &str) -> bool {
    fs::read_to_string(settings_file(profile)).unwrap().contains("formatter = \"encrypted\"")
}

/// The records of a file, in the clear.
fn records(shop: &EndedShop, file: &Path, is_encrypted: bool) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    if !is_encrypted {
        return bytes;
    }
    let key = fs::read(shop.directory.path().join("keys/log.key")).unwrap();
    let key = KeyEncryptionKey::from_secret(&fapilog::settings::SecretRef::bytes(key).read().unwrap()).unwrap();
    let mut plain = Vec::new();
    let summary = Decryptor::new(bytes.as_slice(), DecryptionKeys::new().key(key)).copy_to(&mut plain).unwrap();
    assert_eq!(summary.error_count, 0, "{}: {:?}", file.display(), summary.errors);
    assert!(!String::from_utf8_lossy(&bytes).contains("\"message\""), "{} is not encrypted", file.display());
    plain
}

/// The events in the files of a sink.
fn events(shop: &EndedShop, sink: &str, is_encrypted: bool) -> Vec<Value> {
    let is_data = |name: &str| name.starts_with(sink) && name.ends_with(".log");
    let files = shop.files("log").into_iter().filter(|path| is_data(path.file_name().unwrap().to_str().unwrap()));
    let text = |path: PathBuf| String::from_utf8(records(shop, &path, is_encrypted)).unwrap();
    let of_file = |path| text(path).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    files.flat_map(of_file).collect()
}

/// Neither files nor output have a secret. Files that are encrypted have none, either.
fn has_no_secret(shop: &EndedShop, plain: &[&[Value]]) {
    let files = shop.files("log");
    assert!(files.len() >= 2, "{files:?}");
    let of_files = files.iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    let of_events = plain.iter().map(|events| serde_json::to_string(events).unwrap());
    let texts = of_files.chain(of_events).chain([shop.stdout.clone(), shop.stderr.clone()]);
    for text in texts {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// The sensitive actions are audit events that follow the schema, beside those of the log itself.
fn audit_events_are_complete(audit: &[Value]) {
    let of_shop: Vec<&Value> = audit.iter().filter(|event| event["context"]["origin"] == "web shop").collect();
    let parts = |event: &&Value| {
        let context = &event["context"];
        [&event["message"], &context["who"], &context["outcome"], &context["object"]]
            .map(|part| part.as_str().unwrap().to_owned())
    };
    let expected = [
        ["login", "customer-7", "success", "session"],
        ["login", "unknown customer", "denied", "session"],
        ["payment read", "staff-3", "success", "payment of order 42"],
        ["payment read", "anonymous", "denied", "payment of order 42"],
        ["customer erased", "staff-3", "success", "customer-7"],
    ];
    let found: BTreeSet<[String; 4]> = of_shop.iter().map(parts).collect();
    assert_eq!(found, expected.map(|event| event.map(str::to_owned)).into_iter().collect());
    for event in audit {
        assert!(event["context"]["audit_violations"].is_null(), "{event}");
        assert!(["AUDIT", "SECURITY"].contains(&event["level"].as_str().unwrap()), "{event}");
        assert_eq!(event["level"] == "SECURITY", event["context"]["outcome"] == "denied", "{event}");
    }
    let of_log = audit.iter().filter(|event| event["context"]["origin"] != "web shop");
    let messages: BTreeSet<&str> = of_log.filter_map(|event| event["message"].as_str()).collect();
    assert!(messages.iter().any(|message| message.contains("start")), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("stop")), "{messages:?}");
}

/// The verdict of the auditor.
fn verified(shop: &EndedShop) -> Result<VerifiedTrail, VerifyError> {
    let keys = shop.directory.path().join("keys");
    let verifier = Verifier::new(read_verifying_key(&keys.join("verifying.key")).unwrap())
        .chain_key(read_chain_key(&keys.join("auditor.key")).unwrap());
    verifier.verify(&shop.directory.path().join("log/audit.log"))
}

/// The auditor's verifier has nothing to report.
fn trail_verifies(shop: &EndedShop, events: Option<usize>) {
    let verified = verified(shop).unwrap();
    assert!(verified.has_verified_chain && verified.records > 0, "{verified:?}");
    assert_eq!((verified.entries_behind_checkpoint, verified.gaps, verified.cuts), (0, 0, 0));
    if let Some(events) = events {
        assert_eq!(verified.records, events as u64);
    }
}

/// The settings of the file, with the paths of the run.
fn settings_of(profile: &str, directory: &Path) -> Settings {
    let place = |folder: &str| format!("\"{}/{folder}/", directory.display());
    let text = fs::read_to_string(settings_file(profile)).unwrap();
    let text = text.replace("\"log/", &place("log")).replace("\"keys/", &place("keys"));
    let file = directory.join(format!("{profile}.toml"));
    fs::write(&file, text).unwrap();
    Settings::builder().file(file).variables(clock_variable(profile)).build().unwrap()
}

/// A machine whose clock is kept in time.
struct MachineInTime;

impl MachineProbe for MachineInTime {
    fn clock(&self) -> ClockState {
        ClockState::Synchronised { error_max: std::time::Duration::from_millis(2) }
    }

    fn mode_of(&self, path: &Path) -> Option<u32> {
        fapilog_compliance::ThisMachine.mode_of(path)
    }
}

/// The report on a machine whose clock is kept in time.
fn report_in_time(settings: &Settings) -> ComplianceReport {
    let standard = |name: &String| -> Arc<dyn Standard> {
        let table = TABLES.iter().find(|table| table.name == name).unwrap();
        let config = settings.plugin_config.get(name).cloned().unwrap_or_else(PluginConfig::new);
        Arc::new(TableStandard::read(*table, Arc::new(MachineInTime), &PluginSettings::new(name, &config)).unwrap())
    };
    let standards: Vec<Arc<dyn Standard>> = settings.compliance_standards.iter().map(standard).collect();
    ComplianceReport::of(&settings.planned_container(&Registry::linked()).unwrap(), &standards)
}

/// The rules that a machine does not decide, by verdict. All others pass.
type Exceptions<'a> = [(RuleVerdict, &'a [&'a str]); 3];

fn report_has_no_fail(profile: &str, shop: &EndedShop, exceptions: Exceptions<'_>) {
    let settings = settings_of(profile, shop.directory.path());
    assert_eq!(settings.compliance_mode, ComplianceMode::Strict);
    let on_this_machine = settings.compliance_report(&settings.compliance_standards, &Registry::linked()).unwrap();
    assert!(on_this_machine.is_met(), "{on_this_machine}");
    let report = report_in_time(&settings);
    assert!(report.is_met() && report.conflicts.is_empty(), "{report}");
    assert!(report.findings().all(|finding| !finding.evidence.is_empty()), "{report}");
    for (verdict, expected) in exceptions {
        let findings = report.findings().filter(|finding| finding.verdict == verdict);
        let found: BTreeSet<&str> = findings.map(|finding| finding.rule.id).collect();
        assert_eq!(found, expected.iter().copied().collect(), "{verdict:?}: {report}");
    }
}

/// All of it, for a settings file.
fn keeps(profile: &str, people: &[&str], elsewhere: &[&str], not_applicable: &[&str]) {
    let shop = served(profile);
    let is_encrypted = is_encrypted(profile);
    let (app, audit) = (events(&shop, "app", is_encrypted), events(&shop, "audit", is_encrypted));
    assert!(app.iter().any(|event| event["message"] == "receipt sent"), "{app:#?}");
    assert!(app.iter().any(|event| event["context"]["card"] == "[redacted]"), "{app:#?}");
    let is_careless = |event: &&Value| event["message"].as_str().is_some_and(|text| text.starts_with("login of "));
    let careless: Vec<&Value> = app.iter().filter(is_careless).collect();
    assert_eq!(careless.len(), 2, "{app:#?}");
    assert!(careless.iter().all(|event| event["context"]["password"] == "[redacted]"), "{careless:#?}");
    let opened = app.iter().find(|event| event["message"] == "shop is open").unwrap();
    assert!(opened["context"]["bind_address"].as_str().unwrap().starts_with("127.0.0.1:"), "{opened}");
    audit_events_are_complete(&audit);
    has_no_secret(&shop, &[&app, &audit]);
    if fs::read_to_string(settings_file(profile)).unwrap().contains("audit_trail") {
        trail_verifies(&shop, (!is_encrypted).then_some(audit.len()));
    }
    let exceptions = [
        (RuleVerdict::NeedsPeople, people),
        (RuleVerdict::MetElsewhere, elsewhere),
        (RuleVerdict::NotApplicable, not_applicable),
    ];
    report_has_no_fail(profile, &shop, exceptions);
}

const PCI_PEOPLE: &[&str] = &[
    "pci-dss/3.3.1",
    "pci-dss/10.2.1.1",
    "pci-dss/10.2.1.2",
    "pci-dss/10.2.1.3",
    "pci-dss/10.2.1.4",
    "pci-dss/10.2.1.5",
    "pci-dss/10.2.1.7",
    "pci-dss/10.3.4",
    "pci-dss/10.4.1",
    "pci-dss/10.4.1.1",
    "pci-dss/10.4.3",
    "pci-dss/10.6.2",
    "pci-dss/10.6.3",
    "pci-dss/10.7.2",
    "pci-dss/10.7.3",
];
const GDPR_PEOPLE: &[&str] = &["gdpr/30", "gdpr/32.1.d", "gdpr/33"];

#[test]
fn the_shop_keeps_pci_dss() {
    keeps("pci-dss", PCI_PEOPLE, &["pci-dss/10.3.3"], &["pci-dss/4.2.1"]);
}

#[test]
fn the_shop_keeps_hipaa_with_encrypted_files() {
    assert!(is_encrypted("hipaa"));
    let people = ["hipaa/164.308(a)(1)(ii)(D)", "hipaa/164.308(a)(5)(ii)(C)"];
    keeps("hipaa", &people, &[], &["hipaa/164.312(e)(1)"]);
}

#[test]
fn the_shop_keeps_sox() {
    keeps("sox", &["sox/302", "sox/404"], &[], &[]);
}

#[test]
fn the_shop_keeps_gdpr() {
    keeps("gdpr", GDPR_PEOPLE, &[], &[]);
}

#[test]
fn the_shop_keeps_ccpa() {
    keeps("ccpa", &["ccpa/1798.100(a)(3)", "ccpa/7101"], &[], &[]);
}

#[test]
fn the_shop_keeps_pci_dss_and_gdpr_together() {
    // Payloads in the spill directory are not removed by their age.
    let people = [PCI_PEOPLE, GDPR_PEOPLE, &["gdpr/5.1.e"]].concat();
    keeps("pci-dss-and-gdpr", &people, &["pci-dss/10.3.3"], &["pci-dss/4.2.1"]);
}

#[test]
fn an_audit_event_that_is_changed_behind_the_shop_is_found() {
    let shop = served("sox");
    let file = shop.directory.path().join("log/audit.log");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("customer-7"));
    fs::write(&file, text.replacen("customer-7", "customer-8", 1)).unwrap();
    let error = verified(&shop).unwrap_err();
    assert!(matches!(&error, VerifyError::Damage(damage) if damage.file == file), "{error}");
}

#[test]
fn the_shop_does_not_start_if_a_rule_is_not_met_and_names_it() {
    let ended = RunningShop::start("pci-dss", &[("FAPILOG_AUDIT_EVENTS", "false"), ("FAPILOG_REDACTORS", "[]")]).wait();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("redactors is empty; pci-dss/3.5.1 "), "{}", ended.stderr);
    assert!(!ended.directory.path().join("log/app.log").exists());
}
