//! The page that maps the names of the Fapilog v3 architecture to ours agrees with the code.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fapilog::{
    Container, Level, Settings,
    container::ManualClock,
    event::{DynamicEvent, FieldGroup, Timestamp, ValueRef},
    format,
    plugin::Registry,
    process::Throttle,
    sink,
};

const PAGE: &str = include_str!("../../docs/from-the-architecture.md");

/// Lists paths, and has the compiler look each of them up: types, traits, functions, macros and modules by `use`, and
/// whatever belongs to a type by its value.
macro_rules! paths {
    (
        items { $($($item:ident)::+,)* }
        values { $($($value:ident)::+,)* }
    ) => {
        #[allow(unused_imports, clippy::no_effect_underscore_binding, reason = "that they exist is all there is to know")]
        fn paths() -> BTreeSet<String> {
            $( { use $($item)::+ as _; } )*
            $( let _value = $($value)::+; )*
            let listed = [$(stringify!($($item)::+),)* $(stringify!($($value)::+),)*];
            listed.into_iter().map(|path| path.replace(char::is_whitespace, "")).collect()
        }
    };
}

paths! {
    items {
        fapilog::metrics::Accounts,
        fapilog::event::FieldGroup,
        fapilog::event::Category,
        fapilog::compliance::ComplianceReport,
        fapilog::compliance::Standard,
        fapilog::sink::Console,
        fapilog::sink::DeliveryPolicy,
        fapilog::Container,
        fapilog::container::ContainerBuilder,
        fapilog::enrich::Context,
        fapilog::enrich::Correlation,
        fapilog::process::Dedupe,
        fapilog::event::DynamicEvent,
        fapilog::Error,
        fapilog::diagnostics::ErrorCallback,
        fapilog::event::Event,
        fapilog::event::EventId,
        fapilog::sink::File,
        fapilog::process::Filter,
        fapilog::error::FlushError,
        fapilog::process::Format,
        fapilog::Global,
        fapilog::redact::Redact,
        fapilog::enrich::Hostname,
        fapilog::scope::InScope,
        fapilog::format::Json,
        fapilog::Level,
        fapilog::format::Logfmt,
        fapilog::Logger,
        fapilog::sink::Memory,
        fapilog::metrics::Metrics,
        fapilog::format::Minimal,
        fapilog::diagnostics::Diagnostic,
        fapilog::sink::Null,
        fapilog::container::Overflow,
        fapilog::metrics::PluginMetrics,
        fapilog::metrics::PluginState,
        fapilog::plugin::Registry,
        fapilog::metrics::RingMetrics,
        fapilog::metrics::HealthLevel,
        fapilog::process::Sampling,
        fapilog::process::AdaptiveSampling,
        fapilog::Scope,
        fapilog::Settings,
        fapilog::error::SettingsError,
        fapilog::error::ShutdownError,
        fapilog::format::Simple,
        fapilog::process::SizeGuard,
        fapilog::event::Source,
        fapilog::process::Throttle,
        fapilog::event::Timestamp,
        fapilog::enrich::Time,
        fapilog::enrich::UserContext,
        fapilog::assert_logged,
        fapilog::audit,
        fapilog::info,
        fapilog::init,
        fapilog::init_with,
        fapilog::logger,
        fapilog::panic_hook,
        fapilog::plugin::Cache,
        fapilog::enrich::Enricher,
        fapilog::format::Formatter,
        fapilog::plugin::PluginError,
        fapilog::plugin::PluginKind,
        fapilog::process::Processor,
        fapilog::sink::Sink,
        fapilog::sink::SinkError,
        fapilog::sink::SinkFactory,
        fapilog::register_plugin,
        fapilog::plugin::Metadata,
        fapilog::plugin::PluginInfo,
        fapilog::plugin::PluginSettings,
        fapilog::security,
        fapilog::settings::OverflowStrategy,
        fapilog::settings::Preset,
        fapilog::testing::TestLog,
    }
    values {
        fapilog::event::Batch::emit,
        fapilog::Settings::into_builder_with,
        fapilog::Container::id,
        fapilog::Container::logger,
        fapilog::Container::metrics,
        fapilog::Container::diagnostics,
        fapilog::Container::shutdown,
        fapilog::Container::shutdown_async,
        fapilog::Error::code,
        fapilog::error::ErrorKind::Configuration,
        fapilog::error::ErrorKind::Isolation,
        fapilog::error::ErrorKind::Pipeline,
        fapilog::error::ErrorKind::Plugin,
        fapilog::error::ErrorKind::Sink,
        fapilog::event::Event::correlation_id,
        fapilog::event::Event::message,
        fapilog::event::Event::severity,
        fapilog::Scope::task,
    }
}

/// Methods that take any type that fits, and so have no value of their own: they are called.
fn generic_paths() -> [String; 1] {
    let _ = fapilog::Logger::disabled().with([("key", 1.into())]);
    ["fapilog::Logger::with"].map(str::to_owned)
}

/// The texts between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn section(title: &str) -> &'static str {
    let start = PAGE.find(&format!("\n## {title}\n")).unwrap() + 1;
    let length = PAGE[start + 1..].find("\n## ").map_or(PAGE.len() - start, |end| end + 1);
    &PAGE[start..start + length]
}

/// The cells of each row of the tables in a section, without heads and rules.
fn rows(title: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let lines: Vec<&str> = section(title).lines().collect();
    let is_head = |index: usize| lines.get(index + 1).is_some_and(|next| next.starts_with("|---"));
    let is_row = |index: usize, line: &str| line.starts_with('|') && !line.starts_with("|---") && !is_head(index);
    let rows = lines.iter().enumerate().filter(|(index, line)| is_row(*index, line));
    rows.map(|(_, line)| cells(line)).collect()
}

#[test]
fn every_path_on_the_page_exists_and_every_listed_path_is_on_the_page() {
    let tables = PAGE.lines().filter(|line| line.starts_with('|') || line.starts_with('`'));
    let on_page: BTreeSet<String> =
        tables.flat_map(code).filter(|code| code.starts_with("fapilog::")).map(str::to_owned).collect();
    let listed: BTreeSet<String> = paths().into_iter().chain(generic_paths()).collect();
    let difference: Vec<_> = on_page.symmetric_difference(&listed).collect();
    assert!(difference.is_empty(), "only on the page, or only in the list: {difference:?}");
}

#[test]
fn every_name_has_a_counterpart_or_a_plain_none() {
    for title in ["Components", "Events", "Plugins", "Errors"] {
        let rows = rows(title);
        assert!(rows.len() > 5, "{title}");
        for row in rows {
            assert_eq!(row.len(), 3, "{row:?}");
            let has_path = code(row[1]).any(|code| code.starts_with("fapilog::") || code.starts_with("fapilog_"));
            assert!(has_path || row[1] == "none yet" || row[1] == "none" && !row[2].is_empty(), "{row:?}");
        }
    }
}

/// The names that the architecture document gives to its parts.
#[test]
fn the_names_of_the_architecture_are_all_there() {
    let names: BTreeSet<&str> = PAGE.lines().filter(|line| line.starts_with('|')).flat_map(code).collect();
    let wanted = "AsyncLogger AsyncLoggingContainer UniversalSettings LogEvent EventCategory EventSeverity AsyncPipeline \
        AsyncQueue PluginRegistry PluginMetadata PluginType MetricsCollector ComplianceEngine ComplianceStandard \
        PluginMarketplace AsyncSmartCache OverflowStrategy StdoutSink StderrSink FileSink NullSink MemorySink \
        FilterProcessor ThrottleProcessor FormatProcessor DedupeProcessor TimestampEnricher CorrelationEnricher \
        ContextEnricher HostnameEnricher SimpleFormatter JSONFormatter LogfmtFormatter MinimalFormatter BaseSink \
        BaseProcessor BaseEnricher BaseFormatter FapilogError ConfigurationError PluginError PipelineError \
        ContainerIsolationError ExternalAPIError RetryConfig BatchResult PluginExecutor AuditLogger HealthMonitor \
        FapilogMiddleware FapilogExceptionHandler error_callback batch_size queue_max_size max_workers async_processing \
        overflow_strategy plugin_config compliance_standard colors enable_internal_logging";
    let is_there = |name: &&str| names.contains(name) || PAGE.contains(&format!("`{name}`"));
    let missing: Vec<_> = wanted.split_whitespace().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn plugin_names_are_those_of_the_registry() {
    let registry = Registry::linked();
    let kinds: BTreeMap<&str, &str> =
        registry.plugins().map(|plugin| (plugin.name.as_str(), plugin.kind.name())).collect();
    let mut on_page = BTreeMap::new();
    for row in rows("Plugin names") {
        for name in code(row[2]).filter(|name| !name.contains("::")) {
            on_page.insert(name, row[0]);
        }
    }
    if !cfg!(feature = "http") {
        on_page.remove("http");
    }
    assert_eq!(on_page, kinds);
}

#[test]
fn settings_and_their_defaults_are_as_the_code_has_them() {
    let reference = Settings::reference();
    for row in [rows("Settings"), rows("Settings of the Python library")].concat().iter().filter(|row| row.len() == 5) {
        let names: Vec<_> = code(row[2]).collect();
        let defaults = reference.iter().filter(|info| names == [info.name]).map(|info| info.default.as_str());
        let shown: Vec<_> = code(row[3]).collect();
        assert!(shown.len() == 1 && defaults.eq(shown), "{row:?}");
    }
}

#[test]
fn the_layout_of_simple_is_the_one_that_is_shown() {
    let (sink, events) = sink::Memory::new(format::Simple::new);
    let logs = Container::builder().manual_clock(&clock()).sink("memory", sink).start().unwrap();
    let event = DynamicEvent::new(Level::Info, "engine::orders", "order filled")
        .field(FieldGroup::Context, "order_id", ValueRef::U64(42))
        .field(FieldGroup::Tags, "region", ValueRef::Text("eu"));
    logs.logger("matching-engine").log_dynamic(&event);
    logs.shutdown(Duration::from_secs(5)).unwrap();
    assert!(section("Layout of `simple`").contains(&format!("\n{}\n", events.lines()[0])), "{:?}", events.lines());
}

#[test]
fn the_texts_of_the_throttle_are_those_that_are_shown() {
    let (sink, events) = sink::Memory::new(format::Minimal::new);
    let logs = Container::builder()
        .manual_clock(&clock())
        .processor(|_| Box::new(Throttle::per_second(1)))
        .sink("memory", sink)
        .start()
        .unwrap();
    let log = logs.logger("orders");
    (0..7).for_each(|number| fapilog::info!(log, "tick", number));
    logs.shutdown(Duration::from_secs(5)).unwrap();
    let lines = events.lines();
    let texts: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("WARNING ")).collect();
    assert_eq!(texts.len(), 2, "{lines:?}");
    assert!(section("Texts of the throttle").contains(&format!("\n{}\n", texts.join("\n"))), "{texts:?}");
}

/// Stands at the first moment of 2026.
fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_unix_nanos(1_767_225_600_000_000_000))
}
