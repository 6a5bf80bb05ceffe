//! Reads the settings of a tree, and those that are a part of a program's own settings.

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    registry::Registry,
    settings::{ReadOutcome, read_all, without_reading_secrets},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use crate::{
    PROBLEMS_MAX, Settings, SettingsByOwnNames,
    giver::Giver,
    into_builder::{KnownPlugins, problems_of_plugins},
    load::above_preset,
    loaded::Loaded,
    tree::Tree,
};

/// The layer of settings that a program reads by serde, as errors name it.
const BY_SERDE: &str = "the program's own settings";

#[derive(Deserialize)]
#[serde(transparent)]
struct ByOwnNames(#[serde(with = "SettingsByOwnNames")] Settings);

impl Settings {
    /// The settings of a tree, which they know from now on. A value that cannot be read is left out, and is among the
    /// problems.
    pub(super) fn read(tree: Tree, prefix: Option<&str>, problems: &mut Vec<Problem>) -> Self {
        let ReadOutcome { read, problems: unreadable } = read_all(&tree.values());
        problems.extend(Self::worded(unreadable));
        let mut settings = read.map(|ByOwnNames(settings)| settings).unwrap_or_default();
        settings.loaded = Loaded::new(tree, &settings, prefix);
        settings
    }

    /// The problems, and those that the linked plugins find in their own settings, as far as another registry would not
    /// make a difference.
    pub(super) fn with_those_of_linked_plugins(&self, problems: Vec<Problem>) -> SettingsError {
        let linked = Registry::linked();
        self.as_error(without_reading_secrets(|| problems_of_plugins(self, &linked, KnownPlugins::Linked, problems)))
    }

    /// The problems, and those that the plugins find in their own settings.
    pub(super) fn with_those_of_plugins(&self, problems: Vec<Problem>, registry: &Registry) -> SettingsError {
        self.as_error(without_reading_secrets(|| problems_of_plugins(self, registry, KnownPlugins::All, problems)))
    }

    /// The problems in the order of the settings, with their layers.
    pub(super) fn as_error(&self, problems: Vec<Problem>) -> SettingsError {
        let mut problems = Self::in_order(problems);
        let has_more = problems.len() > PROBLEMS_MAX;
        problems.truncate(PROBLEMS_MAX);
        self.attribute(&mut problems);
        if has_more {
            let allowed = format!("more than {PROBLEMS_MAX} values are invalid; correct these first");
            problems.push(Problem::new("the remainder", "not listed", allowed));
        }
        SettingsError { problems }
    }
}

/// As from a file: with aliases, tables and presets. Only values that cannot be read are errors; [`Settings::check`] and a
/// container's start find the others, as code may still change the settings.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Value::Object(Map::deserialize(deserializer)?);
        let (layer, mut problems) = Tree::layer(table, Giver::new(BY_SERDE)).by_own_names();
        let tree = above_preset(layer).map_err(D::Error::custom)?;
        let settings = Self::read(tree, None, &mut problems);
        if problems.is_empty() {
            return Ok(settings);
        }
        problems.extend(settings.problems_beside(&problems));
        Err(D::Error::custom(settings.with_those_of_linked_plugins(problems)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Program {
        log: Settings,
    }

    #[test]
    fn a_programs_own_toml_and_yaml_hold_settings_with_tables() {
        let toml: Program = toml::from_str("[log]\nmax_workers = 2\n[log.overflow]\ntimeout = \"10ms\"\n").unwrap();
        let yaml: Value =
            crate::file_format::FileFormat::Yaml.parse("max_workers: 2\noverflow: { timeout: 10ms }").unwrap().table;
        let expected = Settings::builder().shards(2).overflow_timeout(std::time::Duration::from_millis(10));
        let expected = expected.build().unwrap();
        assert_eq!((toml.log, serde_json::from_value(yaml).unwrap()), (expected.clone(), expected));
    }

    #[test]
    fn settings_that_are_no_table_are_an_error_of_the_programs_format() {
        let error = toml::from_str::<Program>("log = \"info\"\n").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("expected a map"), "{error}");
    }
}
