//! A server of axum whose events have the ids of the trace that its requests belong to. The page `docs/opentelemetry.md` shows it whole.
//!
//! `cargo run -p fapilog-opentelemetry --example traced_server`, and then
//! `curl -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' http://127.0.0.1:3000/orders/42`.

use std::error::Error;

use axum::{
    Router,
    extract::{Path, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use fapilog::{Container, Logger, container::ContainerBuilder, format, scope, sink};
use fapilog_opentelemetry::{FieldNames, context_of, trace_fields};
use fapilog_tower::{PanicLayer, RequestContext, RequestLog, RequestLogLayer, axum::serve_with};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::net::TcpListener;
use tracing::{Instrument, Subscriber, error, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::prelude::*;

/// A container whose events have the ids of the current trace.
fn container() -> ContainerBuilder {
    Container::builder().apply(fapilog::default_pipeline).caller_fields(trace_fields(FieldNames::OpenTelemetry))
}

/// Spans go to the tracer, and have its context be the current one while they are entered. Events go to the container.
fn subscriber(tracer: SdkTracer, log: Logger) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(fapilog_tracing::layer(log))
}

/// A span for each request: a child of the caller's, if the request has a `traceparent`. It lies inside `RequestLogLayer`, which has
/// read the header and given the request its id.
async fn in_span(context: RequestContext, request: Request, next: Next) -> Response {
    let id = context.id().as_str();
    let span = info_span!("request", correlation_id = id, method = %request.method(), path = request.uri().path());
    if let Some(caller) = context.trace_parent() {
        // It fails only where the levels disable the span.
        let _ = span.set_parent(context_of(&caller));
    }
    // The canonical event is logged outside of the span.
    let ids = span.context().span().span_context().clone();
    if ids.is_valid() {
        context.note(scope!(trace_id = %ids.trace_id(), span_id = %ids.span_id()));
    }
    next.run(request).instrument(span).await
}

async fn order(Path(id): Path<u64>) -> &'static str {
    info!(order_id = id, "looked up");
    // A task of its own works for the same trace if it has the span.
    let task = tokio::spawn(async move { fapilog::info!("in stock", order_id = id) }.in_current_span());
    let _ = task.await;
    "an order\n"
}

fn app(log: &Logger) -> Router {
    Router::new()
        .route("/orders/{id}", get(order))
        .layer(PanicLayer::new(log))
        .layer(middleware::from_fn(in_span))
        .layer(RequestLogLayer::new(RequestLog::new(log))) // the last layer is the outermost
}

/// Exports the spans that are left. It may wait for the network, so it goes on a thread for work that blocks.
async fn export_spans(provider: SdkTracerProvider) {
    match tokio::task::spawn_blocking(move || provider.shutdown()).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => error!(error = &failure as &dyn Error, "spans are not exported"),
        Err(panic) => error!(error = &panic as &dyn Error, "the exporter of spans panicked"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let logs = fapilog::set_global(container().sink("stdout", sink::Console::stdout(format::Json::new)).start()?)?;
    // Add an exporter of spans: `.with_batch_exporter(opentelemetry_otlp::SpanExporter::builder().with_http().build()?)`.
    let provider = SdkTracerProvider::builder().build();
    subscriber(provider.tracer("shop"), logs.logger("shop")).init();

    let app = app(&logs.logger("gateway"));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    // Until SIGTERM or Ctrl-C. Behind it, the container is shut down: the last events are those of `wait_for`.
    serve_with(logs, listener, app).wait_for(export_spans(provider)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData};
    use tower::ServiceExt;

    use super::*;

    async fn send(app: &Router, request: Request) -> Result<(), Box<dyn Error>> {
        let response = app.clone().oneshot(request).await?;
        assert_eq!(response.status(), 200);
        to_bytes(response.into_body(), usize::MAX).await?; // the canonical event is logged at the end of the body
        Ok(())
    }

    fn ids_of(span: &SpanData) -> String {
        let context = &span.span_context;
        format!(r#""trace_id":"{}","span_id":"{}""#, context.trace_id(), context.span_id())
    }

    #[tokio::test]
    async fn events_and_spans_of_a_request_have_the_trace_of_its_caller() -> Result<(), Box<dyn Error>> {
        let (sink, events) = sink::Memory::new(format::Json::new);
        let logs = fapilog::set_global(container().sink("memory", sink).start()?)?;
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let _default = subscriber(provider.tracer("shop"), logs.logger("shop")).set_default();
        let app = app(&logs.logger("gateway"));

        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        send(&app, Request::get("/orders/42").header("traceparent", caller).body(Body::empty())?).await?;
        send(&app, Request::get("/orders/43").header("x-request-id", "order-43").body(Body::empty())?).await?;
        provider.force_flush()?;
        logs.shutdown(Duration::from_secs(5))?.check()?;

        let finished = spans.get_finished_spans()?;
        let [called, first] = finished.as_slice() else { panic!("each request has one span") };
        assert_eq!(called.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(called.parent_span_id.to_string(), "00f067aa0ba902b7");

        let lines = events.lines();
        assert_eq!(lines.len(), 6, "{lines:?}");
        let (of_the_caller, of_its_own) = lines.split_at(3);
        let id = r#""correlation_id":"4bf92f3577b34da6a3ce929d0e0e4736""#;
        assert!(of_the_caller.iter().all(|event| event.contains(id)), "{of_the_caller:?}");
        assert!(of_the_caller.iter().all(|event| event.contains(&ids_of(called))), "{of_the_caller:?}");
        assert!(of_its_own.iter().all(|event| event.contains(r#""correlation_id":"order-43""#)), "{of_its_own:?}");
        assert!(of_its_own.iter().all(|event| event.contains(&ids_of(first))), "{of_its_own:?}");
        Ok(())
    }
}
