//! OTLP by gRPC: one unary call for each request, on an HTTP/2 connection that is kept.
//!
//! | module | what |
//! |---|---|
//! | `connection` | the connection, and a call on it |
//! | `message` | the frame of a message (five bytes in front of it) |
//! | `status` | the status of a call, and which of them lead to another attempt |
//!
//! The runtime runs on the sink's own thread, and only while a call waits: between calls nothing reads the connection. A connection that the server has
//! closed in the meantime fails in the next call, which is then sent once more on a new one.

mod connection;
mod message;
mod status;

use std::time::{Duration, Instant};

use bytes::Bytes;
use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{
    HttpError,
    client::Compressor,
    exchange::{ExchangeError, PartError, Records, RecordsSender},
    settings::HttpTarget,
};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header};

use self::{
    connection::{CallAnswer, GrpcCallError, GrpcConnections},
    status::CallStatus,
};
use crate::{
    answer,
    error::OtlpError,
    frame::OtlpForm,
    request::{ScopeGroup, by_form, common_form, put_protobuf},
    resource::ResourceBytes,
};

/// The method, by the protocol's `logs_service.proto`.
const PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Sends records by gRPC, on the thread of a shard's sink.
pub(crate) struct GrpcSender {
    target: HttpTarget,
    connections: GrpcConnections,
    resource: ResourceBytes,
    compressor: Compressor,
    /// The memory of the last message, for the next one.
    message: Vec<u8>,
}

impl GrpcSender {
    pub(crate) fn new(target: HttpTarget, resource: ResourceBytes) -> Self {
        let connections = GrpcConnections::new(&target);
        let compressor = Compressor::new(target.request());
        Self { target, connections, resource, compressor, message: Vec::new() }
    }

    /// The body of the call.
    fn body(&mut self, records: &Records<'_>) -> Result<Bytes, HttpError> {
        self.message.clear();
        put_protobuf(&self.resource.protobuf, &ScopeGroup::of(records), &mut self.message);
        let is_compressed = self.target.request().compression.token().is_some();
        let message = self.compressor.compress(&self.message).map_err(HttpError::Compress)?;
        message::framed(message, is_compressed).ok_or(HttpError::RecordTooLarge { bytes: records.bytes() })
    }

    fn request(&mut self) -> Result<Request<()>, HttpError> {
        let invalid = |error: http::Error| HttpError::InvalidRequest(error.into());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri(&self.target).map_err(invalid)?)
            .version(Version::HTTP_2)
            .body(())
            .map_err(invalid)?;
        let headers = self.target.request_headers();
        *request.headers_mut() = headers;
        let settings = self.target.request();
        put_own_headers(request.headers_mut(), settings.timeout, settings.compression.token());
        Ok(request)
    }

    fn outcome(&mut self, answer: &CallAnswer, records: usize) -> Result<(), ExchangeError> {
        let status = CallStatus::of(answer);
        if status.as_ref().is_some_and(CallStatus::refuses_credentials) {
            self.target.suspect_credentials();
        }
        match status {
            None => {
                let error = "the call ended without a status (grpc-status)";
                Err(HttpError::InvalidAnswer(error.into()).into_sink_error().into())
            }
            Some(status) if status.is_ok() => answer::rejected_outcome(message::content(&answer.body), records),
            Some(status) => Err(status.error(self.target.request().show_answers)),
        }
    }
}

impl RecordsSender for GrpcSender {
    fn send(&mut self, records: &Records<'_>) -> Result<(), PartError> {
        if common_form(records)? == OtlpForm::Json {
            return Err(SinkError::permanent(OtlpError::JsonByGrpc).into());
        }
        let failed = |error: HttpError| error.into_sink_error();
        let deadline = Instant::now() + self.target.request().timeout;
        let body = self.body(records).map_err(failed)?;
        let request = self.request().map_err(failed)?;
        let limit = self.target.request().timeout;
        let answer = self.connections.call(&request, &body, deadline);
        let answer = answer.map_err(|error| failed(http_error(error, limit)))?;
        Ok(self.outcome(&answer, records.len())?)
    }

    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        by_form(records)
    }
}

fn http_error(error: GrpcCallError, limit: Duration) -> HttpError {
    match error {
        GrpcCallError::Connect(error) => HttpError::Connect(error),
        GrpcCallError::Timeout => HttpError::Timeout { limit },
        GrpcCallError::Broken(error) => HttpError::Broken(error),
        GrpcCallError::InvalidAnswer(reason) => HttpError::InvalidAnswer(reason.into()),
    }
}

fn uri(target: &HttpTarget) -> Result<Uri, http::Error> {
    let endpoint = target.endpoint();
    let url = endpoint.to_string();
    let behind = url.strip_suffix(endpoint.path_and_query()).unwrap_or(&url);
    let authority = behind.split_once("://").map_or(behind, |(_, authority)| authority);
    Uri::builder().scheme(endpoint.scheme()).authority(authority).path_and_query(PATH).build()
}

/// The headers of gRPC over HTTP/2 (`PROTOCOL-HTTP2.md` of gRPC).
fn put_own_headers(headers: &mut HeaderMap, timeout: Duration, compression: Option<&'static str>) {
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let user_agent = concat!("fapilog/", env!("CARGO_PKG_VERSION"));
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(user_agent));
    // Eight digits at most: the setting is an hour at most.
    if let Ok(timeout) = HeaderValue::try_from(format!("{}m", timeout.as_millis().clamp(1, 99_999_999))) {
        headers.insert("grpc-timeout", timeout);
    }
    if let Some(compression) = compression {
        headers.insert("grpc-encoding", HeaderValue::from_static(compression));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use fapilog_plugin::sink::Payload;
    use fapilog_sink_http::settings::HttpSettings;

    use super::*;
    use crate::frame::RecordFrame;

    #[test]
    fn a_record_in_json_is_refused_without_a_connection() {
        let target = HttpSettings::new("http://127.0.0.1:1").target().unwrap();
        let mut sender = GrpcSender::new(target, ResourceBytes { protobuf: Vec::new(), json: Vec::new() });
        let mut payload = Payload::new(0);
        RecordFrame::put_front(OtlpForm::Json, b"\"s\"", payload.buffer());
        payload.end_record();
        let start = Instant::now();
        let error = sender.send(&Records::new(&payload, &[0])).unwrap_err();
        assert!(format!("{error:?}").contains("JsonByGrpc"), "{error:?}");
        assert!(start.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_call_goes_to_the_method_at_the_authority_of_the_url() {
        for (url, expected) in [
            ("http://localhost:4317", "http://localhost:4317"),
            ("https://otlp.example.com/", "https://otlp.example.com"),
            ("http://[::1]:4317", "http://[::1]:4317"),
        ] {
            let target = HttpSettings::new(url).target().unwrap();
            assert_eq!(uri(&target).unwrap().to_string(), format!("{expected}{PATH}"));
        }
    }
}
