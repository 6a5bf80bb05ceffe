//! The promises of the scanner for every text. The corpus is in `tests/redact_corpus.rs`.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;

fn scanner() -> ContentScanner {
    ContentScanner::new(&ContentOptions::default()).unwrap()
}

fn found(scanner: &mut ContentScanner, text: &[u8]) -> Vec<ContentFinding> {
    let mut findings = Vec::new();
    scanner.scan_bytes(text, &mut findings);
    findings
}

fn with_pattern(expression: &str) -> Result<ContentScanner, PatternError> {
    let pattern = ContentPattern { name: "order".into(), expression: expression.into() };
    ContentScanner::new(&ContentOptions { rules: Vec::new(), patterns: vec![pattern], ..ContentOptions::default() })
}

fn pattern_ranges(expression: &str, text: &str) -> Vec<Range<usize>> {
    found(&mut with_pattern(expression).unwrap(), text.as_bytes()).into_iter().map(|finding| finding.range).collect()
}

#[test]
fn a_scanner_without_rules_and_patterns_is_empty() {
    let mut empty = ContentScanner::new(&ContentOptions { rules: Vec::new(), ..ContentOptions::default() }).unwrap();
    assert!(empty.is_empty());
    assert!(found(&mut empty, b"password=hunter2").is_empty());
    assert!(!scanner().is_empty());
    assert!(!with_pattern("[0-9]").unwrap().is_empty());
}

#[test]
fn findings_are_appended() {
    let mut scanner = scanner();
    let mut findings = Vec::new();
    scanner.scan("to ann@example.com", &mut findings);
    scanner.scan("x=1 ann@example.com", &mut findings);
    let ranges: Vec<_> = findings.into_iter().map(|finding| finding.range).collect();
    assert_eq!(ranges, [3..18, 4..19]);
}

#[test]
fn an_integer_that_is_a_card_is_found() {
    let scanner = scanner();
    for card in [4_111_111_111_111_111, 378_282_246_310_005, 4_222_222_222_222, 6_205_500_000_000_000_004] {
        assert_eq!(scanner.scan_number(card), Some(ContentRule::CardNumber), "{card}");
    }
    for other in
        [0, 4_111_111_111_111_112, 1_764_514_911_123, 1_764_514_911_123_456_789, u128::MAX, u128::from(u64::MAX)]
    {
        assert_eq!(scanner.scan_number(other), None, "{other}");
    }
}

#[test]
fn an_integer_is_no_card_if_the_rule_is_not_in_use() {
    let scanner =
        ContentScanner::new(&ContentOptions { rules: vec![ContentRule::Email], ..ContentOptions::default() }).unwrap();
    assert_eq!(scanner.scan_number(4_111_111_111_111_111), None);
}

#[test]
fn a_pattern_of_the_user_finds_its_matches() {
    assert_eq!(pattern_ranges("ORD-[0-9]{4}", "a ORD-1234, ORD-567, ORD-8901"), [2..10, 21..29]);
}

#[test]
fn a_pattern_finds_the_group_secret_alone() {
    assert_eq!(pattern_ranges("order (?<secret>[0-9]+)", "order 17, order 4"), [6..8, 16..17]);
}

#[test]
fn a_group_in_the_middle_of_words_is_found_with_what_stands_around_it() {
    assert_eq!(pattern_ranges(r"\bid(?<secret>[0-9]+)\b", "xid1 id22 id3x id4"), [7..9, 17..18]);
}

#[test]
fn each_of_several_patterns_finds_its_matches() {
    let patterns =
        ["ab", "bc"].map(|expression| ContentPattern { name: expression.into(), expression: expression.into() });
    let options = ContentOptions { rules: Vec::new(), patterns: patterns.into(), ..ContentOptions::default() };
    let mut scanner = ContentScanner::new(&options).unwrap();
    let found = found(&mut scanner, b"abc bc");
    let expected = [(0, 0..2), (1, 2..3), (1, 4..6)];
    assert_eq!(found, expected.map(|(index, range)| ContentFinding { rule: FindingRule::Pattern(index), range }));
    assert_eq!(found.first().and_then(|finding| finding.rule.class()), None);
}

#[test]
fn a_clone_finds_the_same() {
    let mut first = with_pattern("[0-9]+").unwrap();
    assert_eq!(found(&mut first.clone(), b"a 12"), found(&mut first, b"a 12"));
}

#[test]
fn an_expression_that_is_none_is_named_with_the_reason() {
    let error = with_pattern("a(b").unwrap_err().to_string();
    assert!(
        error.starts_with("pattern \"order\": \"a(b\" is no regular expression") && error.contains("unclosed group"),
        "{error}"
    );
}

#[test]
fn an_expression_that_matches_nothing_at_all_is_an_error() {
    let error = with_pattern("[0-9]*").unwrap_err().to_string();
    assert_eq!(
        error,
        "pattern \"order\": \"[0-9]*\" matches the empty text; allowed are expressions that need at least a character"
    );
}

#[test]
fn an_expression_that_is_too_large_is_an_error() {
    let error = with_pattern(r"(\w{100}){100}").unwrap_err();
    assert!(matches!(error, PatternError::Invalid { .. }), "{error}");
}

#[test]
fn secrets_between_bytes_that_are_not_utf8_are_found() {
    let text = b"\xff\xfe password=hunter2 \xc3\x28 4111111111111111\xef\xbc";
    let found: Vec<_> = found(&mut scanner(), text).into_iter().map(|finding| text[finding.range].to_vec()).collect();
    assert_eq!(found, [b"hunter2".to_vec(), b"4111111111111111".to_vec()]);
}

#[test]
fn a_long_text_is_scanned_in_linear_time() {
    const LENGTH: usize = 1 << 16;
    #[rustfmt::skip]
    let parts = [
        "@", "a@", "1", "4111 ", "4111-", "4", "+1", "+49 ", "eyJ", "eyJ.", "eyJhbGciOiJIUzI1NiJ9.", "eyJhbGciOiJub25lIn0.a.", "password=", "password=\"", "password: '", "password is ",
        "token: ", "token=[", "secret ", "secret \"", "--password ", "<password>", "\\", "\\\\\"", "\"", "%", "%25", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "://", "http://a:b",
        "http://", ":", "::", "a:", "f:", "1.1.", ".", "1.", "glpat-", "glpat-SG.", "SG.", "ghs_", "sk-ant-", "xoxb-1-", "ya29.", "AKIAIOSFODNN7EXAMPLE ", "Authorization: ", "authorization: digest ",
        "Cookie: a=b;", "Set-Cookie: a", "Bearer ", "bearer A1b2C3d4E5f6G7h8", "Basic ", "?token=", "&code=", "DE89", "DE", "123-45-", "ssn ", "phone ", "tel 1", "cvv ", "Some(\"", "password=Some(\"",
        "password=,", "password=a;b", "密", "４", "\u{200b}", "４１１１ ", "a=", "=", "&", " ", "?token=[", "?token=[a", "%3D", "port%3D", "token%3D", "token%3Da%26", "code%3D", "<password ", "<password a>",
        "\"password\" value=", "\"password\" value=\"", "B4^", "%B4111111111111111^",
    ];
    let mut scanner = scanner();
    for part in parts {
        let text = part.repeat(LENGTH / part.len());
        let start = Instant::now();
        found(&mut scanner, text.as_bytes());
        // A scan in quadratic time takes many seconds where the others need milliseconds.
        assert!(start.elapsed() < Duration::from_secs(4), "{part:?} took {:?}", start.elapsed());
    }
}

/// Texts that begin, separate or end something.
const FRAGMENTS: &[&str] = &[
    "password",
    "token",
    "secret",
    "key",
    "api_key",
    "=",
    ":",
    "\"",
    "'",
    "\\",
    "\\n",
    " ",
    ",",
    ";",
    "&",
    "?",
    "@",
    ".",
    "-",
    "_",
    "/",
    "//",
    "://",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "%",
    "+",
    "4111",
    "1111",
    "12",
    "0",
    "DE89",
    "ghp_",
    "eyJ",
    "eyJhbGciOiJub25lIn0",
    "-----BEGIN PRIVATE KEY-----",
    "-----END",
    "Authorization",
    "Bearer",
    "Basic",
    "Digest",
    "Cookie",
    "ssn",
    "phone",
    "cvv",
    "is",
    "a",
    "Z",
    "ü",
    "４",
    "\u{200b}",
    "\u{a0}",
    "\n",
    "::",
    "fe80",
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-",
    "--password",
    "Some(",
    "${",
    "http",
];

/// Secrets that need nothing beside them but a space.
const SECRETS: &[(ContentRule, &str)] = &[
    (ContentRule::CardNumber, "4111111111111111"),
    (ContentRule::CardNumber, "5555-5555-5555-4444"),
    (ContentRule::SocialSecurityNumber, "509-21-8104"),
    (ContentRule::Iban, "DE89370400440532013000"),
    (ContentRule::Email, "ann@example.com"),
    (ContentRule::Phone, "+4930123456"),
    (ContentRule::Ipv4, "203.0.113.7"),
    (ContentRule::Ipv6, "2001:db8::8a2e:370:7334"),
    (ContentRule::Jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"),
    (ContentRule::GithubToken, concat!("gh", "p_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17")),
    (ContentRule::UrlCredentials, "amqp://guest:guest@rabbit/"),
    (ContentRule::KeywordSecret, "password=hunter2"),
];

/// The sensitive part of a planted secret.
fn sensitive_part(secret: &str) -> Range<usize> {
    match secret {
        "amqp://guest:guest@rabbit/" => 7..18,
        "password=hunter2" => 9..16,
        _ => 0..secret.len(),
    }
}

fn fragments() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(FRAGMENTS), 0..30).prop_map(|fragments| fragments.concat())
}

fn assert_well_formed(text: &str, findings: &[ContentFinding]) {
    for finding in findings {
        assert!(text.get(finding.range.clone()).is_some_and(|part| !part.is_empty()), "{finding:?} in {text:?}");
    }
    for pair in findings.windows(2) {
        assert!(pair[0].range.end <= pair[1].range.start, "{pair:?} in {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn findings_of_fragments_are_sorted_apart_and_on_character_boundaries(text in fragments()) {
        assert_well_formed(&text, &found(&mut scanner(), text.as_bytes()));
    }

    #[test]
    fn findings_of_any_text_are_sorted_apart_and_on_character_boundaries(text in any::<String>()) {
        assert_well_formed(&text, &found(&mut scanner(), text.as_bytes()));
    }

    #[test]
    fn any_bytes_are_scanned(mut bytes in prop::collection::vec(any::<u8>(), 0..300), text in fragments()) {
        bytes.extend_from_slice(text.as_bytes());
        for finding in found(&mut scanner(), &bytes) {
            prop_assert!(bytes.get(finding.range).is_some_and(|part| !part.is_empty()));
        }
    }

    #[test]
    fn a_planted_secret_is_found(before in "[ -~]{0,80}", after in "[ -~]{0,80}", which in 0..SECRETS.len()) {
        let (_, secret) = SECRETS[which];
        let text = format!("{before} | {secret} | {after}");
        let start = before.len() + 3;
        let part = sensitive_part(secret);
        let mut end = start + part.start;
        for finding in found(&mut scanner(), text.as_bytes()) {
            if finding.range.start <= end {
                end = end.max(finding.range.end);
            }
        }
        prop_assert!(end >= start + part.end, "{text:?}");
    }
}
