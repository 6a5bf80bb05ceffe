//! Layers: preset, code, file, environment.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    settings::suggestion::suggestion,
};
use serde_json::Value;

use crate::{Preset, Settings, SettingsBuilder, file_format::FORMATS, tree::Tree};

/// The prefix of the names of our variables.
const PREFIX: &str = "FAPILOG_";
/// The separator of the names of tables in a variable's name.
const SEPARATOR: &str = "__";
/// The variable that names the settings file.
const FILE_VARIABLE: &str = "FAPILOG_SETTINGS_FILE";

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

impl SettingsBuilder {
    /// Adds a file above code: TOML, JSON or YAML, by its extension. A later file lies above an earlier file.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.files.push(path.as_ref().to_owned());
        self
    }

    /// Adds the `FAPILOG_*` variables of the process above code and files. If code names no file, `FAPILOG_SETTINGS_FILE`
    /// may.
    pub fn environment(self) -> Self {
        self.variables(env::vars_os())
    }

    /// Adds variables of your own above code and files; those whose names do not begin with `FAPILOG_` are ignored.
    pub fn variables<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let ours = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.variables.extend(ours.filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX)));
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
    /// # Errors
    /// Every invalid value at once.
    pub fn build(self) -> Result<Settings, SettingsError> {
        let mut problems = Vec::new();
        let tree = self.merge(&mut problems).map_err(|problem| SettingsError { problems: vec![problem] })?;
        let mut settings = Settings::read(&tree, &mut problems);
        for problem in settings.problems() {
            if !problems.iter().any(|known| known.path == problem.path) {
                problems.push(problem);
            }
        }
        settings.error_callback = self.settings.error_callback;
        settings.loaded_from(tree, problems)
    }
}

impl SettingsBuilder {
    /// Layers that cannot be read are left out, and are among the problems.
    fn merge(&self, problems: &mut Vec<Problem>) -> Result<Tree, Problem> {
        let mut tree = Tree::default();
        for (name, value) in self.given_values()? {
            tree = tree.below(Tree::value_at(&[name.to_owned()], value, "code"));
        }
        let files = self.files_to_read().into_iter().map(read_file);
        for layer in files.chain([Ok(self.environment_layer(problems))]) {
            match layer.map(Tree::by_own_names) {
                Ok((layer, twice)) => {
                    tree = tree.below(layer);
                    problems.extend(twice);
                }
                Err(problem) => problems.push(problem),
            }
        }
        above_preset(tree)
    }
}

impl SettingsBuilder {
    /// The layer of all variables. A variable that cannot be read is left out, and is a problem.
    fn environment_layer(&self, problems: &mut Vec<Problem>) -> Tree {
        let mut variables: Vec<_> = self.variables.iter().filter(|(name, _)| name != FILE_VARIABLE).collect();
        variables.sort();
        let mut tree = Tree::default();
        for (name, value) in variables {
            match read_variable(name, value) {
                Ok(variable) => {
                    problems.extend(tree.replaced_by(&variable));
                    tree = tree.below(variable);
                }
                Err(problem) => problems.push(problem),
            }
        }
        tree
    }

    /// The files that code names, or if it names none, the file that the environment names.
    fn files_to_read(&self) -> Vec<&Path> {
        let from_environment = || {
            let named = self.variables.iter().rev().find(|(name, _)| name == FILE_VARIABLE);
            named.map(|(_, path)| Path::new(path)).into_iter().collect()
        };
        if self.files.is_empty() { from_environment() } else { self.files.iter().map(PathBuf::as_path).collect() }
    }
}

/// The layers above the settings of the preset that they name.
pub(super) fn above_preset(tree: Tree) -> Result<Tree, Problem> {
    match preset_of(&tree.values()) {
        Some(preset) => {
            let lowest = Tree::layer(Settings::preset(preset).to_value()?, &format!("preset {preset}"));
            Ok(lowest.below(tree))
        }
        None => Ok(tree),
    }
}

/// The preset that the layers name. An unknown preset is a problem when the settings are read.
fn preset_of(values: &Value) -> Option<Preset> {
    values.get("preset").and_then(Value::as_str).and_then(|name| name.parse().ok())
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
    let given_by = format!("file {}", path.display());
    let table = format.parse(&text).map_err(|reason| Problem::new(&given_by, "unreadable", reason))?;
    Ok(Tree::layer(table, &given_by))
}

/// The layer of a variable.
fn read_variable(name: &OsStr, value: &OsStr) -> Result<Tree, Problem> {
    let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
        let shown = format!("{value:?}");
        return Err(Problem::new(name.to_string_lossy(), shown, "name and value must be UTF-8"));
    };
    let own = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    let path: Vec<String> = own.split(SEPARATOR).map(str::to_owned).collect();
    if !path.iter().all(|step| is_plain(step)) {
        let allowed = "there is no such setting; names are of letters, digits, _ and -, parted by __";
        return Err(Problem::new(name, format!("{value:?}"), allowed));
    }
    Ok(Tree::value_at(&path, structured(value), name))
}

/// Whether it is a name that a path of settings can hold.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A variable's value: JSON if it is a list or a table of JSON, else text.
fn structured(text: &str) -> Value {
    let is_json = text.trim_start().starts_with(['[', '{']);
    let parsed = if is_json { serde_json::from_str(text).ok() } else { None };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
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
                if let Ok(table) = format.parse(&text) {
                    let (layer, mut problems) = Tree::layer(table, "file").by_own_names();
                    let _ = Settings::read(&layer, &mut problems);
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
