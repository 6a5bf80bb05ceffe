//! Built-in formatters, and their settings.

use fapilog_plugin::{
    factory::Factory,
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};
use serde::Deserialize;

use crate::{Json, LineTime, Logfmt, Minimal, Pretty, Protobuf, Simple, Xml, csv::CsvSettings};

register_plugin!(register);

pub(crate) fn about(name: &str, description: &str) -> Metadata {
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
formatter_settings!(ProtobufSettings of Protobuf { call_site });
formatter_settings!(XmlSettings of Xml { call_site });

/// Registers every formatter of this crate. A program that links the crate need not call it: see
/// [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    crate::products::register(registry)?;
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
    registry.register_formatter(about("csv", "A row of chosen columns"), |settings| {
        let own = CsvSettings::read(settings)?;
        Ok(Factory::formatter(move |_| own.make()))
    })?;
    registry.register_formatter(about("protobuf", "A protobuf message behind its length"), |settings| {
        let own: ProtobufSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.apply_to(Protobuf::new())))
    })?;
    registry.register_formatter(about("xml", "An XML element in a line"), |settings| {
        let own: XmlSettings = settings.read()?;
        Ok(Factory::formatter(move |_| own.apply_to(Xml::new())))
    })?;
    registry.register_formatter(about("pretty", "Lines for a developer's terminal"), |settings| {
        let own: PrettySettings = settings.read()?;
        let has_colors = settings.has_colors();
        // A person in front of a terminal lives by local time; what is kept in a file is compared across machines.
        let time = if settings.is_terminal() { LineTime::Local } else { LineTime::Utc };
        Ok(Factory::formatter(move |_| own.apply_to(Pretty::new().time(time).colors(has_colors))))
    })
}
