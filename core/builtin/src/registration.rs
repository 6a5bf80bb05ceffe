//! The plugins of this crate, as settings name them.

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{
    enrich::{context, correlation, hostname, kubernetes, performance, runtime_info, timestamp, user_context},
    process::{
        adaptive_sampling, alerting, audit_schema, dangerous_content, dedupe, filter, format, projection, sampling,
        size_guard, throttle,
    },
    redact,
};

register_plugin!(register);

/// Registers every plugin of this crate. A program that links the crate need not call it: see
/// [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    timestamp::settings::register(registry)?;
    correlation::settings::register(registry)?;
    context::settings::register(registry)?;
    hostname::settings::register(registry)?;
    runtime_info::settings::register(registry)?;
    kubernetes::settings::register(registry)?;
    user_context::settings::register(registry)?;
    performance::settings::register(registry)?;
    audit_schema::settings::register(registry)?;
    dangerous_content::settings::register(registry)?;
    filter::settings::register(registry)?;
    throttle::settings::register(registry)?;
    format::settings::register(registry)?;
    size_guard::settings::register(registry)?;
    dedupe::settings::register(registry)?;
    sampling::settings::register(registry)?;
    adaptive_sampling::settings::register(registry)?;
    projection::settings::register(registry)?;
    alerting::settings::register(registry)?;
    redact::settings::register(registry)
}

/// The metadata of a plugin of this crate.
pub(crate) fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}
