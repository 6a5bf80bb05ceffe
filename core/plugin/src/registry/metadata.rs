//! Metadata of plugins.

use std::{fmt, sync::Arc};

use fapilog_record::error_codes;
use semver::Version;
use thiserror::Error;

use crate::{
    kind::PluginKind,
    name::{NAME_RULE, is_name},
};

/// The version of the plugin contracts in this crate. It grows when a contract changes.
pub const API_VERSION: u32 = 1;

/// Name, version, author and description of a plugin. They are checked when the plugin is registered.
///
/// ```
/// use fapilog_plugin::registry::Metadata;
///
/// let metadata = Metadata::new("region", "1.2.0").author("Orders team").description("Adds the data centre's region");
/// # let _ = metadata;
/// ```
#[doc(alias = "PluginMetadata")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    name: String,
    version: String,
    api_version: u32,
    author: String,
    description: String,
    encrypts: bool,
}

impl Metadata {
    /// A plugin of this name (letters, digits, `_` and `-`) and version (as in <https://semver.org>), for the plugin
    /// contracts of this crate.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            api_version: API_VERSION,
            author: String::new(),
            description: String::new(),
            encrypts: false,
        }
    }

    /// The version of the plugin contracts that it was written for. Default: [`API_VERSION`] of the crate that it was
    /// compiled with.
    #[must_use]
    pub fn api_version(mut self, version: u32) -> Self {
        self.api_version = version;
        self
    }

    /// Sets the author.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Sets the description: its work, in a sentence.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// States that the output is encrypted: for formatters. Standards of [compliance](crate::compliance) read it.
    #[must_use]
    pub fn encrypts(mut self) -> Self {
        self.encrypts = true;
        self
    }

    pub(super) fn check(self, kind: PluginKind) -> Result<PluginInfo, RegisterError> {
        let Self { name, version, api_version, author, description, encrypts } = self;
        if !is_name(&name) {
            return Err(RegisterError::Name { name });
        }
        if api_version != API_VERSION {
            return Err(RegisterError::ApiVersion { name, api_version });
        }
        match Version::parse(&version) {
            Ok(version) => Ok(PluginInfo { name, kind, version, api_version, author, description, encrypts }),
            Err(source) => Err(RegisterError::Version { name, version, source: Arc::new(source) }),
        }
    }
}

/// A registered plugin: metadata and kind.
#[doc(alias = "PluginMetadata")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginInfo {
    /// Its name, by which settings name it.
    pub name: String,
    /// Its kind.
    pub kind: PluginKind,
    /// Its version.
    pub version: Version,
    /// The version of the plugin contracts that it was written for.
    pub api_version: u32,
    /// The author; may be empty.
    pub author: String,
    /// The description; may be empty.
    pub description: String,
    /// Whether the output of a formatter is encrypted.
    pub encrypts: bool,
}

impl fmt::Display for PluginInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.name, self.version)
    }
}

/// Why a plugin cannot be registered.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is none.
    #[error("plugin name is {name:?}; {NAME_RULE}")]
    Name {
        /// The name.
        name: String,
    },
    /// The version is none.
    #[error("version of plugin {name} is {version:?}; it must be a semantic version, such as 1.2.0")]
    Version {
        /// The plugin.
        name: String,
        /// Its version.
        version: String,
        /// The error in it.
        source: Arc<semver::Error>,
    },
    /// It was written for other contracts.
    #[error("API version of plugin {name} is {api_version}; this fapilog supports {API_VERSION}")]
    ApiVersion {
        /// The plugin.
        name: String,
        /// The version of the contracts that it was written for.
        api_version: u32,
    },
    /// Another plugin has the name. Names are shared by all kinds, because their settings are found by them.
    #[error("plugin name {name} is taken by {holder}; choose another")]
    NameTaken {
        /// The name.
        name: String,
        /// The kind of the plugin that has it.
        holder: Box<PluginInfo>,
    },
}

error_codes! {
    RegisterError {
        Self::Name { .. } => "configuration.bad_name",
        Self::Version { .. } => "configuration.bad_version",
        Self::ApiVersion { .. } => "configuration.api_version",
        Self::NameTaken { .. } => "configuration.name_taken",
    }
}
