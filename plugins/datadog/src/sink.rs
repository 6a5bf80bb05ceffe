//! The sink `datadog`.

use std::sync::Arc;

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::sink::HttpSink;

use crate::{
    deliver::{DatadogExchange, ENTRIES_MAX, ENTRY_BYTES_OF_REQUEST_MAX},
    encode::{DatadogEncoder, EntryConstants},
    settings::DatadogSettings,
};

/// The sink `datadog`. The [settings](DatadogSettings) have all that it does.
#[doc(alias = "DatadogSink")]
#[derive(Debug)]
pub struct Datadog {
    http: HttpSink,
}

impl Datadog {
    /// A sink with these settings.
    ///
    /// # Errors
    /// All invalid settings; and a key or certificates that cannot be read.
    pub fn new(settings: &DatadogSettings) -> Result<Self, SettingsError> {
        Self::with_settings(settings).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_settings(settings: &DatadogSettings) -> Result<Self, Vec<Problem>> {
        let target = settings.target()?.batch_at_most(ENTRIES_MAX, ENTRY_BYTES_OF_REQUEST_MAX);
        let constants = Arc::new(EntryConstants::new(settings));
        let encoder = move || DatadogEncoder::new(Arc::clone(&constants));
        Ok(Self { http: HttpSink::new("datadog", target, encoder, || DatadogExchange) })
    }
}

impl SinkFactory for Datadog {
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
