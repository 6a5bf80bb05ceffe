//! Rules of a filter: the events that meet conditions stay or go.

use fapilog_plugin::event::Event;
use fapilog_record::{directives::is_within, level::Level};

use crate::process::{
    FieldPath,
    filter::condition::{Comparison, Condition},
};

/// Keeps or drops the events that meet all its conditions.
///
/// A rule passes over AUDIT and SECURITY events, unless it [names](Self::levels) these levels.
///
/// ```
/// use fapilog_builtin::process::{Comparison, Rule};
///
/// let health_checks = Rule::drop().target("http").when("path", Comparison::StartsWith("/health".into()));
/// # let _ = health_checks;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    keeps: bool,
    levels: Vec<Level>,
    targets: Vec<String>,
    sources: Vec<String>,
    conditions: Vec<Condition>,
}

impl Rule {
    /// Keeps the events, before later rules, levels and targets.
    #[must_use]
    pub fn keep() -> Self {
        Self::new(true)
    }

    /// Takes the events out.
    #[must_use]
    pub fn drop() -> Self {
        Self::new(false)
    }

    fn new(keeps: bool) -> Self {
        Self { keeps, levels: Vec::new(), targets: Vec::new(), sources: Vec::new(), conditions: Vec::new() }
    }

    /// Only events of these levels; AUDIT and SECURITY among them if they are named.
    #[must_use]
    pub fn levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.levels.extend(levels);
        self
    }

    /// Only events of this module and those below it; several of them are alternatives.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Only events of this source; several of them are alternatives.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.sources.push(source.into());
        self
    }

    /// Only events with a field that is so. Several conditions must all hold.
    #[must_use]
    pub fn when(mut self, field: impl Into<FieldPath>, comparison: Comparison) -> Self {
        self.conditions.push(Condition::new(field, comparison));
        self
    }

    /// Only events for which this condition holds.
    pub(super) fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Whether the event is to be kept, if the rule applies to it.
    pub(super) fn decide(&self, event: &Event<'_>) -> Option<bool> {
        let is_its_affair = self.takes_level(event.level())
            && (self.sources.is_empty() || self.sources.iter().any(|source| source == event.source().name()))
            && (self.targets.is_empty() || self.targets.iter().any(|target| is_within(event.target(), target)))
            && self.conditions.iter().all(|condition| condition.holds(event));
        is_its_affair.then_some(self.keeps)
    }

    /// Whether it takes out AUDIT or SECURITY events.
    pub(super) fn drops_audit_events(&self) -> bool {
        !self.keeps && self.levels.iter().any(|level| *level >= Level::Audit)
    }

    fn takes_level(&self, level: Level) -> bool {
        if self.levels.is_empty() { level < Level::Audit } else { self.levels.contains(&level) }
    }
}
