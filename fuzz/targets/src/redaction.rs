//! Sensitive text by its content.

use fapilog_builtin::redact::content::{ContentFinding, ContentOptions, ContentScanner};

/// Findings are sorted, apart from each other and not empty; those of a text are on character boundaries. A scan has the same findings each time.
pub(crate) fn content(input: &[u8]) {
    for sees_through in [true, false] {
        let options = ContentOptions { sees_through, ..ContentOptions::default() };
        let mut scanner = ContentScanner::new(&options).unwrap_or_else(|error| panic!("no patterns: {error}"));
        let findings = scan(&mut scanner, input);
        assert!(
            findings.iter().all(|finding| finding.range.start < finding.range.end && finding.range.end <= input.len())
        );
        assert!(findings.is_sorted_by(|a, b| a.range.end <= b.range.start), "{findings:?}");
        assert_eq!(scan(&mut scanner, input), findings, "a second scan");
        if let Ok(text) = std::str::from_utf8(input) {
            for ContentFinding { range, .. } in &findings {
                assert!(text.get(range.clone()).is_some(), "{range:?} of {text:?} is not on character boundaries");
            }
        }
    }
}

fn scan(scanner: &mut ContentScanner, input: &[u8]) -> Vec<ContentFinding> {
    let mut findings = Vec::new();
    scanner.scan_bytes(input, &mut findings);
    findings
}
