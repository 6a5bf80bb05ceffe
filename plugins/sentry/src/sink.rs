//! The sink `sentry`.

use std::sync::Arc;

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::sink::HttpSink;

use crate::{
    deliver::SentryExchange,
    encode::{SentryConstants, SentryEncoder},
    settings::SentrySettings,
};

/// The sink `sentry`. The [settings](SentrySettings) have all that it does.
#[doc(alias = "SentrySink")]
#[derive(Debug)]
pub struct Sentry {
    http: HttpSink,
}

impl Sentry {
    /// A sink with these settings.
    ///
    /// # Errors
    /// All invalid settings; and a DSN or certificates that cannot be read.
    pub fn new(settings: &SentrySettings) -> Result<Self, SettingsError> {
        Self::with_settings(settings).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_settings(settings: &SentrySettings) -> Result<Self, Vec<Problem>> {
        let target = settings.target()?;
        let constants = Arc::new(SentryConstants::new(settings));
        let encoder = move || SentryEncoder::new(Arc::clone(&constants));
        Ok(Self { http: HttpSink::new("sentry", target, encoder, SentryExchange::default) })
    }
}

impl SinkFactory for Sentry {
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
