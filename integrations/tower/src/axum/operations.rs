//! Routes for those who operate the program: the health and the metrics of its log.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use fapilog::{
    Container,
    metrics::{HealthLevel, Metrics},
};
use fapilog_http::call_catching_panics;
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};

use crate::axum::figures;

const JSON: &str = "application/json";

type MetricsSource = Arc<dyn Fn() -> Metrics + Send + Sync>;
type Rendering = Arc<dyn Fn(Option<&str>) -> MetricsText + Send + Sync>;

/// Routes with the health and the metrics of a container.
///
/// | route | response |
/// |---|---|
/// | `/health` | 200, or 503 from a health level on; JSON with the level and the state of each plugin |
/// | `/metrics` | 200, [`Metrics`] as JSON, or the text of [`metrics_text`](Self::metrics_text) |
///
/// They are for the inside of a network: a router that strangers do not reach. A [`RequestLog`](crate::RequestLog) around them leaves them
/// out by `skip_path`. Merge the program's router into them, not them into it: [`Router::merge`] takes the fallback of its argument, and
/// a 404 would be outside of the layers of the program's router.
///
/// ```
/// use std::sync::Arc;
/// use axum::Router;
/// use fapilog::{Container, format, sink};
/// use fapilog_tower::axum::Operations;
///
/// let (sink, _events) = sink::Memory::new(format::Json::new);
/// let logs = Arc::new(Container::builder().sink("memory", sink).start()?);
/// let app: Router = Router::new(); // the program's routes, with their layers
/// let router = Operations::new(logs).into_router().merge(app);
/// # let _ = router;
/// # Ok::<(), fapilog::Error>(())
/// ```
#[must_use = "routes do nothing until they are part of a router"]
pub struct Operations {
    figures: MetricsSource,
    health_path: String,
    metrics_path: String,
    unhealthy_from: HealthLevel,
    /// `None` for JSON.
    rendering: Option<Rendering>,
}

/// A container's metrics as a text, such as Prometheus's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsText {
    content_type: Cow<'static, str>,
    body: String,
}

impl MetricsText {
    /// A text of this content type, as in `text/plain; version=0.0.4`.
    pub fn new(content_type: impl Into<Cow<'static, str>>, body: String) -> Self {
        Self { content_type: content_type.into(), body }
    }
}

impl IntoResponse for MetricsText {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, self.content_type.into_owned())], self.body).into_response()
    }
}

impl Operations {
    /// Routes for this container: an `Arc<Container>`, or the [`Global`](fapilog::Global) of `fapilog::init`.
    pub fn new(logs: impl Deref<Target = Container> + Send + Sync + 'static) -> Self {
        Self {
            figures: Arc::new(move || logs.metrics()),
            health_path: "/health".to_owned(),
            metrics_path: "/metrics".to_owned(),
            unhealthy_from: HealthLevel::Emergency,
            rendering: None,
        }
    }

    /// The path of the health. Default: `/health`.
    pub fn health_path(mut self, path: &str) -> Self {
        self.health_path = path.to_owned();
        self
    }

    /// The path of the metrics. Default: `/metrics`.
    pub fn metrics_path(mut self, path: &str) -> Self {
        self.metrics_path = path.to_owned();
        self
    }

    /// The health level from which on `/health` answers with 503. Default: [`HealthLevel::Emergency`], when no sink works.
    pub fn unhealthy_from(mut self, level: HealthLevel) -> Self {
        self.unhealthy_from = level;
        self
    }

    /// Answers `/metrics` with another text than JSON, such as that of the crate `fapilog-prometheus`. `rendering` is given the
    /// request's header `Accept`. A rendering that panics answers with 500.
    pub fn metrics_text(mut self, rendering: impl Fn(Option<&str>) -> MetricsText + Send + Sync + 'static) -> Self {
        self.rendering = Some(Arc::new(rendering));
        self
    }

    /// The routes.
    ///
    /// # Panics
    /// As [`Router::route`] does: when a path does not begin with a slash, or both are the same.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let Self { figures, health_path, metrics_path, unhealthy_from, rendering } = self;
        let of_health = Arc::clone(&figures);
        let metrics = move |headers: HeaderMap| async move {
            match &rendering {
                Some(rendering) => text(rendering, &headers),
                None => json(&figures()),
            }
        };
        Router::new()
            .route(&health_path, get(move || async move { health(&of_health(), unhealthy_from) }))
            .route(&metrics_path, get(metrics))
    }
}

fn health(metrics: &Metrics, unhealthy_from: HealthLevel) -> Response {
    let is_healthy = metrics.health < unhealthy_from;
    let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, JSON)], figures::health(metrics).to_string()).into_response()
}

fn json(metrics: &Metrics) -> Response {
    match figures::metrics(metrics) {
        Ok(text) => MetricsText::new(JSON, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn text(rendering: &Rendering, headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match call_catching_panics(|| rendering(accept)) {
        Some(text) => text.into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations")
            .field("health_path", &self.health_path)
            .field("metrics_path", &self.metrics_path)
            .field("unhealthy_from", &self.unhealthy_from)
            .finish_non_exhaustive()
    }
}
