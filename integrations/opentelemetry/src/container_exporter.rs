//! A container as an exporter of logs.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use fapilog::{
    Level, Logger, Scope,
    adapter::{AdapterSite, Fields},
    event::{FieldGroup, ValueRef},
    scope::TraceParent,
};
use opentelemetry::{InstrumentationScope, logs::Severity};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter, SdkLogRecord},
};

use crate::{
    any_value::{put_any, put_value},
    record_level::level_of,
};

/// The most targets that the exporter knows as call sites; the memory of a site is never freed. Records of further targets are logged
/// under the target of the exporter itself, with their own in the field `target`.
const SITES_MAX: usize = 1024;

/// Log records of the OpenTelemetry SDK go to a container: for a program or a library that logs by OpenTelemetry's own API.
///
/// | of the record | in the event |
/// |---|---|
/// | severity number | level: FATAL is CRITICAL, a record without a severity is INFO |
/// | target, else the name of the instrumentation scope | target |
/// | body | message |
/// | attributes, event name | fields of the context; the event name is `event_name` |
/// | trace context | `trace_id` and `span_id` in the context |
/// | timestamp, else observed timestamp | field `event_time`. The event's own timestamp is that of the export |
/// | attributes of the resource | fields of the context, of each event |
///
/// ```
/// use fapilog::{Container, format, sink};
/// use fapilog_opentelemetry::ContainerExporter;
/// use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
/// use opentelemetry_sdk::logs::SdkLoggerProvider;
///
/// # let (sink, events) = sink::Memory::new(format::Json::new);
/// let logs = Container::builder().sink("memory", sink).start()?;
/// let exporter = ContainerExporter::new(logs.logger("otel"));
/// let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter).build();
///
/// let logger = provider.logger("orders");
/// let mut record = logger.create_log_record();
/// record.set_severity_number(Severity::Warn);
/// record.set_body("order refused".into());
/// record.add_attribute("order_id", 42);
/// logger.emit(record);
///
/// logs.shutdown(std::time::Duration::from_secs(5))?;
/// assert!(events.lines()[0].contains(r#""message":"order refused""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A record that the container does not want by its levels is not exported. A full ring is waited for without blocking a thread, where
/// the SDK exports in a task ([`Logger::ready`]). The container must not export to this very SDK: its events would go in a circle.
pub struct ContainerExporter {
    logger: Logger,
    sites: Mutex<TargetSites>,
}

/// The target of records without a target of their own.
const TARGET: &str = "opentelemetry";

impl ContainerExporter {
    /// An exporter to the container of this logger, whose name is the source of the events.
    #[must_use]
    pub fn new(logger: Logger) -> Self {
        Self { logger, sites: Mutex::default() }
    }

    fn log(&self, fields: &mut Fields, record: &SdkLogRecord, scope: &InstrumentationScope) {
        let level = level_of(record.severity_number());
        let target = target_of(record, scope);
        let site = self.site(target, level);
        if !self.logger.is_enabled_for(level, target) {
            return;
        }
        fields.clear();
        if site.target() != target {
            fields.put(FieldGroup::Context, "target", ValueRef::Text(target));
        }
        put_record(fields, record);
        self.logger.log_fields(site, fields);
    }

    /// The site of a target, or that of all further ones.
    fn site(&self, target: &str, level: Level) -> &'static AdapterSite {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.find(target, level).unwrap_or_else(|| sites.add(target, level))
    }
}

/// The sites by target and level.
#[derive(Default)]
struct TargetSites {
    by_level: HashMap<Level, HashMap<String, &'static AdapterSite>>,
    count: usize,
}

impl TargetSites {
    fn find(&self, target: &str, level: Level) -> Option<&'static AdapterSite> {
        self.by_level.get(&level)?.get(target).copied()
    }

    fn add(&mut self, target: &str, level: Level) -> &'static AdapterSite {
        let target = if self.count < SITES_MAX { target } else { TARGET };
        let of_level = self.by_level.entry(level).or_default();
        of_level.entry(target.to_owned()).or_insert_with(|| {
            self.count += 1;
            AdapterSite::leak(level, target.to_owned(), "", 0)
        })
    }
}

fn target_of<'r>(record: &'r SdkLogRecord, scope: &'r InstrumentationScope) -> &'r str {
    let target: &str = match record.target() {
        Some(target) => target,
        None => scope.name(),
    };
    if target.is_empty() { TARGET } else { target }
}

fn put_record(fields: &mut Fields, record: &SdkLogRecord) {
    if let Some(body) = record.body() {
        put_any(fields, FieldGroup::Message, "", body);
    }
    for (key, value) in record.attributes_iter() {
        put_any(fields, FieldGroup::Context, key.as_str(), value);
    }
    if let Some(name) = record.event_name() {
        fields.put(FieldGroup::Context, "event_name", ValueRef::Text(name));
    }
    if let Some(time) = record.timestamp().or_else(|| record.observed_timestamp()) {
        fields.bind(FieldGroup::Context, "event_time", &time);
    }
    let trace = record
        .trace_context()
        .and_then(|trace| TraceParent::new(trace.trace_id.to_bytes(), trace.span_id.to_bytes(), false));
    if let Some(trace) = trace {
        fields.put(FieldGroup::Context, "trace_id", ValueRef::Text(trace.trace_id_text().as_ref()));
        fields.put(FieldGroup::Context, "span_id", ValueRef::Text(trace.span_id_text().as_ref()));
    }
}

impl LogExporter for ContainerExporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let mut fields = Fields::new();
        for (record, scope) in batch.iter() {
            self.logger.ready().await;
            self.log(&mut fields, record, scope);
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn event_enabled(&self, level: Severity, target: &str, _: Option<&str>) -> bool {
        self.logger.is_enabled_for(level_of(Some(level)), target)
    }

    fn set_resource(&mut self, resource: &Resource) {
        let mut fields = Fields::new();
        for (key, value) in resource.iter() {
            put_value(&mut fields, FieldGroup::Context, key.as_str(), value);
        }
        self.logger = self.logger.with_scope(&Scope::new().fields(&fields));
    }
}

impl fmt::Debug for ContainerExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerExporter").field("logger", &self.logger).finish_non_exhaustive()
    }
}
