//! A producer of librdkafka, with the thread that polls it.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::SinkError,
    threads::{lock, spawn_thread},
};
use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, DeliveryResult, Producer, ProducerContext, PurgeConfig},
};

use crate::{error::KafkaSinkError, reports::DeliveryReports};

/// A poll of the producer: the end of the producer waits for it.
const POLL: Duration = Duration::from_millis(100);
/// The most producers of a shard that exist at a time. librdkafka closes one in milliseconds, unless its resolver hangs.
const PRODUCERS_MAX: usize = 3;

/// Receives the reports of librdkafka. Its log goes nowhere: it would become events, which are delivered.
pub(crate) struct ReportContext {
    reports: Arc<DeliveryReports>,
}

impl ClientContext for ReportContext {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn stats(&self, _: Statistics) {}

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // The error of a broker was reported before, and explains more.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.reports.set_reason(reason);
        }
    }
}

impl ProducerContext for ReportContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let code = |error: &KafkaError| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        self.reports.add(opaque, result.as_ref().err().map(|(error, _)| code(error)));
    }
}

/// The producers of a shard that exist.
#[derive(Debug, Default)]
pub(crate) struct OpenProducers {
    count: Mutex<usize>,
    closed: Condvar,
}

impl OpenProducers {
    fn add(&self) -> Result<(), KafkaSinkError> {
        let mut count = lock(&self.count);
        if *count >= PRODUCERS_MAX {
            return Err(KafkaSinkError::StillClosing { count: *count });
        }
        *count += 1;
        Ok(())
    }

    fn remove(&self) {
        *lock(&self.count) -= 1;
        self.closed.notify_all();
    }

    /// Waits until there is none, by the deadline at the latest.
    pub(crate) fn wait_for_none(&self, deadline: Instant) {
        let mut count = lock(&self.count);
        while *count > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            count = match self.closed.wait_timeout(count, left) {
                Ok((count, _)) => count,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// Counts a producer for as long as it lives.
struct OpenProducer(Arc<OpenProducers>);

impl Drop for OpenProducer {
    fn drop(&mut self) {
        self.0.remove();
    }
}

/// A producer that is polled. Its drop does not wait: the thread that polls purges and destroys it.
pub(crate) struct PolledProducer {
    producer: Arc<BaseProducer<ReportContext>>,
}

impl PolledProducer {
    /// Makes a producer. librdkafka connects when there is something to deliver.
    ///
    /// # Errors
    /// When librdkafka refuses the properties, or the system has no thread to give.
    pub(crate) fn start(
        config: &ClientConfig,
        reports: &Arc<DeliveryReports>,
        open: &Arc<OpenProducers>,
    ) -> Result<Self, SinkError> {
        open.add().map_err(SinkError::retryable)?;
        let counted = OpenProducer(Arc::clone(open));
        let producer = Arc::new(create(config, reports).map_err(SinkError::retryable)?);
        let polled = Arc::clone(&producer);
        let poll = move || {
            // The other one is that of `PolledProducer`. The last one is dropped on this thread, so that no delivery waits for it.
            while Arc::strong_count(&polled) > 1 {
                polled.poll(POLL);
            }
            drop(polled);
            drop(counted);
        };
        spawn_thread("fapilog-kafka-p", poll).map_err(SinkError::retryable)?;
        Ok(Self { producer })
    }

    pub(crate) fn producer(&self) -> &BaseProducer<ReportContext> {
        &self.producer
    }

    /// Gives up all records that have no report: their reports are errors.
    pub(crate) fn purge(&self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }

    /// The error after which the producer can deliver nothing any more, if there was one.
    pub(crate) fn fatal_reason(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(_, reason)| reason)
    }
}

fn create(
    config: &ClientConfig,
    reports: &Arc<DeliveryReports>,
) -> Result<BaseProducer<ReportContext>, KafkaSinkError> {
    let context = ReportContext { reports: Arc::clone(reports) };
    config.create_with_context(context).map_err(|error| {
        let reason = match error {
            KafkaError::ClientCreation(reason) => reason,
            // Without the value: it may be a secret.
            KafkaError::ClientConfig(_, reason, name, _) => format!("{name}: {reason}"),
            error => error.to_string(),
        };
        KafkaSinkError::NoProducer { reason }
    })
}

/// Makes a producer without brokers, and destroys it: librdkafka checks the properties against each other, and reads certificates.
pub(crate) fn check(config: &ClientConfig) -> Result<(), KafkaSinkError> {
    create(config, &Arc::default()).map(drop)
}
