//! The texts that scrapers read: both formats, checked by readers that were not made for them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    collections::HashMap,
    io::Write,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use fapilog::{Container, Level, error, event::Batch, format, info, metrics::LossReason, process::Processor, sink};
use fapilog_prometheus::{Exporter, ExporterError, ExpositionFormat};
use proptest::prelude::*;
use support::{
    TIMEOUT, command, end,
    openmetrics::{Family, read},
    shut_down, small, small_by, started, with_figures,
};

/// The families of a text, by name.
fn families(exporter: &Exporter) -> HashMap<String, Family> {
    let exposition = exporter.render_as(ExpositionFormat::OpenMetrics);
    let families = read(exposition.body()).unwrap_or_else(|error| panic!("{error}\n{}", exposition.body()));
    families.into_iter().map(|family| (family.name.clone(), family)).collect()
}

fn exporter(container: &Container) -> Exporter {
    Exporter::builder().container("app", container).build().unwrap()
}

#[test]
fn the_openmetrics_text_is_as_the_specification_has_it_and_has_the_figures() {
    let container = with_figures();
    let families = families(&exporter(&container));
    let value = |family: &str, sample: &str, labels: &[(&str, &str)]| {
        families[family].value(sample, labels).unwrap_or_else(|| panic!("{sample}{labels:?}: {:?}", families[family]))
    };
    assert_eq!(value("fapilog_events_submitted", "fapilog_events_submitted_total", &[("container", "app")]), 11.0);
    assert_eq!(value("fapilog_events_lost", "fapilog_events_lost_total", &[("reason", "container_closed")]), 1.0);
    assert_eq!(value("fapilog_events_lost_by_level", "fapilog_events_lost_by_level_total", &[("level", "error")]), 1.0);
    assert_eq!(
        value("fapilog_sink_events_delivered", "fapilog_sink_events_delivered_total", &[("sink", "memory")]),
        10.0
    );
    let bytes = container.accounts().sinks[0].bytes as f64;
    assert_eq!(
        value("fapilog_sink_delivered_bytes", "fapilog_sink_delivered_bytes_total", &[("sink", "memory")]),
        bytes
    );
    assert_eq!(value("fapilog_health", "fapilog_health", &[("fapilog_health", "full")]), 1.0);
    assert_eq!(value("fapilog_health", "fapilog_health", &[("fapilog_health", "emergency")]), 0.0);
    assert_eq!(value("fapilog_container_closed", "fapilog_container_closed", &[]), 1.0);
    let instance = container.instance().to_string();
    let labels = [("instance_id", instance.as_str()), ("executor", "thread")];
    assert_eq!(value("fapilog_container", "fapilog_container_info", &labels), 1.0);
    let metrics = container.metrics();
    let latency = "fapilog_end_to_end_latency_seconds";
    assert_eq!(value(latency, &format!("{latency}_count"), &[]), metrics.end_to_end.samples as f64);
    assert_eq!(value(latency, &format!("{latency}_sum"), &[]), metrics.end_to_end.sum.as_secs_f64());
    let plugin = [("plugin", "timestamp"), ("kind", "enricher")];
    assert_eq!(
        value("fapilog_plugin_batches", "fapilog_plugin_batches_total", &plugin),
        metrics.plugins[0].batches as f64
    );
    assert_eq!(families["fapilog_ring_fill_ratio"].unit.as_deref(), Some("ratio"));
}

#[test]
fn all_reasons_levels_and_states_are_there_before_the_first_loss() {
    let (container, _events) = started();
    let families = families(&exporter(&container));
    assert_eq!(families["fapilog_events_lost"].samples.len(), LossReason::ALL.len());
    assert_eq!(families["fapilog_sink_events_lost"].samples.len(), LossReason::ALL.len());
    assert_eq!(families["fapilog_events_lost_by_level"].samples.len(), Level::ALL.len());
    assert!(families["fapilog_events_lost"].samples.iter().all(|sample| sample.value == 0.0));
    shut_down(&container);
}

#[test]
fn the_losses_by_level_add_up_to_those_by_reason() {
    let (container, mut drain) = small();
    let log = container.logger("test");
    while container.accounts().lost_total() < 5 {
        info!(log, "filler");
    }
    (0..3).for_each(|_| error!(log, "no room"));
    let families = families(&exporter(&container));
    let sum = |name: &str| families[name].samples.iter().map(|sample| sample.value).sum::<f64>();
    assert_eq!((sum("fapilog_events_lost"), sum("fapilog_events_lost_by_level")), (8.0, 8.0));
    end(&container, &mut drain);
}

/// `promtool check metrics` reads the text format, and has opinions on names.
#[test]
fn promtool_finds_nothing_to_object_to() {
    let Some(mut promtool) = command("promtool") else { return };
    let (one, other) = (with_figures(), with_figures());
    let exporter = Exporter::builder().container("app", &one).container("quoted \"b\\c\"\n", &other).build().unwrap();
    let exposition = exporter.render(None);
    assert_eq!(exposition.content_type(), "text/plain; version=0.0.4; charset=utf-8");
    let child = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(exposition.body().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.is_empty(), "{}: {text}", output.status);
}

#[test]
fn promtool_accepts_the_alerts_of_the_book() {
    let Some(mut promtool) = command("promtool") else { return };
    let page = include_str!("../../../docs/metrics.md");
    let (_, rules) = page.split_once("```yaml\n").unwrap();
    let (rules, _) = rules.split_once("```").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fapilog.rules.yml");
    std::fs::write(&path, rules).unwrap();
    let output = promtool.args(["check", "rules"]).arg(&path).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("8 rules found"), "{text}");
}

#[test]
fn both_formats_have_the_same_samples() {
    let container = with_figures();
    let exporter = exporter(&container);
    let samples = |format| {
        let exposition = exporter.render_as(format);
        let lines: Vec<String> =
            exposition.into_body().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        // The age of what is not delivered, and the rate, are of the moment.
        lines.into_iter().filter(|line| !line.contains("throughput")).collect::<Vec<_>>()
    };
    let text = samples(ExpositionFormat::Text);
    assert!(text.len() > 100, "{text:?}");
    assert_eq!(text, samples(ExpositionFormat::OpenMetrics));
}

#[test]
fn several_containers_share_a_text_and_a_family_has_the_samples_of_all() {
    let (one, other) = (with_figures(), with_figures());
    let exporter = Exporter::builder().container("one", &one).container("other one", &other).build().unwrap();
    let families = families(&exporter);
    for name in ["one", "other one"] {
        let submitted =
            families["fapilog_events_submitted"].value("fapilog_events_submitted_total", &[("container", name)]);
        assert_eq!(submitted, Some(11.0), "{name}");
    }
    assert_eq!(families["fapilog_health"].samples.len(), 8);
}

#[test]
fn texts_of_the_program_are_escaped() {
    let container = with_figures();
    let name = "quote \" backslash \\ line\nend é";
    let exporter = Exporter::builder().container(name, &container).build().unwrap();
    let families = families(&exporter);
    assert_eq!(families["fapilog_shards"].samples[0].labels["container"], name);
}

#[test]
fn any_name_of_a_container_is_read_back() {
    let container = with_figures();
    proptest!(|(name in "\\PC{1,20}|[\"\\\\\n\r\0,={} ]{1,8}")| {
        let exporter = Exporter::builder().container(&name, &container).build().unwrap();
        prop_assert_eq!(&families(&exporter)["fapilog_shards"].samples[0].labels["container"], &name);
    });
}

#[test]
fn sinks_beyond_the_limit_are_summed_up_as_other() {
    let mut builder = Container::builder();
    for number in 0..5 {
        let (sink, _events) = sink::Memory::new(format::Json::new);
        builder = builder.sink(&format!("sink-{number}"), sink);
    }
    let (container, mut drain) = small_by(builder);
    let exporter = Exporter::builder().container("app", &container).label_values_max(2).build().unwrap();
    (0..7).for_each(|n| info!(container.logger("test"), "for all", n));
    end(&container, &mut drain);
    let families = families(&exporter);
    let delivered = &families["fapilog_sink_events_delivered"];
    let of = |sink| delivered.value("fapilog_sink_events_delivered_total", &[("sink", sink)]);
    assert_eq!((of("sink-0"), of("sink-1"), of("other")), (Some(7.0), Some(7.0), Some(21.0)));
    assert_eq!(delivered.samples.len(), 3);
    let breaker = &families["fapilog_sink_breaker"];
    assert_eq!(
        breaker.value("fapilog_sink_breaker", &[("sink", "other"), ("fapilog_sink_breaker", "closed")]),
        Some(1.0)
    );
    assert_eq!(breaker.samples.len(), 9);
}

#[test]
fn counters_of_other_do_not_fall_when_a_sink_is_removed() {
    let (container, _events) = started();
    for name in ["second", "third"] {
        let (sink, _events) = sink::Memory::new(format::Json::new);
        container.add_sink(name, sink, sink::SinkOptions::default()).unwrap();
    }
    let exporter = Exporter::builder().container("app", &container).label_values_max(1).build().unwrap();
    let delivered = || {
        info!(container.logger("test"), "for all");
        container.flush(TIMEOUT).unwrap();
        let families = families(&exporter);
        let labels = [("sink", "other")];
        families["fapilog_sink_events_delivered"].value("fapilog_sink_events_delivered_total", &labels).unwrap()
    };
    assert_eq!([delivered(), delivered()], [2.0, 4.0]);
    container.remove_plugin("third").unwrap();
    // The sum is read before there is another event.
    let _ = families(&exporter);
    assert_eq!([delivered(), delivered()], [5.0, 6.0]);
    shut_down(&container);
}

/// Takes nothing out.
struct Plain;

impl Processor for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), fapilog::plugin::PluginError> {
        Ok(())
    }
}

#[test]
fn a_program_that_adds_and_removes_plugins_for_ever_has_a_bounded_number_of_series() {
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).label_values_max(8).build().unwrap();
    let mut counts = Vec::new();
    for number in 0..20 {
        let name = format!("plugin-{number}");
        container.add_processor(&name, |_| Ok(Box::new(Plain))).unwrap();
        container.remove_plugin(&name).unwrap();
        counts.push(families(&exporter)["fapilog_plugin_batches"].samples.len());
    }
    // 8 names, and `other` of each of the three kinds at most.
    assert!(counts.iter().all(|count| *count <= 8 + 3), "{counts:?}");
    assert_eq!(counts.last(), counts.get(15));
    shut_down(&container);
}

#[test]
fn a_source_that_panics_or_has_nothing_leaves_the_others_alone() {
    let container = with_figures();
    let panics = AtomicBool::new(true);
    let reader = container.metrics_reader();
    let read = move || {
        assert!(!panics.swap(false, Ordering::SeqCst), "the program's own function");
        Some(reader.read())
    };
    let builder = Exporter::builder().container("app", &container).source("late", read).source("none", || None);
    let exporter = builder.build().unwrap();
    let names = || {
        families(&exporter)["fapilog_shards"].samples.iter().map(|s| s.labels["container"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["app"]);
    assert_eq!(names(), ["app", "late"]);
}

#[test]
fn an_exporter_needs_a_container_and_names_that_differ() {
    let container = with_figures();
    let builder = Exporter::builder;
    assert_eq!(builder().build().unwrap_err(), ExporterError::NoContainer);
    assert_eq!(builder().container("", &container).build().unwrap_err(), ExporterError::EmptyName);
    let error = builder().container("app", &container).container("app", &container).build().unwrap_err();
    assert_eq!(error.to_string(), r#"two containers have the name "app": each needs a name of its own"#);
}

#[test]
fn an_exporter_without_figures_renders_an_empty_text() {
    let exporter = Exporter::builder().source("app", || None).build().unwrap();
    assert_eq!(exporter.render_as(ExpositionFormat::OpenMetrics).body(), "# EOF\n");
    assert_eq!(exporter.render(None).body(), "");
}

#[test]
fn figures_are_read_while_threads_log_and_counters_only_grow() {
    let (container, _events) = started();
    let exporter = exporter(&container);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let log = container.logger("test");
                while !is_over.load(Ordering::SeqCst) {
                    info!(log, "counted");
                }
            });
        }
        let mut before: HashMap<(String, String), f64> = HashMap::new();
        for _ in 0..50 {
            for family in families(&exporter).into_values().filter(|family| family.kind.as_deref() == Some("counter")) {
                for sample in family.samples {
                    let key = (sample.name, format!("{:?}", sample.labels));
                    let last = before.insert(key.clone(), sample.value).unwrap_or(0.0);
                    assert!(sample.value >= last, "{key:?} goes from {last} to {}", sample.value);
                }
            }
        }
        is_over.store(true, Ordering::SeqCst);
    });
    shut_down(&container);
}
