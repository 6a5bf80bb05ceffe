//! Crates around tracing: tracing-log, tracing-error.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use fapilog::{Container, format, level::Directives, sink};
use fapilog_tracing::Bridge;
use law::{Way, messages, only, parsed, shut_down, started};
use serde_json::json;
use tracing::{Dispatch, dispatcher::with_default, info, info_span};
use tracing_error::{ErrorLayer, SpanTrace};
use tracing_subscriber::prelude::*;

#[test]
fn records_of_the_log_crate_have_their_own_place() {
    tracing_log::LogTracer::init().unwrap();
    for way in Way::ALL {
        let (sink, events) = sink::Memory::new(|| format::Json::new().call_site(true));
        let container = Container::builder().sink("memory", sink).start().unwrap();
        container.set_level("info,loud=debug,quiet=error".parse::<Directives>().unwrap());
        let line = with_default(&way.dispatch(Bridge::new(container.logger("t"))), || {
            let _span = info_span!("span", a = 1).entered();
            log::info!("{} rows", 3);
            let line = line!() - 1;
            log::debug!("below the level");
            log::debug!(target: "loud", "of a loud target");
            log::warn!(target: "quiet", "of a quiet target");
            log::warn!(target: &String::from("made::at::run::time"), "of any target");
            line
        });
        shut_down(&container);
        let events = parsed(&events);
        assert_eq!(messages(&events), ["3 rows", "of a loud target", "of any target"], "{way:?}");
        let targets: Vec<_> = events.iter().map(|event| event["target"].as_str().unwrap()).collect();
        assert_eq!(targets, ["neighbours", "loud", "made::at::run::time"]);
        assert_eq!((&events[0]["context"], &events[1]["level"]), (&json!({"a": 1, "span": "span"}), &json!("DEBUG")));
        assert!(events[0].to_string().contains(&format!("tests/neighbours.rs:{line}")), "{}", events[0]);
    }
}

#[test]
fn a_span_trace_of_tracing_error_has_the_spans_and_so_have_the_events() {
    for is_filtered in [false, true] {
        let (container, events) = started();
        let bridge = Bridge::new(container.logger("t"));
        let registry = tracing_subscriber::registry();
        let dispatch = if is_filtered {
            Dispatch::new(registry.with(bridge.filtered_layer()).with(ErrorLayer::default()))
        } else {
            Dispatch::new(registry.with(ErrorLayer::default()).with(bridge.layer()))
        };
        let trace = with_default(&dispatch, || {
            let _outer = info_span!("outer", a = 1).entered();
            info_span!("inner", b = 2).in_scope(|| {
                info!(trace = %SpanTrace::capture(), "failed");
                SpanTrace::capture().to_string()
            })
        });
        shut_down(&container);
        assert!(
            trace.contains("neighbours::inner\n           with b=2") && trace.contains("neighbours::outer"),
            "{trace}"
        );
        let context = only(parsed(&events))["context"].clone();
        assert_eq!((&context["span"], &context["a"], &context["b"]), (&json!("inner"), &json!(1), &json!(2)));
        assert!(context["trace"].as_str().unwrap().contains("neighbours::inner"), "{context}");
    }
}

#[test]
fn two_layers_on_one_registry_have_the_spans_each() {
    let ((one, one_events), (other, other_events)) = (started(), started());
    let subscriber = tracing_subscriber::registry()
        .with(Bridge::new(one.logger("t")).layer())
        .with(Bridge::new(other.logger("t")).span_names(fapilog_tracing::SpanNames::None).layer())
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::sink));
    with_default(&Dispatch::new(subscriber), || {
        let _outer = info_span!("outer", a = 1).entered();
        info_span!("inner", b = 2).in_scope(|| info!("inside"));
        info!("outside");
    });
    shut_down(&one);
    shut_down(&other);
    let contexts = |events| parsed(events).iter().map(|event| event["context"].clone()).collect::<Vec<_>>();
    assert_eq!(contexts(&one_events), [json!({"a": 1, "b": 2, "span": "inner"}), json!({"a": 1, "span": "outer"})]);
    assert_eq!(contexts(&other_events), [json!({"a": 1, "b": 2}), json!({"a": 1})]);
}
