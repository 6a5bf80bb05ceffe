//! The variables of the environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::Path,
};

use fapilog_plugin::{
    problem::Problem,
    settings::{invalid::show_at, read},
};
use serde_json::Value;

use crate::{file_format::FileFormat, tree::Tree};

/// The prefix of the names of our variables, if the program chooses no other.
pub(super) const PREFIX: &str = "FAPILOG_";
/// The separator of the names of tables in a variable's name.
const SEPARATOR: &str = "__";
/// The variable that names the settings file, without its prefix.
const FILE_VARIABLE: &str = "SETTINGS_FILE";
/// The variable that other libraries take their level from.
const RUST_LOG: &str = "RUST_LOG";
/// The most tables that the name of a variable leads into.
const DEPTH_MAX: usize = 32;

/// The characters of a wrong name that an error shows.
const NAME_CHARS_MAX: usize = 200;

/// The variables that concern the settings.
#[derive(Clone, Default)]
pub(super) struct EnvironmentVariables {
    /// By name, each with its name behind the prefix.
    ours: BTreeMap<OsString, OurVariable>,
    rust_log: Option<OsString>,
    /// The prefixes that the program chose, in the order of its calls.
    prefixes: Vec<String>,
}

#[derive(Clone)]
struct OurVariable {
    prefix_bytes: usize,
    value: OsString,
}

/// The values are left out: they may be secrets.
impl fmt::Debug for EnvironmentVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentVariables")
            .field("names", &self.ours.keys())
            .field("prefixes", &self.prefixes)
            .finish()
    }
}

impl EnvironmentVariables {
    /// Adds those with the prefix. Empty variables count as unset. A later variable replaces an earlier variable of its name.
    pub(super) fn add(&mut self, prefix: &str, variables: impl Iterator<Item = (OsString, OsString)>) {
        self.prefixes.push(prefix.to_owned());
        for (name, value) in variables.filter(|(_, value)| !is_blank(value)) {
            if name == RUST_LOG {
                self.rust_log = Some(value);
            } else if is_prefix(prefix) && name.to_string_lossy().starts_with(prefix) {
                self.ours.insert(name, OurVariable { prefix_bytes: prefix.len(), value });
            }
        }
    }

    /// The prefix of the last call; `None` if the program reads no variables.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.prefixes.last().map(String::as_str)
    }

    /// The prefixes that are none.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        let wrong = self.prefixes.iter().filter(|prefix| !is_prefix(prefix));
        wrong.map(|prefix| {
            let allowed = "it must be of letters, digits and _, with a _ at its end, such as \"SHOP_LOG_\"";
            Problem::new("the prefix of variables", format!("{prefix:?}"), allowed)
        })
    }

    /// The variable that names the settings file, and the file.
    pub(super) fn file(&self) -> Option<(&OsStr, &Path)> {
        let mut named = self.ours.iter().filter(|(name, variable)| variable.own_name(name) == Some(FILE_VARIABLE));
        named.next_back().map(|(name, variable)| (name.as_os_str(), Path::new(&variable.value)))
    }

    /// The layer of all variables. A variable that cannot be read is left out, and is a problem.
    pub(super) fn layer(&self, problems: &mut Vec<Problem>) -> Tree {
        let mut tree = Tree::default();
        for (name, variable) in &self.ours {
            match variable.read(name) {
                Ok(Some(layer)) => {
                    problems.extend(tree.replaced_by(&layer));
                    tree = tree.below(layer);
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        tree
    }

    /// The layer of `RUST_LOG`, which lies below the other variables: if the settings want it.
    pub(super) fn rust_log_layer(&self, settings: &Value) -> Result<Option<Tree>, Problem> {
        let is_wanted = settings.get("rust_log").is_some_and(|value| matches!(read::<bool>(value), Ok(true)));
        let Some(directives) = self.rust_log.as_ref().filter(|_| is_wanted) else { return Ok(None) };
        let text = directives.to_str().ok_or_else(|| not_utf8(OsStr::new(RUST_LOG), directives))?;
        Ok(Some(Tree::value_at(&["level".to_owned()], Value::String(text.to_owned()), RUST_LOG)))
    }
}

/// Whether it is empty, or nothing but spaces.
fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

fn is_prefix(text: &str) -> bool {
    text.ends_with('_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn not_utf8(name: &OsStr, value: &OsStr) -> Problem {
    // A value that is no text may be a secret, and its bytes help nobody.
    let shown = if value.to_str().is_some() { "given" } else { "not UTF-8" };
    Problem::new(name.to_string_lossy(), shown, "name and value must be UTF-8")
}

impl OurVariable {
    /// Its name behind the prefix, if it is UTF-8.
    fn own_name<'n>(&self, name: &'n OsStr) -> Option<&'n str> {
        name.to_str()?.get(self.prefix_bytes..)
    }

    /// The layer of the variable; `None` if it is none of ours.
    fn read(&self, name: &OsStr) -> Result<Option<Tree>, Problem> {
        let (Some(own), Some(value), Some(given_by)) = (self.own_name(name), self.value.to_str(), name.to_str()) else {
            return Err(not_utf8(name, &self.value));
        };
        if own == FILE_VARIABLE || is_of_kubernetes(own, value) {
            return Ok(None);
        }
        let own = own.to_ascii_lowercase();
        let steps = own.split(SEPARATOR);
        if !steps.clone().all(is_plain) || steps.clone().count() > DEPTH_MAX {
            let allowed = format!(
                "there is no such setting; names are of letters, digits, _ and -, parted by __, {DEPTH_MAX} at most"
            );
            let name: String = given_by.chars().take(NAME_CHARS_MAX).collect();
            return Err(Problem::new(name, show_at(given_by, &Value::String(value.to_owned())), allowed));
        }
        let path: Vec<String> = steps.map(str::to_owned).collect();
        let value = structured(value).map_err(|reason| Problem::new(given_by, "unreadable", reason))?;
        Ok(Some(Tree::value_at(&path, value, given_by)))
    }
}

/// Whether it is a name that a path of settings can hold.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A variable's value: JSON if it is a list or a table of JSON, else text, which may begin with `{` as a template does.
///
/// # Errors
/// The reason why the table is none: it has a name twice.
fn structured(text: &str) -> Result<Value, String> {
    let parsed = if text.trim_start().starts_with(['[', '{']) { serde_json::from_str(text).ok() } else { None };
    match parsed {
        Some(Value::Object(_)) => FileFormat::Json.parse(text).map(|parsed| parsed.table).map_err(|error| error.reason),
        Some(list) => Ok(list),
        None => Ok(Value::String(text.to_owned())),
    }
}

/// Whether Kubernetes gives the variable to each container, for a service whose name begins as the prefix: for a service
/// `fapilog` and for a service `fapilog-api`.
fn is_of_kubernetes(own: &str, value: &str) -> bool {
    // Only settings have two `_` in a row.
    if own.contains(SEPARATOR) {
        return false;
    }
    let ends_in = |end: &str| own.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with('_'));
    let has_port_name = own.starts_with("SERVICE_PORT_") || own.contains("_SERVICE_PORT_");
    if ends_in("SERVICE_HOST") || ends_in("SERVICE_PORT") || has_port_name {
        return true;
    }
    if ends_in("PORT") && value.contains("://") {
        return true;
    }
    is_port_of_kubernetes(own)
}

/// `PORT_80_TCP`, `PORT_80_TCP_ADDR` and the like, at the end.
fn is_port_of_kubernetes(own: &str) -> bool {
    let part = ["_PROTO", "_PORT", "_ADDR"].into_iter().find_map(|part| own.strip_suffix(part));
    let mut steps = part.unwrap_or(own).rsplit('_');
    let (protocol, number, port) = (steps.next(), steps.next(), steps.next());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    protocol.is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol))
        && number.is_some_and(is_number)
        && port == Some("PORT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    const OF_KUBERNETES: [(&str, &str); 14] = [
        ("SERVICE_HOST", "10.0.0.11"),
        ("SERVICE_PORT", "80"),
        ("SERVICE_PORT_HTTP", "80"),
        ("SERVICE_PORT_HTTP_ALT", "80"),
        ("PORT", "tcp://10.0.0.11:80"),
        ("PORT_80_TCP", "tcp://10.0.0.11:80"),
        ("PORT_80_TCP_PROTO", "tcp"),
        ("PORT_80_TCP_PORT", "80"),
        ("PORT_80_TCP_ADDR", "10.0.0.11"),
        ("PORT_53_UDP_ADDR", "10.0.0.11"),
        ("API_SERVICE_HOST", "10.0.0.11"),
        ("API_V2_SERVICE_PORT_HTTP", "80"),
        ("API_PORT", "tcp://10.0.0.11:80"),
        ("API_PORT_80_TCP_ADDR", "10.0.0.11"),
    ];

    #[test]
    fn variables_of_kubernetes_are_known() {
        for (name, value) in OF_KUBERNETES {
            assert!(is_of_kubernetes(name, value), "{name}");
        }
        for (name, value) in [
            ("PORT", "8080"),
            ("REPORT", "tcp://x"),
            ("PORT_HTTP_TCP", "80"),
            ("PLUGIN_CONFIG__SYSLOG__PORT", "tcp://x:80"),
            ("PLUGIN_CONFIG__LOKI__SERVICE_HOST", "x"),
            ("LEVEL", "info"),
        ] {
            assert!(!is_of_kubernetes(name, value), "{name}");
        }
    }

    #[test]
    fn no_setting_looks_like_a_variable_of_kubernetes() {
        let aliases = Settings::ALIASES.iter().map(|(alias, _)| *alias);
        for name in Settings::NAMES.iter().copied().chain(aliases).chain(Settings::tables()) {
            assert!(!is_of_kubernetes(&name.to_ascii_uppercase(), "tcp://10.0.0.11:80"), "{name}");
        }
    }

    #[test]
    fn the_values_are_not_shown() {
        let mut variables = EnvironmentVariables::default();
        let secret = ("FAPILOG_PLUGIN_CONFIG__LOKI__TOKEN".into(), "hunter2".into());
        variables.add(PREFIX, [secret].into_iter());
        assert!(!format!("{variables:?}").contains("hunter2"));
    }
}
