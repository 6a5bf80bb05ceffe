//! The way from a container to `log`.

mod pairs;
mod registration;

use std::{fmt, sync::Arc};

use fapilog::{
    adapter::EventCopy,
    event::{Batch, FieldGroup, ValueRef},
    plugin::PluginError,
    sink::{
        BlockingDelivery, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkCounter, SinkError, SinkFactory,
    },
};
use log::{Log, Metadata, Record};

use crate::{level, sink::pairs::EventPairs};

const PAYLOAD_BYTES: usize = 16 * 1024;
/// The counter of events that the logger does not want.
const NOT_ENABLED: &str = "not_enabled";

/// A sink that hands each event to `log`, for programs that collect by a logger of `log`.
///
/// A record has the event's target, level, message, file and line, and its fields as key-value pairs with their types: `key` of the
/// context, `tags.key`, `metrics.key`, `correlation_id` and `source`. A level above ERROR is `Error`, and the pair `level` names it. A key of
/// the context that is one of these three is `field.key`.
///
/// The logger is called on a thread of the sink's own, and may block. Events that `log::max_level()` or the logger's `enabled` leave out
/// count as delivered, and are counted by the sink's counter `not_enabled`.
///
/// Records that the logger makes on that thread are suppressed by a [`LogBridge`](crate::LogBridge::suppressed): an event that
/// goes to `log` does not come back. A logger that hands its records to another thread must not have a bridge to the same container there:
/// the event would go round without end.
///
/// ```
/// use std::time::Duration;
/// use fapilog::{Container, info};
/// use fapilog_log::LogSink;
///
/// let logs = Container::builder().sink("log", LogSink::new()).start()?;
/// info!(logs.logger("orders"), "order filled", order = 42);
/// logs.shutdown(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Settings name it `log`, where the program links this crate.
#[derive(Clone, Default)]
#[must_use]
pub struct LogSink {
    /// `None`: the program's.
    logger: Option<Arc<dyn Log>>,
}

impl LogSink {
    /// A sink that hands events to the logger of the program, `log::logger()`.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that hands events to this logger, whatever `log::max_level()` is.
    pub fn to_logger(logger: impl Log + 'static) -> Self {
        Self { logger: Some(Arc::new(logger)) }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink").field("is_the_programs", &self.logger.is_none()).finish()
    }
}

impl SinkFactory for LogSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let client = LogClient { logger: self.logger.clone(), not_enabled: context.counter(NOT_ENABLED) };
        Ok(Box::new(LogThread(DeliveryThread::start("fapilog-log-sink", move || Ok(client))?)))
    }
}

/// A shard's end.
struct LogThread(DeliveryThread);

impl Sink for LogThread {
    fn writer(&self) -> String {
        "the logger of log".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        EventCopy::put_batch(batch, payload);
        Ok(())
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        EventCopy::put_records(records, payload);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.0.deliver(payload)
    }

    fn flush(&mut self) -> Delivery {
        self.0.flush()
    }
}

/// Calls the logger, on the sink's thread.
struct LogClient {
    logger: Option<Arc<dyn Log>>,
    not_enabled: SinkCounter,
}

impl BlockingDelivery for LogClient {
    /// Events on which the logger panics are rejected; the others are delivered.
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        EventCopy::hand_over_all(&payload, "the logger panicked", |event| self.hand_over(event))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.logger().flush();
        Ok(())
    }
}

impl LogClient {
    fn logger(&self) -> &dyn Log {
        match &self.logger {
            Some(logger) => &**logger,
            None => log::logger(),
        }
    }

    fn hand_over(&self, event: &EventCopy<'_>) {
        if !self.log(event) {
            self.not_enabled.add(1);
        }
    }

    /// Returns whether the event is wanted.
    fn log(&self, event: &EventCopy<'_>) -> bool {
        let level = level::to_log(event.level);
        let metadata = Metadata::builder().level(level).target(event.target).build();
        let passes = self.logger.is_some() || level <= log::max_level();
        if !passes || !self.logger().enabled(&metadata) {
            return false;
        }
        let pairs = EventPairs::of(event);
        let has_place = !event.file.is_empty();
        let module = module_of(event).or(has_place.then_some(event.target));
        self.logger().log(
            &Record::builder()
                .metadata(metadata)
                .args(format_args!("{}", event.message()))
                .module_path(module)
                .file(has_place.then_some(event.file))
                .line(has_place.then_some(event.line))
                .key_values(&pairs)
                .build(),
        );
        true
    }
}

/// The module, where it is not the target: a bridge has put it.
fn module_of<'a>(event: &EventCopy<'a>) -> Option<&'a str> {
    event.fields().find_map(|field| match field {
        (FieldGroup::Context, "module_path", ValueRef::Text(module)) => Some(module),
        _ => None,
    })
}
