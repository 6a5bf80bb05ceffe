//! Registration of the sink.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Elasticsearch, ElasticsearchSettings};

register_plugin!(register);

/// Registers `elasticsearch`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("elasticsearch", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to Elasticsearch or OpenSearch: a data stream or an index, each event once");
    registry.register_sink(about, |settings| {
        let own: ElasticsearchSettings = settings.read()?;
        let formatter = settings.formatter(false)?;
        Ok(Arc::new(Elasticsearch::of_formatters(own, formatter)?))
    })
}
