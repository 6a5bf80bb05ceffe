//! Events have the ids of the trace that their thread works for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::time::Duration;

use fapilog::{Container, Scope, format, info, scope::TraceParent, sink};
use fapilog_opentelemetry::{FieldNames, context_of, trace_fields, trace_parent_of};
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{FutureExt, SpanContext, TraceContextExt, TraceState, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

fn caller() -> TraceParent {
    format!("00-{TRACE_ID}-{SPAN_ID}-01").parse().unwrap()
}

fn started(names: FieldNames) -> (Container, sink::MemoryEvents) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let builder = Container::builder().executor(fapilog::container::Executor::Thread);
    (builder.caller_fields(trace_fields(names)).sink("memory", sink).start().unwrap(), events)
}

/// Shuts the container down, checks the law, and returns what was delivered.
fn delivered(container: &Container, events: &sink::MemoryEvents) -> Vec<Value> {
    let accounts = container.shutdown(Duration::from_secs(30)).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.pending_total(), accounts.lost_total()), (0, 0), "{accounts}");
    events.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_event_of_a_thread_with_a_context_has_its_ids_and_one_without_has_none() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let log = container.logger("otel");
    {
        let _attached = context_of(&caller()).attach();
        info!(log, "inside", n = 1);
    }
    info!(log, "outside");
    let events = delivered(&container, &events);
    assert_eq!(events[0]["context"], json!({"n": 1, "trace_id": TRACE_ID, "span_id": SPAN_ID, "trace_flags": "01"}));
    assert_eq!(events[1].get("context"), None);
}

fn remote(trace_id: u128, span_id: u64, flags: u8) -> Context {
    let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
    let span = SpanContext::new(trace_id, span_id, TraceFlags::new(flags), true, TraceState::default());
    Context::new().with_remote_span_context(span)
}

#[test]
fn the_flags_of_a_trace_are_all_there() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let flags = [0, 1, 2, 3, 0xab];
    for flags in flags {
        let _attached = remote(7, 9, flags).attach();
        info!(container.logger("otel"), "m");
    }
    let events = delivered(&container, &events);
    let seen: Vec<_> = events.iter().map(|event| event["context"]["trace_flags"].as_str().unwrap()).collect();
    assert_eq!(seen, flags.map(|flags| format!("{flags:02x}")));
}

#[test]
fn a_context_without_valid_ids_has_no_fields() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    for (trace_id, span_id) in [(0, 9), (7, 0), (0, 0)] {
        let _attached = remote(trace_id, span_id, 1).attach();
        info!(container.logger("otel"), "m");
    }
    assert!(delivered(&container, &events).iter().all(|event| event.get("context").is_none()));
}

#[test]
fn contexts_that_are_detached_in_another_order_leave_that_of_the_last_one() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let log = container.logger("otel");
    let outer = remote(1, 1, 0).attach();
    let inner = remote(2, 2, 0).attach();
    drop(outer);
    info!(log, "m");
    drop(inner);
    info!(log, "m");
    let events = delivered(&container, &events);
    assert_eq!(events[0]["context"]["trace_id"], format!("{:032x}", 2));
    assert_eq!(events[1].get("context"), None);
}

#[test]
fn the_names_are_those_of_the_setting() {
    for (names, expected) in [
        (FieldNames::ElasticCommonSchema, json!({"trace.id": TRACE_ID, "span.id": SPAN_ID})),
        (FieldNames::Datadog, json!({"dd.trace_id": "11803532876627986230", "dd.span_id": "67667974448284343"})),
    ] {
        let (container, events) = started(names);
        let _attached = context_of(&caller()).attach();
        info!(container.logger("otel"), "m");
        assert_eq!(delivered(&container, &events)[0]["context"], expected);
    }
}

#[test]
fn a_span_of_the_sdk_inside_another_has_the_trace_of_both_and_an_id_of_its_own() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let log = container.logger("otel");
    let provider = SdkTracerProvider::builder().build();
    let tracer = provider.tracer("tests");
    let remote = context_of(&caller());
    let span = tracer.start_with_context("outer", &remote);
    let outer = remote.with_span(span);
    let ids = trace_parent_of(outer.span().span_context()).unwrap();
    let _attached = outer.attach();
    info!(log, "outer");
    tracer.in_span("inner", |_| info!(log, "inner"));
    let events = delivered(&container, &events);
    assert_eq!(events[0]["context"]["trace_id"], TRACE_ID);
    assert_eq!(events[0]["context"]["span_id"], ids.span_id_text().as_ref());
    assert_eq!(events[1]["context"]["trace_id"], TRACE_ID);
    assert_ne!(events[1]["context"]["span_id"], events[0]["context"]["span_id"]);
}

#[test]
fn a_context_follows_a_future_across_the_threads_of_a_runtime() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> = (0..20_u64)
        .map(|n| {
            let log = container.logger("otel");
            let own = TraceParent::start(true);
            let task = async move {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                    info!(log, "in a task", n, expected = own.trace_id_text().as_ref());
                }
            };
            runtime.spawn(task.with_context(context_of(&own)))
        })
        .collect();
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    let events = delivered(&container, &events);
    assert_eq!(events.len(), 200);
    assert!(events.iter().all(|event| event["context"]["trace_id"] == event["context"]["expected"]));
}

#[test]
fn a_span_of_tracing_has_the_ids_that_tracing_opentelemetry_gives_it() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let log = container.logger("otel");
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let span = tracing::info_span!("request");
        let _entered = span.enter();
        let current = Context::map_current(|context| trace_parent_of(context.span().span_context())).unwrap();
        info!(log, "inside", expected = current.span_id_text().as_ref());
    });
    let events = delivered(&container, &events);
    let context = &events[0]["context"];
    assert_eq!(context["span_id"], context["expected"]);
    assert_eq!(context["trace_id"].as_str().unwrap().len(), 32);
}

#[test]
fn a_trace_parent_in_a_scope_names_the_trace_and_is_the_correlation_id() {
    let (container, events) = started(FieldNames::OpenTelemetry);
    let own = caller().child();
    let _entered = Scope::new().trace_parent(&own).enter();
    info!(container.logger("otel"), "m");
    let event = delivered(&container, &events).remove(0);
    assert_eq!((&event["correlation_id"], &event["context"]["trace_id"]), (&json!(TRACE_ID), &json!(TRACE_ID)));
    assert_eq!(event["context"]["span_id"], own.span_id_text().as_ref());
}
