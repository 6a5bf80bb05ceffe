//! An enricher.

use fapilog_plugin::{
    common_fields::CommonFields, enricher::Enricher, error::PluginError, event::Batch, value::ValueRef,
};

const HOST: &str = "host";

/// Adds `host` to each event's context. A user's own field of that name stays as it is.
#[derive(Debug)]
pub struct HostName {
    name: String,
    common: CommonFields,
}

impl HostName {
    /// An enricher for a host of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), common: CommonFields::new([HOST]) }
    }
}

impl Enricher for HostName {
    fn name(&self) -> &'static str {
        "host_name"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let name: &str = batch.arena().alloc_str(&self.name);
        self.common.add(batch, |_, fields| fields.push(HOST, ValueRef::Text(name)));
        Ok(())
    }
}
