//! References to secrets, as settings write them.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{REDACTED, SecretBytes, SecretEncoding};

/// A secret in settings: the place where it stands, and not the secret itself.
///
/// | in settings | the secret |
/// |---|---|
/// | `"${NAME}"`, `{ env = "NAME" }` | a variable of the environment |
/// | `{ file = "/run/secrets/key" }` | the content of a file |
/// | `{ command = ["prog", "arg"] }` | the output of a program, which is run without a shell |
///
/// In the table, `encoding` is `text`, `hex` or `base64`. For a file, `allow_readable_by_others = true` accepts a mode that
/// lets other users read it. A literal secret is refused by an error that does not repeat it.
///
/// ```
/// use fapilog_plugin::settings::{PluginConfig, SecretRef};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Own {
///     token: SecretRef,
/// }
///
/// let config = PluginConfig::new().with("token", "hunter2");
/// let problems = fapilog_plugin::registry::PluginSettings::new("agent", &config).read::<Own>().err().unwrap();
/// assert!(!problems[0].to_string().contains("hunter2"));
///
/// let config = PluginConfig::new().with("token", "${AGENT_TOKEN}");
/// let own: Own = fapilog_plugin::registry::PluginSettings::new("agent", &config).read().unwrap();
/// assert_eq!(own.token.read().unwrap_err().to_string(), "${AGENT_TOKEN} names a variable that is not set");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRef {
    source: SecretSource,
    encoding: SecretEncoding,
    allow_readable_by_others: bool,
}

/// The place of a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum SecretSource {
    Env(String),
    File(PathBuf),
    /// The program and its arguments; the list is not empty.
    Command(Vec<String>),
    /// Given by code.
    Bytes(Arc<SecretBytes>),
}

impl SecretRef {
    /// A variable of the environment.
    #[must_use]
    pub fn env(name: impl Into<String>) -> Self {
        Self::of(SecretSource::Env(name.into()))
    }

    /// The content of a file, without a line feed at its end.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::of(SecretSource::File(path.into()))
    }

    /// The output of a program, without a line feed at its end. No shell is involved. The program has 10 s.
    #[must_use]
    pub fn command<A: Into<String>>(program: impl Into<String>, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut words = vec![program.into()];
        words.extend(arguments.into_iter().map(Into::into));
        Self::of(SecretSource::Command(words))
    }

    /// A secret that the program has already. Settings write it as `[redacted]`, which cannot be read back.
    #[must_use]
    pub fn bytes(secret: impl Into<SecretBytes>) -> Self {
        Self::of(SecretSource::Bytes(Arc::new(secret.into())))
    }

    /// How the secret is written behind the reference. Bytes that code gives are taken as they are.
    #[must_use]
    pub fn encoding(mut self, encoding: SecretEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Accepts a file that other users can read.
    #[must_use]
    pub fn allow_readable_by_others(mut self, allow: bool) -> Self {
        self.allow_readable_by_others = allow;
        self
    }

    pub(super) fn of(source: SecretSource) -> Self {
        Self { source, encoding: SecretEncoding::Text, allow_readable_by_others: false }
    }

    pub(super) fn source(&self) -> &SecretSource {
        &self.source
    }

    pub(super) fn text_encoding(&self) -> SecretEncoding {
        self.encoding
    }

    pub(super) fn allows_readable_by_others(&self) -> bool {
        self.allow_readable_by_others
    }
}

/// The portable names of variables. Another text after `env` may be the secret itself.
pub(super) fn is_variable_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// The reference, as errors name it. The arguments of a program are left out: a secret may be among them.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            SecretSource::Env(name) => write!(f, "${{{name}}}"),
            SecretSource::File(path) => write!(f, "file {}", path.display()),
            SecretSource::Command(words) => write!(f, "command {}", words.first().map_or("", String::as_str)),
            SecretSource::Bytes(_) => f.write_str(REDACTED),
        }
    }
}

/// The reference.
impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRef({self})")
    }
}

/// The reference, as settings write it.
impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_plain = self.encoding == SecretEncoding::default() && !self.allow_readable_by_others;
        if is_plain && let SecretSource::Env(name) = &self.source {
            return serializer.serialize_str(&format!("${{{name}}}"));
        }
        if let SecretSource::Bytes(_) = &self.source {
            return serializer.serialize_str(REDACTED);
        }
        let mut table = serializer.serialize_map(None)?;
        match &self.source {
            SecretSource::Env(name) => table.serialize_entry("env", name)?,
            SecretSource::File(path) => table.serialize_entry("file", path)?,
            SecretSource::Command(words) => table.serialize_entry("command", words)?,
            SecretSource::Bytes(_) => {}
        }
        if self.encoding != SecretEncoding::default() {
            table.serialize_entry("encoding", &self.encoding)?;
        }
        if self.allow_readable_by_others {
            table.serialize_entry("allow_readable_by_others", &true)?;
        }
        table.end()
    }
}
