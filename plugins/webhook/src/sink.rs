//! The sink `webhook`.

use std::sync::Arc;

use fapilog_plugin::{
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::Http;

use crate::{settings::WebhookSettings, signature::WebhookSigner};

/// The sink `webhook`. The [settings](WebhookSettings) have all that it does.
#[doc(alias = "WebhookSink")]
#[derive(Debug)]
pub struct Webhook {
    http: Http,
}

impl Webhook {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes: a JSON formatter, unless the body is NDJSON.
    ///
    /// # Errors
    /// All invalid settings; and certificates and secrets that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: &WebhookSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &WebhookSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let signer = WebhookSigner::read(settings.signature, &settings.secrets).map_err(|found| problems.extend(found));
        let signer = signer.ok().map(|signer| Arc::new(signer) as _);
        let http = Http::of_kind("webhook", settings.http_sink(), formatter, signer);
        let http = http.map_err(|found| problems.extend(found));
        match http {
            Ok(http) if problems.is_empty() => Ok(Self { http }),
            _ => Err(problems),
        }
    }
}

impl SinkFactory for Webhook {
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
