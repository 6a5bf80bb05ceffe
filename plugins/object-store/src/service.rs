//! Requests of the crate `object_store` go through the client of `fapilog-sink-http`: its rules for addresses, its TLS and its time limits.
//!
//! The client blocks. It is for the thread that uploads, and for a runtime that has no other work.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use fapilog_plugin::threads::lock;
use fapilog_sink_http::{
    HttpError,
    client::{HttpAnswer, HttpClient},
    settings::HttpTarget,
};
use http::{HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use object_store::{
    ClientOptions,
    client::{
        HttpConnector, HttpError as StoreHttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use thiserror::Error;

/// The most characters of a store's code.
const CODE_CHARS_MAX: usize = 64;

/// The header of Azure with the code of an error ("Status and error codes" of its API).
const AZURE_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");

/// Sends requests to the origins that it knows, and no others.
#[derive(Clone)]
pub(crate) struct StoreConnector(Arc<StoreService>);

struct StoreService {
    clients: Mutex<Vec<OriginClient>>,
    last: Mutex<LastOutcome>,
}

struct OriginClient {
    origin: String,
    client: HttpClient,
}

/// The outcome of the last request, as the crate's errors do not have it.
#[derive(Debug, Default)]
pub(crate) struct LastOutcome {
    pub(crate) status: Option<StatusCode>,
    /// The store's code of an error: letters and digits.
    pub(crate) code: String,
    pub(crate) retry_after: Option<Duration>,
    /// Why there is no answer.
    pub(crate) error: Option<HttpError>,
}

/// Why a request was not sent.
#[derive(Debug, Error)]
enum UnsentRequest {
    #[error("the request is for another host than the store's")]
    Origin,
    #[error("there is no answer")]
    NoAnswer,
}

impl StoreConnector {
    /// Reaches these destinations.
    pub(crate) fn new(targets: impl IntoIterator<Item = HttpTarget>) -> Self {
        let client = |target: HttpTarget| {
            let origin = origin_of(&target.endpoint().to_string()).to_owned();
            OriginClient { origin, client: HttpClient::new(target) }
        };
        let clients = Mutex::new(targets.into_iter().map(client).collect());
        Self(Arc::new(StoreService { clients, last: Mutex::default() }))
    }

    /// The outcome of the last request since the last call.
    pub(crate) fn take_last(&self) -> LastOutcome {
        std::mem::take(&mut *lock(&self.0.last))
    }
}

/// The scheme, the host and the port of a URL.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |place| place + 3);
    let end = url.get(authority..).and_then(|behind| behind.find('/')).map_or(url.len(), |place| authority + place);
    url.get(..end).unwrap_or(url)
}

impl StoreService {
    fn send(&self, parts: &http::request::Parts, body: &[u8]) -> Result<HttpAnswer, StoreHttpError> {
        let refused = |kind| StoreHttpError::new(kind, UnsentRequest::Origin);
        let url = parts.uri.to_string();
        let origin = origin_of(&url);
        let mut clients = lock(&self.clients);
        let known = clients.iter_mut().find(|known| known.origin.eq_ignore_ascii_case(origin));
        let Some(OriginClient { client, .. }) = known else { return Err(refused(HttpErrorKind::Unknown)) };
        let mut request = client.request();
        request.method = parts.method.clone();
        request.path_and_query = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        request.headers.clone_from(&parts.headers);
        // The client sets both by what it sends.
        request.headers.remove(header::CONTENT_LENGTH);
        request.headers.remove(header::HOST);
        request.body.extend_from_slice(body);
        let result = client.send(&mut request, |_, _| {});
        let mut last = lock(&self.last);
        *last = LastOutcome::default();
        match result {
            Ok(answer) => {
                last.status = Some(answer.status());
                last.retry_after = answer.retry_after();
                last.code = code_of(&answer);
                Ok(answer)
            }
            Err(error) => {
                let kind = match &error {
                    HttpError::Connect(_) => HttpErrorKind::Connect,
                    HttpError::Timeout { .. } => HttpErrorKind::Timeout,
                    HttpError::Broken(_) => HttpErrorKind::Interrupted,
                    _ => HttpErrorKind::Unknown,
                };
                last.error = Some(error);
                Err(StoreHttpError::new(kind, UnsentRequest::NoAnswer))
            }
        }
    }
}

/// The code of an error: of Azure's header, or of the element `Code` of S3 and Google. Nothing else of an answer is shown, because errors of
/// signatures repeat the request with its session token.
fn code_of(answer: &HttpAnswer) -> String {
    let in_body = || {
        let body = String::from_utf8_lossy(answer.body());
        let (_, behind) = body.split_once("<Code>")?;
        Some(behind.split_once('<')?.0.to_owned())
    };
    let code = answer.header(&AZURE_CODE).map(str::to_owned).or_else(in_body).unwrap_or_default();
    code.chars().filter(char::is_ascii_alphanumeric).take(CODE_CHARS_MAX).collect()
}

#[async_trait]
impl HttpService for StoreConnector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, StoreHttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let answer = self.0.send(&parts, &body)?;
        let mut response = HttpResponse::new(HttpResponseBody::from(answer.body().to_vec()));
        *response.status_mut() = answer.status();
        response.headers_mut().clone_from(answer.headers());
        Ok(response)
    }
}

impl HttpConnector for StoreConnector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<object_store::client::HttpClient> {
        Ok(object_store::client::HttpClient::new(self.clone()))
    }
}

impl fmt::Debug for StoreConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConnector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_front_of_a_url() {
        assert_eq!(origin_of("https://s3.example.com:8443/bucket/a?b=https://x/"), "https://s3.example.com:8443");
        assert_eq!(origin_of("http://127.0.0.1:80"), "http://127.0.0.1:80");
    }
}
