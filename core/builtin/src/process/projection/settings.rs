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
        let are_kept = projection.keeps_audit_fields();
        let factory = Factory::processor(move |_| projection.clone());
        // Where it takes some out, the audit events of the program may have other fields: the operator has to know.
        Ok(if are_kept { factory.keeping_audit_events(true) } else { factory })
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ProjectionSettings {
    keep: Vec<String>,
    drop: Vec<String>,
}
