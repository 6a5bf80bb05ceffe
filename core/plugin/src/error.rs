//! Errors of plugins.

use fapilog_record::error_codes;
use thiserror::Error;

use crate::name::NAME_RULE;

/// Why a plugin could not do its work.
#[doc(alias = "PluginExecutionError")]
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PluginError {
    /// It failed, for a reason of its own type.
    #[error("the plugin failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It panicked.
    #[error("the plugin panicked")]
    Panicked,
    /// Its name is not valid.
    #[error("plugin name is {name:?}; {NAME_RULE}, and has at least one")]
    BadName {
        /// The name.
        name: String,
    },
}

impl PluginError {
    /// A plugin's own error, or a text.
    pub fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(source.into())
    }
}

error_codes! {
    PluginError {
        Self::Failed(_) => "plugin.failed",
        Self::Panicked => "plugin.panicked",
        Self::BadName { .. } => "configuration.bad_name",
    }
}
