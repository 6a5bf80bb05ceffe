//! The text of a settings file as a table of values.

use fapilog_plugin::user_code::catch_panic;
use serde_json::{Map, Number, Value};

/// How deep tables and lists may lie in each other, as in JSON and TOML.
const DEPTH_MAX: usize = 128;
/// The most values of a YAML file, those that its aliases stand for among them.
const YAML_NODES_MAX: usize = 100_000;

/// The format of a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileFormat {
    Toml,
    Json,
    Yaml,
}

/// The formats by the extension of a file's name.
pub(super) const FORMATS: [(&str, FileFormat); 4] =
    [("toml", FileFormat::Toml), ("json", FileFormat::Json), ("yaml", FileFormat::Yaml), ("yml", FileFormat::Yaml)];

impl FileFormat {
    /// The table that the text holds. An empty YAML file is an empty table.
    ///
    /// # Errors
    /// The reason why the text is no table of this format, on one line.
    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        let parsed = catch_panic(|| match self {
            Self::Toml => parse_toml(text),
            Self::Json => serde_json::from_str(text).map_err(|error| error.to_string()),
            Self::Yaml => parse_yaml(text),
        });
        match parsed {
            Ok(Ok(table @ Value::Object(_))) => Ok(table),
            Ok(Ok(_)) => Err("the file must be a table of settings".to_owned()),
            Ok(Err(reason)) => Err(reason.trim().replace('\n', " ")),
            Err(_panicked) => Err("the parser panicked".to_owned()),
        }
    }
}

fn parse_toml(text: &str) -> Result<Value, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    Ok(from_toml(toml::Value::Table(table)))
}

/// JSON has no date and no `nan`: both become text, which the reader of a setting accepts or refuses.
fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => {
            Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
        }
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(from_toml).collect()),
        toml::Value::Table(entries) => {
            Value::Object(entries.into_iter().map(|(name, value)| (name, from_toml(value))).collect())
        }
    }
}

fn parse_yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: YAML_NODES_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: YAML_NODES_MAX },
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        with_snippet: false,
    };
    let parsed: Option<Value> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    Ok(parsed.unwrap_or_else(|| Value::Object(Map::new())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_formats_agree_on_a_table() {
        let expected = json!({ "a": 5, "b": [1.5, true, "x"], "c": { "d": "e" } });
        for (format, text) in [
            (FileFormat::Toml, "a = 5\nb = [1.5, true, \"x\"]\n[c]\nd = \"e\"\n"),
            (FileFormat::Json, r#"{ "a": 5, "b": [1.5, true, "x"], "c": { "d": "e" } }"#),
            (FileFormat::Yaml, "a: 5\nb: [1.5, true, x]\nc:\n  d: e\n"),
        ] {
            assert_eq!(format.parse(text), Ok(expected.clone()), "{format:?}");
        }
    }

    #[test]
    fn a_number_that_no_float_holds_is_an_error_or_is_kept_and_never_a_panic() {
        for (format, text) in
            [(FileFormat::Toml, "a = 1e999"), (FileFormat::Json, r#"{ "a": 1e999 }"#), (FileFormat::Yaml, "a: 1e999")]
        {
            // serde_json refuses it, or keeps its text where any crate enables `arbitrary_precision`.
            if let Ok(table) = format.parse(text) {
                assert!(table["a"].as_f64().is_none_or(f64::is_infinite), "{format:?}: {table}");
            }
        }
    }

    #[test]
    fn a_float_that_json_does_not_know_is_text() {
        assert_eq!(FileFormat::Toml.parse("a = nan\nb = inf"), Ok(json!({ "a": "NaN", "b": "inf" })));
        assert_eq!(FileFormat::Yaml.parse("a: .nan\nb: .inf"), Ok(json!({ "a": ".nan", "b": ".inf" })));
    }

    #[test]
    fn an_empty_file_is_an_empty_table_in_toml_and_yaml() {
        for format in [FileFormat::Toml, FileFormat::Yaml] {
            assert_eq!(format.parse(""), Ok(json!({})), "{format:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_table_is_refused() {
        for (format, text) in [(FileFormat::Json, "[5]"), (FileFormat::Json, "5"), (FileFormat::Yaml, "- a")] {
            assert_eq!(format.parse(text), Err("the file must be a table of settings".to_owned()), "{text}");
        }
    }

    #[test]
    fn aliases_cannot_make_a_small_yaml_file_a_large_table() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(FileFormat::Yaml.parse(&text).is_err());
    }

    #[test]
    fn deep_nesting_is_an_error_and_does_not_overflow_the_stack() {
        let deep = "[".repeat(100_000);
        for (format, text) in [
            (FileFormat::Toml, format!("a = {deep}")),
            (FileFormat::Json, format!("{{ \"a\": {deep}")),
            (FileFormat::Yaml, format!("a: {deep}")),
        ] {
            assert!(format.parse(&text).is_err(), "{format:?}");
        }
    }
}
