//! The layer that logs requests.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use fapilog_http::{AcceptedId, Exchange, RequestHead, RequestLog, call_catching_panics};
use http::{HeaderMap, HeaderName, Request, Response, Version, header::CONTENT_TYPE, request::Parts};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    error_types::ErrorTypes,
    request_body::RequestBody,
    request_context::{RequestContext, RequestId},
    response_body::ResponseBody,
    response_future::{ResponseFuture, ResponsePlan},
};

type RouteRule = Arc<dyn for<'a> Fn(&'a Parts) -> Option<Cow<'a, str>> + Send + Sync>;

/// Logs the requests of a service: see the [crate's front page](crate).
///
/// With axum, it goes on the router by `Router::layer`, behind the last route: inside the router it knows the template of the
/// path that was matched.
#[doc(alias = "FapilogMiddleware")]
#[derive(Clone)]
pub struct RequestLogLayer {
    log: RequestLog,
    /// The header that the id is sent back in; `None` if it is not.
    id_header: Option<HeaderName>,
    route: Option<RouteRule>,
    error_types: ErrorTypes,
}

impl RequestLogLayer {
    /// A layer with these settings.
    #[must_use]
    pub fn new(log: RequestLog) -> Self {
        let id_header = HeaderName::from_bytes(log.id_header().as_bytes()).ok().filter(|_| log.sends_id());
        Self { log, id_header, route: None, error_types: ErrorTypes::default() }
    }

    /// The template of a request's path, where the framework does not provide it; with axum, where the router does not. `None` for a
    /// request that matches no route. A rule that panics counts as `None`.
    ///
    /// Templates are for counting: there should be a few of them. For gRPC there is [`grpc_route`].
    #[must_use]
    pub fn route(mut self, rule: impl for<'a> Fn(&'a Parts) -> Option<Cow<'a, str>> + Send + Sync + 'static) -> Self {
        self.route = Some(Arc::new(rule));
        self
    }

    /// Logs the errors of a service with their sources if they are of this type. Boxed errors, as tower's own middleware returns them, and
    /// [`std::io::Error`]s always are; errors of other types are logged by their `Display` alone.
    ///
    /// ```
    /// use fapilog_tower::{RequestLog, RequestLogLayer};
    ///
    /// # #[derive(Debug, thiserror::Error)]
    /// # #[error("the other server does not answer")]
    /// # struct ProxyError;
    /// # let log = fapilog::Logger::disabled();
    /// let layer = RequestLogLayer::new(RequestLog::new(&log)).error_type::<ProxyError>();
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn error_type<E: Error + 'static>(mut self) -> Self {
        self.error_types = self.error_types.with::<E>();
        self
    }

    /// The template of this request's path.
    fn route_of<'a>(&self, parts: &'a Parts) -> Option<Cow<'a, str>> {
        #[cfg(feature = "axum")]
        if let Some(matched) = parts.extensions.get::<::axum::extract::MatchedPath>() {
            return Some(Cow::Borrowed(matched.as_str()));
        }
        let rule = self.route.as_ref()?;
        call_catching_panics(|| rule(parts)).flatten()
    }

    /// Begins the exchange of a request. The handler finds its context in the extensions.
    fn begin(&self, parts: &mut Parts) -> (Exchange, ResponsePlan) {
        let header = |name: &str| value_of(&parts.headers, name);
        let outer = RequestContext::of(&parts.extensions).map(|context| context.id().clone());
        let accepted = match &outer {
            Some(id) => AcceptedId::inherited(id.as_str()),
            None => self.log.accept_id(header),
        };
        let route = self.route_of(parts);
        let head = RequestHead {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            route: route.as_deref(),
            protocol: protocol_of(parts.version),
        };
        let exchange = self.log.begin(&head, header, &accepted);
        let id = RequestId::of(&accepted);
        let plan = ResponsePlan {
            id: self.id_header.clone().map(|name| (name, id.to_header())),
            method: parts.method.clone(),
            error_types: self.error_types.clone(),
        };
        let context = RequestContext::new(id, self.log.clone(), exchange.trace_parent(), exchange.notes());
        parts.extensions.insert(context);
        (exchange, plan)
    }
}

/// A [route rule](RequestLogLayer::route) for gRPC, whose path is `/package.Service/Method` and no more. `None` for requests of
/// another content type.
#[must_use]
pub fn grpc_route(parts: &Parts) -> Option<Cow<'_, str>> {
    let content_type = parts.headers.get(CONTENT_TYPE)?;
    content_type.as_bytes().starts_with(b"application/grpc").then(|| Cow::Borrowed(parts.uri.path()))
}

fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get(name).map(http::HeaderValue::as_bytes)
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

impl fmt::Debug for RequestLogLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLogLayer").field("log", &self.log).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RequestLogLayer {
    type Service = RequestLogService<S>;

    fn layer(&self, service: S) -> Self::Service {
        RequestLogService { service, layer: self.clone() }
    }
}

/// The service that [`RequestLogLayer`] makes.
#[derive(Debug, Clone)]
pub struct RequestLogService<S> {
    service: S,
    layer: RequestLogLayer,
}

impl<S, A, B> Service<Request<A>> for RequestLogService<S>
where
    S: Service<Request<RequestBody<A>>, Response = Response<B>>,
    S::Error: fmt::Display + 'static,
    A: Body,
    B: Body,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let (mut exchange, plan) = self.layer.begin(&mut parts);
        let counter = (!exchange.run(|| body.is_end_stream())).then(|| exchange.count_request());
        let request = Request::from_parts(parts, RequestBody::new(body, counter));
        let future = exchange.run(|| self.service.call(request));
        ResponseFuture::new(future, exchange, plan)
    }
}
