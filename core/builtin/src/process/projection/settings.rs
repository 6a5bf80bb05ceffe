//! Settings of the projection.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{process::Projection, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("project", "Keeps some of an event's fields"), |settings| {
        let ProjectionSettings { keep, drop } = settings.read()?;
        let projection = Projection::new().keep(keep).drop(drop);
        Ok(Factory::processor(move |_| projection.clone()))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ProjectionSettings {
    keep: Vec<String>,
    drop: Vec<String>,
}
