//! Built-in formatters, and their settings.

use std::collections::BTreeMap;

use fapilog_plugin::{
    factory::Factory,
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};
use serde::Deserialize;

use crate::{Ecs, Gelf, OtelJson, cef::CefSettings};
use crate::{Json, LineTime, Logfmt, Minimal, Pretty, Simple};

register_plugin!(register);

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

/// The type of a setting. A setting has the name of its setter, and its meaning and its default.
macro_rules! setting_type {
    (time) => {
        LineTime
    };
    ($switch:ident) => {
        bool
    };
}

/// Declares the settings of a formatter: those of its setters that settings name.
macro_rules! formatter_settings {
    ($settings:ident of $formatter:ident { $($setting:ident),+ }) => {
        #[derive(Clone, Copy, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct $settings {
            $($setting: Option<setting_type!($setting)>,)+
        }

        impl $settings {
            /// The formatter with the settings that are given.
            fn apply_to(self, mut formatter: $formatter) -> $formatter {
                $(if let Some(value) = self.$setting {
                    formatter = formatter.$setting(value);
                })+
                formatter
            }
        }
    };
}

formatter_settings!(JsonSettings of Json { call_site });
formatter_settings!(SimpleSettings of Simple { call_site, time });
formatter_settings!(LogfmtSettings of Logfmt { call_site, time });
formatter_settings!(MinimalSettings of Minimal { call_site });
formatter_settings!(PrettySettings of Pretty { call_site, time, ids, multi_line });

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

/// Registers those formatters whose lines the products of others read.
fn register_for_products(registry: &mut Registry) -> Result<(), RegisterError> {
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

/// Registers every formatter of this crate. A program that links the crate need not call it: see
/// [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    register_for_products(registry)?;
    registry.register_formatter(about("json", "A JSON object in a line"), |settings| {
        let own: JsonSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.apply_to(Json::new())))
    })?;
    registry.register_formatter(about("simple", "A line for people and for grep"), |settings| {
        let own: SimpleSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.apply_to(Simple::new())))
    })?;
    registry.register_formatter(about("logfmt", "A line of key=value"), |settings| {
        let own: LogfmtSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.apply_to(Logfmt::new())))
    })?;
    registry.register_formatter(about("minimal", "Level and message"), |settings| {
        let own: MinimalSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.apply_to(Minimal::new())))
    })?;
    registry.register_formatter(about("pretty", "Lines for a developer's terminal"), |settings| {
        let own: PrettySettings = settings.read()?;
        let has_colors = settings.has_colors();
        // A person in front of a terminal lives by local time; what is kept in a file is compared across machines.
        let time = if settings.is_terminal() { LineTime::Local } else { LineTime::Utc };
        Ok(Factory::formatter(move |_| own.apply_to(Pretty::new().time(time).colors(has_colors))))
    })
}
