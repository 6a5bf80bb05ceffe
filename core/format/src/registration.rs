//! Built-in formatters, as settings name them.

use fapilog_plugin::{
    factory::Factory,
    formatter::Formatter,
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Json, Logfmt, Minimal, Pretty, Simple};

register_plugin!(register);

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

/// Registers a formatter that has no settings.
fn register_plain<F: Formatter + 'static>(
    registry: &mut Registry,
    about: Metadata,
    formatter: fn() -> F,
) -> Result<(), RegisterError> {
    registry.register_formatter(about, move |settings| {
        settings.none()?;
        Ok(Factory::formatter(move |_| formatter()))
    })
}

/// Registers every formatter of this crate. A program that links the crate need not call it: see
/// [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    register_plain(registry, about("json", "A JSON object in a line"), Json::new)?;
    register_plain(registry, about("simple", "A line for people and for grep"), Simple::new)?;
    register_plain(registry, about("logfmt", "A line of key=value"), Logfmt::new)?;
    register_plain(registry, about("minimal", "Level and message"), Minimal::new)?;
    registry.register_formatter(about("pretty", "A line for a developer's terminal"), |settings| {
        settings.none()?;
        let has_colors = settings.has_colors();
        Ok(Factory::formatter(move |_| Pretty::new().colors(has_colors)))
    })
}
