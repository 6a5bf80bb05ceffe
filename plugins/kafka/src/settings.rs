//! The settings of the sink.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use fapilog_plugin::{
    named_enum,
    settings::{SecretRef, duration, size_bytes},
};
use fapilog_sink_network::address::AddressRange;
use serde::Deserialize;

mod check;

pub(crate) use check::KafkaTarget;

named_enum! {
    /// The compression of batches.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    #[non_exhaustive]
    pub enum KafkaCompression {
        /// Zstandard: Kafka 2.1 or later.
        #[default]
        Zstd = "zstd",
        /// LZ4: the least time.
        Lz4 = "lz4",
        /// Snappy.
        Snappy = "snappy",
        /// gzip: the most time.
        Gzip = "gzip",
        /// No compression.
        None = "none",
    }
}

named_enum! {
    /// The choice of the partition, by the names of librdkafka.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    #[non_exhaustive]
    pub enum KafkaPartitioner {
        /// By the murmur2 hash of the key, as the clients of Java choose; any partition for a record without a key.
        #[default]
        Murmur2Random = "murmur2_random",
        /// By the CRC32 hash of the key; any partition for a record without a key.
        ConsistentRandom = "consistent_random",
        /// By the FNV-1a hash of the key, as the client Sarama chooses; any partition for a record without a key.
        Fnv1aRandom = "fnv1a_random",
        /// Any partition.
        Random = "random",
    }
}

named_enum! {
    /// The brokers that acknowledge a record.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    #[non_exhaustive]
    pub enum KafkaAcks {
        /// All replicas that are in sync.
        #[default]
        All = "all",
        /// The leader of the partition alone. It has no idempotence.
        Leader = "leader",
    }
}

named_enum! {
    /// A mechanism of SASL.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    #[non_exhaustive]
    pub enum SaslMechanism {
        /// SCRAM-SHA-512 (RFC 5802, with SHA-512).
        #[default]
        ScramSha512 = "SCRAM-SHA-512",
        /// SCRAM-SHA-256 (RFC 7677).
        ScramSha256 = "SCRAM-SHA-256",
        /// PLAIN (RFC 4616): the password itself goes to the broker.
        Plain = "PLAIN",
    }
}

/// The setting `sasl`: a user with a password.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaSasl {
    /// The mechanism. Default: `SCRAM-SHA-512`.
    pub mechanism: SaslMechanism,
    /// The user.
    pub username: String,
    /// The password.
    pub password: Option<SecretRef>,
}

/// The setting `tls`: certificates. The certificate of a broker, and the name in it, are always checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaTls {
    /// A PEM file with the certificates of authorities: they alone are trusted then. Without it, those of the system are.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate that the sink shows to a broker, and the chain behind it.
    pub client_certificate: Option<PathBuf>,
    /// The private key of that certificate, as PEM.
    pub client_key: Option<SecretRef>,
}

/// The settings of the sink `kafka`.
///
/// ```
/// use fapilog_kafka::KafkaSettings;
///
/// let mut settings = KafkaSettings::default();
/// settings.brokers = vec!["kafkas://kafka-1.example.com:9093".to_owned(), "kafkas://kafka-2.example.com:9093".to_owned()];
/// settings.topic = "logs.{tags.service}".to_owned();
/// settings.key = Some("{correlation_id}".to_owned());
/// settings.headers.insert("level".to_owned(), "{level}".to_owned());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaSettings {
    /// The first brokers, which name all others: `kafkas://HOST:PORT` with TLS, or `kafka://HOST:PORT`. Without a port: 9092.
    pub brokers: Vec<String>,
    /// Certificates of `kafkas://`.
    pub tls: Option<KafkaTls>,
    /// The user and the password.
    pub sasl: Option<KafkaSasl>,
    /// Hosts that are reached without TLS, besides loopback.
    pub allow_plaintext_hosts: Vec<String>,
    /// Addresses and networks that would be refused.
    pub allow_addresses: Vec<AddressRange>,
    /// The name of the client in the brokers' logs and quotas. Default: `fapilog`.
    pub client_id: String,
    /// The topic, with placeholders such as `{level}` and `{tags.region}`. Default: `fapilog`.
    pub topic: String,
    /// The number of topics that the placeholders may make, for each shard. Events of further topics go to that with `other` in place of each
    /// value. Default: 100.
    pub topics_max: usize,
    /// The key, with placeholders. An event without one of its values has no key. Default: none.
    pub key: Option<String>,
    /// Headers: a name, and a text with placeholders. A header without one of its values is left out.
    pub headers: BTreeMap<String, String>,
    /// The name of the header with the event's id, by which a reader drops duplicates. Default: `id`. Empty: there is none.
    pub id_header: String,
    /// The compression of batches. Default: `zstd`.
    pub compression: KafkaCompression,
    /// The choice of the partition. Default: `murmur2_random`.
    pub partitioner: KafkaPartitioner,
    /// The brokers that acknowledge a record. Default: `all`.
    pub acks: KafkaAcks,
    /// Whether attempts of librdkafka are recognized by the brokers, so that they make no duplicates and keep the order. Default: true.
    pub idempotence: bool,
    /// How long librdkafka waits for a batch to become full: up to 1 s. Default: 5 ms.
    #[serde(with = "duration")]
    pub linger: Duration,
    /// The longest record, before its compression. A longer one is lost, and counted: 1 KiB to 64 MiB. Default: 1,000,000 bytes.
    #[serde(with = "size_bytes")]
    pub record_bytes_max: usize,
    /// The time limit of a connection: 1 s to 60 s. Default: 5 s.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The time limit of a payload, from its first record to the last acknowledgement, with all attempts of librdkafka: 1 s to 10 min.
    /// Default: 20 s.
    #[serde(with = "duration")]
    pub delivery_timeout: Duration,
    /// The length of a full payload: 1 KiB to 16 MiB. Default: 1 MiB.
    #[serde(with = "size_bytes")]
    pub payload_bytes: usize,
    /// Other properties of librdkafka, by their names. Properties that the sink sets itself are refused.
    pub options: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            tls: None,
            sasl: None,
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            client_id: "fapilog".to_owned(),
            topic: "fapilog".to_owned(),
            topics_max: 100,
            key: None,
            headers: BTreeMap::new(),
            id_header: "id".to_owned(),
            compression: KafkaCompression::default(),
            partitioner: KafkaPartitioner::default(),
            acks: KafkaAcks::default(),
            idempotence: true,
            linger: Duration::from_millis(5),
            record_bytes_max: 1_000_000,
            connect_timeout: Duration::from_secs(5),
            delivery_timeout: Duration::from_secs(20),
            payload_bytes: 1 << 20,
            options: BTreeMap::new(),
        }
    }
}
