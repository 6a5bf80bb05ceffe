//! Kafka for fapilog: the sink `kafka`, an idempotent producer with an acknowledgement for each event.
//!
//! | module | what |
//! |---|---|
//! | `settings` | settings, and their checks |
//! | `properties` | the properties of librdkafka: those that the sink sets, and those that a user may set |
//! | `template` | topics, keys and values of headers, with placeholders |
//! | `record` | a record of a payload: its layout, and its reader |
//! | `encode` | events become records, on the drain |
//! | `bootstrap` | the addresses of the first brokers, by the address policy |
//! | `reports` | delivery reports, and the wait for them |
//! | `producer` | a producer of librdkafka, with the thread that polls it |
//! | `codes` | error codes, and which of them lead to another attempt |
//! | `deliver` | a payload is produced, and each of its records has a result |
//! | `sink` | the sink |
//!
//! The client is librdkafka, by the crate `rdkafka`: docs/decisions/0068-kafka-is-librdkafka.md. Settings name the sink `kafka` where the program
//! links the crate (`use fapilog_kafka as _;`). docs/kafka-sink.md describes the use and the guarantees.
#![forbid(unsafe_code)]

mod bootstrap;
mod codes;
mod deliver;
mod encode;
mod error;
mod producer;
mod properties;
mod record;
mod registration;
mod reports;
mod settings;
mod sink;
mod template;

pub use crate::{
    error::KafkaSinkError,
    registration::register,
    settings::{KafkaAcks, KafkaCompression, KafkaPartitioner, KafkaSasl, KafkaSettings, KafkaTls, SaslMechanism},
    sink::Kafka,
};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/kafka-sink.md")]
mod page {}
