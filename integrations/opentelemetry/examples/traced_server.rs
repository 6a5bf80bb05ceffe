//! A server of axum whose events have the ids of the trace that its requests belong to. The page `docs/opentelemetry.md` shows it whole.
//!
//! `cargo run -p fapilog-opentelemetry --example traced_server`, and then
//! `curl -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' http://127.0.0.1:3000/orders/42`.

use std::{error::Error, time::Duration};

use axum::{
    Router,
    extract::{Path, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use fapilog::{Container, Logger, container::ContainerBuilder, format, sink};
use fapilog_opentelemetry::{FieldNames, context_of, trace_fields};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::net::TcpListener;
use tracing::{Instrument, Subscriber, info, info_span};
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

/// A span for each request: a child of the caller's, if the request has a `traceparent`.
async fn in_span(request: Request, next: Next) -> Response {
    let span = info_span!("request", method = %request.method(), path = request.uri().path());
    let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(Ok(caller)) = header.map(str::parse) {
        // It fails only where the levels disable the span.
        let _ = span.set_parent(context_of(&caller));
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

fn app() -> Router {
    Router::new().route("/orders/{id}", get(order)).layer(middleware::from_fn(in_span))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let logs = fapilog::set_global(container().sink("stdout", sink::Console::stdout(format::Json::new)).start()?)?;
    // Add an exporter of spans: `.with_batch_exporter(opentelemetry_otlp::SpanExporter::builder().with_http().build()?)`.
    let provider = SdkTracerProvider::builder().build();
    subscriber(provider.tracer("shop"), logs.logger("shop")).init();

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app()).with_graceful_shutdown(stop).await?;

    provider.shutdown()?;
    logs.shutdown(Duration::from_secs(5))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::InMemorySpanExporter;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn events_and_spans_of_a_request_have_the_trace_of_its_caller() -> Result<(), Box<dyn Error>> {
        let (sink, events) = sink::Memory::new(format::Json::new);
        let logs = fapilog::set_global(container().sink("memory", sink).start()?)?;
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let _default = subscriber(provider.tracer("shop"), logs.logger("shop")).set_default();

        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = Request::get("/orders/42").header("traceparent", caller).body(axum::body::Body::empty())?;
        assert_eq!(app().oneshot(request).await?.status(), 200);
        provider.force_flush()?;
        logs.shutdown(Duration::from_secs(5))?;

        let finished = spans.get_finished_spans()?;
        let [span] = finished.as_slice() else { panic!("a request has one span") };
        assert_eq!(span.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
        let ids = format!(
            r#""trace_id":"{}","span_id":"{}","trace_flags":"01""#,
            span.span_context.trace_id(),
            span.span_context.span_id()
        );
        assert_eq!(events.lines().len(), 2);
        assert!(events.lines().iter().all(|event| event.contains(&ids)), "{:?}", events.lines());
        Ok(())
    }
}
