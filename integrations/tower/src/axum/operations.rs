//! Routes for those who operate the program: the health and the metrics of its log.

use std::{
    fmt,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use fapilog::{
    Container,
    metrics::{HealthLevel, Metrics},
};
use http::{StatusCode, header::CONTENT_TYPE};

use crate::axum::figures;

const JSON: &str = "application/json";

type MetricsSource = Arc<dyn Fn() -> Metrics + Send + Sync>;
type Rendering = Arc<dyn Fn(&Metrics) -> String + Send + Sync>;

/// Routes with the health and the metrics of a container.
///
/// | route | response |
/// |---|---|
/// | `/health` | 200, or 503 from a health level on; JSON with the level and the state of each plugin |
/// | `/metrics` | 200, the main figures as JSON, or the text of [`metrics_text`](Self::metrics_text) |
///
/// They are for the inside of a network: merge them into a router that strangers do not reach. A [`RequestLog`](crate::RequestLog)
/// leaves them out by `skip_path`.
///
/// ```
/// use std::sync::Arc;
/// use axum::Router;
/// use fapilog::{Container, format, sink};
/// use fapilog_tower::axum::Operations;
///
/// let (sink, _events) = sink::Memory::new(format::Json::new);
/// let logs = Arc::new(Container::builder().sink("memory", sink).start()?);
/// let routes: Router = Router::new().merge(Operations::new(logs).into_router());
/// # Ok::<(), fapilog::Error>(())
/// ```
#[must_use = "routes do nothing until they are part of a router"]
pub struct Operations {
    figures: MetricsSource,
    health_path: String,
    metrics_path: String,
    unhealthy_from: HealthLevel,
    content_type: &'static str,
    rendering: Rendering,
}

impl Operations {
    /// Routes for this container: an `Arc<Container>`, or the [`Global`](fapilog::Global) of `fapilog::init`.
    pub fn new(logs: impl Deref<Target = Container> + Send + Sync + 'static) -> Self {
        Self {
            figures: Arc::new(move || logs.metrics()),
            health_path: "/health".to_owned(),
            metrics_path: "/metrics".to_owned(),
            unhealthy_from: HealthLevel::Emergency,
            content_type: JSON,
            rendering: Arc::new(|metrics| figures::metrics(metrics).to_string()),
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

    /// Renders the metrics as another text than JSON, such as Prometheus's. A rendering that panics answers with 500.
    pub fn metrics_text(
        mut self,
        content_type: &'static str,
        rendering: impl Fn(&Metrics) -> String + Send + Sync + 'static,
    ) -> Self {
        self.content_type = content_type;
        self.rendering = Arc::new(rendering);
        self
    }

    /// The routes.
    ///
    /// # Panics
    /// As [`Router::route`] does: when a path does not begin with a slash, or both are the same.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let Self { figures, health_path, metrics_path, unhealthy_from, content_type, rendering } = self;
        let of_health = Arc::clone(&figures);
        Router::new()
            .route(&health_path, get(move || async move { health(&of_health(), unhealthy_from) }))
            .route(&metrics_path, get(move || async move { render(&figures(), content_type, &rendering) }))
    }
}

fn health(metrics: &Metrics, unhealthy_from: HealthLevel) -> Response {
    let is_healthy = metrics.health < unhealthy_from;
    let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, JSON)], figures::health(metrics).to_string()).into_response()
}

fn render(metrics: &Metrics, content_type: &'static str, rendering: &Rendering) -> Response {
    match catch_unwind(AssertUnwindSafe(|| rendering(metrics))) {
        Ok(text) => ([(CONTENT_TYPE, content_type)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations")
            .field("health_path", &self.health_path)
            .field("metrics_path", &self.metrics_path)
            .field("unhealthy_from", &self.unhealthy_from)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}
