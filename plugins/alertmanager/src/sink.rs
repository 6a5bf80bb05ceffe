//! The sink `alertmanager`.

use std::sync::Arc;

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::sink::HttpSink;

use crate::{
    deliver::AlertmanagerExchange,
    encode::{AlertConstants, AlertEncoder},
    settings::AlertmanagerSettings,
};

/// The sink `alertmanager`. The [settings](AlertmanagerSettings) have all that it does.
#[derive(Debug)]
pub struct Alertmanager {
    http: HttpSink,
}

impl Alertmanager {
    /// A sink with these settings.
    ///
    /// # Errors
    /// All invalid settings; and secrets or certificates that cannot be read.
    pub fn new(settings: &AlertmanagerSettings) -> Result<Self, SettingsError> {
        Self::with_settings(settings).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_settings(settings: &AlertmanagerSettings) -> Result<Self, Vec<Problem>> {
        let target = settings.target()?;
        let constants = Arc::new(AlertConstants::new(settings));
        let encoder = move || AlertEncoder::new(Arc::clone(&constants));
        Ok(Self { http: HttpSink::new("alertmanager", target, encoder, || AlertmanagerExchange) })
    }
}

impl SinkFactory for Alertmanager {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.http.make(context)
    }

    fn delivery(&self) -> DeliveryPolicy {
        self.http.delivery()
    }

    fn assurances(&self) -> Assurances {
        self.http.assurances()
    }
}
