//! The sink `kafka`, and the mock brokers of librdkafka in this process. A broker that is down has no port and no connections, and keeps its topics.
//!
//! Tansu, the broker of the sink's tests, keeps its topics in memory: a kill drops what it has acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fapilog::format;
use fapilog_kafka::{Kafka, KafkaSettings};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    mocking::MockCluster,
    producer::DefaultProducerContext,
};

use crate::{
    arrivals::EventArrivals,
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget},
};

/// The default of the sink.
const TOPIC: &str = "fapilog";

const BROKERS: i32 = 3;

/// A partition of the mock brokers keeps 5 MiB, in memory: the consumer has to read the events while they are logged.
const PARTITIONS: i32 = 24;

const POLL: Duration = Duration::from_millis(100);
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// The time for what is left of the topic at the end of a run.
const COUNT_DEADLINE: Duration = Duration::from_secs(60);

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "kafka",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let brokers = start(arrivals);
        assert!(brokers.is_ok(), "no mock brokers: {:?}", brokers.as_ref().err());
        brokers.ok().map(|brokers| Box::new(brokers) as Box<dyn KillableServer>)
    },
    absorbing: None,
};

struct MockBrokers {
    cluster: MockCluster<'static, DefaultProducerContext>,
    is_over: Arc<AtomicBool>,
    /// `None`: there is nothing to count.
    consumer: Option<JoinHandle<KafkaResult<()>>>,
}

fn start(arrivals: &Arc<EventArrivals>) -> KafkaResult<MockBrokers> {
    let cluster = MockCluster::new(BROKERS)?;
    cluster.create_topic(TOPIC, PARTITIONS, BROKERS)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let consumer = (arrivals.len() > 0).then(|| {
        let (brokers, arrivals, is_over) = (cluster.bootstrap_servers(), Arc::clone(arrivals), Arc::clone(&is_over));
        thread::spawn(move || count(&consumer_of(&brokers)?, &arrivals, &is_over))
    });
    Ok(MockBrokers { cluster, is_over, consumer })
}

/// A consumer of all partitions, from their first record.
fn consumer_of(brokers: &str) -> KafkaResult<BaseConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "fault-tests").set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "50");
    config.set("reconnect.backoff.ms", "20").set("reconnect.backoff.max.ms", "100");
    let consumer: BaseConsumer = config.create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(TOPIC, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// Counts the events of the topic until the run is over and all are read.
fn count(consumer: &BaseConsumer, arrivals: &EventArrivals, is_over: &AtomicBool) -> KafkaResult<()> {
    loop {
        match consumer.poll(POLL) {
            Some(Ok(record)) => {
                arrivals.count_json(record.payload().unwrap_or_default());
            }
            // Brokers that are down: librdkafka connects again.
            Some(Err(_)) => {}
            // Relaxed: the end of the topic is asked for, so no data goes with it; pairs with `count_kept`.
            None if is_over.load(Ordering::Relaxed) && is_at_end(consumer)? => return Ok(()),
            None => {}
        }
    }
}

/// Whether the consumer has read all partitions up to their ends.
fn is_at_end(consumer: &BaseConsumer) -> KafkaResult<bool> {
    let positions = consumer.position()?;
    for partition in positions.elements() {
        let (_, end) = consumer.fetch_watermarks(TOPIC, partition.partition(), REQUEST_TIME)?;
        let is_read = match partition.offset() {
            Offset::Offset(next) => next >= end,
            _ => end == 0,
        };
        if !is_read {
            return Ok(false);
        }
    }
    Ok(true)
}

impl MockBrokers {
    fn each_broker(&self, change: impl Fn(i32) -> KafkaResult<()>) {
        for broker in 1..=BROKERS {
            let changed = change(broker);
            assert!(changed.is_ok(), "the broker {broker}: {changed:?}");
        }
    }
}

impl KillableServer for MockBrokers {
    fn sink(&self) -> SinkResult {
        let brokers = self.cluster.bootstrap_servers();
        let mut settings = KafkaSettings::default();
        settings.brokers = brokers.split(',').map(|broker| format!("kafka://{broker}")).collect();
        Ok(Arc::new(Kafka::new(&settings, format::Json::new)?))
    }

    fn kill(&mut self) {
        self.each_broker(|broker| self.cluster.broker_down(broker));
    }

    fn restart(&mut self) {
        self.each_broker(|broker| self.cluster.broker_up(broker));
    }

    fn count_kept(&mut self) {
        // Relaxed: pairs with `count`.
        self.is_over.store(true, Ordering::Relaxed);
        let Some(consumer) = self.consumer.take() else { return };
        let end = Instant::now() + COUNT_DEADLINE;
        while !consumer.is_finished() {
            assert!(Instant::now() < end, "the topic is not read in {COUNT_DEADLINE:?}");
            thread::sleep(POLL);
        }
        let counted = consumer.join();
        assert!(matches!(counted, Ok(Ok(()))), "the topic cannot be read: {counted:?}");
    }
}
