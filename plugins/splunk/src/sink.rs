//! The sink `splunk`.

use std::{fmt, sync::Arc, time::Duration};

use fapilog_plugin::{
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::sink::HttpSink;

use crate::{
    deliver::{HecExchange, HecRequests},
    encode::{HecEncoder, HecEnvelope},
    settings::SplunkSettings,
};

/// The sink `splunk`. The [settings](SplunkSettings) have all that it does.
#[doc(alias = "SplunkSink")]
pub struct Splunk {
    http: HttpSink,
    /// The time that a delivery may take beside that of its first request.
    extra_time: Duration,
}

impl Splunk {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes.
    ///
    /// # Errors
    /// All invalid settings; and a token or certificates that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: &SplunkSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &SplunkSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        let targets = settings.targets()?;
        let envelope = Arc::new(HecEnvelope::new(settings));
        let requests = Arc::new(HecRequests::new(settings, targets.acks));
        let encoder = move || HecEncoder::new(Arc::clone(&envelope), formatter());
        let exchange = move || HecExchange::new(Arc::clone(&requests));
        let http = HttpSink::new("splunk", targets.events, encoder, exchange);
        Ok(Self { http, extra_time: extra_time(settings) })
    }
}

/// The requests without rejected events, the wait for the acknowledgement, and the last query of it.
fn extra_time(settings: &SplunkSettings) -> Duration {
    let requests = settings.request.timeout.saturating_mul(2);
    if settings.acks { requests + settings.ack_timeout + settings.request.timeout } else { requests }
}

impl SinkFactory for Splunk {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.http.make(context)
    }

    /// That of an HTTP sink, with the time that acknowledgements take: for each attempt, and for all of them.
    fn delivery(&self) -> DeliveryPolicy {
        let policy = self.http.delivery();
        let timeout = policy.timeout + self.extra_time;
        let retry_time = policy.retry_time.max(timeout.saturating_mul(policy.attempts));
        policy.timeout(timeout).retry_time(retry_time)
    }

    fn assurances(&self) -> Assurances {
        self.http.assurances()
    }
}

impl fmt::Debug for Splunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Splunk").field(&self.http).finish()
    }
}
