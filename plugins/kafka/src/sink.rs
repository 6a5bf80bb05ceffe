//! The sink.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{
        Assurances, Delivery, DeliveryPolicy, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory,
        SinkPlace,
    },
    threads::process::OwnProcess,
};

use crate::{
    deliver::{KafkaCounters, KafkaDelivery},
    encode::{KafkaEncoder, append_as_text},
    producer::OpenProducers,
    reports::DeliveryReports,
    settings::{KafkaSettings, KafkaTarget},
};

/// Name of the counter of producers.
const OPENED: &str = "producers_opened";
/// Name of the counter of batches that were too large.
const DIVIDED: &str = "batches_divided";
/// Name of the counter of records that may be in a topic without an acknowledgement.
const UNCONFIRMED: &str = "records_unconfirmed";
/// The time before the deadline of a stop in which librdkafka gives up what it has.
const STOP_MARGIN: Duration = Duration::from_millis(150);
/// The time that an attempt may take beyond the time limits of the settings.
const ATTEMPT_SLACK: Duration = Duration::from_secs(5);
/// The default of all sinks.
const ATTEMPT_TIMEOUT_MIN: Duration = Duration::from_secs(30);
/// The wait for librdkafka's threads to end. A program that ends while they run may end by a segmentation fault in OpenSSL's clean-up.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Produces events to topics of Kafka. The [settings](KafkaSettings) have all that it does.
///
/// An event is delivered when a broker has acknowledged its record.
#[derive(Clone)]
pub struct Kafka {
    target: KafkaTarget,
    formatter: Arc<dyn Fn() -> Box<dyn Formatter> + Send + Sync>,
}

impl Kafka {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes.
    ///
    /// # Errors
    /// All invalid settings.
    pub fn new<F: Formatter + 'static>(
        settings: &KafkaSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &KafkaSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        Ok(Self { target: KafkaTarget::new(settings)?, formatter: Arc::new(formatter) })
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("target", &self.target).finish_non_exhaustive()
    }
}

impl SinkFactory for Kafka {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let counters = KafkaCounters {
            opened: context.counter(OPENED),
            divided: context.counter(DIVIDED),
            unconfirmed: context.counter(UNCONFIRMED),
        };
        let (reports, open) = (Arc::<DeliveryReports>::default(), Arc::<OpenProducers>::default());
        let (target, used, counted) = (self.target.clone(), Arc::clone(&reports), Arc::clone(&open));
        // The threads of librdkafka inherit from this one that they take no signals, and have the CPUs and the priority of an ordinary thread.
        let thread =
            DeliveryThread::start("fapilog-kafka", move || KafkaDelivery::new(target, used, counted, counters))?;
        Ok(Box::new(KafkaSink {
            destination: self.target.destination(),
            payload_bytes: self.target.settings.payload_bytes,
            encoder: KafkaEncoder::new(&self.target, (self.formatter)()),
            reports,
            open,
            thread: Some(thread),
            process: OwnProcess::this(),
        }))
    }

    /// The time limit of an attempt is above that of the client: its own limits end an attempt in order.
    fn delivery(&self) -> DeliveryPolicy {
        let settings = &self.target.settings;
        let attempt = settings.connect_timeout + settings.delivery_timeout + ATTEMPT_SLACK;
        DeliveryPolicy::default().timeout(attempt.max(ATTEMPT_TIMEOUT_MIN))
    }

    fn assurances(&self) -> Assurances {
        let brokers = &self.target.brokers;
        let Some(broker) = brokers.iter().find(|broker| !broker.is_loopback()).or(brokers.first()) else {
            return Assurances::unknown();
        };
        let place = SinkPlace::Network { host: broker.host().to_owned(), is_encrypted: broker.is_tls() };
        Assurances::unknown().place(place)
    }
}

/// A shard's end.
struct KafkaSink {
    destination: String,
    payload_bytes: usize,
    encoder: KafkaEncoder,
    reports: Arc<DeliveryReports>,
    open: Arc<OpenProducers>,
    /// `None` only while the sink is dropped.
    thread: Option<DeliveryThread>,
    process: OwnProcess,
}

impl Sink for KafkaSink {
    fn writer(&self) -> String {
        let (_, version) = rdkafka::util::get_rdkafka_version();
        format!("librdkafka {version} to {}", self.destination)
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.encoder.encode(batch, payload)
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("kafka")
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        append_as_text(records, text);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        self.encoder.append_records(records, payload);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        match &self.thread {
            Some(thread) => thread.deliver(payload),
            None => Delivery::done(Err(SinkError::Deadline)),
        }
    }

    fn stop(&mut self, deadline: Instant) {
        self.reports.stop_at(deadline.checked_sub(STOP_MARGIN).unwrap_or(deadline));
    }
}

impl Drop for KafkaSink {
    fn drop(&mut self) {
        drop(self.thread.take());
        // A forked child has none of the threads.
        if self.process.is_this() {
            self.open.wait_for_none(Instant::now() + CLOSE_WAIT);
        }
    }
}
