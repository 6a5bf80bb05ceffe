//! Kafka for fapilog: an idempotent producer, with an acknowledgement for each event.
