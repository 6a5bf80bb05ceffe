//! The text of a settings file as a table of values.

use fapilog_plugin::user_code::catch_panic;
use serde_json::{Map, Value};
use serde_saphyr::{MessageFormatter as _, UserMessageFormatter};

use crate::{
    giver::{Places, line_and_column},
    located::{Read, Toml, Yaml, places_in_json},
};

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

/// The table of a file, with the places of its values.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub(super) table: Value,
    pub(super) places: Places,
}

/// Why a text is no table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The reason, on one line.
    pub(super) reason: String,
    /// Line and column.
    pub(super) place: Option<(usize, usize)>,
}

impl FileFormat {
    /// The table that the text holds. An empty YAML file is an empty table.
    ///
    /// # Errors
    /// The reason why the text is no table of this format, and the place.
    pub(super) fn parse(self, text: &str) -> Result<Parsed, Unreadable> {
        let parsed = catch_panic(|| match self {
            Self::Toml => parse_toml(text),
            Self::Json => parse_json(text),
            Self::Yaml => parse_yaml(text),
        });
        match parsed {
            Ok(Ok(parsed)) if parsed.table.is_object() => Ok(parsed),
            Ok(Ok(_)) => Err(unreadable("the file must be a table of settings", None)),
            Ok(Err(error)) => Err(error),
            Err(_panicked) => Err(unreadable("the parser panicked", None)),
        }
    }
}

fn unreadable(reason: &str, place: Option<(usize, usize)>) -> Unreadable {
    Unreadable { reason: reason.trim().replace('\n', " "), place }
}

fn parse_toml(text: &str) -> Result<Parsed, Unreadable> {
    let read: Read<Toml> = toml::from_str(text).map_err(|error| {
        let start = error.span().map(|span| span.start);
        let is_bare_text = start.is_some_and(|start| is_bare_text(text, start));
        let hint = if is_bare_text { "; text stands between quotes" } else { "" };
        unreadable(&format!("{}{hint}", error.message()), start.map(|start| line_and_column(text, start)))
    })?;
    let (table, places) = read.value.into_parts();
    Ok(Parsed { table, places })
}

/// Whether a value without quotes begins there, as in `level = info`.
fn is_bare_text(text: &str, start: usize) -> bool {
    let Some((before, value)) = text.split_at_checked(start) else { return false };
    before.trim_end_matches([' ', '\t']).ends_with('=')
        && value.starts_with(|c: char| c.is_alphabetic() || "/.$~%".contains(c))
}

fn parse_json(text: &str) -> Result<Parsed, Unreadable> {
    let table = serde_json::from_str(text).map_err(|error: serde_json::Error| {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        unreadable(reason, Some((error.line().max(1), error.column().max(1))))
    })?;
    let places = places_in_json(text)
        .map_err(|(path, at)| unreadable(&format!("{path} is given twice"), Some(line_and_column(text, at))))?;
    Ok(Parsed { table, places })
}

fn parse_yaml(text: &str) -> Result<Parsed, Unreadable> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: YAML_NODES_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: YAML_NODES_MAX },
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        with_snippet: false,
    };
    let parsed: Option<Read<Yaml>> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let number = |number: u64| usize::try_from(number).ok().filter(|number| *number > 0);
        let place = error.location().and_then(|at| Some((number(at.line())?, number(at.column())?)));
        unreadable(&UserMessageFormatter.format_message(&error), place)
    })?;
    let empty = (Value::Object(Map::new()), Places::new());
    let (table, places) = parsed.map_or(empty, |read| read.value.into_parts());
    Ok(Parsed { table, places })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(format: FileFormat, text: &str) -> Result<Value, String> {
        format.parse(text).map(|parsed| parsed.table).map_err(|error| error.reason)
    }

    #[test]
    fn the_formats_agree_on_a_table() {
        let expected = json!({ "a": 5, "b": [1.5, true, "x"], "c": { "d": "e" } });
        for (format, text) in [
            (FileFormat::Toml, "a = 5\nb = [1.5, true, \"x\"]\n[c]\nd = \"e\"\n"),
            (FileFormat::Json, r#"{ "a": 5, "b": [1.5, true, "x"], "c": { "d": "e" } }"#),
            (FileFormat::Yaml, "a: 5\nb: [1.5, true, x]\nc:\n  d: e\n"),
        ] {
            assert_eq!(table(format, text), Ok(expected.clone()), "{format:?}");
        }
    }

    #[test]
    fn a_number_that_no_float_holds_is_an_error_or_is_kept_and_never_a_panic() {
        for (format, text) in
            [(FileFormat::Toml, "a = 1e999"), (FileFormat::Json, r#"{ "a": 1e999 }"#), (FileFormat::Yaml, "a: 1e999")]
        {
            // serde_json refuses it, or keeps its text where any crate enables `arbitrary_precision`.
            if let Ok(table) = table(format, text) {
                assert!(table["a"].as_f64().is_none_or(f64::is_infinite), "{format:?}: {table}");
            }
        }
    }

    #[test]
    fn a_float_that_json_does_not_know_is_text() {
        assert_eq!(table(FileFormat::Toml, "a = nan\nb = inf"), Ok(json!({ "a": "NaN", "b": "inf" })));
        assert_eq!(table(FileFormat::Yaml, "a: .nan\nb: .inf"), Ok(json!({ "a": ".nan", "b": ".inf" })));
    }

    #[test]
    fn an_empty_file_is_an_empty_table_in_toml_and_yaml() {
        for format in [FileFormat::Toml, FileFormat::Yaml] {
            assert_eq!(table(format, ""), Ok(json!({})), "{format:?}");
        }
    }

    #[test]
    fn text_without_quotes_in_toml_is_an_error_that_names_them() {
        for value in ["info", "debug", "production", "/var/log/app.log", "./app.log", "nothing"] {
            let error = table(FileFormat::Toml, &format!("level = {value}\n")).unwrap_err();
            assert!(error.contains("text stands between quotes"), "{value}: {error}");
        }
        for text in ["level = 1.2.3\n", "level = \n", "level info\n", "level = \"info\n"] {
            let error = table(FileFormat::Toml, text).unwrap_err();
            assert!(!error.contains("quotes"), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_no_table_is_refused() {
        for (format, text) in [(FileFormat::Json, "[5]"), (FileFormat::Json, "5"), (FileFormat::Yaml, "- a")] {
            assert_eq!(table(format, text), Err("the file must be a table of settings".to_owned()), "{text}");
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

    #[test]
    fn every_value_has_its_place() {
        let toml = "a = 1\n[b]\nc = [\n  \"x\",\n  2.5,\n]\nd = { e = 2026-01-01 }\n[[f]]\ng = true\n";
        let json = "{ \"a\": 1,\n \"b\": { \"c\": [\n  \"x\", 2.5],\n\"d\": {\"e\": \"2026-01-01\"} },\n \"f\": [{\"g\": true}] }";
        let yaml = "a: 1\nb:\n  c:\n    - x\n    - 2.5\n  d: { e: 2026-01-01 }\nf:\n  - g: true\n";
        let expected = json!({ "a": 1, "b": { "c": ["x", 2.5], "d": { "e": "2026-01-01" } }, "f": [{ "g": true }] });
        let paths = ["a", "b.c[0]", "b.c[1]", "b.d.e", "f[0].g"];
        for (format, text, lines) in [
            (FileFormat::Toml, toml, [(1, 5), (4, 3), (5, 3), (7, 11), (9, 5)]),
            (FileFormat::Json, json, [(1, 8), (3, 3), (3, 8), (4, 12), (5, 14)]),
            (FileFormat::Yaml, yaml, [(1, 4), (4, 7), (5, 7), (6, 11), (8, 8)]),
        ] {
            let parsed = format.parse(text).unwrap();
            assert_eq!(parsed.table, expected, "{format:?}");
            let places = paths.map(|path| line_and_column(text, parsed.places[path]));
            assert_eq!(places, lines, "{format:?}");
        }
    }

    #[test]
    fn an_error_has_line_and_column() {
        for (format, text, place) in [
            (FileFormat::Toml, "level = \"info\"\nshards = = 5\n", (2, 10)),
            (FileFormat::Toml, "level = 1\nlevel = 2\n", (2, 1)),
            (FileFormat::Json, "{ \"level\": \"info\",\n \"shards\": }", (2, 12)),
            (FileFormat::Json, "{ \"a\": { \"level\": 1,\n \"level\": 2 } }", (2, 11)),
            (FileFormat::Yaml, "level: info\nshards: [1\n", (2, 9)),
            (FileFormat::Yaml, "level: info\nlevel: debug\n", (2, 1)),
        ] {
            let error = format.parse(text).unwrap_err();
            assert_eq!(error.place, Some(place), "{error:?}");
            assert!(!error.reason.contains("line") && !error.reason.contains("Options"), "{error:?}");
        }
    }

    #[test]
    fn a_number_of_many_digits_is_an_error_or_is_kept_and_never_a_panic() {
        let digits = "9".repeat(400);
        for (format, text) in [
            (FileFormat::Toml, format!("a = {digits}")),
            (FileFormat::Json, format!("{{ \"a\": {digits} }}")),
            (FileFormat::Yaml, format!("a: {digits}")),
        ] {
            if let Ok(table) = table(format, &text) {
                assert!(table["a"].as_f64().is_none_or(f64::is_infinite), "{format:?}: {table}");
            }
        }
    }
}
