//! Findings: sorted, apart from each other.

use std::ops::Range;

use fapilog_plugin::data_class::DataClass;

use super::rule::ContentRule;

/// A sensitive part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentFinding {
    /// The rule that found it.
    pub rule: FindingRule,
    /// Its place in bytes: of the sensitive part itself, such as the token after `Bearer`.
    pub range: Range<usize>,
}

/// The rule of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingRule {
    /// A built-in rule.
    BuiltIn(ContentRule),
    /// A pattern of the user, by its index in [`ContentOptions::patterns`](super::ContentOptions::patterns).
    Pattern(usize),
}

impl FindingRule {
    /// The class of data. A pattern of the user has none.
    #[must_use]
    pub const fn class(self) -> Option<DataClass> {
        match self {
            Self::BuiltIn(rule) => Some(rule.class()),
            Self::Pattern(_) => None,
        }
    }
}

/// Sorts the findings from `first` on, and cuts them where they overlap. Each byte that was in a finding still is in one.
///
/// A finding within another one is removed. If two findings have the same place, the more specific rule stays: the one that is declared first.
pub(super) fn separate(findings: &mut Vec<ContentFinding>, first: usize) {
    let new = findings.get_mut(first..).unwrap_or_default();
    new.sort_unstable_by(|a, b| {
        let by_place = a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end));
        by_place.then(a.rule.cmp(&b.rule))
    });
    let mut at = 0;
    let mut end = 0;
    findings.retain_mut(|finding| {
        at += 1;
        if at <= first {
            return true;
        }
        finding.range.start = finding.range.start.max(end);
        end = end.max(finding.range.end);
        !finding.range.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: ContentRule, range: Range<usize>) -> ContentFinding {
        ContentFinding { rule: FindingRule::BuiltIn(rule), range }
    }

    #[test]
    fn findings_that_overlap_are_cut_and_none_is_uncovered() {
        let mut findings = vec![
            found(ContentRule::Email, 4..10),
            found(ContentRule::Phone, 0..6),
            found(ContentRule::Ipv4, 5..8),
            found(ContentRule::Jwt, 20..22),
        ];
        separate(&mut findings, 0);
        let expected =
            [found(ContentRule::Phone, 0..6), found(ContentRule::Email, 6..10), found(ContentRule::Jwt, 20..22)];
        assert_eq!(findings, expected);
    }

    #[test]
    fn of_two_findings_of_a_place_the_more_specific_stays() {
        let mut findings = vec![found(ContentRule::KeywordSecret, 2..9), found(ContentRule::GithubToken, 2..9)];
        separate(&mut findings, 0);
        assert_eq!(findings, [found(ContentRule::GithubToken, 2..9)]);
    }

    #[test]
    fn earlier_findings_of_the_list_stay_as_they_are() {
        let mut findings =
            vec![found(ContentRule::Email, 50..60), found(ContentRule::Phone, 3..6), found(ContentRule::Ipv4, 1..2)];
        separate(&mut findings, 1);
        let expected =
            [found(ContentRule::Email, 50..60), found(ContentRule::Ipv4, 1..2), found(ContentRule::Phone, 3..6)];
        assert_eq!(findings, expected);
    }
}
