//! Compliance: the container that settings ask for, checked against the standards that they name.

use std::{fmt, sync::Arc, time::Instant};

use fapilog_engine::container::ContainerBuilder;
use fapilog_plugin::{
    compliance::{
        ChangeFindings, ComplianceReport, PlannedContainer, PlannedSink, RetentionConflict, RuleFinding, RuleInfo,
        Standard,
    },
    directives::Directives,
    error::PluginError,
    event::{Batch, FieldRef},
    factory::ShardInfo,
    field_group::FieldGroup,
    level::Level,
    named_enum,
    problem::{Problem, SettingsError},
    processor::Processor,
    registry::Registry,
    settings::invalid::show,
    sink::{Assurances, SinkFactory},
    user_code::catch_panic,
    value::ValueRef,
};
use serde_json::Value;

use crate::{
    OverflowStrategy, Settings, SinkEntry,
    into_builder::{check_against, formatters_of, plan, stderr_level},
};

named_enum! {
    /// The treatment of a rule of a standard that the settings do not meet.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum ComplianceMode {
        /// It is an invalid setting: no container is made.
        #[default]
        Strict = "strict",
        /// The container starts, with a diagnostic and an event of level AUDIT for each of them.
        Report = "report",
    }
}

/// The name of the crate with the usual standards, for errors.
pub(super) const CRATE_OF_STANDARDS: &str = "fapilog-compliance";

impl Settings {
    /// The container that the settings ask for, with the plugins of a registry, as
    /// [standards](fapilog_plugin::compliance::Standard) see it.
    ///
    /// # Errors
    /// Every invalid value, but no rule that is not met.
    pub fn planned_container(&self, registry: &Registry) -> Result<PlannedContainer, SettingsError> {
        plan(self, registry)
    }

    /// Checks the settings against the standards of these names, whatever `compliance_standards` and `compliance_mode` are. A standard's own
    /// settings are those of `plugin_config`, under its name.
    ///
    /// ```
    /// use fapilog_plugin::registry::Registry;
    /// use fapilog_settings::Settings;
    ///
    /// let error = Settings::default().compliance_report(&["pci-dss"], &Registry::empty()).unwrap_err();
    /// assert!(error.to_string().contains("fapilog-compliance"), "{error}");
    /// ```
    ///
    /// # Errors
    /// Every invalid value, and each name that is none of a standard. A rule that is not met is no error.
    pub fn compliance_report(
        &self,
        standards: &[impl AsRef<str>],
        registry: &Registry,
    ) -> Result<ComplianceReport, SettingsError> {
        let names: Vec<String> = standards.iter().map(|name| name.as_ref().to_owned()).collect();
        check_against(self, &names, registry)
    }

    /// All of the plan but its plugins and sinks.
    pub(super) fn plan_of_options(&self) -> PlannedContainer {
        let mut planned = PlannedContainer::default();
        planned.blocks_for = (self.overflow_strategy == OverflowStrategy::Block).then_some(self.overflow_timeout);
        planned.level = self.level.clone();
        planned.failures_reported_by = self.reporters_of_failures();
        planned.has_own_audit_events = self.audit_events;
        planned
    }

    /// The settings by which diagnostics of failures, which are warnings, reach an operator.
    fn reporters_of_failures(&self) -> Vec<&'static str> {
        let is_on_stderr = stderr_level(self).passes(Level::Warning);
        let has_callback = self.error_callback.is_some() && self.internal_log_level.passes(Level::Warning);
        let ways = [
            ("enable_internal_logging", is_on_stderr && self.enable_internal_logging),
            ("error_handling_mode", is_on_stderr && !self.enable_internal_logging),
            ("error_callback", has_callback),
        ];
        ways.into_iter().filter(|(_, is_used)| *is_used).map(|(way, _)| way).collect()
    }

    /// A sink of the plan. The methods of the sink are a user's.
    pub(super) fn planned_sink(&self, sink: &SinkEntry, factory: &dyn SinkFactory, registry: &Registry) -> PlannedSink {
        let assurances = catch_panic(|| factory.assurances()).unwrap_or_else(|_| Assurances::unknown());
        let mut planned = PlannedSink::new(&sink.name, assurances);
        planned.kind = sink.registered_name().to_owned();
        planned.formatter = sink.formatter.clone().unwrap_or_else(|| self.formatter.clone());
        let encrypts = |name: &str| registry.entry(name).is_some_and(|(info, _)| info.encrypts);
        planned.has_encrypted_payloads = formatters_of(&planned.formatter).into_iter().all(encrypts);
        planned.delivery = sink.delivery.over(catch_panic(|| factory.delivery()).unwrap_or_default());
        let own = || catch_panic(|| factory.on_full()).unwrap_or_default();
        planned.on_full = sink.on_full.unwrap_or_else(own);
        planned.spill = sink.spill.as_ref().map(|spill| spill.directory.clone());
        planned.dead_letters = sink.dead_letters.as_ref().map(|letters| letters.path.clone());
        planned.fallback = sink.fallback.clone();
        if let Some(route) = self.routing.get(&sink.name) {
            (planned.level_min, planned.level_max) = (route.level_min, route.level_max);
            planned.is_partial = !route.targets.is_empty() || !route.sources.is_empty();
        }
        planned
    }

    /// A problem for each rule that is not met, and for each conflict.
    pub(super) fn compliance_problems(&self, report: &ComplianceReport) -> Vec<Problem> {
        let values = serde_json::to_value(self).unwrap_or_default();
        let unmet = report.unmet().map(|finding| unmet_problem(finding, &values));
        unmet.chain(report.conflicts.iter().map(|conflict| conflict_problem(conflict, &values))).collect()
    }
}

/// The plan of a container, the standards that it is checked against, and their report.
pub(super) struct CheckedPlan {
    planned: PlannedContainer,
    standards: Vec<Arc<dyn Standard>>,
    mode: ComplianceMode,
    report: ComplianceReport,
}

impl fmt::Debug for CheckedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedPlan").field("planned", &self.planned).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl CheckedPlan {
    pub(super) fn of(planned: PlannedContainer, standards: Vec<Arc<dyn Standard>>, mode: ComplianceMode) -> Self {
        let report = ComplianceReport::of(&planned, &standards);
        Self { planned, standards, mode, report }
    }

    pub(super) fn report(&self) -> &ComplianceReport {
        &self.report
    }

    /// Whether both have the same rules that are not met, for the same reasons.
    pub(super) fn misses_the_same(&self, other: &Self) -> bool {
        self.report.unmet().eq(other.report.unmet()) && self.report.conflicts == other.report.conflicts
    }

    /// The effect of other levels. A rule that is missed with the levels in force, such as one about the clock, is no effect of theirs.
    pub(super) fn with_level(&self, in_force: &Directives, level: &Directives) -> ChangeFindings {
        if self.standards.is_empty() {
            return ChangeFindings::default();
        }
        let at = |level: &Directives| {
            let mut planned = self.planned.clone();
            planned.level = level.clone();
            ComplianceReport::of(&planned, &self.standards)
        };
        let before = at(in_force);
        let is_new = |finding: &&RuleFinding| !before.unmet().any(|missed| missed.rule.id == finding.rule.id);
        let missed: Vec<RuleFinding> = at(level).unmet().filter(is_new).cloned().collect();
        ChangeFindings::new(missed, self.mode == ComplianceMode::Strict)
    }
}

/// The setting that a problem without another one is about.
const STANDARDS: &str = "compliance_standards";

fn unmet_problem(finding: &RuleFinding, values: &Value) -> Problem {
    let RuleInfo { id, reference, asks, .. } = finding.rule;
    let (path, others) =
        finding.settings.split_first().map_or((STANDARDS, [].as_slice()), |(path, others)| (path, others));
    let mut text = format!("{id} ({reference}) asks: {asks}; {}", finding.evidence);
    if !others.is_empty() {
        text.push_str("; see also ");
        text.push_str(&others.join(", "));
    }
    Problem::new(path, value_at(values, path), text)
}

fn conflict_problem(conflict: &RetentionConflict, values: &Value) -> Problem {
    let path = conflict.shorter.setting.as_deref().unwrap_or(STANDARDS);
    let (one, other) = (conflict.longer.rule.reference, conflict.shorter.rule.reference);
    Problem::new(path, value_at(values, path), format!("{conflict}: see {one} and {other}"))
}

/// The value at a path, as errors show it.
fn value_at(values: &Value, path: &str) -> String {
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let below = |value: &Value, step: &str| match step.parse::<usize>() {
        Ok(index) => value.get(index).cloned(),
        Err(_) => value.get(step).cloned(),
    };
    let found = steps.into_iter().try_fold(values.clone(), |value, step| below(&value, step));
    match found {
        None | Some(Value::Null) => "not given".to_owned(),
        Some(Value::Array(items)) if items.is_empty() => "empty".to_owned(),
        Some(value) => show(&value),
    }
}

/// Adds to the builder what reports each rule that is not met: a diagnostic, and an event of level AUDIT.
pub(super) fn report_violations(mut builder: ContainerBuilder, report: &ComplianceReport) -> ContainerBuilder {
    let unmet = report.unmet().map(Violation::of_rule);
    let violations: Arc<[Violation]> = unmet.chain(report.conflicts.iter().map(Violation::of_conflict)).collect();
    if violations.is_empty() {
        return builder;
    }
    for Violation { rule, reference, asks, evidence, .. } in violations.iter() {
        builder =
            builder.report_at_start(NAME, format!("{rule} ({reference}) is not met: it asks: {asks}; {evidence}"));
    }
    builder.named_processor(NAME, move |shard| Ok(Box::new(ViolationEvents::new(&violations, shard))))
}

/// The name of the processor that logs violations.
const NAME: &str = "compliance";

/// A rule that is not met, as the event has it.
struct Violation {
    rule: String,
    reference: String,
    asks: String,
    evidence: String,
    settings: String,
}

impl Violation {
    fn of_rule(finding: &RuleFinding) -> Self {
        let RuleInfo { id, reference, asks, .. } = finding.rule;
        let settings = finding.settings.join(", ");
        let [rule, reference, asks] = [id, reference, asks].map(str::to_owned);
        Self { rule, reference, asks, evidence: finding.evidence.clone(), settings }
    }

    fn of_conflict(conflict: &RetentionConflict) -> Self {
        let (longer, shorter) = (conflict.longer.rule, conflict.shorter.rule);
        Self {
            rule: format!("{}, {}", longer.id, shorter.id),
            reference: format!("{}; {}", longer.reference, shorter.reference),
            asks: format!("{}; {}", longer.asks, shorter.asks),
            evidence: conflict.to_string(),
            settings: conflict.shorter.setting.clone().unwrap_or_default(),
        }
    }

    fn emit(&self, batch: &mut Batch<'_>) {
        let Self { rule, reference, asks, evidence, settings } = self;
        let origin = format!("process {}", std::process::id());
        let fields = [
            // The fields that audit events have.
            ("who", "fapilog"),
            ("outcome", "failure"),
            ("origin", &origin),
            ("object", rule),
            ("rule", rule),
            ("reference", reference),
            ("asks", asks),
            ("evidence", evidence),
            ("settings", settings),
        ];
        let fields =
            fields.map(|(name, text)| FieldRef { group: FieldGroup::Context, name, value: ValueRef::Text(text) });
        batch.emit(Level::Audit, "fapilog::compliance", "compliance rule is not met", &fields);
    }
}

/// Logs the violations, once, from the first shard.
struct ViolationEvents {
    violations: Arc<[Violation]>,
    due: Option<Instant>,
}

impl ViolationEvents {
    fn new(violations: &Arc<[Violation]>, shard: ShardInfo) -> Self {
        let is_first = shard.index == 0 && shard.abandoned == 0;
        Self { violations: Arc::clone(violations), due: is_first.then(Instant::now) }
    }
}

impl Processor for ViolationEvents {
    fn name(&self) -> &'static str {
        NAME
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.due.take().is_some() {
            self.violations.iter().for_each(|violation| violation.emit(batch));
        }
        Ok(())
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A container may end before its first batch.
    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.process(batch)
    }
}

#[cfg(test)]
mod tests {
    use fapilog_engine::diagnostics::ErrorCallback;
    use serde_json::json;

    use super::*;
    use crate::ErrorHandling;

    #[test]
    fn failures_are_reported_where_warnings_reach_stderr_or_the_callback() {
        let reporters = |settings: &Settings| settings.plan_of_options().failures_reported_by;
        let mut settings = Settings::default();
        assert_eq!(reporters(&settings), [""; 0]);
        settings.error_handling_mode = ErrorHandling::Loud;
        assert_eq!(reporters(&settings), ["error_handling_mode"]);
        settings.enable_internal_logging = true;
        assert_eq!(reporters(&settings), ["enable_internal_logging"]);
        settings.error_callback = Some(ErrorCallback::new(|_| ()));
        assert_eq!(reporters(&settings), ["enable_internal_logging", "error_callback"]);
        settings.internal_log_level = Level::Critical.into();
        assert_eq!(reporters(&settings), [""; 0]);
    }

    #[test]
    fn a_log_call_waits_only_with_the_strategy_that_blocks() {
        let mut settings = Settings::default();
        assert_eq!(settings.plan_of_options().blocks_for, Some(settings.overflow_timeout));
        settings.overflow_strategy = OverflowStrategy::DropLowSeverity;
        assert_eq!(settings.plan_of_options().blocks_for, None);
    }

    #[test]
    fn the_value_of_a_path_is_found_in_tables_and_lists() {
        let values =
            json!({ "sinks": ["a", { "name": "b" }], "plugin_config": { "a": { "mode": "644" } }, "redactors": [] });
        let cases = [
            ("plugin_config.a.mode", "\"644\""),
            ("sinks[1].name", "\"b\""),
            ("redactors", "empty"),
            ("plugin_config.b.mode", "not given"),
            ("sinks[7]", "not given"),
        ];
        for (path, expected) in cases {
            assert_eq!(value_at(&values, path), expected, "{path}");
        }
    }
}
