//! Presets: settings, and nothing but settings.

use std::time::Duration;

use fapilog_engine::executor::Executor;
use fapilog_plugin::colors::Colors;
use fapilog_plugin::level::Level;

use crate::{ErrorHandling, OverflowStrategy, PluginConfig, Preset, Settings, SinkEntry, names};

impl Settings {
    /// The settings of a preset.
    #[must_use]
    pub fn preset(preset: Preset) -> Self {
        match preset {
            Preset::Dev => Self::dev(),
            Preset::Production => Self::production(),
            Preset::Serverless => Self::serverless(),
            Preset::Hardened => Self::hardened(),
            Preset::Minimal => Self::minimal(),
        }
    }

    /// For a developer's terminal: DEBUG, shown at once, with failures of the log on stderr.
    #[must_use]
    pub fn dev() -> Self {
        Self {
            preset: Some(Preset::Dev),
            level: Level::Debug.into(),
            flush_interval: Duration::from_millis(5),
            executor: Executor::Thread,
            // Spinning would cost a developer's machine a core.
            idle_spin: Some(Duration::ZERO),
            enable_internal_logging: true,
            error_handling_mode: ErrorHandling::Loud,
            ..Self::default()
        }
    }

    /// For a server: JSON, with the names of host and service in each event, and without credentials and the data of payment cards.
    #[must_use]
    pub fn production() -> Self {
        Self {
            preset: Some(Preset::Production),
            sinks: vec![SinkEntry::new("stdout")],
            enrichers: names(&["timestamp", "correlation", "context", "hostname", "runtime_info"]),
            redactors: names(&["redact"]),
            formatter: "json".to_owned(),
            colors: Colors::Never,
            enable_internal_logging: true,
            ..Self::default()
        }
    }

    /// For functions that come and go: small, and quick to deliver their events.
    #[must_use]
    pub fn serverless() -> Self {
        Self {
            preset: Some(Preset::Serverless),
            formatter: "json".to_owned(),
            colors: Colors::Never,
            queue_max_size: 1000,
            threads_max: 16,
            flush_interval: Duration::from_millis(1),
            executor: Executor::Thread,
            idle_spin: Some(Duration::ZERO),
            idle_sleep: Duration::from_millis(10),
            ..Self::default()
        }
    }

    /// For programs that rather wait than drop an event: a long timeout, a bound on the size of an event, and redaction as in
    /// `production`.
    #[must_use]
    pub fn hardened() -> Self {
        Self {
            preset: Some(Preset::Hardened),
            processors: names(&["filter", "throttle", "size_guard"]),
            redactors: names(&["redact"]),
            plugin_config: [("size_guard".to_owned(), PluginConfig::new().with("event_max_bytes", "16 KiB"))].into(),
            formatter: "json".to_owned(),
            colors: Colors::Never,
            overflow_strategy: OverflowStrategy::Block,
            overflow_timeout: Duration::from_secs(5),
            record_max_bytes: Some(16 << 10),
            enable_internal_logging: true,
            error_handling_mode: ErrorHandling::Loud,
            ..Self::default()
        }
    }

    /// The least memory and the least work: no enrichers, no processors.
    #[must_use]
    pub fn minimal() -> Self {
        Self {
            preset: Some(Preset::Minimal),
            enrichers: Vec::new(),
            processors: Vec::new(),
            formatter: "minimal".to_owned(),
            queue_max_size: 512,
            threads_max: 16,
            executor: Executor::Thread,
            idle_spin: Some(Duration::ZERO),
            ..Self::default()
        }
    }
}
