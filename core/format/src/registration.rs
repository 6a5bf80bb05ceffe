//! Built-in formatters, as settings name them.

use fapilog_plugin::{
    factory::Factory,
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{JsonFormatter, LogfmtFormatter, MinimalFormatter, PrettyFormatter, SimpleFormatter};

register_plugin!(register);

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

/// Registers every formatter of this crate. A program that links the crate need not call it: see
/// [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_formatter(about("json", "A JSON object in a line"), |settings| {
        settings.none()?;
        Ok(Factory::formatter(|_| JsonFormatter::new()))
    })?;
    registry.register_formatter(about("simple", "A line for people and for grep"), |settings| {
        settings.none()?;
        Ok(Factory::formatter(|_| SimpleFormatter::new()))
    })?;
    registry.register_formatter(about("logfmt", "A line of key=value"), |settings| {
        settings.none()?;
        Ok(Factory::formatter(|_| LogfmtFormatter::new()))
    })?;
    registry.register_formatter(about("minimal", "Level and message"), |settings| {
        settings.none()?;
        Ok(Factory::formatter(|_| MinimalFormatter::new()))
    })?;
    registry.register_formatter(about("pretty", "A line for a developer's terminal"), |settings| {
        settings.none()?;
        let has_colors = settings.has_colors();
        Ok(Factory::formatter(move |_| PrettyFormatter::new().colors(has_colors)))
    })
}
