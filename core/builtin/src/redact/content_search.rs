//! A shard's search for sensitive texts.

use crate::redact::content::{ContentFinding, ContentScanner};

/// The scanner of a shard, and the findings of the last text.
#[derive(Debug)]
pub(super) struct ContentSearch {
    scanner: ContentScanner,
    findings: Vec<ContentFinding>,
}

impl ContentSearch {
    pub(super) fn new(scanner: ContentScanner) -> Self {
        Self { scanner, findings: Vec::new() }
    }

    /// Whether there is something sensitive in a text.
    #[inline]
    pub(super) fn finds(&mut self, text: &str) -> bool {
        self.finds_in_bytes(text.as_bytes())
    }

    /// Likewise, in bytes that may be no text.
    #[inline]
    pub(super) fn finds_in_bytes(&mut self, bytes: &[u8]) -> bool {
        self.findings.clear();
        self.scanner.scan_bytes(bytes, &mut self.findings);
        !self.findings.is_empty()
    }

    /// The findings of the last text.
    pub(super) fn take_findings(&mut self) -> Vec<ContentFinding> {
        std::mem::take(&mut self.findings)
    }

    /// Gives the memory of findings back.
    pub(super) fn put_back(&mut self, findings: Vec<ContentFinding>) {
        self.findings = findings;
    }
}
