//! Requests of the bulk API, and outcomes of answers.

use std::sync::Arc;

use fapilog_plugin::sink::{SinkError, SinkErrorKind};
use fapilog_sink_http::{
    client::{HttpAnswer, OutgoingRequest},
    exchange::{ExchangeError, HttpExchange, Records},
};
use http::header::CONTENT_TYPE;

use crate::{
    answer::{BulkAnswer, request_error_kind},
    error::ElasticsearchError,
};

/// The parts of an answer that are asked for: without them, the answer is several times as long as the request.
const ANSWER_PARTS: &str = "filter_path=errors,items.*.status,items.*.error.type";

/// The path of all requests.
///
/// `url` is the path and the query of the setting; it may have `_bulk` already. `target` is the index or the data stream, unless actions have it.
pub(crate) fn bulk_path(url: &str, target: Option<&str>, parameters: &[(&str, &str)]) -> String {
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let front = front.trim_end_matches('/');
    let mut path = front.strip_suffix("/_bulk").unwrap_or(front).to_owned();
    if let Some(target) = target {
        path.push('/');
        path.push_str(&encoded(target));
    }
    path.push_str("/_bulk?");
    path.push_str(ANSWER_PARTS);
    for (name, value) in parameters {
        path.push_str(&format!("&{name}={}", encoded(value)));
    }
    if !query.is_empty() {
        path.push('&');
        path.push_str(query);
    }
    path
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Requests of the bulk API.
#[derive(Debug)]
pub(crate) struct BulkExchange {
    path: Arc<str>,
}

impl BulkExchange {
    pub(crate) fn new(path: Arc<str>) -> Self {
        Self { path }
    }
}

impl HttpExchange for BulkExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        self.path.as_ref().clone_into(&mut request.path_and_query);
        request.set_default(CONTENT_TYPE, "application/x-ndjson");
        records.iter().for_each(|record| request.body.extend_from_slice(record));
        Ok(())
    }

    fn outcome(&mut self, answer: &HttpAnswer, records: &Records<'_>) -> Result<(), ExchangeError> {
        answer.outcome().map_err(|error| with_kind(error, answer.body()))?;
        let bulk = BulkAnswer::read(answer.body());
        let Some(outcome) = bulk.outcome(records.len()) else {
            let error = ElasticsearchError::InvalidAnswer { items: bulk.items(), records: records.len() };
            return Err(SinkError::retryable(error).into());
        };
        if outcome.rejected.is_empty() && outcome.retryable.is_empty() {
            return Ok(());
        }
        let source = ElasticsearchError::Documents { reasons: outcome.reasons }.into();
        let (rejected, retryable) = (outcome.rejected, outcome.retryable);
        Err(SinkError::PerRecord { rejected, retryable, retry_after: answer.retry_after(), source }.into())
    }
}

/// The error of a request that is refused as a whole, with the type that the destination names.
fn with_kind(error: ExchangeError, body: &[u8]) -> ExchangeError {
    match error {
        ExchangeError::Failed(error) => match request_error_kind(body) {
            Some(kind) => named(error, kind).into(),
            None => error.into(),
        },
        other => other,
    }
}

fn named(error: SinkError, kind: String) -> SinkError {
    let class = error.kind();
    let source: Box<dyn std::error::Error + Send + Sync> = match error {
        SinkError::Retryable { source, .. } | SinkError::Other(source) => source,
        other => other.into(),
    };
    let source = ElasticsearchError::Request { kind, source };
    match class {
        SinkErrorKind::Retryable { retry_after } => SinkError::Retryable { retry_after, source: source.into() },
        _ => SinkError::permanent(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_has_the_target_and_the_parameters() {
        let parts = ANSWER_PARTS;
        assert_eq!(bulk_path("/", Some("logs-a-b"), &[]), format!("/logs-a-b/_bulk?{parts}"));
        assert_eq!(bulk_path("/", None, &[]), format!("/_bulk?{parts}"));
        assert_eq!(
            bulk_path("/es/", Some("a+b"), &[("pipeline", "p q")]),
            format!("/es/a%2Bb/_bulk?{parts}&pipeline=p%20q")
        );
        assert_eq!(bulk_path("/es/_bulk?refresh=true", None, &[]), format!("/es/_bulk?{parts}&refresh=true"));
    }
}
