//! Settings as they are shown and written: without secrets.

use std::fmt;

use fapilog_plugin::settings::{redact, redact_at};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Settings, SettingsByOwnNames};

/// The setting whose tables may have secrets.
const PLUGIN_CONFIG: &str = "plugin_config";
/// The settings that are tables of names which users choose. A plugin may be called `tokens`, and is no secret.
const TABLES_OF_NAMES: [&str; 2] = [PLUGIN_CONFIG, "routing"];

impl Settings {
    /// All values, secrets among them: for layers, which pass them on to plugins.
    pub(crate) fn unredacted(&self) -> Result<Value, serde_json::Error> {
        let mut values = SettingsByOwnNames::serialize(self, serde_json::value::Serializer)?;
        if let Some(Value::Object(tables)) = values.get_mut(PLUGIN_CONFIG) {
            tables.extend(self.plugin_config.iter().map(|(name, own)| (name.clone(), own.to_value())));
        }
        Ok(values)
    }

    /// The values without secrets.
    fn redacted(&self) -> Result<Map<String, Value>, serde_json::Error> {
        let values = SettingsByOwnNames::serialize(self, serde_json::value::Serializer)?;
        let values = values.as_object().into_iter().flatten();
        let shown = values.map(|(name, value)| {
            let shown = match value {
                Value::Object(tables) if TABLES_OF_NAMES.contains(&name.as_str()) => {
                    tables.iter().map(|(name, own)| (name.clone(), redact(own))).collect()
                }
                value => redact_at(name, value),
            };
            (name.clone(), shown)
        });
        Ok(shown.collect())
    }
}

/// The settings in the order of their names; without secrets, and without the layers that they came from.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut settings = f.debug_struct("Settings");
        for (name, value) in self.redacted().unwrap_or_default() {
            settings.field(&name, &format_args!("{value}"));
        }
        settings.finish_non_exhaustive()
    }
}

/// As files have them, with `[redacted]` in place of secrets. That text is refused where settings are read.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ShownForm(&Value::Object(self.redacted().map_err(serde::ser::Error::custom)?)).serialize(serializer)
    }
}

/// A value whose nulls are absent values: TOML leaves these out, and has no null.
struct ShownForm<'a>(&'a Value);

impl Serialize for ShownForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_none(),
            Value::Array(items) => serializer.collect_seq(items.iter().map(ShownForm)),
            Value::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(name, value)| (name, ShownForm(value))))
            }
            other => other.serialize(serializer),
        }
    }
}
