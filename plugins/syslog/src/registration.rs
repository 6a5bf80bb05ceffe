//! Registration of the sink and of the formatters.

use std::sync::Arc;

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    sink::SinkFactory,
};

use crate::settings::{Rfc3164Settings, Rfc5424Settings, SyslogSettings};

register_plugin!(register);

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

/// Registers the sink `syslog` and the formatters `syslog_rfc5424` and `syslog_rfc3164`. A program that links the crate need not call
/// it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_formatter(about("syslog_rfc5424", "A message of syslog by RFC 5424 in a line"), |settings| {
        let format = settings.read::<Rfc5424Settings>()?.format(settings)?;
        Ok(Factory::formatter(move |_| format.formatter()))
    })?;
    registry.register_formatter(about("syslog_rfc3164", "A message of syslog by RFC 3164 in a line"), |settings| {
        let format = settings.read::<Rfc3164Settings>()?.format(settings)?;
        Ok(Factory::formatter(move |_| format.formatter()))
    })?;
    registry.register_sink(about("syslog", "Sends to syslog over UDP, TCP, TLS or a Unix socket"), syslog)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn syslog(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<SyslogSettings>();
    let Some(own) = own else { return Err(problems) };
    let (sink, found) = own.sink(settings)?;
    for problem in found.into_iter().chain(sink.check()) {
        if !problems.iter().any(|known| known.path == problem.path) {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(Arc::new(sink)) } else { Err(problems) }
}
