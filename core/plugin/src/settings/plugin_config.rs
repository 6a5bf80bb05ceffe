//! A plugin's own settings, before the plugin has read them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Map, Value};

use crate::{
    problem::{Problem, SettingsError},
    settings::secret::{REDACTED, redact},
};

/// A plugin's own settings: a table that only the plugin understands.
///
/// `Debug` and `Serialize` are for people, and show `[redacted]` in place of values that may be secrets: see the page on secrets in
/// settings. A setting with that value is refused when it is read.
///
/// ```
/// use fapilog_plugin::settings::PluginConfig;
///
/// let file = PluginConfig::new().with("path", "/var/log/server.log").with("direct", false);
/// # let _ = file;
/// ```
#[derive(Clone, PartialEq, Default)]
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
            Ok(other) => Err(wrong(redact(&other).to_string())),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// With one more setting: a boolean, a number, text, or a list or table of these.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<PluginValue>) -> Self {
        self.entries.insert(name.to_owned(), value.into().0);
        self
    }

    /// The values as they are, for the code that passes them to a plugin.
    #[doc(hidden)]
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.entries.clone())
    }
}

/// Without the values of secrets.
impl fmt::Debug for PluginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = redact(&self.to_value());
        let mut table = f.debug_struct("PluginConfig");
        for (name, value) in shown.as_object().into_iter().flatten() {
            table.field(name, &format_args!("{value}"));
        }
        table.finish()
    }
}

/// Without the values of secrets.
impl Serialize for PluginConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        redact(&self.to_value()).serialize(serializer)
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
#[derive(Clone, PartialEq)]
pub struct PluginValue(Value);

/// Without its texts: a value does not know its name, so any text may be a secret.
impl fmt::Debug for PluginValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match &self.0 {
            value @ (Value::Null | Value::Bool(_)) => value.clone(),
            table @ Value::Object(_) => redact(table),
            _ => Value::String(REDACTED.to_owned()),
        };
        write!(f, "PluginValue({shown})")
    }
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Own {
        path: &'static str,
        blocks: u32,
    }

    #[test]
    fn a_struct_gives_its_fields_and_values_nest() {
        let own = PluginConfig::of(&Own { path: "a.log", blocks: 4 }).unwrap();
        let with = PluginConfig::new().with("path", "a.log").with("blocks", 4);
        assert_eq!(own, with);
        let nested = PluginConfig::new().with("inner", own).with("names", vec!["a", "b"]);
        let expected = json!({ "inner": { "path": "a.log", "blocks": 4 }, "names": ["a", "b"] });
        assert_eq!(nested.to_value(), expected);
    }

    #[test]
    fn a_secret_is_neither_shown_nor_written_and_the_plugin_gets_it() {
        let own = PluginConfig::new().with("host", "db").with("password", "hunter2");
        assert_eq!(format!("{own:?}"), r#"PluginConfig { host: "db", password: "[redacted]" }"#);
        assert_eq!(serde_json::to_value(&own).unwrap(), json!({ "host": "db", "password": "[redacted]" }));
        assert_eq!(own.to_value()["password"], "hunter2");
        assert_eq!(format!("{:?}", PluginValue::from("hunter2")), r#"PluginValue("[redacted]")"#);
        assert_eq!(format!("{:?}", PluginValue::from(own)), r#"PluginValue({"host":"db","password":"[redacted]"})"#);
    }

    #[test]
    fn a_value_that_is_no_table_is_an_error() {
        let error = PluginConfig::of(&7).unwrap_err().to_string();
        assert!(error.contains("plugin_config is 7; it must be a struct or a map of plain values"), "{error}");
        let error = serde_json::from_value::<PluginConfig>(json!([1])).unwrap_err().to_string();
        assert_eq!(error, "it must be a table");
    }
}
