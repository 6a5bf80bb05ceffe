//! A container as an exporter of logs.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fapilog::{
    Level, Logger, Scope,
    adapter::{AdapterCalls, AdapterSite, Fields, SuppressedCalls},
    error::FlushError,
    event::{FieldGroup, ValueRef},
    plugin::is_drain_thread,
};
use opentelemetry::{InstrumentationScope, SpanId, TraceId, logs::Severity};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogExporter, SdkLogRecord, TraceContext},
};

use crate::{
    any_value::{put_any, put_value},
    record_level::{level_of, level_of_record, own_severity_text},
    trace_fields::put_flags,
};

/// The most targets that the exporter knows as call sites; the memory of a site is never freed. Records of further targets are logged
/// under the target of the exporter itself, with their own in the field `target`.
const SITES_MAX: usize = 1024;

/// Log records of the OpenTelemetry SDK go to a container: for a program or a library that logs by OpenTelemetry's own API.
///
/// | of the record | in the event |
/// |---|---|
/// | severity number, else the text of the severity | level: FATAL is CRITICAL, a record without a severity is INFO |
/// | text of the severity, if it is no name of that level | field `severity_text` |
/// | target, else the name of the instrumentation scope | target |
/// | body | message |
/// | attributes, event name | fields of the context; the event name is `event_name` |
/// | trace context | `trace_id`, `span_id` and `trace_flags` in the context |
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
/// the SDK exports in a task ([`Logger::ready`]).
///
/// A record that comes after the shutdown of the container is counted as lost. The shutdown of the exporter flushes the container,
/// and does not shut it down: other loggers may use it. Batches that come later are refused.
///
/// A record that is made on a thread of a drain or a sink is suppressed, and [counted](Self::suppressed): it would lead to another
/// without end. That holds for the simple processor, which exports on the thread that makes the record. With a batch processor, the
/// container must not deliver by a library that logs to this very SDK.
///
/// Clones share their state.
#[derive(Clone)]
pub struct ContainerExporter {
    /// With the attributes of the resource.
    logger: Logger,
    /// Without them.
    plain_logger: Logger,
    shared: Arc<SharedExports>,
}

#[derive(Default)]
struct SharedExports {
    sites: Mutex<TargetSites>,
    calls: AdapterCalls,
    is_shut_down: AtomicBool,
}

/// The target of records without a target of their own.
const TARGET: &str = "opentelemetry";

impl ContainerExporter {
    /// An exporter to the container of this logger, whose name is the source of the events.
    #[must_use]
    pub fn new(logger: Logger) -> Self {
        Self { plain_logger: logger.clone(), logger, shared: Arc::default() }
    }

    /// The records that were suppressed, so that no record leads to another without end.
    #[must_use]
    pub fn suppressed(&self) -> SuppressedCalls {
        self.shared.calls.suppressed()
    }

    fn log(&self, record: &SdkLogRecord, scope: &InstrumentationScope) {
        let (level, target) = (level_of_record(record), target_of(record, scope));
        if !self.wants(level, target) {
            return;
        }
        let Some(call) = self.shared.calls.begin() else { return };
        call.with_fields(|fields| {
            let site = self.site(target, level);
            if site.target() != target {
                fields.put(FieldGroup::Context, "target", ValueRef::Text(target));
            }
            put_record(fields, record, level);
            self.logger.log_fields(site, fields);
        });
    }

    /// Whether the container wants such a record. A record that finds the container closed is counted as lost, but for those of its
    /// own threads.
    fn wants(&self, level: Level, target: &str) -> bool {
        if is_drain_thread() {
            self.logger.is_enabled_for(level, target)
        } else {
            self.logger.is_enabled_of(level, target)
        }
    }

    /// The site of a target, or that of all further ones.
    fn site(&self, target: &str, level: Level) -> &'static AdapterSite {
        let mut sites = self.shared.sites.lock().unwrap_or_else(PoisonError::into_inner);
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

fn put_record(fields: &mut Fields, record: &SdkLogRecord, level: Level) {
    if let Some(body) = record.body() {
        put_any(fields, FieldGroup::Message, "", body);
    }
    for (key, value) in record.attributes_iter() {
        put_any(fields, FieldGroup::Context, key.as_str(), value);
    }
    if let Some(name) = record.event_name() {
        fields.put(FieldGroup::Context, "event_name", ValueRef::Text(name));
    }
    if let Some(text) = own_severity_text(record, level) {
        fields.put(FieldGroup::Context, "severity_text", ValueRef::Text(text));
    }
    if let Some(time) = record.timestamp().or_else(|| record.observed_timestamp()) {
        fields.bind(FieldGroup::Context, "event_time", &time);
    }
    if let Some(trace) = record.trace_context() {
        put_trace(fields, trace);
    }
}

/// A record may have a trace and no span. It has no span without a trace.
fn put_trace(fields: &mut Fields, trace: &TraceContext) {
    if trace.trace_id == TraceId::INVALID {
        return;
    }
    fields.put_display(FieldGroup::Context, "trace_id", &trace.trace_id);
    if trace.span_id != SpanId::INVALID {
        fields.put_display(FieldGroup::Context, "span_id", &trace.span_id);
    }
    if let Some(flags) = trace.trace_flags {
        put_flags(fields, flags);
    }
}

impl LogExporter for ContainerExporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        // Relaxed: no other data depends on it.
        if self.shared.is_shut_down.load(Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        for (record, scope) in batch.iter() {
            self.logger.ready().await;
            self.log(record, scope);
        }
        Ok(())
    }

    /// Waits until all events of the container are delivered.
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        // Relaxed: no other data depends on it.
        if self.shared.is_shut_down.swap(true, Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        if is_drain_thread() {
            // It would wait for itself.
            return Ok(());
        }
        match self.logger.flush(timeout) {
            Ok(_) | Err(FlushError::ShutDown) => Ok(()),
            Err(FlushError::Deadline { .. }) => Err(OTelSdkError::Timeout(timeout)),
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        }
    }

    fn event_enabled(&self, level: Severity, target: &str, _: Option<&str>) -> bool {
        self.logger.is_enabled_for(level_of(level), target)
    }

    fn set_resource(&mut self, resource: &Resource) {
        let mut fields = Fields::new();
        for (key, value) in resource.iter() {
            put_value(&mut fields, FieldGroup::Context, key.as_str(), value);
        }
        self.logger = self.plain_logger.with_scope(&Scope::new().fields(&fields));
    }
}

impl fmt::Debug for ContainerExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerExporter").field("logger", &self.logger).finish_non_exhaustive()
    }
}
