//! The middleware that logs requests.

use std::{
    error::Error as StdError,
    future::{Ready, ready},
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage, ResponseError,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{
        Version,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};
use fapilog_http::{AcceptedId, Exchange, RequestHead, RequestLog};

use crate::{
    counted_payload,
    logged_body::LoggedBody,
    logged_request::LoggedRequest,
    logged_response::{LoggedResponse, Reply},
    response_error_types::ResponseErrorTypes,
};

/// Logs the requests of an application: `App::new().wrap(RequestLogTransform::new(..))`. See the [crate's front page](crate).
///
/// It should be the last `wrap`, which is the outermost. An application is made once for each worker: the request log is made
/// before, and each gets a clone.
#[derive(Debug, Clone)]
pub struct RequestLogTransform {
    log: RequestLog,
    /// The header that the id is sent back in; `None` if it is not.
    id_header: Option<HeaderName>,
    error_types: ResponseErrorTypes,
}

impl RequestLogTransform {
    /// A middleware with these settings.
    #[must_use]
    pub fn new(log: RequestLog) -> Self {
        let id_header = HeaderName::from_bytes(log.id_header().as_bytes()).ok().filter(|_| log.sends_id());
        Self { log, id_header, error_types: ResponseErrorTypes::default() }
    }

    /// Logs the errors of handlers with their sources if they are of this type. [`std::io::Error`]s, boxed errors, [`HandlerFailure`](crate::HandlerFailure)s
    /// and the errors of actix-web's extractors always are; errors of other types are logged by their `Display` alone, because a
    /// [`ResponseError`] has no sources.
    #[must_use]
    pub fn error_type<E: ResponseError + StdError + 'static>(mut self) -> Self {
        self.error_types = self.error_types.with::<E>();
        self
    }

    /// Begins the exchange of a request. The handler finds its context by [`LoggedRequest`].
    fn begin(&self, request: &ServiceRequest) -> (Exchange, Reply) {
        let header = |name: &str| value_of(request.headers(), name);
        let outer = request.extensions().get::<LoggedRequest>().cloned();
        let id = match &outer {
            Some(outer) => AcceptedId::inherited(outer.id()),
            None => self.log.accept_id(header),
        };
        let route = request.match_pattern();
        let query = request.query_string();
        let head = RequestHead {
            method: request.method().as_str(),
            path: request.path(),
            query: (!query.is_empty()).then_some(query),
            route: route.as_deref(),
            protocol: protocol_of(request.version()),
        };
        let exchange = self.log.begin(&head, header, &id);
        let logged = LoggedRequest::new(id.as_str(), self.log.clone(), exchange.trace_parent(), exchange.notes());
        request.extensions_mut().insert(logged);
        // Ids have letters, digits, `.`, `_` and `-` alone, so each is the value of a header.
        let value = HeaderValue::from_str(id.as_str()).ok();
        let reply = Reply {
            id: self.id_header.clone().zip(value),
            method: request.method().clone(),
            error_types: self.error_types.clone(),
        };
        (exchange, reply)
    }
}

fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

fn protocol_of(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP",
    }
}

impl<S, B> Transform<S, ServiceRequest> for RequestLogTransform
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<LoggedBody<B>>;
    type Error = Error;
    type Transform = RequestLogMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequestLogMiddleware { service, transform: self.clone() }))
    }
}

/// The service that [`RequestLogTransform`] makes.
#[derive(Debug)]
pub struct RequestLogMiddleware<S> {
    service: S,
    transform: RequestLogTransform,
}

impl<S, B> Service<ServiceRequest> for RequestLogMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<LoggedBody<B>>;
    type Error = Error;
    type Future = LoggedResponse<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (mut exchange, reply) = self.transform.begin(&request);
        counted_payload::count(&mut request, &mut exchange);
        let future = exchange.run(|| self.service.call(request));
        LoggedResponse::new(future, exchange, reply)
    }
}
