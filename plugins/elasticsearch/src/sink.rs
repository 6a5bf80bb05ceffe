//! The sink.

use std::{fmt, sync::Arc};

use fapilog_plugin::{
    event::FieldPath,
    formatter::Formatter,
    problem::{Problem, SettingsError},
    record_end::RecordEnd,
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::{encode::EventEncoder, sink::HttpSink};

use crate::{
    deliver::{BulkExchange, bulk_path},
    document::DocumentFrame,
    encode::{BulkFrame, BulkRecords},
    index::{INDEX_RULE, IndexName},
    settings::ElasticsearchSettings,
};

type MakeFormatter = dyn Fn() -> Box<dyn Formatter> + Send + Sync;

/// The sink `elasticsearch`, for Elasticsearch and OpenSearch. The [settings](ElasticsearchSettings) have all that it does.
#[doc(alias = "OpenSearch")]
pub struct Elasticsearch {
    sink: HttpSink,
    frame: Arc<BulkFrame>,
    formatter: Arc<MakeFormatter>,
}

impl Elasticsearch {
    /// A sink with these settings, whose documents are written by formatters that `formatter` makes: `ecs`, `json`, or another one that writes an event
    /// as a line. A line that is no JSON object becomes the `message` of a document.
    ///
    /// # Errors
    /// All invalid settings; and certificates and secrets that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: ElasticsearchSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::of_formatters(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn of_formatters(
        settings: ElasticsearchSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let http = settings.client().map_err(|found| problems.extend(found)).ok();
        let target = http.and_then(|http| {
            let named =
                |found: Vec<Problem>| problems.extend(found.into_iter().map(|problem| settings.of_client(problem)));
            http.target().map_err(named).ok()
        });
        let index = index_of(&settings).map_err(|problem| problems.push(problem)).ok();
        let routing = routing_of(&settings).map_err(|problem| problems.push(problem)).ok();
        if settings.pipeline.as_deref() == Some("") {
            problems.push(Problem::new("pipeline", "\"\"", "it must be the name of an ingest pipeline"));
        }
        let sample = formatter();
        if sample.record_end() != RecordEnd::LineFeed {
            let allowed = "a document is a line: the formatter must write an event as a line, as ecs and json do";
            problems.push(Problem::new("formatter", sample.name(), allowed));
        }
        let (Some(target), Some(index), Some(routing), true) = (target, index, routing, problems.is_empty()) else {
            return Err(problems);
        };
        let path = bulk_path(target.endpoint().path_and_query(), index.literal(), &parameters(&settings)).into();
        let index = if index.literal().is_some() { None } else { Some(index) };
        let document = DocumentFrame::new(&settings.timestamp_key);
        let frame = Arc::new(BulkFrame { index, routing, document });
        let formatter: Arc<MakeFormatter> = Arc::new(formatter);
        let records = {
            let (frame, formatter) = (Arc::clone(&frame), Arc::clone(&formatter));
            move || BulkRecords::new(Arc::clone(&frame), formatter())
        };
        let sink = HttpSink::new("elasticsearch", target, records, move || BulkExchange::new(Arc::clone(&path)));
        Ok(Self { sink, frame, formatter })
    }

    /// An encoder of the sink's records, for measurements: it needs no destination.
    #[must_use]
    pub fn encoder(&self) -> impl EventEncoder + 'static {
        BulkRecords::new(Arc::clone(&self.frame), (self.formatter)())
    }
}

impl SinkFactory for Elasticsearch {
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

impl fmt::Debug for Elasticsearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elasticsearch").field("sink", &self.sink).field("frame", &self.frame).finish_non_exhaustive()
    }
}

fn index_of(settings: &ElasticsearchSettings) -> Result<IndexName, Problem> {
    match (&settings.index, &settings.data_stream) {
        (Some(index), Some(_)) => {
            let allowed = "documents go to an index or to a data stream: index and data_stream exclude each other";
            Err(Problem::new("index", format!("{index:?}"), allowed).beside("data_stream"))
        }
        (Some(index), None) => {
            IndexName::parse(index).ok_or_else(|| Problem::new("index", format!("{index:?}"), INDEX_RULE))
        }
        (None, stream) => data_stream_of(&stream.clone().unwrap_or_default()),
    }
}

fn data_stream_of(stream: &crate::DataStreamSettings) -> Result<IndexName, Problem> {
    for (setting, part) in [("type", &stream.r#type), ("dataset", &stream.dataset), ("namespace", &stream.namespace)] {
        // A date may have hyphens: it is in braces.
        let is_type = setting == "type";
        if part.is_empty() || literal_part(part).contains('-') || (is_type && part.contains('{')) {
            let allowed = match is_type {
                true => {
                    "a part of a data stream's name is not empty and has no hyphen, and the type has no placeholder"
                }
                false => "a part of a data stream's name is not empty and has no hyphen",
            };
            return Err(Problem::new(format!("data_stream.{setting}"), format!("{part:?}"), allowed));
        }
    }
    let name = format!("{}-{}-{}", stream.r#type, stream.dataset, stream.namespace);
    IndexName::parse_data_stream(&name).ok_or_else(|| Problem::new("data_stream", format!("{name:?}"), INDEX_RULE))
}

/// The part without its placeholders.
fn literal_part(part: &str) -> String {
    let mut is_within = false;
    let is_literal = |c: &char| {
        is_within = *c == '{' || (is_within && *c != '}');
        !is_within
    };
    part.chars().filter(is_literal).collect()
}

fn routing_of(settings: &ElasticsearchSettings) -> Result<Option<FieldPath>, Problem> {
    match settings.routing.as_deref() {
        Some(path) if path.is_empty() || path.contains(['{', '}']) => {
            let allowed = "it must be the name of a field without braces, as in tags.tenant";
            Err(Problem::new("routing", format!("{path:?}"), allowed))
        }
        path => Ok(path.map(FieldPath::from)),
    }
}

fn parameters(settings: &ElasticsearchSettings) -> Vec<(&'static str, &str)> {
    let pipeline = settings.pipeline.as_deref().map(|pipeline| ("pipeline", pipeline));
    let require = settings.require_data_stream.then_some(("require_data_stream", "true"));
    pipeline.into_iter().chain(require).collect()
}
