//! The log of the shop: a container, and the bridges to it.

use std::{path::Path, sync::Arc};

use fapilog::{
    Container, Logger, Settings,
    container::ContainerBuilder,
    error::{SettingsError, StartError},
    format,
    redact::{FieldPatternError, Redact},
    sink,
};
use fapilog_audit_trail as _; // links the sink `audit_trail`
use fapilog_compliance as _; // links the standards of compliance
use fapilog_control::{ControlError, ControlSocket};
use fapilog_encryption as _; // links the formatter `encrypted`
use fapilog_prometheus::{Exporter, ExporterError};
use tracing_subscriber::layer::SubscriberExt;

/// The log cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The settings, or a rule of a standard that they do not meet.
    #[error("the settings of the log are refused")]
    Settings(#[from] SettingsError),
    /// The fields that the redactor keeps.
    #[error("the redactor cannot be built")]
    Redact(#[from] FieldPatternError),
    /// The container.
    #[error("the container cannot start")]
    Start(#[from] StartError),
    /// Another logger was there before.
    #[error("`log` has a logger already")]
    Log(#[from] fapilog_log::InitError),
    /// Another subscriber was there before.
    #[error("`tracing` has a subscriber already")]
    Tracing(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// The control socket.
    #[error("the control socket cannot start")]
    Control(#[from] ControlError),
    /// The figures for Prometheus.
    #[error("the exporter cannot be built")]
    Exporter(#[from] ExporterError),
}

/// The container of the shop, and all that logs to it.
#[derive(Debug)]
pub struct ShopLog {
    container: Arc<Container>,
    exporter: Exporter,
    _control: ControlSocket,
}

impl ShopLog {
    /// Starts a container that logs to a file, without what is sensitive, and brings `log` and `tracing` to it.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn start(file: &Path) -> Result<Self, LogError> {
        let file = sink::File::new(file, format::Json::new);
        let redact = Redact::builder().everything().keep("context.bind_address".parse()?).build();
        let builder = fapilog::default_pipeline(Container::builder()).redactor_from(redact.into_factory());
        Self::bridge(builder.sink("file", file))
    }

    /// Starts a container by settings, and brings `log` and `tracing` to it. A standard of compliance that the settings name and do not meet
    /// is an error.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn by_settings(settings: Settings) -> Result<Self, LogError> {
        Self::bridge(settings.into_builder()?)
    }

    fn bridge(builder: ContainerBuilder) -> Result<Self, LogError> {
        let container = Arc::new(builder.start()?);
        fapilog_log::init(container.logger("log"))?;
        let layer = fapilog_tracing::layer(container.logger("tracing"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        let control = ControlSocket::builder(&container).start()?;
        let exporter = Exporter::builder().container("shop", &container).build()?;
        Ok(Self { container, exporter, _control: control })
    }

    /// A logger under this name.
    #[must_use]
    pub fn logger(&self, source: &str) -> Logger {
        self.container.logger(source)
    }

    /// The container.
    #[must_use]
    pub fn container(&self) -> Arc<Container> {
        Arc::clone(&self.container)
    }

    /// The figures of the log, for Prometheus.
    #[must_use]
    pub fn exporter(&self) -> &Exporter {
        &self.exporter
    }
}
