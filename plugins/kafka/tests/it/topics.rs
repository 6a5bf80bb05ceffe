//! Reads topics, by the consumer of librdkafka.

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::Headers,
};

use crate::TIMEOUT;

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadRecord {
    pub(crate) partition: i32,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) value: Vec<u8>,
}

impl ReadRecord {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
    }
}

/// All records of a topic, by partition and offset.
pub(crate) fn read_topic(bootstrap: &str, topic: &str) -> Vec<ReadRecord> {
    read_topic_with(bootstrap, topic, &[])
}

/// As [`read_topic`], with properties of the consumer.
pub(crate) fn read_topic_with(bootstrap: &str, topic: &str, properties: &[(&str, &str)]) -> Vec<ReadRecord> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "reader").set("enable.auto.commit", "false");
    // Not by the high watermark: Tansu 0.6 counts batches in it, and not records.
    config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
    for (name, value) in properties {
        config.set(*name, *value);
    }
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
    let partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect();
    let mut records = Vec::new();
    for partition in partitions {
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, partition, Offset::Offset(0)).unwrap();
        consumer.assign(&assignment).unwrap();
        loop {
            let message = match consumer.poll(TIMEOUT).unwrap() {
                Err(KafkaError::PartitionEOF(_)) => break,
                message => message.unwrap(),
            };
            let headers = message.headers().map(|headers| headers.iter().collect::<Vec<_>>()).unwrap_or_default();
            records.push(ReadRecord {
                partition,
                timestamp: message.timestamp().to_millis(),
                key: message.key().map(<[u8]>::to_vec),
                headers: headers
                    .iter()
                    .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                    .collect(),
                value: message.payload().unwrap_or_default().to_vec(),
            });
        }
    }
    records
}
