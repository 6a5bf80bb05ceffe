//! Requests of the sink `http`.

use std::sync::Arc;

use fapilog_plugin::{problem::Problem, sink::SinkError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{
    client::OutgoingRequest,
    exchange::{HttpExchange, Records},
    plain::{HttpMethod, HttpSinkSettings, body::BodyFrame, routing::Routing},
    settings::{HEADER_TEXT_RULE, OWN_HEADER_RULE, header_value, is_own_header},
};

/// Signs the bodies of requests.
pub trait BodySigner: Send + Sync + 'static {
    /// Adds the headers of a signature. `id` is the [name](Records::idempotency_key) of the request, and `body` are the bytes that are sent.
    fn sign(&self, id: &str, body: &[u8], headers: &mut HeaderMap);
}

/// All that requests have in common.
pub(super) struct PlainRequest {
    method: Method,
    frame: BodyFrame,
    content_type: HeaderValue,
    idempotency_header: Option<HeaderName>,
    routing: Arc<Routing>,
    signer: Option<Arc<dyn BodySigner>>,
}

impl PlainRequest {
    pub(super) fn new(
        settings: &HttpSinkSettings,
        routing: Arc<Routing>,
        signer: Option<Arc<dyn BodySigner>>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let content_type = settings.content_type.as_deref().unwrap_or(settings.body.content_type());
        let content_type = header_value(content_type.as_bytes()).unwrap_or_else(|| {
            problems.push(Problem::new("content_type", format!("{content_type:?}"), HEADER_TEXT_RULE));
            HeaderValue::from_static("")
        });
        let idempotency_header = match settings.idempotency_header.as_str() {
            "" => None,
            name => idempotency_header(name).map_err(|problem| problems.push(problem)).ok(),
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            method: match settings.method {
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Patch => Method::PATCH,
            },
            frame: BodyFrame::new(settings.body, &settings.wrapper),
            content_type,
            idempotency_header,
            routing,
            signer,
        })
    }
}

fn idempotency_header(name: &str) -> Result<HeaderName, Problem> {
    let problem = |allowed| Problem::new("idempotency_header", format!("{name:?}"), allowed);
    let header = name.parse().map_err(|_| problem("it must be the name of a header, or empty"))?;
    if is_own_header(&header) || [header::AUTHORIZATION, header::CONTENT_TYPE].contains(&header) {
        return Err(problem(OWN_HEADER_RULE));
    }
    Ok(header)
}

/// The requests of a shard's sink.
pub(super) struct PlainExchange {
    shared: Arc<PlainRequest>,
    /// The name of the request that is being made.
    id: String,
}

impl PlainExchange {
    pub(super) fn new(shared: Arc<PlainRequest>) -> Self {
        Self { shared, id: String::new() }
    }
}

impl HttpExchange for PlainExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        let shared = &self.shared;
        let routing = &shared.routing;
        request.method = shared.method.clone();
        request.headers.entry(header::CONTENT_TYPE).or_insert_with(|| shared.content_type.clone());
        if let Some(first) = records.get(0) {
            routing.apply(routing.split(first).0, request);
        }
        self.id = records.idempotency_key();
        if let Some(name) = &shared.idempotency_header
            && let Ok(value) = HeaderValue::from_str(&self.id)
        {
            request.headers.insert(name.clone(), value);
        }
        shared.frame.put(records.iter().map(|record| routing.split(record).1), &mut request.body);
        Ok(())
    }

    fn seal(&mut self, body: &[u8], headers: &mut HeaderMap) {
        if let Some(signer) = &self.shared.signer {
            signer.sign(&self.id, body, headers);
        }
    }

    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        self.shared.routing.partition(records)
    }
}
