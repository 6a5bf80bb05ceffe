//! Formatters whose lines the products of others read: their settings and their registration.

use std::collections::BTreeMap;

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{Ecs, Gelf, OtelJson, cef::CefSettings, registration::about};

/// The settings of `ecs`, with the names of their setters.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EcsSettings {
    service: Option<String>,
    dataset: Option<String>,
    call_site: Option<bool>,
}

impl EcsSettings {
    fn formatter(&self) -> Ecs {
        let mut ecs = Ecs::new();
        if let Some(service) = &self.service {
            ecs = ecs.service(service);
        }
        if let Some(dataset) = &self.dataset {
            ecs = ecs.dataset(dataset);
        }
        ecs.call_site(self.call_site.unwrap_or_default())
    }
}

/// The settings of `gelf`, with the names of their setters.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GelfSettings {
    host: Option<String>,
    call_site: Option<bool>,
}

impl GelfSettings {
    fn formatter(&self) -> Gelf {
        let gelf = match &self.host {
            Some(host) => Gelf::new().host(host),
            None => Gelf::new(),
        };
        gelf.call_site(self.call_site.unwrap_or_default())
    }
}

/// The settings of `otel_json`, with the names of their setters.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OtelJsonSettings {
    resource: BTreeMap<String, String>,
    call_site: Option<bool>,
}

impl OtelJsonSettings {
    fn formatter(&self) -> OtelJson {
        let with_attribute = |otel: OtelJson, (name, value): (&String, &String)| otel.resource(name, value);
        self.resource.iter().fold(OtelJson::new(), with_attribute).call_site(self.call_site.unwrap_or_default())
    }
}

/// Registers them.
///
/// # Errors
/// When another plugin has one of their names.
pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_formatter(about("ecs", "JSON by the Elastic Common Schema"), |settings| {
        let own: EcsSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.formatter()))
    })?;
    registry.register_formatter(about("gelf", "JSON of Graylog"), |settings| {
        let own: GelfSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.formatter()))
    })?;
    registry.register_formatter(about("cef", "Common Event Format of ArcSight"), |settings| {
        let own: CefSettings = settings.read()?;
        own.formatter()?;
        // Checked just now.
        Ok(Factory::formatter(move |_| own.formatter().unwrap_or_default()))
    })?;
    registry.register_formatter(about("otel_json", "OTLP logs in JSON"), |settings| {
        let own: OtelJsonSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.formatter()))
    })
}
