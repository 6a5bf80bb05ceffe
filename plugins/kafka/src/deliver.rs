//! A payload is produced, and each of its records has a result.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{BlockingDelivery, Payload, SinkCounter, SinkError};
use rdkafka::{
    error::RDKafkaErrorCode as Code,
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};

use crate::{
    bootstrap::BrokerAddresses,
    codes::{RecordFate, fate_of, is_purge, is_unconfirmed},
    error::KafkaSinkError,
    producer::{OpenProducers, PolledProducer, check},
    properties::{BATCH_BYTES, BATCH_BYTES_MIN, producer_properties},
    record::KafkaRecord,
    reports::{DeliveryReports, DeliveryRound, RecordFailures},
    settings::KafkaTarget,
};

/// The time that librdkafka has beyond its own time limit, which it checks once a second.
const TIMEOUT_SLACK: Duration = Duration::from_secs(2);
/// The time in which the records that were given up get their reports.
const PURGE_WAIT: Duration = Duration::from_secs(1);
/// The same while the sink stops.
const PURGE_WAIT_AT_STOP: Duration = Duration::from_millis(50);

/// The counters of the sink.
#[derive(Debug, Clone)]
pub(crate) struct KafkaCounters {
    /// Producers that were made.
    pub(crate) opened: SinkCounter,
    /// Batches that were too large, and were divided.
    pub(crate) divided: SinkCounter,
    /// Attempts at records that may be in a topic without an acknowledgement.
    pub(crate) unconfirmed: SinkCounter,
}

/// A shard's client.
pub(crate) struct KafkaDelivery {
    target: KafkaTarget,
    addresses: BrokerAddresses,
    reports: Arc<DeliveryReports>,
    open: Arc<OpenProducers>,
    counters: KafkaCounters,
    producer: Option<PolledProducer>,
    /// The size of a batch, once the brokers have refused larger ones.
    batch_bytes: Option<usize>,
}

/// The results of a payload so far.
struct PayloadResults<'a> {
    payload: &'a Payload,
    deadline: Instant,
    failures: RecordFailures,
    /// Records were given up: no report of theirs is left to come.
    is_purged: bool,
}

impl KafkaDelivery {
    /// # Errors
    /// When librdkafka refuses the properties, or a secret or a certificate cannot be read.
    pub(crate) fn new(
        target: KafkaTarget,
        reports: Arc<DeliveryReports>,
        open: Arc<OpenProducers>,
        counters: KafkaCounters,
    ) -> Result<Self, SinkError> {
        check(&producer_properties(&target)?).map_err(SinkError::permanent)?;
        let addresses = BrokerAddresses::new(&target);
        Ok(Self { target, addresses, reports, open, counters, producer: None, batch_bytes: None })
    }

    fn connect(&mut self) -> Result<PolledProducer, SinkError> {
        let servers = self.addresses.find(Instant::now() + self.target.settings.connect_timeout)?;
        // Secrets and certificates are read again: they may have been renewed.
        let mut config = producer_properties(&self.target).map_err(SinkError::retryable)?;
        config.set("bootstrap.servers", servers);
        if let Some(bytes) = self.batch_bytes {
            config.set("batch.size", bytes.to_string());
        }
        let producer = PolledProducer::start(&config, &self.reports, &self.open)?;
        self.counters.opened.add(1);
        Ok(producer)
    }

    /// Produces these records, and waits for their reports. Returns the records that brokers have found in a batch that is too large.
    fn produce(&self, producer: &PolledProducer, records: &[usize], results: &mut PayloadResults<'_>) -> Vec<usize> {
        let round = self.reports.begin(records, results.payload.marked_records());
        let mut produced = 0;
        for &index in records {
            match self.produce_one(producer, round, index, produced, results) {
                Ok(()) => produced += 1,
                // It has no report.
                Err(code) => self.reports.add(round.opaque(index), Some(code)),
            }
        }
        let refused_at_once = records.len() - produced;
        let count = produced + refused_at_once;
        if !self.reports.wait(count, results.deadline) {
            results.is_purged = true;
            producer.purge();
            let is_stopping = self.reports.is_stopping();
            let wait = if is_stopping { PURGE_WAIT_AT_STOP } else { PURGE_WAIT };
            self.reports.wait_for_purged(count, Instant::now() + wait);
        }
        let (failures, without_report) = self.reports.end();
        let given_up = without_report.into_iter().map(|index| (index, Code::PurgeInflight));
        let (too_large, others): (RecordFailures, RecordFailures) =
            failures.into_iter().chain(given_up).partition(|(_, code)| is_too_large(*code));
        results.failures.extend(others);
        let mut too_large: Vec<usize> = too_large.into_iter().map(|(index, _)| index).collect();
        too_large.sort_unstable();
        too_large
    }

    /// Puts a record into librdkafka's queue; waits while the queue is full.
    fn produce_one(
        &self,
        producer: &PolledProducer,
        round: DeliveryRound,
        index: usize,
        produced: usize,
        results: &PayloadResults<'_>,
    ) -> Result<(), Code> {
        let bytes = results.payload.record(index).unwrap_or_default();
        let record = KafkaRecord::read(bytes).ok_or(Code::BadMessage)?;
        let mut message = message_of(&record, round.opaque(index));
        loop {
            let Err((error, back)) = producer.producer().send(message) else { return Ok(()) };
            match error.rdkafka_error_code().unwrap_or(Code::BadMessage) {
                Code::QueueFull if self.reports.wait_for_room(produced, results.deadline) => message = back,
                // librdkafka itself has found it too large: with its key and its headers. No batch is to be divided.
                Code::MessageSizeTooLarge => return Err(Code::InvalidMessageSize),
                code => return Err(code),
            }
        }
    }

    /// Produces the records of a batch that was too large in halves, until each is delivered, or is refused alone.
    fn divide(&mut self, producer: &PolledProducer, too_large: Vec<usize>, results: &mut PayloadResults<'_>) {
        let mut is_batch_too_large = too_large.len() > 1;
        self.counters.divided.add(is_batch_too_large.into());
        let mut groups = VecDeque::from([too_large]);
        while let Some(group) = groups.pop_front() {
            // A batch fails as a whole: a record that fails alone was alone in its batch.
            if let [index] = group.as_slice() {
                results.failures.push((*index, Code::MessageSizeTooLarge));
                is_batch_too_large = false;
                continue;
            }
            let (front, back) = group.split_at(group.len() / 2);
            for half in [front, back] {
                if results.is_purged || Instant::now() >= results.deadline {
                    results.failures.extend(half.iter().map(|index| (*index, Code::PurgeQueue)));
                    continue;
                }
                let failed = self.produce(producer, half, results);
                if !failed.is_empty() {
                    groups.push_back(failed);
                }
            }
        }
        if is_batch_too_large {
            let bytes = self.batch_bytes.unwrap_or(BATCH_BYTES) / 2;
            self.batch_bytes = Some(bytes.max(BATCH_BYTES_MIN));
        }
    }

    /// The result of a payload: some records are delivered, some are not.
    fn result(&self, results: PayloadResults<'_>) -> Result<(), SinkError> {
        let records = results.payload.marked_records();
        let (mut failures, is_purged) = (results.failures, results.is_purged);
        failures.sort_unstable_by_key(|(index, _)| *index);
        let Some((_, first)) = failures.first().copied() else { return Ok(()) };
        let unconfirmed = failures.iter().filter(|(_, code)| is_unconfirmed(*code)).count();
        self.counters.unconfirmed.add(unconfirmed as u64);
        let of = |fate| failures.iter().filter(move |(_, code)| fate_of(*code) == fate).map(|(index, _)| *index);
        let (rejected, retryable): (Vec<_>, Vec<_>) =
            (of(RecordFate::Rejected).collect(), of(RecordFate::Retryable).collect());
        let (destination, failed, reason) = (self.target.destination(), failures.len(), self.reports.take_reason());
        // librdkafka gives up records by itself after a fatal error.
        let is_timeout = first == Code::MessageTimedOut || is_purged && is_purge(first);
        let source = if is_timeout {
            let limit = self.target.settings.delivery_timeout;
            KafkaSinkError::Timeout { destination, failed, records, limit, reason }
        } else {
            KafkaSinkError::Records { destination, failed, records, code: describe(first), reason }
        };
        Err(match retryable.len() {
            retryable if retryable == records => SinkError::retryable(source),
            _ => SinkError::PerRecord { rejected, retryable, retry_after: None, source: source.into() },
        })
    }
}

fn is_too_large(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge)
}

/// A code for people, by librdkafka's name of it. No text of a broker is in it.
fn describe(code: Code) -> String {
    if code == Code::InvalidMessageSize {
        return "the record is longer than record_bytes_max".to_owned();
    }
    code.to_string()
}

fn message_of<'a>(record: &KafkaRecord<'a>, opaque: usize) -> BaseRecord<'a, [u8], [u8], usize> {
    let mut message = BaseRecord::with_opaque_to(record.topic, opaque).payload(record.value);
    message.timestamp = Some(record.timestamp);
    if let Some(key) = record.key {
        message = message.key(key);
    }
    if record.header_count > 0 {
        let empty = OwnedHeaders::new_with_capacity(record.header_count.into());
        let add = |headers: OwnedHeaders, (key, value)| headers.insert(Header { key, value: Some(value) });
        message = message.headers(record.headers().fold(empty, add));
    }
    message
}

impl BlockingDelivery for KafkaDelivery {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        if self.reports.is_stopped() {
            return Err(SinkError::retryable(KafkaSinkError::Stopping));
        }
        let records = payload.marked_records();
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.connect()?,
        };
        let deadline = Instant::now() + self.target.settings.delivery_timeout + TIMEOUT_SLACK;
        let mut results = PayloadResults { payload: &payload, deadline, failures: Vec::new(), is_purged: false };
        let all: Vec<usize> = (0..records).collect();
        let batch_bytes = self.batch_bytes;
        let too_large = self.produce(&producer, &all, &mut results);
        if !too_large.is_empty() {
            self.divide(&producer, too_large, &mut results);
        }
        let fatal = producer.fatal_reason();
        if let Some(reason) = &fatal {
            self.reports.set_reason(reason);
        }
        let is_broken = results.is_purged
            || fatal.is_some()
            || self.batch_bytes != batch_bytes
            // Brokers that are not reached may be at other addresses by then, and want another certificate or password.
            || results.failures.iter().filter(|(_, code)| fate_of(*code) == RecordFate::Retryable).count() == records;
        if !is_broken {
            self.producer = Some(producer);
        }
        self.result(results)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::{record::KafkaRecordWriter, settings::KafkaSettings};

    fn payload(records: &[Vec<u8>]) -> Payload {
        let mut payload = Payload::new(1 << 20);
        for record in records {
            payload.buffer().extend_from_slice(record);
            payload.end_record();
        }
        payload
    }

    fn record(value: &str) -> Vec<u8> {
        let mut out = Vec::new();
        KafkaRecordWriter::new(&mut out, 0, b"logs", None).end(value.as_bytes());
        out
    }

    fn delivery(settings: &KafkaSettings) -> KafkaDelivery {
        let counter = SinkCounter::default;
        let counters = KafkaCounters { opened: counter(), divided: counter(), unconfirmed: counter() };
        let target = KafkaTarget::new(settings).unwrap();
        KafkaDelivery::new(target, Arc::default(), Arc::default(), counters).unwrap()
    }

    fn settings(brokers: &MockCluster<'_, impl rdkafka::ClientContext>) -> KafkaSettings {
        let brokers = vec![format!("kafka://{}", brokers.bootstrap_servers())];
        KafkaSettings { brokers, ..KafkaSettings::default() }
    }

    #[test]
    fn bytes_that_are_no_record_are_refused_and_the_others_are_delivered() {
        let brokers = MockCluster::new(1).unwrap();
        let mut delivery = delivery(&settings(&brokers));
        let records = [record("a"), b"{}\n".to_vec(), record("b"), Vec::new()];
        match delivery.deliver(payload(&records)).unwrap_err() {
            SinkError::PerRecord { rejected, retryable, .. } => assert_eq!((rejected, retryable), (vec![1, 3], vec![])),
            other => panic!("{other:?}"),
        }
        delivery.deliver(payload(&records[..1])).unwrap();
        assert_eq!(delivery.counters.opened.get(), 1);
    }

    #[test]
    fn batches_are_smaller_after_brokers_have_refused_one() {
        use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
        let brokers = MockCluster::new(1).unwrap();
        brokers.create_topic("logs", 1, 1).unwrap();
        let mut delivery = delivery(&settings(&brokers));
        let records: Vec<_> = (0..10).map(|number| record(&number.to_string())).collect();
        let too_large = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE];
        brokers.request_errors(RDKafkaApiKey::Produce, &too_large);
        delivery.deliver(payload(&records)).unwrap();
        assert_eq!(delivery.batch_bytes, Some(BATCH_BYTES / 2));
        // A record that is too large by itself is no reason for smaller batches.
        brokers.request_errors(RDKafkaApiKey::Produce, &too_large);
        match delivery.deliver(payload(&records[..1])).unwrap_err() {
            SinkError::PerRecord { rejected, .. } => assert_eq!(rejected, [0]),
            other => panic!("{other:?}"),
        }
        assert_eq!((delivery.batch_bytes, delivery.counters.divided.get()), (Some(BATCH_BYTES / 2), 1));
    }

    #[test]
    fn a_sink_that_has_stopped_makes_no_attempt() {
        let brokers = MockCluster::new(1).unwrap();
        let mut delivery = delivery(&settings(&brokers));
        delivery.reports.stop_at(Instant::now());
        assert!(delivery.deliver(payload(&[record("a")])).is_err());
        assert_eq!(delivery.counters.opened.get(), 0);
    }
}
