//! The addresses of the first brokers, by the address policy.

use std::{collections::BTreeSet, time::Instant};

use fapilog_plugin::{settings::Endpoint, sink::SinkError};
use fapilog_sink_network::{address::AddressPolicy, dial::Dialer};

use crate::settings::KafkaTarget;

/// The port of Kafka's own examples.
const PORT: u16 = 9092;

/// Finds the first brokers.
pub(crate) struct BrokerAddresses {
    brokers: Vec<(Endpoint, Dialer)>,
}

impl BrokerAddresses {
    pub(crate) fn new(target: &KafkaTarget) -> Self {
        let policy = AddressPolicy::default().allow(target.settings.allow_addresses.iter().copied());
        let dialer = |broker: &Endpoint| (broker.clone(), Dialer::new(broker, PORT, policy.clone()));
        Self { brokers: target.brokers.iter().map(dialer).collect() }
    }

    /// The property `bootstrap.servers`. Brokers without TLS are given by the addresses that were checked. Brokers with TLS are given by name,
    /// because their certificates have names: librdkafka resolves them again.
    ///
    /// # Errors
    /// When no broker has an address, or all addresses are refused.
    pub(crate) fn find(&mut self, deadline: Instant) -> Result<String, SinkError> {
        let mut servers = BTreeSet::new();
        let mut first_error = None;
        for (broker, dialer) in &mut self.brokers {
            match dialer.addresses(deadline) {
                Ok(_) if broker.is_tls() => drop(servers.insert(by_name(broker))),
                Ok(addresses) => servers.extend(addresses.iter().map(ToString::to_string)),
                Err(error) => first_error = first_error.or(Some(SinkError::from(error))),
            }
        }
        match first_error {
            Some(error) if servers.is_empty() => Err(error),
            _ => Ok(servers.into_iter().collect::<Vec<_>>().join(",")),
        }
    }
}

fn by_name(broker: &Endpoint) -> String {
    let (host, port) = (broker.host(), broker.port().unwrap_or(PORT));
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::KafkaSettings;

    fn found(brokers: &[&str]) -> Result<String, String> {
        let settings = KafkaSettings {
            brokers: brokers.iter().map(|&broker| broker.to_owned()).collect(),
            allow_plaintext_hosts: vec!["169.254.169.254".to_owned()],
            ..KafkaSettings::default()
        };
        let mut addresses = BrokerAddresses::new(&KafkaTarget::new(&settings).map_err(|found| format!("{found:?}"))?);
        let found = addresses.find(Instant::now() + Duration::from_secs(5));
        found.map_err(|error| std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn brokers_without_tls_are_addresses_and_those_with_tls_are_names() {
        assert_eq!(found(&["kafka://127.0.0.1", "kafka://[::1]:1234"]).unwrap(), "127.0.0.1:9092,[::1]:1234");
        assert_eq!(found(&["kafkas://localhost:9093"]).unwrap(), "localhost:9093");
    }

    #[test]
    fn a_broker_at_an_address_of_metadata_services_is_refused() {
        for broker in ["kafka://169.254.169.254", "kafkas://169.254.169.254"] {
            let error = found(&[broker]).unwrap_err();
            assert!(error.contains("169.254.169.254") && error.contains("link-local"), "{error}");
        }
        assert_eq!(found(&["kafka://169.254.169.254", "kafka://127.0.0.1"]).unwrap(), "127.0.0.1:9092");
    }
}
