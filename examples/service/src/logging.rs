//! The log of the shop: a container, and the bridges to it.

use std::{path::Path, sync::Arc};

use fapilog::{Container, Logger, error::StartError, format, sink};
use fapilog_control::{ControlError, ControlSocket};
use fapilog_prometheus::{Exporter, ExporterError};
use tracing_subscriber::layer::SubscriberExt;

/// The log cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
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
    /// Starts the container, and brings `log` and `tracing` to it.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn start(file: &Path) -> Result<Self, LogError> {
        let file = sink::File::new(file, format::Json::new);
        let container = Arc::new(fapilog::default_pipeline(Container::builder()).sink("file", file).start()?);
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
