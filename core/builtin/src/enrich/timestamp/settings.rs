//! Settings of the timestamp enricher.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{enrich::Time, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("timestamp", "Lets no event be from the future"), |settings| {
        let own: TimestampSettings = settings.read()?;
        Ok(Factory::enricher(move |_| Time::new().correct_future(own.correct_future).drained_at(own.drained_at)))
    })
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TimestampSettings {
    correct_future: bool,
    drained_at: bool,
}

impl Default for TimestampSettings {
    fn default() -> Self {
        Self { correct_future: true, drained_at: false }
    }
}
