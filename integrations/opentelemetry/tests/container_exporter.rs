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
    format,
    level::Directives,
    sink,
};
use fapilog_opentelemetry::ContainerExporter;
use opentelemetry::{
    Key, KeyValue, SpanId, TraceFlags, TraceId,
    logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity},
};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider};
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
