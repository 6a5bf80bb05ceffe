//! Every rule of every standard: met by a container that has all, and missed by each that lacks what the rule asks for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod subjects;

use std::{collections::BTreeSet, time::Duration};

use fapilog_compliance::{ClockState, RuleCheck, TABLES, TableRule};
use fapilog_plugin::{
    compliance::RuleVerdict,
    settings::PluginConfig,
    sink::{OnFull, SinkPlace},
};
use subjects::{CheckedSubject, network_sink};

/// The checks that a check is made of.
fn parts(check: RuleCheck) -> Vec<RuleCheck> {
    match check {
        RuleCheck::All(checks) | RuleCheck::Any(checks) => checks.iter().flat_map(|check| parts(*check)).collect(),
        one => vec![one],
    }
}

/// Takes away what the check asks for.
fn break_for(check: RuleCheck, subject: &mut CheckedSubject) {
    let CheckedSubject { planned, machine, config } = subject;
    let each = |planned: &mut fapilog_plugin::compliance::PlannedContainer,
                change: fn(&mut fapilog_plugin::sink::Assurances)| {
        planned.sinks.iter_mut().for_each(|sink| change(&mut sink.assurances));
    };
    match check {
        RuleCheck::Redacts(_) => planned.redactors.clear(),
        RuleCheck::AuditKept => planned.level = "info,app::pay=OFF".parse().unwrap(),
        RuleCheck::AuditNotDropped => planned.sinks.iter_mut().for_each(|sink| sink.on_full = OnFull::Drop),
        RuleCheck::AuditFieldsChecked => planned.processors.clear(),
        RuleCheck::OwnAuditEvents => planned.has_own_audit_events = false,
        RuleCheck::AuditDurable => each(planned, |assurances| assurances.is_durable = false),
        RuleCheck::AuditTamperEvident => each(planned, |assurances| assurances.is_tamper_evident = false),
        RuleCheck::AuditCopied => each(planned, |assurances| assurances.copied_to = None),
        RuleCheck::EncryptedInTransit => planned.sinks.push(network_sink(false)),
        RuleCheck::EncryptedInFiles => each(planned, |assurances| assurances.is_stored_encrypted = false),
        RuleCheck::ModeAtMost(_) => each(planned, |assurances| assurances.mode = Some(0o666)),
        RuleCheck::KeptAtLeast { .. } | RuleCheck::AvailableAtLeast { .. } => {
            each(planned, |assurances| assurances.kept_at_least = Duration::ZERO);
        }
        RuleCheck::KeptAtMost => *config = PluginConfig::new().with("retention_max", "5d"),
        RuleCheck::TimeSynchronised => machine.clock = ClockState::Unsynchronised,
        RuleCheck::FailuresReported => planned.failures_reported_by.clear(),
        RuleCheck::Runs(names) => {
            planned.enrichers.retain(|plugin| !names.contains(&plugin.name.as_str()));
            planned.processors.retain(|plugin| !names.contains(&plugin.name.as_str()));
        }
        RuleCheck::People(_) => {}
        other => panic!("no test breaks {other:?}"),
    }
}

fn is_of_people(check: &RuleCheck) -> bool {
    matches!(check, RuleCheck::People(_))
}

fn rules() -> impl Iterator<Item = (fapilog_compliance::StandardTable, TableRule)> {
    TABLES.iter().flat_map(|table| table.rules.iter().map(|rule| (*table, *rule)))
}

#[test]
fn a_container_with_everything_meets_every_rule_that_a_machine_can_check() {
    let perfect = CheckedSubject::perfect();
    for (table, rule) in rules() {
        let finding = perfect.finding(table, rule.info.id);
        let parts = parts(rule.check);
        let needs_people = parts.iter().any(is_of_people);
        let may_be_without = parts.iter().any(|part| matches!(part, RuleCheck::EncryptedInTransit));
        match finding.verdict {
            RuleVerdict::Pass => {}
            RuleVerdict::NeedsPeople if needs_people => {}
            RuleVerdict::NotApplicable if may_be_without => {}
            _ => panic!("{finding:?}"),
        }
        assert!(!finding.evidence.is_empty(), "{finding:?}");
    }
}

#[test]
fn every_rule_that_a_machine_can_check_fails_without_what_it_asks() {
    for (table, rule) in rules() {
        let parts = parts(rule.check);
        if parts.iter().all(is_of_people) {
            continue;
        }
        let mut broken = CheckedSubject::perfect();
        parts.iter().for_each(|part| break_for(*part, &mut broken));
        let finding = broken.finding(table, rule.info.id);
        let falls_to_people = matches!(rule.check, RuleCheck::Any(_)) && parts.iter().any(is_of_people);
        let expected = if falls_to_people { RuleVerdict::NeedsPeople } else { RuleVerdict::Fail };
        assert_eq!(finding.verdict, expected, "{finding:?}");
    }
}

#[test]
fn a_rule_of_several_parts_fails_when_a_single_part_does() {
    let mut seen = 0;
    for (table, rule) in rules() {
        let RuleCheck::All(checks) = rule.check else { continue };
        for check in checks.iter().filter(|check| !is_of_people(check)) {
            let alternatives = parts(*check);
            if alternatives.iter().any(is_of_people) {
                continue;
            }
            let mut broken = CheckedSubject::perfect();
            alternatives.iter().for_each(|part| break_for(*part, &mut broken));
            let finding = broken.finding(table, rule.info.id);
            assert_eq!(finding.verdict, RuleVerdict::Fail, "{check:?} {finding:?}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn every_rule_has_an_id_of_its_own_under_its_standards_name_with_a_reference_and_a_text() {
    let mut ids = BTreeSet::new();
    for (table, rule) in rules() {
        let info = rule.info;
        assert!(ids.insert(info.id), "{} is there twice", info.id);
        let number = info.id.strip_prefix(table.name).and_then(|tail| tail.strip_prefix('/')).unwrap();
        assert!(!number.is_empty() && !info.asks.is_empty() && !info.asks.ends_with('.'), "{info:?}");
        // The number of the rule stands in its reference: `10.5.1`, `164.312(b)`; `5.1.c` as `5(1)(c)`.
        let digits = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        assert!(digits(info.reference).contains(&digits(number)), "{info:?}");
    }
}

#[test]
fn a_failure_that_settings_can_mend_names_them() {
    for (table, rule) in rules() {
        let parts = parts(rule.check);
        let mut broken = CheckedSubject::perfect();
        parts.iter().for_each(|part| break_for(*part, &mut broken));
        let finding = broken.finding(table, rule.info.id);
        let is_of_the_machine = matches!(rule.check, RuleCheck::TimeSynchronised);
        let is_failure = finding.verdict == RuleVerdict::Fail;
        assert_eq!(finding.settings.is_empty(), !is_failure || is_of_the_machine, "{finding:?}");
    }
}

#[test]
fn connections_are_checked_where_there_are_any() {
    let mut subject = CheckedSubject::perfect();
    // Its copies go by a connection, too.
    subject.planned.sinks.iter_mut().for_each(|sink| sink.assurances.copied_to = None);
    let verdict = |subject: &CheckedSubject| subject.finding(fapilog_compliance::PCI_DSS, "pci-dss/4.2.1").verdict;
    assert_eq!(verdict(&subject), RuleVerdict::NotApplicable);
    subject.planned.sinks.push(network_sink(true));
    assert_eq!(verdict(&subject), RuleVerdict::Pass);
    subject.planned.sinks.push(network_sink(false));
    assert_eq!(verdict(&subject), RuleVerdict::Fail);
    subject.planned.sinks.truncate(2);
    let place = SinkPlace::Network { host: "127.0.0.1:514".to_owned(), is_encrypted: false };
    let mut local = network_sink(false);
    local.assurances.place = place;
    subject.planned.sinks.push(local);
    assert_eq!(verdict(&subject), RuleVerdict::NotApplicable);
}
