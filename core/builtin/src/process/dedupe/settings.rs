//! Settings of dedupe.

use std::time::Duration;

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
    settings::duration,
};
use serde::Deserialize;

use crate::{process::Dedupe, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("dedupe", "Takes out events that are equal to one before"), |settings| {
        let dedupe = settings.read::<DedupeSettings>()?.dedupe();
        Ok(Factory::processor(move |_| dedupe.clone()).keeping_audit_events(true))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DedupeSettings {
    #[serde(with = "duration::maybe")]
    window: Option<Duration>,
    entries_max: Option<usize>,
    /// The fields by which events are equal or not; all, if it is not given.
    fields: Option<Vec<String>>,
}

impl DedupeSettings {
    fn dedupe(self) -> Dedupe {
        let mut dedupe = Dedupe::new();
        if let Some(window) = self.window {
            dedupe = dedupe.window(window);
        }
        if let Some(entries) = self.entries_max {
            dedupe = dedupe.entries_max(entries);
        }
        match self.fields {
            Some(fields) => dedupe.fields(fields),
            None => dedupe,
        }
    }
}
