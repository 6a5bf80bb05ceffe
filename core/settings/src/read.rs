//! Reads the settings of a tree, and those that are a part of a program's own settings.

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    settings::{ReadOutcome, read_all},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use crate::{Settings, SettingsByOwnNames, load::above_preset, loaded::Loaded, tree::Tree};

/// The layer of settings that a program reads by serde, as errors name it.
const BY_SERDE: &str = "the program's own settings";

#[derive(Deserialize)]
#[serde(transparent)]
struct ByOwnNames(#[serde(with = "SettingsByOwnNames")] Settings);

impl Settings {
    /// The settings of a tree. A value that cannot be read is left out, and is among the problems.
    pub(super) fn read(tree: &Tree, problems: &mut Vec<Problem>) -> Self {
        let ReadOutcome { read, problems: unreadable } = read_all(&tree.values());
        problems.extend(unreadable.into_iter().map(Self::worded));
        read.map(|ByOwnNames(settings)| settings).unwrap_or_default()
    }

    /// The settings, which know their layers from now on.
    ///
    /// # Errors
    /// The problems, if there are any.
    pub(super) fn loaded_from(mut self, tree: Tree, problems: Vec<Problem>) -> Result<Self, SettingsError> {
        if problems.is_empty() {
            self.loaded = Loaded::new(tree, &self);
            return Ok(self);
        }
        let mut problems = Self::in_order(problems);
        problems.iter_mut().for_each(|problem| tree.attribute(problem));
        Err(SettingsError { problems })
    }
}

/// As from a file: with aliases, tables and presets. Only values that cannot be read are errors; [`Settings::check`] and a
/// container's start find the others, as code may still change the settings.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Value::Object(Map::deserialize(deserializer)?);
        let (layer, mut problems) = Tree::layer(table, BY_SERDE).by_own_names();
        let tree = above_preset(layer).map_err(D::Error::custom)?;
        Self::read(&tree, &mut problems).loaded_from(tree, problems).map_err(D::Error::custom)
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
            crate::file_format::FileFormat::Yaml.parse("max_workers: 2\noverflow: { timeout: 10ms }").unwrap();
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
