//! The list of rules is complete: each rule of each page is in it, and what it names exists.
#![cfg(not(fapilog_loom))]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use loom_tests::rules::{PROTOCOL_PAGES, ProtocolRule, RuleEvidence};

/// Folders of the workspace that have code of ours.
const ROOMS: &[&str] = &["ring", "core", "sinks", "fapilog", "loom-tests"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All source files of the rooms, each with its path from the root and its text.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = ROOMS.iter().map(|room| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                sources.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}

/// The titles of the rules on a page, from rule 1 on: `//! 1. **Title.** ...`.
fn titles(page: &str) -> Vec<&str> {
    let mut titles = Vec::new();
    for line in page.lines() {
        let Some(prose) = line.strip_prefix("//! ").or_else(|| line.strip_prefix("/// ")) else { continue };
        let number = format!("{}. **", titles.len() + 1);
        if let Some((title, _)) = prose.strip_prefix(&*number).and_then(|rule| rule.split_once("**")) {
            titles.push(title.trim_end_matches('.'));
        }
    }
    titles
}

/// The first text among the arguments of each call of `function`: the name of a bug.
fn names_in_calls(source: &str, function: &str) -> Vec<String> {
    let without_spaces: String = source.split_whitespace().collect();
    let calls = without_spaces.split(function).skip(1);
    let texts = calls.filter_map(|call| call.split(')').next()?.split('"').nth(1).map(str::to_owned));
    texts.collect()
}

fn rules() -> impl Iterator<Item = &'static ProtocolRule> {
    PROTOCOL_PAGES.iter().flat_map(|page| page.rules)
}

fn listed_bugs() -> BTreeSet<String> {
    let bugs = rules().filter_map(|rule| match rule.evidence {
        RuleEvidence::PlantedBugs(bugs) => Some(bugs),
        RuleEvidence::Tests { .. } => None,
    });
    bugs.flatten().map(|&bug| bug.to_owned()).collect()
}

#[test]
fn every_rule_of_a_page_is_listed_by_its_number_and_title() {
    for page in PROTOCOL_PAGES {
        let text = fs::read_to_string(root().join(page.file)).unwrap();
        let listed: Vec<&str> = page.rules.iter().map(|rule| rule.title).collect();
        assert_eq!(titles(&text), listed, "{}", page.file);
    }
}

#[test]
fn every_page_with_numbered_rules_is_listed() {
    let listed: BTreeSet<&str> = PROTOCOL_PAGES.iter().map(|page| page.file).collect();
    for (file, text) in sources() {
        assert!(titles(&text).is_empty() || listed.contains(&*file), "{file} has rules and is not listed");
    }
}

#[test]
fn every_rule_has_a_planted_bug_or_a_reason_and_a_test() {
    for rule in rules() {
        let has_evidence = match rule.evidence {
            RuleEvidence::PlantedBugs(bugs) => !bugs.is_empty(),
            RuleEvidence::Tests { reason, tests } => !reason.is_empty() && !tests.is_empty(),
        };
        assert!(has_evidence, "{:?} has no evidence", rule.title);
    }
}

#[test]
fn every_test_that_stands_for_a_rule_exists() {
    for rule in rules() {
        let RuleEvidence::Tests { tests, .. } = rule.evidence else { continue };
        for test in tests {
            let (file, name) = test.split_once("::").unwrap();
            let text = fs::read_to_string(root().join(file)).unwrap();
            assert!(text.contains(&format!("fn {name}(")), "{:?} names {test}, which does not exist", rule.title);
        }
    }
}

#[test]
fn every_bug_that_is_planted_breaks_a_listed_rule_and_every_listed_bug_is_planted() {
    let mut planted = BTreeSet::new();
    for (file, text) in sources() {
        if file != "loom-tests/tests/rules.rs" {
            planted.extend(names_in_calls(&text, "seeded::bug("));
            planted.extend(names_in_calls(&text, "seeded::ordering("));
        }
    }
    assert_eq!(planted, listed_bugs());
}

#[test]
fn every_bug_is_caught_by_a_model() {
    let mut caught = BTreeSet::new();
    for (file, text) in sources() {
        if file.starts_with("loom-tests/tests/ring/") || file.starts_with("loom-tests/tests/core/") {
            caught.extend(names_in_calls(&text, "is_caught("));
        }
    }
    assert_eq!(caught, listed_bugs());
}
