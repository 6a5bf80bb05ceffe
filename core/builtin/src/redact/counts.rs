//! Counters of a redactor: one for each rule, which all shards share.

use std::sync::atomic::{AtomicU64, Ordering};

use fapilog_plugin::data_class::DataClass;

use crate::redact::{
    content::{ContentRule, FindingRule},
    rules::AppliedRule,
};

/// How often each rule has applied.
#[derive(Debug)]
pub(super) struct RuleCounts {
    by_name: Vec<AtomicU64>,
    by_content: Vec<AtomicU64>,
    patterns: Vec<(String, AtomicU64)>,
    fields: AtomicU64,
    failed: AtomicU64,
}

impl RuleCounts {
    pub(super) fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        let zeros = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            by_name: zeros(DataClass::ALL.len()),
            by_content: zeros(ContentRule::ALL.len()),
            patterns: patterns.into_iter().map(|name| (name, AtomicU64::new(0))).collect(),
            fields: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, rule: AppliedRule) {
        let counter = match rule {
            AppliedRule::Field => Some(&self.fields),
            AppliedRule::FailedSubstitute => Some(&self.failed),
            AppliedRule::Name(class) => self.by_name.get(class as usize),
            AppliedRule::Content(FindingRule::BuiltIn(rule)) => self.by_content.get(rule as usize),
            AppliedRule::Content(FindingRule::Pattern(number)) => self.patterns.get(number).map(|(_, counter)| counter),
        };
        if let Some(counter) = counter {
            // Relaxed: a figure for reports, on which nothing depends.
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The rules that have applied, with their counts.
    pub(super) fn read(&self) -> Vec<(String, u64)> {
        // Relaxed: see `add`.
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let names =
            DataClass::ALL.iter().zip(&self.by_name).map(|(class, counter)| (format!("name.{class}"), count(counter)));
        let content = ContentRule::ALL
            .iter()
            .zip(&self.by_content)
            .map(|(rule, counter)| (format!("content.{rule}"), count(counter)));
        let patterns = self.patterns.iter().map(|(name, counter)| (format!("pattern.{name}"), count(counter)));
        let fields = std::iter::once(("field".to_owned(), count(&self.fields)));
        let failed = std::iter::once(("substitute_failed".to_owned(), count(&self.failed)));
        names.chain(fields).chain(content).chain(patterns).chain(failed).filter(|(_, count)| *count > 0).collect()
    }
}
