//! The sink `otlp`.

use std::fmt;

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::{settings::HttpTarget, sink::HttpSink};

#[cfg(feature = "grpc")]
use crate::grpc::GrpcSender;
use crate::{
    encode::{JsonRecords, ProtobufRecords},
    environment::{CompleteSettings, OtelLookup},
    protocol,
    request::OtlpExchange,
    resource::ResourceBytes,
    settings::{OtlpProtocol, OtlpSettings},
};

/// The sink `otlp`. The [settings](OtlpSettings) have all that it does.
///
/// ```
/// use fapilog_otlp::{Otlp, OtlpSettings};
///
/// let mut settings = OtlpSettings::default();
/// settings.url = "http://localhost:4318".to_owned();
/// settings.resource.insert("service.name".to_owned(), "shop".to_owned());
/// let sink = Otlp::new(&settings)?;
/// # let _ = sink;
/// # Ok::<(), fapilog_plugin::problem::SettingsError>(())
/// ```
#[doc(alias = "OTLPSink")]
pub struct Otlp {
    http: HttpSink,
}

impl Otlp {
    /// A sink with these settings, completed by the variables of OpenTelemetry.
    ///
    /// # Errors
    /// All invalid settings and variables; and certificates and secrets that cannot be read.
    pub fn new(settings: &OtlpSettings) -> Result<Self, SettingsError> {
        Self::with_variables(settings, &|name| std::env::var_os(name)).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_variables(settings: &OtlpSettings, lookup: OtelLookup<'_>) -> Result<Self, Vec<Problem>> {
        let (complete, mut problems) = CompleteSettings::new(settings, lookup);
        if settings.resource.contains_key("") {
            problems.push(Problem::new("resource", "\"\"", "an attribute must have a name"));
        }
        problems.extend(protocol::check(&complete).into_iter().map(|problem| complete.with_variable(problem)));
        let target = complete.http.target().map_err(|found| {
            problems.extend(found.into_iter().map(|problem| complete.with_variable(problem)));
        });
        let (Ok(mut target), true) = (target, problems.is_empty()) else { return Err(problems) };
        for (name, value) in complete.headers {
            target = target.default_header(name, value);
        }
        let resource = complete.resource.bytes();
        let exchange = {
            let resource = resource.clone();
            move || OtlpExchange::new(resource.clone())
        };
        let has_places = settings.call_site;
        let http = match complete.protocol {
            OtlpProtocol::HttpProtobuf => {
                HttpSink::new("otlp", target, move || ProtobufRecords::new(has_places), exchange)
            }
            OtlpProtocol::HttpJson => HttpSink::new("otlp", target, move || JsonRecords::new(has_places), exchange),
            OtlpProtocol::Grpc => grpc_sink(target, resource, has_places)?,
        };
        Ok(Self { http })
    }
}

#[cfg(feature = "grpc")]
fn grpc_sink(target: HttpTarget, resource: ResourceBytes, has_places: bool) -> Result<HttpSink, Vec<Problem>> {
    let sender = move |target| GrpcSender::new(target, resource.clone());
    Ok(HttpSink::with_sender("otlp", target, move || ProtobufRecords::new(has_places), sender))
}

#[cfg(not(feature = "grpc"))]
fn grpc_sink(_: HttpTarget, _: ResourceBytes, _: bool) -> Result<HttpSink, Vec<Problem>> {
    Err(vec![protocol::without_feature()])
}

impl SinkFactory for Otlp {
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

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Otlp").field(&self.http).finish()
    }
}
