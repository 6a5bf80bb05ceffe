//! Log records of the OpenTelemetry SDK in a container.
#![cfg(feature = "log-exporter")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    collections::HashMap,
    time::{Duration, UNIX_EPOCH},
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    event::Batch,
    format, info,
    level::Directives,
    metrics::LossReason,
    plugin::PluginError,
    process::Processor,
    sink,
};
use fapilog_opentelemetry::ContainerExporter;
use opentelemetry::{
    Array, Key, KeyValue, SpanId, TraceFlags, TraceId, Value as ResourceValue,
    logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    logs::{LogBatch, LogExporter, SdkLogger, SdkLoggerProvider},
};
use serde_json::{Value, json};

fn started() -> (Container, sink::MemoryEvents) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    (Container::builder().executor(Executor::Thread).sink("memory", sink).start().unwrap(), events)
}

fn simple(container: &Container) -> SdkLoggerProvider {
    let exporter = ContainerExporter::new(container.logger("otel"));
    SdkLoggerProvider::builder().with_resource(Resource::builder_empty().build()).with_simple_exporter(exporter).build()
}

fn emit<R: LogRecord>(logger: &impl Logger<LogRecord = R>, fill: impl FnOnce(&mut R)) {
    let mut record = logger.create_log_record();
    fill(&mut record);
    logger.emit(record);
}

/// Shuts the container down, checks the law, and returns what was delivered.
fn delivered(container: &Container, events: &sink::MemoryEvents) -> Vec<Value> {
    let accounts = container.shutdown(Duration::from_secs(30)).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.pending_total(), accounts.lost_total()), (0, 0), "{accounts}");
    events.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_record_has_its_level_target_message_and_typed_attributes() {
    let (container, events) = started();
    let logger = simple(&container).logger("orders");
    emit(&logger, |record| {
        record.set_severity_number(Severity::Error);
        record.set_body("order refused".into());
        record.set_event_name("order.refused");
        record.add_attribute("order_id", 42);
        record.add_attribute("price", 1.5);
        record.add_attribute("is_new", true);
        record.add_attribute("venue", "XNAS");
        record.add_attribute("list", AnyValue::from_iter([1, 2]));
        record.add_attribute("map", AnyValue::Map(Box::new(HashMap::from([(Key::new("a"), AnyValue::Double(0.5))]))));
        record.set_trace_context(TraceId::from(7), SpanId::from(9), Some(TraceFlags::SAMPLED));
    });
    let event = delivered(&container, &events).remove(0);
    assert_eq!(
        (&event["level"], &event["target"], &event["message"], &event["source"]),
        (&json!("ERROR"), &json!("orders"), &json!("order refused"), &json!("otel"))
    );
    let mut context = event["context"].clone();
    assert!(context.as_object_mut().unwrap().remove("event_time").unwrap().is_string());
    let expected = json!({
        "order_id": 42, "price": 1.5, "is_new": true, "venue": "XNAS", "list": [1, 2], "map": {"a": 0.5},
        "event_name": "order.refused", "trace_id": format!("{:032x}", 7), "span_id": format!("{:016x}", 9),
        "trace_flags": "01",
    });
    assert_eq!(context, expected);
}

#[test]
fn the_target_of_a_record_counts_before_the_name_of_the_scope() {
    let (container, events) = started();
    let provider = simple(&container);
    emit(&provider.logger("scope"), |record| record.set_target("own::target"));
    emit(&provider.logger("scope"), |record| record.set_body(1.into()));
    let events = delivered(&container, &events);
    assert_eq!((&events[0]["target"], &events[1]["target"]), (&json!("own::target"), &json!("scope")));
    assert_eq!((&events[0]["message"], &events[1]["message"]), (&json!(""), &json!(1)));
}

#[test]
fn the_time_of_a_record_is_a_field() {
    let (container, events) = started();
    emit(&simple(&container).logger("scope"), |record| record.set_timestamp(UNIX_EPOCH + Duration::from_secs(1)));
    assert_eq!(delivered(&container, &events)[0]["context"]["event_time"], "1970-01-01T00:00:01.000000000Z");
}

#[test]
fn attributes_of_the_resource_are_in_each_event() {
    let (container, events) = started();
    let exporter = ContainerExporter::new(container.logger("otel"));
    let resource = Resource::builder_empty().with_attribute(KeyValue::new("service.name", "shop")).build();
    let provider = SdkLoggerProvider::builder().with_resource(resource).with_simple_exporter(exporter).build();
    (0..2).for_each(|_| emit(&provider.logger("scope"), |_| {}));
    assert!(delivered(&container, &events).iter().all(|event| event["context"]["service.name"] == "shop"));
}

#[test]
fn lists_among_the_attributes_of_the_resource_are_lists() {
    let (container, events) = started();
    let exporter = ContainerExporter::new(container.logger("otel"));
    let lists = [
        KeyValue::new("texts", ResourceValue::Array(Array::String(vec!["a\"".into(), "b".into()]))),
        KeyValue::new("whole", ResourceValue::Array(Array::I64(vec![1, -2]))),
        KeyValue::new("real", ResourceValue::Array(Array::F64(vec![0.5]))),
        KeyValue::new("is", ResourceValue::Array(Array::Bool(vec![true, false]))),
    ];
    let resource = Resource::builder_empty().with_attributes(lists).build();
    let provider = SdkLoggerProvider::builder().with_resource(resource).with_simple_exporter(exporter).build();
    emit(&provider.logger("scope"), |_| {});
    let mut context = delivered(&container, &events).remove(0)["context"].clone();
    context.as_object_mut().unwrap().remove("event_time");
    assert_eq!(context, json!({"texts": ["a\"", "b"], "whole": [1, -2], "real": [0.5], "is": [true, false]}));
}

#[test]
fn a_resource_that_is_set_anew_takes_the_place_of_the_one_before() {
    let (container, events) = started();
    let mut exporter = ContainerExporter::new(container.logger("otel"));
    for name in ["one", "two"] {
        exporter.set_resource(&Resource::builder_empty().with_attribute(KeyValue::new(name, 1)).build());
    }
    // Without a provider, which sets a resource of its own.
    let plain = simple(&container);
    let mut record = plain.logger("scope").create_log_record();
    record.set_body("m".into());
    let scope = opentelemetry::InstrumentationScope::default();
    futures_ready(exporter.export(LogBatch::new(&[(&record, &scope)]))).unwrap();
    assert_eq!(delivered(&container, &events)[0]["context"], json!({"two": 1}));
}

/// The result of a future that does not wait.
fn futures_ready<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_severity_that_is_only_a_text_is_the_level_and_a_text_of_its_own_is_a_field() {
    let (container, events) = started();
    let logger = simple(&container).logger("scope");
    emit(&logger, |record| record.set_severity_text("error"));
    emit(&logger, |record| record.set_severity_text("SEVERE"));
    emit(&logger, |record| {
        record.set_severity_number(Severity::Info2);
        record.set_severity_text("SEVERE");
    });
    emit(&logger, |record| {
        record.set_severity_number(Severity::Warn);
        record.set_severity_text("WARN");
    });
    let events = delivered(&container, &events);
    let seen: Vec<_> = events.iter().map(|event| (&event["level"], &event["context"]["severity_text"])).collect();
    let (error, info, warning) = (json!("ERROR"), json!("INFO"), json!("WARNING"));
    let (severe, none) = (json!("SEVERE"), Value::Null);
    assert_eq!(seen, [(&error, &none), (&info, &severe), (&info, &severe), (&warning, &none)]);
}

#[test]
fn a_record_may_have_a_trace_without_a_span_and_has_all_flags() {
    let (container, events) = started();
    let logger = simple(&container).logger("scope");
    emit(&logger, |record| record.set_trace_context(TraceId::from(7), SpanId::INVALID, Some(TraceFlags::new(3))));
    emit(&logger, |record| record.set_trace_context(TraceId::INVALID, SpanId::from(9), None));
    let mut contexts = delivered(&container, &events).into_iter().map(|event| event["context"].clone());
    let mut context = || {
        let mut context = contexts.next().unwrap();
        context.as_object_mut().unwrap().remove("event_time");
        context
    };
    assert_eq!(context(), json!({"trace_id": format!("{:032x}", 7), "trace_flags": "03"}));
    assert_eq!(context(), json!({}));
}

#[test]
fn bytes_have_one_form_by_themselves_and_within_a_list_and_deep_values_are_cut() {
    let (container, events) = started();
    let bytes = || AnyValue::Bytes(Box::new(vec![0, 255]));
    let deep = (0..1000).fold(AnyValue::Int(1), |inner, _| AnyValue::ListAny(Box::new(vec![inner])));
    emit(&simple(&container).logger("scope"), |record| {
        record.set_body(AnyValue::Map(Box::new(HashMap::from([(Key::new("a"), bytes())]))));
        record.add_attribute("bytes", bytes());
        record.add_attribute("list", AnyValue::ListAny(Box::new(vec![bytes(), AnyValue::Double(f64::NAN)])));
        record.add_attribute("deep", deep);
    });
    let event = delivered(&container, &events).remove(0);
    let context = &event["context"];
    assert!(context["bytes"].is_string(), "{event}");
    assert_eq!((&context["bytes"], &context["bytes"]), (&context["list"][0], &event["message"]["a"]), "{event}");
    assert!(context["deep"].to_string().contains("[...]"), "{event}");
}

#[test]
fn a_record_after_the_shutdown_of_the_container_is_counted_as_lost() {
    let (container, _events) = started();
    let logger = simple(&container).logger("scope");
    container.shutdown(Duration::from_secs(30)).unwrap();
    emit(&logger, |record| record.set_severity_number(Severity::Error));
    emit(&logger, |record| record.set_severity_number(Severity::Debug));
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.lost.of(LossReason::ContainerClosed)), (1, 1), "{accounts}");
}

#[test]
fn records_that_are_not_wanted_use_up_no_target() {
    let (container, events) = started();
    let logger = simple(&container).logger("scope");
    for n in 0..1100 {
        emit(&logger, |record| {
            record.set_severity_number(Severity::Debug);
            record.set_target(format!("unwanted_{n}"));
        });
    }
    emit(&logger, |record| record.set_target("wanted"));
    let events = delivered(&container, &events);
    assert_eq!((events.len(), &events[0]["target"]), (1, &json!("wanted")));
}

#[test]
fn a_shutdown_waits_for_the_delivery_and_later_batches_are_refused() {
    let (container, events) = started();
    let exporter = ContainerExporter::new(container.logger("otel"));
    let handle = exporter.clone();
    let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter).build();
    let logger = provider.logger("scope");
    (0..1000).for_each(|n| emit(&logger, |record| record.add_attribute("n", n)));
    provider.shutdown().unwrap();
    assert_eq!(events.lines().len(), 1000);
    let record = logger.create_log_record();
    let scope = opentelemetry::InstrumentationScope::default();
    let refused = futures_ready(handle.export(LogBatch::new(&[(&record, &scope)])));
    assert!(matches!(refused, Err(OTelSdkError::AlreadyShutdown)), "{refused:?}");
    assert_eq!(delivered(&container, &events).len(), 1000);
}

#[test]
fn a_shutdown_that_is_not_done_in_time_is_an_error_with_the_time() {
    let (sink, _events) = sink::Memory::new(format::Json::new);
    // Nobody drains it.
    let (container, mut drain) = Container::builder().sink("memory", sink).start_manual().unwrap();
    let provider = simple(&container);
    emit(&provider.logger("scope"), |_| {});
    let timeout = Duration::from_millis(20);
    let exporter = ContainerExporter::new(container.logger("otel"));
    assert!(matches!(exporter.shutdown_with_timeout(timeout), Err(OTelSdkError::Timeout(time)) if time == timeout));
    assert!(matches!(exporter.shutdown_with_timeout(timeout), Err(OTelSdkError::AlreadyShutdown)));
    container.request_shutdown(std::time::Instant::now() + Duration::from_secs(30));
    while !drain.has_ended() {
        drain.turn();
    }
    container.accounts().check().unwrap();
}

/// Logs to the SDK about each batch, as the library of a sink may do.
struct Chatty(SdkLogger);

impl Processor for Chatty {
    fn name(&self) -> &'static str {
        "chatty"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        emit(&self.0, |record| record.set_body("a batch came".into()));
        Ok(())
    }
}

#[test]
fn a_record_of_a_thread_that_delivers_is_suppressed_and_leads_to_no_other() {
    let (container, events) = started();
    let exporter = ContainerExporter::new(container.logger("otel"));
    let handle = exporter.clone();
    let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter).build();
    container.add_processor("chatty", move |_| Ok(Box::new(Chatty(provider.logger("scope"))))).unwrap();
    info!(container.logger("app"), "the only event");
    container.flush(Duration::from_secs(30)).unwrap();
    let events = delivered(&container, &events);
    assert_eq!((events.len(), &events[0]["message"]), (1, &json!("the only event")));
    assert!(handle.suppressed().on_drain_threads > 0);
}

#[test]
fn levels_of_the_container_hold_for_the_sdk_also_when_they_change() {
    let (container, events) = started();
    let logger = simple(&container).logger("scope");
    let debug = || emit(&logger, |record| record.set_severity_number(Severity::Debug));
    assert!(
        !logger.event_enabled(Severity::Debug, "scope", None) && logger.event_enabled(Severity::Warn, "scope", None)
    );
    debug();
    container.set_level("info,scope=debug".parse::<Directives>().unwrap());
    assert!(logger.event_enabled(Severity::Debug, "scope", None));
    debug();
    assert_eq!(delivered(&container, &events).len(), 1);
}

#[test]
fn targets_beyond_the_limit_are_fields_and_nothing_is_missing() {
    let (container, events) = started();
    let provider = simple(&container);
    let logger = provider.logger("scope");
    (0..1100).for_each(|n| emit(&logger, |record| record.set_target(format!("target_{n}"))));
    for (n, event) in delivered(&container, &events).iter().enumerate() {
        let target = format!("target_{n}");
        let is_there =
            event["target"] == *target || (event["target"] == "opentelemetry" && event["context"]["target"] == *target);
        assert!(is_there, "{event}");
    }
}

#[test]
fn records_that_fill_small_rings_are_all_delivered() {
    const RECORDS: u64 = 20_000;
    let (sink, events) = sink::Memory::new(format::Json::new);
    let builder = Container::builder().executor(Executor::Thread).ring_capacity_bytes(16 * 1024).record_max_bytes(1024);
    let container = builder.overflow(Overflow::DropNewest).sink("memory", sink).start().unwrap();
    let exporter = ContainerExporter::new(container.logger("otel"));
    let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter).build();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let logger = provider.logger("scope");
            scope.spawn(move || {
                (0..RECORDS / 4).for_each(|n| emit(&logger, |record| record.add_attribute("n", n as i64)));
            });
        }
    });
    assert_eq!(delivered(&container, &events).len() as u64, RECORDS);
}
