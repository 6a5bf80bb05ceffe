//! Settings from code, files and the environment.

pub use fapilog_plugin::settings::{
    Endpoint, PluginConfig, PluginValue, SecretBytes, SecretEncoding, SecretError, SecretRef, duration, redact_text,
    size_bytes,
};
pub use fapilog_settings::{
    ComplianceMode, DeliverySettings, ErrorHandling, OverflowStrategy, Preset, Reload, ReloadError, ReloadManual,
    SettingInfo, Settings, SettingsBuilder, SinkEntry,
};
