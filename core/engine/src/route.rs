//! Which events a sink takes.

use fapilog_plugin::event::EventSubject;
use fapilog_record::{directives::is_within, level::Level};

/// Which events a sink takes: those that meet every condition. Without any condition, all.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Route {
    /// This level and those above it, among which are AUDIT and SECURITY.
    pub level_min: Option<Level>,
    /// This level and those below it.
    pub level_max: Option<Level>,
    /// Modules whose log calls it takes, with the modules below them; empty: all.
    pub targets: Vec<String>,
    /// Sources, which are loggers' names, that it takes; empty: all.
    pub sources: Vec<String>,
}

impl Route {
    /// Takes this level and those above it.
    #[must_use]
    pub fn level_min(mut self, level: Level) -> Self {
        self.level_min = Some(level);
        self
    }

    /// Takes this level and those below it.
    #[must_use]
    pub fn level_max(mut self, level: Level) -> Self {
        self.level_max = Some(level);
        self
    }

    /// Takes what these modules log, and the modules below them.
    #[must_use]
    pub fn targets(mut self, targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.targets = targets.into_iter().map(Into::into).collect();
        self
    }

    /// Takes what comes from these sources.
    #[must_use]
    pub fn sources(mut self, sources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sources = sources.into_iter().map(Into::into).collect();
        self
    }

    /// Whether it takes events that this subject describes, or some of them.
    pub(crate) fn takes_subject(&self, subject: &EventSubject<'_>) -> bool {
        let EventSubject { level, target, source } = *subject;
        level.is_none_or(|level| self.takes_level(level))
            && target.is_none_or(|target| self.takes_target(target))
            && source.is_none_or(|source| self.takes_source(source))
    }

    /// Whether it takes such an event.
    #[must_use]
    pub fn takes(&self, level: Level, target: &str, source: &str) -> bool {
        self.takes_level(level) && self.takes_target(target) && self.takes_source(source)
    }

    fn takes_level(&self, level: Level) -> bool {
        self.level_min.is_none_or(|least| level >= least) && self.level_max.is_none_or(|most| level <= most)
    }

    fn takes_target(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|module| is_within(target, module))
    }

    fn takes_source(&self, source: &str) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|name| name == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_conditions_takes_everything() {
        assert!(Level::ALL.into_iter().all(|level| Route::default().takes(level, "any", "any")));
    }

    #[test]
    fn levels_from_the_least_to_the_most_are_taken() {
        let route = Route::default().level_min(Level::Info).level_max(Level::Warning);
        let taken: Vec<Level> = Level::ALL.into_iter().filter(|level| route.takes(*level, "t", "s")).collect();
        assert_eq!(taken, [Level::Info, Level::Warning]);
    }

    #[test]
    fn audit_and_security_lie_above_every_least_level() {
        let route = Route::default().level_min(Level::Critical);
        assert!(route.takes(Level::Audit, "t", "s") && route.takes(Level::Security, "t", "s"));
    }

    #[test]
    fn a_target_stands_for_the_modules_below_it() {
        let route = Route::default().targets(["app::net"]);
        assert!(route.takes(Level::Info, "app::net::tcp", "s"));
        assert!(!route.takes(Level::Info, "app::network", "s"));
    }

    #[test]
    fn a_summary_is_taken_with_the_events_that_it_sums_up() {
        let route = Route::default().level_min(Level::Error).sources(["orders"]);
        let about = |level, source| route.takes_subject(&EventSubject { level, source, target: None });
        assert!(about(Some(Level::Error), Some("orders")) && about(None, None));
        assert!(!about(Some(Level::Info), Some("orders")) && !about(Some(Level::Error), Some("feed")));
    }

    #[test]
    fn every_condition_must_be_met() {
        let route = Route::default().level_min(Level::Error).sources(["orders"]);
        assert!(route.takes(Level::Error, "t", "orders"));
        assert!(!route.takes(Level::Info, "t", "orders"));
        assert!(!route.takes(Level::Error, "t", "feed"));
    }
}
