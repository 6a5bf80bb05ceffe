//! Settings from code, files and the environment.

pub use fapilog_plugin::settings::{
    PluginConfig, PluginValue, SecretBytes, SecretEncoding, SecretError, SecretRef, duration, size_bytes,
};
pub use fapilog_settings::{
    DeliverySettings, ErrorHandling, OverflowStrategy, Preset, Reload, ReloadError, ReloadManual, SettingInfo,
    Settings, SettingsBuilder, SinkEntry,
};
