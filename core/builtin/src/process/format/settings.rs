//! Settings of the format processor.

use std::collections::BTreeMap;

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{
    process::{Format, TemplateError},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("format", "Writes the message from a template"), |settings| {
        let format = settings.read::<FormatSettings>()?.format()?;
        Ok(Factory::processor(move |_| format.clone()).keeping_audit_events(true))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FormatSettings {
    template: Option<String>,
    /// By target.
    targets: BTreeMap<String, String>,
    missing: Option<String>,
}

impl FormatSettings {
    fn format(self) -> Result<Format, Vec<Problem>> {
        let wrong = |path: String, error: &TemplateError| {
            vec![Problem::new(path, format!("{:?}", error.template), error.to_string())]
        };
        let mut format = Format::in_messages();
        if let Some(template) = &self.template {
            format = format.template(template).map_err(|error| wrong("template".to_owned(), &error))?;
        }
        for (target, template) in self.targets {
            let path = format!("targets.{target}");
            format = format.target(target, &template).map_err(|error| wrong(path, &error))?;
        }
        Ok(match self.missing {
            Some(missing) => format.missing(missing),
            None => format,
        })
    }
}
