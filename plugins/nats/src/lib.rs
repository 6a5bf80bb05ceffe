//! NATS for fapilog: events published to subjects, with the acknowledgements of JetStream.
