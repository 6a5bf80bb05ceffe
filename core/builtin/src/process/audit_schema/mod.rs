//! Audit schema: checks that audit events have their fields, and names those that do not.

mod schema;
pub(crate) mod settings;

use std::time::{Duration, Instant};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    per_call_site::PerCallSite,
    processor::Processor,
};
use fapilog_record::{call_site::LiteralPart, directives::is_within, level::Level};

pub use self::schema::AuditField;
use self::schema::{Schema, mark};
use crate::process::{FieldPath, site_reports::SiteReports};

/// Checks that audit events state who did what, when, from where, on which object, and with which outcome.
///
/// An event of a checked level must have the [required](Self::required) fields, in its call, its scope or its logger, or by an
/// enricher; they must not be empty or `[redacted]`, and the outcome must be an [allowed](Self::outcomes) one. The message is
/// `what`; a field of that name stands in for a message that is empty. The timestamp is `when`.
///
/// An event that violates the schema is never taken out. It has the violated rules in `context.audit_violations`, such
/// as `["who_missing", "outcome_not_allowed"]`. For each call site, an event of level SECURITY and target `fapilog::audit_schema` reports
/// them, at most one in a [while](Self::report_every): with `metrics.events`, the number since the last, a metric for each
/// rule, and the place of the call. Over all reports these add up to the events that violate the schema. A sink that takes the event
/// takes the report.
///
/// Internal events of the library are not checked. An event of another level costs one comparison.
///
/// ```
/// use fapilog_builtin::process::{AuditField, AuditSchema};
///
/// let schema = AuditSchema::new().required([AuditField::Who, AuditField::Outcome]).field(AuditField::Who, "tags.user");
/// # let _ = schema;
/// ```
#[derive(Debug, Clone)]
pub struct AuditSchema {
    schema: Schema,
    /// A bit for each level.
    levels: u16,
    include: Vec<String>,
    exclude: Vec<String>,
    sites: PerCallSite<AuditSite>,
    reports: SiteReports,
}

/// The module of the library's own targets.
const OWN_TARGETS: &str = "fapilog";

/// The part of the answer that all events of a call site have in common.
#[derive(Debug, Clone, Copy)]
struct AuditSite {
    is_checked: bool,
    has_literal: bool,
}

impl AuditSchema {
    /// Checks AUDIT events of all targets for all fields.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: Schema::default(),
            levels: bit(Level::Audit),
            include: Vec::new(),
            exclude: Vec::new(),
            sites: PerCallSite::new(),
            reports: SiteReports::new("fapilog::audit_schema", "audit events violate their schema"),
        }
    }

    /// The fields that an event must have. Default: all.
    #[must_use]
    pub fn required(mut self, fields: impl IntoIterator<Item = AuditField>) -> Self {
        self.schema.required = fields.into_iter().collect();
        self
    }

    /// The values that an outcome may have. Default: `success`, `failure`, `denied`, `unknown`. The macro `audit!` refuses a literal
    /// that is none of these.
    #[must_use]
    pub fn outcomes<T: Into<String>>(mut self, outcomes: impl IntoIterator<Item = T>) -> Self {
        self.schema.outcomes = outcomes.into_iter().map(Into::into).collect();
        self
    }

    /// The levels whose events are checked. Default: AUDIT.
    #[must_use]
    pub fn levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.levels = levels.into_iter().map(bit).fold(0, |all, level| all | level);
        self
    }

    /// Checks only events of these targets and of modules within them.
    #[must_use]
    pub fn include<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.include.extend(targets.into_iter().map(Into::into));
        self
    }

    /// Checks no events of these targets and of modules within them, also where they are included.
    #[must_use]
    pub fn exclude<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.exclude.extend(targets.into_iter().map(Into::into));
        self
    }

    /// Where a field of the schema is. Default: in the context, under its own name.
    #[must_use]
    pub fn field(mut self, field: AuditField, path: impl Into<FieldPath>) -> Self {
        self.schema.set_path(field, path.into());
        self
    }

    /// The least time between two reports about a call site. Default: a minute.
    #[must_use]
    pub fn report_every(mut self, every: Duration) -> Self {
        self.reports.every = every;
        self
    }

    /// Whether each event of the levels AUDIT and SECURITY is checked for each field, whatever its target. The log's own targets may be
    /// left out.
    fn checks_all_audit_events(&self) -> bool {
        let levels = bit(Level::Audit) | bit(Level::Security);
        let has = |field| self.schema.required.contains(field);
        let is_own = |target: &String| is_within(target, OWN_TARGETS);
        self.levels & levels == levels
            && AuditField::ALL.iter().all(has)
            && self.include.is_empty()
            && self.exclude.iter().all(is_own)
    }

    fn site_of(&mut self, event: &Event<'_>) -> AuditSite {
        let descriptor = event.descriptor();
        let site = descriptor.site();
        // The target of such a site is that of the event.
        if site.target().is_empty() {
            return AuditSite { is_checked: self.is_target(event.target()), has_literal: has_literal(event) };
        }
        if let Some(known) = self.sites.get(descriptor) {
            return *known;
        }
        let made = AuditSite { is_checked: self.is_target(site.target()), has_literal: has_literal(event) };
        self.sites.insert(descriptor, made);
        made
    }

    fn is_target(&self, target: &str) -> bool {
        let is_in = |modules: &[String]| modules.iter().any(|module| is_within(target, module));
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

fn bit(level: Level) -> u16 {
    1 << level as u8
}

/// Whether the message has text of the program, whatever stands in its placeholders. A message of placeholders alone may be empty.
fn has_literal(event: &Event<'_>) -> bool {
    let descriptor = event.descriptor();
    match descriptor.message_template() {
        Some(template) => {
            template.parts().iter().any(|part| matches!(part, LiteralPart::Text(text) if !text.trim().is_empty()))
        }
        None => !descriptor.site().message().trim().is_empty(),
    }
}

impl Default for AuditSchema {
    fn default() -> Self {
        Self::new()
    }
}

impl Processor for AuditSchema {
    fn name(&self) -> &'static str {
        "audit_schema"
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        let levels = self.levels;
        for event in batch.events_mut().iter_mut().filter(|event| bit(event.level()) & levels != 0) {
            if event.is_internal() {
                continue;
            }
            let AuditSite { is_checked, has_literal } = self.site_of(event);
            if !is_checked {
                continue;
            }
            let found = self.schema.violations(event, has_literal);
            if !found.is_empty() {
                mark(event, found, arena);
                self.reports.add(event, found.rules());
            }
        }
        if !self.reports.is_empty() {
            self.reports.report(batch);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.reports.due()
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.reports.report_all(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
