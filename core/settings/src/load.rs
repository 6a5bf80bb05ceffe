//! Layers: preset, code, files, environment.

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use fapilog_engine::container::ContainerBuilder;
use fapilog_plugin::{
    problem::{Problem, SettingsError},
    registry::Registry,
    settings::suggestion::suggestion,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Preset, Settings, SettingsBuilder,
    environment::PREFIX,
    file_format::FORMATS,
    giver::{Giver, located},
    tree::Tree,
};

impl Settings {
    /// The defaults, below the file that `FAPILOG_SETTINGS_FILE` names, if it is set, below `FAPILOG_*` variables.
    ///
    /// # Errors
    /// Every invalid value at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::builder().environment().build()
    }

    /// The defaults, below a file: TOML, JSON or YAML, by its extension.
    ///
    /// # Errors
    /// Every invalid value at once, or that the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SettingsError> {
        Self::builder().file(path).build()
    }

    /// The defaults, below a file, below `FAPILOG_*` variables. Without a path, the file is the one that
    /// `FAPILOG_SETTINGS_FILE` names, if it is set.
    ///
    /// # Errors
    /// Every invalid value at once, or that the file cannot be read.
    pub fn load(path: Option<&Path>) -> Result<Self, SettingsError> {
        Self::builder().load(path)
    }
}

/// A layer between code and the environment.
#[derive(Clone)]
pub(super) enum SettingsLayer {
    File(PathBuf),
    /// A table of the program's own settings, with its name.
    Table(String, Result<Value, String>),
}

/// Values are left out: they may be secrets.
impl fmt::Debug for SettingsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Table(name, _) => f.debug_tuple("Table").field(name).finish(),
        }
    }
}

impl SettingsBuilder {
    /// Adds a file above code: TOML, JSON or YAML, by its extension. A later file lies above an earlier file.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.layers.push(SettingsLayer::File(path.as_ref().to_owned()));
        self
    }

    /// Adds a table of the program's own settings above code, as [`file`](Self::file) does: anything that serde writes as a
    /// table. `name` stands for it in errors: `[log] of shop.toml`.
    ///
    /// ```
    /// use fapilog_settings::Settings;
    ///
    /// let own: serde_json::Value = serde_json::from_str(r#"{ "port": 80, "log": { "shards": 2 } }"#)?;
    /// let settings = Settings::builder().table("log of shop.json", &own["log"]).environment().build()?;
    /// assert_eq!(settings.shards, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn table(mut self, name: impl Into<String>, table: &impl Serialize) -> Self {
        let table = serde_json::to_value(table).map_err(|error| error.to_string());
        self.layers.push(SettingsLayer::Table(name.into(), table));
        self
    }

    /// Adds the `FAPILOG_*` variables of the process above code and files. If code names no file, `FAPILOG_SETTINGS_FILE`
    /// may.
    pub fn environment(self) -> Self {
        self.environment_with_prefix(PREFIX)
    }

    /// As [`environment`](Self::environment), with the variables of another prefix, such as `SHOP_LOG_`: then
    /// `SHOP_LOG_LEVEL` is the level, and `FAPILOG_LEVEL` is ignored.
    pub fn environment_with_prefix(self, prefix: &str) -> Self {
        self.variables_with_prefix(prefix, env::vars_os())
    }

    /// Adds variables of your own above code and files; those whose names do not begin with `FAPILOG_` are ignored, except
    /// for `RUST_LOG`, which counts if the setting `rust_log` is true.
    pub fn variables<N: Into<OsString>, V: Into<OsString>>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        self.variables_with_prefix(PREFIX, variables)
    }

    /// As [`variables`](Self::variables), with another prefix: letters, digits and `_`, with a `_` at its end.
    pub fn variables_with_prefix<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.variables.add(prefix, variables);
        self
    }

    /// Adds a file above code, and the environment above both: see [`Settings::load`].
    ///
    /// # Errors
    /// Every invalid value at once, or that the file cannot be read.
    pub fn load(self, path: Option<&Path>) -> Result<Settings, SettingsError> {
        let builder = self.environment();
        let builder = match path {
            Some(path) => builder.file(path),
            None => builder,
        };
        builder.build()
    }

    /// Merges the layers and checks the result.
    ///
    /// Without a registry, not all plugins are known. If a value is invalid, the error has all that the plugins which are
    /// [linked](Registry::linked) into the program find in their own settings, too;
    /// [`into_builder_with`](Self::into_builder_with) knows them all.
    ///
    /// # Errors
    /// Every invalid value at once.
    pub fn build(self) -> Result<Settings, SettingsError> {
        let (settings, problems) = self.read()?;
        if problems.is_empty() { Ok(settings) } else { Err(settings.with_those_of_linked_plugins(problems)) }
    }

    /// Checks all layers and makes nothing: for a program that checks the settings of others. All that the
    /// [linked](Registry::linked) plugins find is in the error. A plugin or sink with a name that resembles none of them may be one of
    /// the other program, and is no error. Secrets are not read, and the programs that print them are not run.
    ///
    /// # Errors
    /// Every invalid value at once.
    pub fn check(self) -> Result<(), SettingsError> {
        let (settings, problems) = self.read()?;
        let error = settings.with_those_of_linked_plugins(problems);
        if error.problems.is_empty() { Ok(()) } else { Err(error) }
    }

    /// As [`check`](Self::check), for settings whose plugins and sinks are all in the registry.
    ///
    /// # Errors
    /// Every invalid value at once, and every name that the registry does not have.
    pub fn check_with(self, registry: &Registry) -> Result<(), SettingsError> {
        let (settings, problems) = self.read()?;
        let error = settings.with_those_of_plugins(problems, registry);
        if error.problems.is_empty() { Ok(()) } else { Err(error) }
    }

    /// As [`build`](Self::build) and [`Settings::into_builder`]: a single error has all that is wrong.
    ///
    /// # Errors
    /// Every invalid value at once, those of the plugins' own settings among them.
    pub fn into_builder(self) -> Result<ContainerBuilder, SettingsError> {
        self.into_builder_with(&Registry::linked())
    }

    /// As [`into_builder`](Self::into_builder), with the plugins of a registry.
    ///
    /// # Errors
    /// As [`into_builder`](Self::into_builder).
    pub fn into_builder_with(self, registry: &Registry) -> Result<ContainerBuilder, SettingsError> {
        let (settings, problems) = self.read()?;
        if problems.is_empty() {
            settings.into_builder_with(registry)
        } else {
            Err(settings.with_those_of_plugins(problems, registry))
        }
    }

    /// The settings, with defaults in place of invalid values, and all that is invalid without regard to plugins.
    fn read(self) -> Result<(Settings, Vec<Problem>), SettingsError> {
        let mut problems: Vec<Problem> = self.variables.problems().collect();
        let tree = self.merge(&mut problems).map_err(|problem| SettingsError { problems: vec![problem] })?;
        let mut settings = Settings::read(tree, self.variables.prefix(), &mut problems);
        problems.extend(settings.problems_beside(&problems));
        settings.error_callback = self.settings.error_callback;
        Ok((settings, problems))
    }
}

impl SettingsBuilder {
    /// Layers that cannot be read are left out, and are among the problems.
    fn merge(&self, problems: &mut Vec<Problem>) -> Result<Tree, Problem> {
        let mut tree = Tree::default();
        for (name, value) in self.given_values()? {
            tree = tree.below(Tree::value_at(&[name.to_owned()], value, "code"));
        }
        let mut layers: Vec<Result<Tree, Problem>> = self.layers.iter().map(SettingsLayer::read).collect();
        layers.extend(self.file_of_environment());
        let mut add = |lower: Tree, layer: Result<Tree, Problem>| match layer.map(Tree::by_own_names) {
            Ok((layer, twice)) => {
                problems.extend(twice);
                lower.below(layer)
            }
            Err(problem) => {
                problems.push(problem);
                lower
            }
        };
        tree = layers.into_iter().fold(tree, &mut add);
        let mut unreadable = Vec::new();
        let environment = add(Tree::default(), Ok(self.variables.layer(&mut unreadable)));
        let wanted = tree.clone().below(environment.clone()).values();
        if let Some(rust_log) = self.variables.rust_log_layer(&wanted).transpose() {
            tree = add(tree, rust_log);
        }
        problems.extend(unreadable);
        above_preset(tree.below(environment))
    }

    /// The file that the environment names, if code names none.
    fn file_of_environment(&self) -> Option<Result<Tree, Problem>> {
        let (variable, path) = self.variables.file()?;
        if self.layers.iter().any(|layer| matches!(layer, SettingsLayer::File(_))) {
            return None;
        }
        let by_variable = |mut problem: Problem| {
            problem.given_by.get_or_insert_with(|| variable.to_string_lossy().into());
            problem
        };
        Some(read_file(path).map_err(by_variable))
    }
}

/// The layers above the settings of the preset that they name.
pub(super) fn above_preset(tree: Tree) -> Result<Tree, Problem> {
    match preset_of(&tree.values()) {
        Some(preset) => {
            let lowest = Tree::layer(Settings::preset(preset).to_value()?, Giver::new(&format!("preset {preset}")));
            Ok(lowest.below(tree))
        }
        None => Ok(tree),
    }
}

/// The preset that the layers name. An unknown preset is a problem when the settings are read.
fn preset_of(values: &Value) -> Option<Preset> {
    values.get("preset").and_then(Value::as_str).and_then(|name| name.parse().ok())
}

impl SettingsLayer {
    fn read(&self) -> Result<Tree, Problem> {
        match self {
            Self::File(path) => read_file(path),
            Self::Table(name, Ok(table @ Value::Object(_))) => Ok(Tree::layer(table.clone(), Giver::new(name))),
            Self::Table(name, Ok(_)) => Err(Problem::new(name, "unreadable", "it must be a table of settings")),
            Self::Table(name, Err(reason)) => Err(Problem::new(name, "unreadable", reason)),
        }
    }
}

/// The layer of a settings file.
fn read_file(path: &Path) -> Result<Tree, Problem> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let Some((_, format)) = FORMATS.iter().find(|(known, _)| *known == extension) else {
        let known = FORMATS.map(|(extension, _)| extension);
        let allowed = format!("its extension must be one of {}", known.join(", "));
        let mut problem = Problem::new("settings file", format!("{path:?}"), allowed);
        problem.suggestion = suggestion(&extension, known);
        return Err(problem);
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        // The reason is in the text, too: there may be other problems, and an error has one source.
        Problem::new("settings file", format!("{path:?}"), format!("it cannot be read: {error}")).caused_by(error)
    })?;
    // Some editors begin a file with a mark of its encoding.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let name = format!("file {}", path.display());
    let parsed =
        format.parse(text).map_err(|error| Problem::new(located(&name, error.place), "unreadable", error.reason))?;
    Ok(Tree::layer(parsed.table, Giver::file(&name, text.to_owned(), parsed.places)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text that is nearly a settings file.
    fn nearly() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "level",
            "sinks",
            "plugin_config",
            "routing",
            "overflow",
            "overflow_strategy",
            "strategy",
            "a",
            "=",
            ":",
            ",",
            "\n",
            "[",
            "]",
            "{",
            "}",
            "\"",
            "-",
            " ",
            "5",
            "1e999",
            "nan",
            "null",
            "true",
            "x.y",
            "&a",
            "*a",
            "[99999999999]",
            "'",
            "|",
        ]);
        prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_file_is_answered_without_a_panic(text in prop_oneof![nearly(), any::<String>()]) {
            for (_, format) in FORMATS {
                if let Ok(parsed) = format.parse(&text) {
                    let giver = Giver::file("file", text.clone(), parsed.places);
                    let (layer, mut problems) = Tree::layer(parsed.table, giver).by_own_names();
                    let settings = Settings::read(layer, None, &mut problems);
                    problems.extend(settings.problems_beside(&problems));
                    let _ = settings.with_those_of_linked_plugins(problems).to_string();
                }
            }
        }

        #[test]
        fn any_variable_is_answered_without_a_panic(name in prop_oneof![nearly(), any::<String>()], value in nearly()) {
            let name = format!("{PREFIX}{name}");
            let _ = Settings::builder().variables([(name, value)]).build();
        }
    }
}
