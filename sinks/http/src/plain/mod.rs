//! The sink `http`: records of a formatter, as the body of a request.

mod body;
mod exchange;
mod front;
mod routing;
mod settings;
mod template;

use std::{fmt, sync::Arc};

pub use body::BodyForm;
pub use exchange::BodySigner;
use fapilog_plugin::{
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
pub use settings::{HttpMethod, HttpSinkSettings, WrapperSettings};

use crate::{
    encode::FormattedRecords,
    plain::{
        exchange::{PlainExchange, PlainRequest},
        routing::{RoutedRecords, Routing},
    },
    sink::HttpSink,
};

/// The sink `http`: it sends events as NDJSON, as a JSON array, or as an object with such an array. The [settings](HttpSinkSettings) have all that it does.
///
/// ```
/// use fapilog_format::Json;
/// use fapilog_sink_http::{Http, HttpSinkSettings};
///
/// let mut settings = HttpSinkSettings::default();
/// settings.url = "https://logs.example.com/{level}/events".to_owned();
/// let sink = Http::new(settings, Json::new)?;
/// # let _ = sink;
/// # Ok::<(), fapilog_plugin::problem::SettingsError>(())
/// ```
#[doc(alias = "HTTPSink")]
pub struct Http {
    sink: HttpSink,
}

impl Http {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes: a JSON formatter, or another one that writes
    /// a line for each event, where the body is NDJSON.
    ///
    /// # Errors
    /// All invalid settings; and certificates and secrets that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: HttpSinkSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::of_kind("http", settings, formatter, None).map_err(|problems| SettingsError { problems })
    }

    /// As [`new`](Self::new), for a sink of another kind, whose requests `signer` signs.
    ///
    /// # Errors
    /// All problems, with paths relative to the settings of the sink.
    pub fn of_kind(
        kind: &'static str,
        settings: HttpSinkSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
        signer: Option<Arc<dyn BodySigner>>,
    ) -> Result<Self, Vec<Problem>> {
        let (routing, http, mut problems) = Routing::of(&settings);
        let routing = Arc::new(routing);
        let target = http.target().map_err(|found| problems.extend(found));
        let request = PlainRequest::new(&settings, Arc::clone(&routing), signer);
        let request = request.map(Arc::new).map_err(|found| problems.extend(found));
        let (Ok(target), Ok(request), true) = (target, request, problems.is_empty()) else { return Err(problems) };
        let records = move || RoutedRecords::new(Arc::clone(&routing), FormattedRecords::new(formatter()));
        let sink = HttpSink::new(kind, target, records, move || PlainExchange::new(Arc::clone(&request)));
        Ok(Self { sink })
    }
}

impl SinkFactory for Http {
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

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http").field(&self.sink).finish()
    }
}
