//! Settings of the audit schema.

use std::time::Duration;

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
    settings::duration,
};
use fapilog_record::level::Level;
use serde::Deserialize;

use crate::{
    process::{AuditField, AuditSchema, FieldPath},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("audit_schema", "Checks that audit events have their fields"), |settings| {
        let schema = settings.read::<AuditSchemaSettings>()?.schema()?;
        let are_checked = schema.checks_all_audit_events();
        let factory = Factory::processor(move |_| schema.clone());
        Ok(factory.keeping_audit_events(true).checking_audit_fields(are_checked))
    })
}

/// Values that are not given are the defaults of [`AuditSchema`].
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AuditSchemaSettings {
    required: Option<Vec<AuditField>>,
    outcomes: Option<Vec<String>>,
    levels: Option<Vec<Level>>,
    include: Vec<String>,
    exclude: Vec<String>,
    fields: PathSettings,
    #[serde(with = "duration::maybe")]
    report_every: Option<Duration>,
}

/// Where the fields of the schema are.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PathSettings {
    who: Option<String>,
    what: Option<String>,
    outcome: Option<String>,
    origin: Option<String>,
    object: Option<String>,
}

impl AuditSchemaSettings {
    fn schema(self) -> Result<AuditSchema, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut schema = AuditSchema::new().include(self.include).exclude(self.exclude);
        if let Some(fields) = self.required {
            problems.extend(none_of(&fields, "required", "a list of at least one field"));
            schema = schema.required(fields);
        }
        if let Some(outcomes) = self.outcomes {
            let places = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.trim().is_empty());
            let wrong =
                places.map(|(place, _)| Problem::new(format!("outcomes[{place}]"), "\"\"", "it must not be empty"));
            problems.extend(wrong);
            problems.extend(none_of(&outcomes, "outcomes", "a list of at least one outcome"));
            schema = schema.outcomes(outcomes);
        }
        if let Some(levels) = self.levels {
            problems.extend(none_of(&levels, "levels", "a list of at least one level"));
            schema = schema.levels(levels);
        }
        let PathSettings { who, what, outcome, origin, object } = self.fields;
        for (field, path) in AuditField::ALL.iter().zip([who, what, outcome, origin, object]) {
            let Some(text) = path else { continue };
            let path = FieldPath::from(text.as_str());
            if path.name().trim().is_empty() {
                let allowed = "allowed is the path of a field, such as user_id or tags.user";
                problems.push(Problem::new(format!("fields.{field}"), format!("{text:?}"), allowed));
            }
            schema = schema.field(*field, path);
        }
        if let Some(every) = self.report_every {
            schema = schema.report_every(every);
        }
        if problems.is_empty() { Ok(schema) } else { Err(problems) }
    }
}

/// A list that would make the processor do nothing.
fn none_of<T>(values: &[T], path: &str, allowed: &str) -> Option<Problem> {
    values.is_empty().then(|| Problem::new(path, "[]", format!("allowed is {allowed}")))
}
