//! Recall and precision of the content scanner on a corpus: each planted secret is found, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this program is test code")]

use fapilog_builtin::redact::content::{ContentFinding, ContentOptions, ContentRule, ContentScanner, FindingRule};

const FOUND: &str = include_str!("redact_corpus/found.txt");
const NOT_FOUND: &str = include_str!("redact_corpus/not_found.txt");

/// Texts around a secret. `{}` is its place.
const SURROUNDINGS: &[&str] = &[
    "{}",
    " {} ",
    "({})",
    "[{}]",
    "<{}>",
    "{\"k\":\"{}\"}",
    "{\\\"k\\\":\\\"{}\\\"}",
    "k={} n=1",
    "k='{}',n=1",
    "a sentence with {}.",
    "{}, and more",
    "first line\n{}\nnext line",
    "first line\\n{}\\nnext line",
    "Grüße: {} – 世界",
    "in a long text, which is there so that the secret is in another chunk of 64 bytes: {}",
];

/// A line of the corpus: its text, and the secrets in it.
struct CorpusLine {
    text: String,
    secrets: Vec<(ContentRule, String)>,
}

fn lines(corpus: &str) -> impl Iterator<Item = CorpusLine> {
    let is_text = |line: &&str| !line.is_empty() && !line.starts_with("# ");
    corpus.lines().filter(is_text).map(|line| parse(&line.replace('¦', "")))
}

fn parse(line: &str) -> CorpusLine {
    let mut text = String::new();
    let mut secrets = Vec::new();
    let mut tail = line;
    while let Some((before, after)) = tail.split_once('⟦') {
        let (marked, after) = after.split_once('⟧').expect("⟧");
        let (rule, secret) = marked.split_once('|').expect("a rule and a secret");
        text.push_str(before);
        text.push_str(secret);
        secrets.push((rule.parse().expect("a rule"), secret.to_owned()));
        tail = after;
    }
    text.push_str(tail);
    CorpusLine { text, secrets }
}

fn scanner() -> ContentScanner {
    ContentScanner::new(&ContentOptions::default()).unwrap()
}

fn findings(scanner: &mut ContentScanner, text: &str) -> Vec<ContentFinding> {
    let mut findings = Vec::new();
    scanner.scan(text, &mut findings);
    findings
}

fn found(scanner: &mut ContentScanner, text: &str) -> Vec<(ContentRule, String)> {
    let findings = findings(scanner, text);
    let found = findings.into_iter().map(|finding| match finding.rule {
        FindingRule::BuiltIn(rule) => (rule, text[finding.range].to_owned()),
        FindingRule::Pattern(_) => panic!("no patterns are in use"),
    });
    found.collect()
}

fn assert_none(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn each_planted_secret_is_found_and_nothing_else() {
    let mut scanner = scanner();
    let failures: Vec<_> = lines(FOUND)
        .filter_map(|line| {
            let found = found(&mut scanner, &line.text);
            (found != line.secrets)
                .then(|| format!("{:?}\n    found    {found:?}\n    expected {:?}", line.text, line.secrets))
        })
        .collect();
    assert_none(&failures);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let mut scanner = scanner();
    let failures: Vec<_> = lines(NOT_FOUND)
        .filter_map(|line| {
            let found = found(&mut scanner, &line.text);
            (!found.is_empty()).then(|| format!("{:?} {found:?}", line.text))
        })
        .collect();
    assert_none(&failures);
}

/// Secrets that need nothing beside them.
fn independent_secrets() -> impl Iterator<Item = (ContentRule, String)> {
    let needs_context = [
        ContentRule::CardSecurityCode,
        ContentRule::AuthorizationValue,
        ContentRule::CookieValue,
        ContentRule::UrlCredentials,
        ContentRule::UrlToken,
        ContentRule::KeywordSecret,
        ContentRule::HighEntropySecret,
    ];
    let alone = lines(FOUND).flat_map(|line| line.secrets).filter(move |(rule, _)| !needs_context.contains(rule));
    // A number without dashes and a national telephone number need a keyword; a secret key of AWS its ID.
    alone.filter(|(rule, secret)| match rule {
        ContentRule::SocialSecurityNumber => secret.contains('-'),
        ContentRule::Phone => secret.starts_with('+'),
        ContentRule::AwsKey => secret.starts_with('A'),
        ContentRule::SlackToken => secret.starts_with("xo"),
        _ => true,
    })
}

#[test]
fn a_secret_is_found_in_every_surrounding() {
    let mut scanner = scanner();
    let mut failures = Vec::new();
    for (rule, secret) in independent_secrets() {
        for surrounding in SURROUNDINGS {
            let text = surrounding.replace("{}", &secret);
            let found = found(&mut scanner, &text);
            if !found.iter().any(|(found, part)| {
                *found == rule && (*part == secret || rule == ContentRule::PrivateKey && part.starts_with(&secret))
            }) {
                failures.push(format!("{rule} in {text:?}: {found:?}"));
            }
        }
    }
    assert_none(&failures);
}

#[test]
fn a_secret_is_found_at_every_place_of_a_chunk() {
    let mut scanner = scanner();
    let mut failures = Vec::new();
    for line in lines(FOUND).filter(|line| !line.secrets.is_empty()) {
        for shift in 0..64 {
            let text = format!("{} {}", ".".repeat(shift), line.text);
            let found = found(&mut scanner, &text);
            if found != line.secrets {
                failures.push(format!("behind {shift} dots: {:?}: {found:?}", line.text));
            }
        }
    }
    assert_none(&failures);
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_ascii_graphic() {
                char::from_u32(u32::from(character) + 0xfee0).unwrap()
            } else {
                character
            }
        })
        .collect()
}

#[test]
fn full_width_and_zero_width_hide_nothing() {
    let mut scanner = scanner();
    let mut failures = Vec::new();
    for (rule, secret) in independent_secrets().filter(|(_, secret)| secret.is_ascii()) {
        let joined: String = secret.chars().flat_map(|character| [character, '\u{200d}']).collect();
        let joined = joined.trim_end_matches('\u{200d}').to_owned();
        for hidden in [full_width(&secret), joined] {
            let text = format!("es ist {hidden} ü");
            let found = found(&mut scanner, &text);
            if found != [(rule, hidden)] {
                failures.push(format!("{rule} in {text:?}: {found:?}"));
            }
        }
    }
    assert_none(&failures);
}

#[test]
fn without_the_option_full_width_digits_are_other_letters() {
    let mut scanner =
        ContentScanner::new(&ContentOptions { sees_through: false, ..ContentOptions::default() }).unwrap();
    assert!(found(&mut scanner, &full_width("4111111111111111")).is_empty());
    assert_eq!(found(&mut scanner, "4111111111111111 ü").len(), 1);
}

#[test]
fn a_rule_that_is_not_in_use_finds_nothing() {
    for rule in ContentRule::ALL {
        let rules = ContentRule::ALL.iter().copied().filter(|other| other != rule).collect();
        let mut scanner = ContentScanner::new(&ContentOptions { rules, ..ContentOptions::default() }).unwrap();
        for line in lines(FOUND) {
            assert!(
                found(&mut scanner, &line.text).iter().all(|(found, _)| found != rule),
                "{rule} in {:?}",
                line.text
            );
        }
    }
}

#[test]
fn a_rule_alone_finds_its_secrets() {
    let mut failures = Vec::new();
    for rule in ContentRule::ALL {
        let mut scanner =
            ContentScanner::new(&ContentOptions { rules: vec![*rule], ..ContentOptions::default() }).unwrap();
        for line in lines(FOUND) {
            let expected: Vec<_> = line.secrets.into_iter().filter(|(of, _)| of == rule).collect();
            let found = found(&mut scanner, &line.text);
            if !expected.iter().all(|secret| found.contains(secret)) {
                failures.push(format!("{rule} in {:?}: {found:?}", line.text));
            }
        }
    }
    assert_none(&failures);
}
