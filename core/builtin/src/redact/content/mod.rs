//! Sensitive text by its content: card numbers, tokens, passwords beside their names.
//!
//! ```
//! use fapilog_builtin::redact::content::{ContentOptions, ContentRule, ContentScanner, FindingRule};
//!
//! let mut scanner = ContentScanner::new(&ContentOptions::default())?;
//! let text = "login of ann@example.com, password=hunter2";
//! let mut findings = Vec::new();
//! scanner.scan(text, &mut findings);
//!
//! let found: Vec<_> = findings.iter().map(|finding| (finding.rule, &text[finding.range.clone()])).collect();
//! let expected = [
//!     (FindingRule::BuiltIn(ContentRule::Email), "ann@example.com"),
//!     (FindingRule::BuiltIn(ContentRule::KeywordSecret), "hunter2"),
//! ];
//! assert_eq!(found, expected);
//! # Ok::<(), fapilog_builtin::redact::content::PatternError>(())
//! ```

mod addresses;
mod authorization;
mod card;
mod email;
mod finding;
mod fold;
mod iban;
mod jwt;
mod keywords;
mod masks;
mod national_id;
mod pairs;
mod patterns;
mod pem;
mod phone;
mod rule;
mod search;
mod security_code;
mod starters;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
mod url;
mod values;
mod words;

use std::fmt;

use fold::FoldedText;
use patterns::CompiledPatterns;
use rule::RuleSet;
use search::Search;
use starters::Starters;
use text::ScannedText;

pub use self::{
    finding::{ContentFinding, FindingRule},
    patterns::{ContentPattern, PatternError},
    rule::ContentRule,
};

/// Rules for everything but credentials: their scan looks at more bytes.
const OTHER_RULES: &[ContentRule] = &[
    ContentRule::CardNumber,
    ContentRule::CardSecurityCode,
    ContentRule::SocialSecurityNumber,
    ContentRule::Iban,
    ContentRule::Email,
    ContentRule::Phone,
    ContentRule::Ipv4,
    ContentRule::Ipv6,
];

/// The options of a [`ContentScanner`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentOptions {
    /// The rules in use. By default all of them.
    pub rules: Vec<ContentRule>,
    /// Whether full-width letters and digits, characters of zero width, and spaces and dashes beside those of ASCII are read as ASCII. By default they are.
    pub sees_through: bool,
    /// Patterns of the user.
    pub patterns: Vec<ContentPattern>,
}

impl Default for ContentOptions {
    fn default() -> Self {
        Self { rules: ContentRule::ALL.to_vec(), sees_through: true, patterns: Vec::new() }
    }
}

/// Finds sensitive text in one pass.
///
/// A scan needs time in proportion to the length of the text, and no memory unless it finds something. A clone has memory of its own, for
/// another thread.
#[derive(Clone)]
pub struct ContentScanner {
    rules: RuleSet,
    needs_all: bool,
    sees_through: bool,
    starters: Starters,
    patterns: CompiledPatterns,
    folded: FoldedText,
}

impl fmt::Debug for ContentScanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentScanner")
            .field("rules", &self.rules)
            .field("sees_through", &self.sees_through)
            .finish_non_exhaustive()
    }
}

impl ContentScanner {
    /// A scanner with these options.
    ///
    /// # Errors
    /// If a pattern is no regular expression, is too large, or matches the empty text.
    pub fn new(options: &ContentOptions) -> Result<Self, PatternError> {
        let rules = RuleSet::of(options.rules.iter().copied());
        Ok(Self {
            rules,
            needs_all: rules.has_any(OTHER_RULES),
            sees_through: options.sees_through,
            starters: Starters::of(rules),
            patterns: CompiledPatterns::new(&options.patterns)?,
            folded: FoldedText::default(),
        })
    }

    /// Whether there is neither a rule nor a pattern: a scan finds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.patterns.is_empty()
    }

    /// Appends the findings of a text: sorted, apart from each other, with both ends on character boundaries.
    pub fn scan(&mut self, text: &str, findings: &mut Vec<ContentFinding>) {
        self.scan_bytes(text.as_bytes(), findings);
    }

    /// Appends the findings of bytes that may not be UTF-8. In a part that is, their ends are on character boundaries.
    pub fn scan_bytes(&mut self, text: &[u8], findings: &mut Vec<ContentFinding>) {
        let first = findings.len();
        if self.sees_through && !text.is_ascii() && FoldedText::is_changed_by_folding(text) {
            self.scan_folded(text, findings);
        } else {
            self.scan_plain(text, findings);
        }
        if findings.len() > first {
            finding::separate(findings, first);
        }
    }

    /// The rule that finds this integer: [`ContentRule::CardNumber`] if it is in use, and the integer has the issuer, the length and the check digit
    /// of a card. Times since 1970 in milliseconds, microseconds and nanoseconds, up to September 2039, have no issuer.
    #[must_use]
    pub fn scan_number(&self, value: u128) -> Option<ContentRule> {
        const LEAST: u128 = 10_u128.pow(12);
        let is_found = value >= LEAST && self.rules.has(ContentRule::CardNumber) && card::is_card_value(value);
        is_found.then_some(ContentRule::CardNumber)
    }

    fn scan_folded(&mut self, text: &[u8], findings: &mut Vec<ContentFinding>) {
        let first = findings.len();
        let mut folded = std::mem::take(&mut self.folded);
        folded.fold(text);
        self.scan_plain(folded.bytes(), findings);
        for finding in findings.iter_mut().skip(first) {
            finding.range = folded.source(&finding.range, text);
        }
        self.folded = folded;
    }

    #[inline]
    fn scan_plain(&mut self, text: &[u8], findings: &mut Vec<ContentFinding>) {
        if !self.rules.is_empty() {
            let mut search = Search {
                text: ScannedText(text),
                rules: self.rules,
                starters: &self.starters,
                findings,
                value: 0..0,
                token_end: 0,
                digits_end: 0,
                address_end: 0,
            };
            match self.needs_all {
                true => search.run::<true>(),
                false => search.run::<false>(),
            }
        }
        if !self.patterns.is_empty() {
            self.patterns.scan(text, findings);
        }
    }
}
