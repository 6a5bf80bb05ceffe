//! The sink `loki`.

use std::sync::Arc;

use fapilog_plugin::{
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::{encode::FormattedRecords, sink::HttpSink};

use crate::{
    deliver::LokiExchange,
    encode::{LokiEncoder, LokiPlan},
    settings::LokiSettings,
};

/// The sink `loki`. The [settings](LokiSettings) have all that it does.
///
/// ```
/// use fapilog::format::Json;
/// use fapilog_loki::{Loki, LokiSettings};
///
/// let mut settings = LokiSettings::default();
/// settings.url = "https://loki.example.com".to_owned();
/// settings.labels.insert("service_name".to_owned(), "shop".to_owned());
/// let sink = Loki::new(&settings, Json::new)?;
/// # drop(sink);
/// # Ok::<(), fapilog_plugin::problem::SettingsError>(())
/// ```
#[doc(alias = "LokiSink")]
#[derive(Debug)]
pub struct Loki {
    sink: HttpSink,
}

impl Loki {
    /// A sink with these settings, whose lines are rendered by formatters that `formatter` makes. With `line = "message"`, they are not used.
    ///
    /// # Errors
    /// All invalid settings; and certificates and secrets that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: &LokiSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &LokiSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let plan = LokiPlan::of(settings).map(Arc::new).map_err(|found| problems.extend(found));
        let target = settings.http().target().map_err(|found| problems.extend(found));
        let (Ok(plan), Ok(target)) = (plan, target) else { return Err(problems) };
        let max_streams = settings.max_streams;
        let encoder = move || LokiEncoder::new(Arc::clone(&plan), FormattedRecords::new(formatter()));
        let sink = HttpSink::new("loki", target, encoder, move || LokiExchange::new(max_streams));
        Ok(Self { sink })
    }
}

impl SinkFactory for Loki {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.sink.make(context)
    }

    fn delivery(&self) -> DeliveryPolicy {
        self.sink.delivery()
    }

    fn assurances(&self) -> Assurances {
        self.sink.assurances()
    }
}
