//! Names of sinks and plugins.

/// The characters of a name, as errors state them.
pub const NAME_RULE: &str = "a name is made of letters, digits, _ and -";

/// Whether it is a name: `^[a-zA-Z0-9_-]+$`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
