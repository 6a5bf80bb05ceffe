//! Filter: takes out events by level, target and fields.

mod condition;
mod rule;
pub(crate) mod settings;
mod text_regex;

pub use condition::{Comparison, Condition, Operand};
pub use rule::Rule;
pub use text_regex::{TextRegex, TextRegexError};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    per_call_site::PerCallSite,
    processor::Processor,
};
use fapilog_record::{
    directives::{Directives, is_within},
    level::{Level, LevelFilter},
};

/// Takes out events by level, target and fields. Without settings it keeps everything, and costs nothing.
///
/// The first [rule](Self::rule) that applies to an event decides. If none does, an event stays if its target is
/// [included](Self::include) and not [excluded](Self::exclude), and its [level](Self::level) is high enough.
///
/// AUDIT and SECURITY events stay, unless the program excludes them explicitly: by a rule that
/// [names](Rule::levels) these levels, or by [`LevelFilter::Off`].
///
/// The container's own level costs nothing, because the log call checks it; the filter is for later decisions:
/// by fields, after an enricher, or about events of adapters.
///
/// ```
/// use fapilog_builtin::process::{Comparison, Filter, Rule};
/// use fapilog_record::{directives::Directives, level::Level};
///
/// let filter = Filter::new()
///     .level(Directives::new(Level::Info).target("app::net", Level::Debug))
///     .exclude(["app::chatty"])
///     .rule(Rule::keep().when("user_id", Comparison::Eq(42.into())))
///     .rule(Rule::drop().when("metrics.latency_ms", Comparison::Lt(5.into())));
/// # let _ = filter;
/// ```
#[doc(alias = "FilterProcessor")]
#[derive(Debug, Clone, Default)]
pub struct Filter {
    rules: Vec<Rule>,
    targets: TargetLevels,
    /// The level from which a call site's events stay, by its target.
    by_site: PerCallSite<LevelFilter>,
}

/// Levels by target.
#[derive(Debug, Clone, Default)]
struct TargetLevels {
    level: Option<Directives>,
    include: Vec<String>,
    exclude: Vec<String>,
}

/// The levels that pass where no other does.
const AUDIT_AND_SECURITY: LevelFilter = LevelFilter::AtLeast(Level::Audit);

impl Filter {
    /// Keeps everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps events of this level and above it; levels may differ by target.
    #[must_use]
    pub fn level(mut self, level: impl Into<Directives>) -> Self {
        self.targets.level = Some(level.into());
        self
    }

    /// Keeps only the events of these modules and those below them.
    #[must_use]
    pub fn include<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets.include.extend(targets.into_iter().map(Into::into));
        self
    }

    /// Takes out the events of these modules and those below them, also where they are included.
    #[must_use]
    pub fn exclude<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets.exclude.extend(targets.into_iter().map(Into::into));
        self
    }

    /// Adds a rule, behind those that are there.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Whether AUDIT and SECURITY events stay, whatever their target and fields.
    fn keeps_audit_events(&self) -> bool {
        let level = self.targets.level.as_ref();
        let takes_out_all = |level: &Directives| {
            level.level() == LevelFilter::Off || level.targets().any(|(_, level)| level == LevelFilter::Off)
        };
        !level.is_some_and(takes_out_all) && !self.rules.iter().any(Rule::drops_audit_events)
    }

    /// The level from which events of this target stay.
    #[inline]
    fn level_of(&mut self, event: &Event<'_>) -> LevelFilter {
        let descriptor = event.descriptor();
        let target = descriptor.site().target();
        if target.is_empty() {
            return self.targets.level_of(event.target());
        }
        let targets = &self.targets;
        *self.by_site.get_or_insert_with(descriptor, || targets.level_of(target))
    }
}

impl TargetLevels {
    fn has_targets(&self) -> bool {
        !self.include.is_empty() || !self.exclude.is_empty()
    }

    /// The level that counts for all targets, if there is one.
    fn only_level(&self) -> Option<LevelFilter> {
        let level = self.level.as_ref()?;
        (!self.has_targets() && level.targets().next().is_none()).then(|| level.level())
    }

    fn level_of(&self, target: &str) -> LevelFilter {
        let is_in = |modules: &[String]| modules.iter().any(|module| is_within(target, module));
        if is_in(&self.exclude) || !(self.include.is_empty() || is_in(&self.include)) {
            return AUDIT_AND_SECURITY;
        }
        self.level.as_ref().map_or(LevelFilter::AtLeast(Level::Trace), |level| level.level_of(target))
    }
}

impl Processor for Filter {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if !self.rules.is_empty() {
            batch.retain(|event| {
                let decided = self.rules.iter().find_map(|rule| rule.decide(event));
                decided.unwrap_or_else(|| self.level_of(event).passes(event.level()))
            });
        } else if let Some(level) = self.targets.only_level() {
            batch.retain(|event| level.passes(event.level()));
        } else if self.targets.level.is_some() || self.targets.has_targets() {
            batch.retain(|event| self.level_of(event).passes(event.level()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
    use fapilog_record::field_group::FieldGroup;

    use super::*;

    fn kept(filter: &Filter, event: TestEvent<'_>) -> bool {
        TestBatches::new().events(&[event], |batch| {
            filter.clone().process(batch).unwrap();
            batch.len() == 1
        })
    }

    /// Staged call sites are of target `stage`.
    fn kept_of_a_call_site(filter: &mut Filter, level: Level) -> usize {
        TestBatches::new().level(level).batch(&[1, 2, 3], |batch| {
            filter.process(batch).unwrap();
            batch.len()
        })
    }

    #[test]
    fn without_settings_everything_stays() {
        for level in Level::ALL {
            assert_eq!(kept_of_a_call_site(&mut Filter::new(), level), 3);
        }
    }

    #[test]
    fn events_below_the_level_are_taken_out_and_others_stay() {
        for (level, expected) in [(Level::Info, 0), (Level::Warning, 3), (Level::Error, 3)] {
            assert_eq!(kept_of_a_call_site(&mut Filter::new().level(Level::Warning), level), expected);
        }
    }

    #[test]
    fn audit_and_security_pass_every_level_and_target_except_none() {
        for level in [Level::Audit, Level::Security] {
            assert_eq!(kept_of_a_call_site(&mut Filter::new().level(Level::Security), level), 3);
            assert_eq!(kept_of_a_call_site(&mut Filter::new().exclude(["stage"]), level), 3);
            assert_eq!(kept_of_a_call_site(&mut Filter::new().include(["other"]), level), 3);
            assert_eq!(kept_of_a_call_site(&mut Filter::new().level(LevelFilter::Off), level), 0);
        }
    }

    #[test]
    fn the_longest_target_that_fits_has_the_level() {
        let filter = Filter::new()
            .level(Directives::new(Level::Warning).target("app", Level::Info).target("app::net", Level::Error));
        for (target, level, expected) in [
            ("app", Level::Info, true),
            ("app::net", Level::Warning, false),
            ("app::net::tcp", Level::Error, true),
            ("app::network", Level::Info, true),
            ("application", Level::Info, false),
        ] {
            assert_eq!(kept(&filter, test_event("message").target(target).level(level)), expected, "{target} {level}");
        }
    }

    #[test]
    fn a_call_sites_target_is_judged_as_that_of_an_event_that_describes_itself() {
        let mut filter = Filter::new().level(Directives::new(Level::Error).target("stage", Level::Debug));
        // The second time, from memory.
        for _ in 0..2 {
            assert_eq!(kept_of_a_call_site(&mut filter, Level::Debug), 3);
            assert_eq!(kept_of_a_call_site(&mut filter, Level::Trace), 0);
        }
    }

    #[test]
    fn an_excluded_target_is_taken_out_also_where_it_is_included() {
        let filter = Filter::new().include(["app"]).exclude(["app::chatty"]);
        for (target, expected) in [("app", true), ("app::db", true), ("app::chatty::x", false), ("other", false)] {
            assert_eq!(kept(&filter, test_event("message").target(target)), expected, "{target}");
        }
    }

    #[test]
    fn the_first_rule_that_applies_decides() {
        let filter = Filter::new()
            .level(Level::Error)
            .rule(Rule::keep().when("user", Comparison::Eq("root".into())))
            .rule(Rule::drop().when("user", Comparison::Exists));
        let user = |user| test_event("message").level(Level::Critical).field(FieldGroup::Context, "user", user);
        assert!(kept(&filter, user("root").level(Level::Trace)));
        assert!(!kept(&filter, user("someone")));
        assert!(kept(&filter, test_event("no user").level(Level::Error)));
        assert!(!kept(&filter, test_event("no user").level(Level::Info)));
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let filter = Filter::new().rule(
            Rule::drop()
                .target("http")
                .source("source-0")
                .when("tags.kind", Comparison::Eq("probe".into()))
                .when("metrics.ms", Comparison::Lt(5.0.into())),
        );
        let probe = test_event("probe").target("http::server").field(FieldGroup::Tags, "kind", "probe");
        assert!(!kept(&filter, probe.clone().field(FieldGroup::Metrics, "ms", 4)));
        assert!(kept(&filter, probe.clone().field(FieldGroup::Metrics, "ms", 5)));
        assert!(kept(&filter, probe.clone().field(FieldGroup::Context, "ms", 4)));
        assert!(kept(&filter, probe.target("other").field(FieldGroup::Metrics, "ms", 4)));
    }

    #[test]
    fn a_rule_takes_out_audit_events_only_if_it_names_their_level() {
        let any = Filter::new().rule(Rule::drop());
        let named = Filter::new().rule(Rule::drop().levels([Level::Audit]));
        assert!(kept(&any, test_event("message").level(Level::Audit)) && !kept(&any, test_event("message")));
        assert!(!kept(&named, test_event("message").level(Level::Audit)) && kept(&named, test_event("message")));
    }
}
