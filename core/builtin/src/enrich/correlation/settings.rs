//! Settings of the correlation enricher.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{
    enrich::{Correlation, WhenMissing},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(
        about("correlation", "Gives events without a correlation id one, if wanted"),
        |settings| {
            let CorrelationSettings { when_missing } = settings.read()?;
            Ok(Factory::enricher(move |_| Correlation::new().when_missing(when_missing)))
        },
    )
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CorrelationSettings {
    when_missing: WhenMissing,
}
