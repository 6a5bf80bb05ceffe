//! A plugin's own settings, before the plugin has read them.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

use crate::problem::{Problem, SettingsError};

/// A plugin's own settings: a table that only the plugin understands.
///
/// ```
/// use fapilog_plugin::settings::PluginConfig;
///
/// let file = PluginConfig::new().with("path", "/var/log/server.log").with("direct", false);
/// # let _ = file;
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct PluginConfig {
    entries: Map<String, Value>,
}

impl PluginConfig {
    /// No settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of a struct of your own.
    ///
    /// # Errors
    /// When it is no struct or map.
    pub fn of(settings: &impl Serialize) -> Result<Self, SettingsError> {
        let wrong = |what: String| SettingsError {
            problems: vec![Problem::new("plugin_config", what, "it must be a struct or a map of plain values")],
        };
        match serde_json::to_value(settings) {
            Ok(Value::Object(entries)) => Ok(Self { entries }),
            Ok(other) => Err(wrong(other.to_string())),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// With one more setting: a boolean, a number, text, or a list or table of these.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<PluginValue>) -> Self {
        self.entries.insert(name.to_owned(), value.into().0);
        self
    }

    pub(crate) fn to_value(&self) -> Value {
        Value::Object(self.entries.clone())
    }
}

impl<'de> Deserialize<'de> for PluginConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(entries) => Ok(Self { entries }),
            _ => Err(D::Error::custom("it must be a table")),
        }
    }
}

/// A value among a plugin's own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginValue(Value);

macro_rules! plugin_values {
    ($($type:ty)*) => {$(
        impl From<$type> for PluginValue {
            fn from(value: $type) -> Self {
                Self(Value::from(value))
            }
        }
    )*};
}

plugin_values! { bool i32 i64 u32 u64 usize f64 String &str }

impl From<PluginConfig> for PluginValue {
    fn from(table: PluginConfig) -> Self {
        Self(Value::Object(table.entries))
    }
}

impl<T: Into<PluginValue>> From<Vec<T>> for PluginValue {
    fn from(items: Vec<T>) -> Self {
        Self(items.into_iter().map(|item| item.into().0).collect())
    }
}
