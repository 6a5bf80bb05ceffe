//! Properties of librdkafka: those that the sink sets, and those that a user may set.

use std::{collections::BTreeMap, str::Utf8Error, time::Duration};

use fapilog_plugin::{problem::Problem, sink::SinkError};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

use crate::settings::{KafkaAcks, KafkaSasl, KafkaTarget, KafkaTls};

/// The most records that wait in librdkafka. The client waits when there are more.
const QUEUE_RECORDS: usize = 100_000;
/// How long a topic that no broker knows may take to become known: below the time limit of a payload, so that one topic holds up the others for
/// no longer than that. The default of librdkafka is 30 s.
const TOPIC_PROPAGATION_MS: u64 = 5000;
/// The least size of a batch, after it was divided again and again.
pub(crate) const BATCH_BYTES_MIN: usize = 16 << 10;
/// The size of a batch, before compression: librdkafka's default.
pub(crate) const BATCH_BYTES: usize = 1_000_000;

/// Properties that are no user's, and the setting of the sink in their place, or the reason.
const RESERVED: [(&str, &str); 26] = [
    ("bootstrap.servers", "the setting brokers"),
    ("metadata.broker.list", "the setting brokers"),
    ("security.protocol", "the settings brokers and sasl"),
    ("enable.ssl.certificate.verification", "no setting: certificates are always checked"),
    ("enable.idempotence", "the setting idempotence"),
    ("acks", "the setting acks"),
    ("request.required.acks", "the setting acks"),
    ("compression.codec", "the setting compression"),
    ("compression.type", "the setting compression"),
    ("partitioner", "the setting partitioner"),
    ("client.id", "the setting client_id"),
    ("linger.ms", "the setting linger"),
    ("queue.buffering.max.ms", "the setting linger"),
    ("message.max.bytes", "the setting record_bytes_max"),
    ("message.copy.max.bytes", "no setting: the sink copies records"),
    ("message.timeout.ms", "the setting delivery_timeout"),
    ("delivery.timeout.ms", "the setting delivery_timeout"),
    ("socket.connection.setup.timeout.ms", "the setting connect_timeout"),
    ("transactional.id", "no setting: the sink has no transactions"),
    ("plugin.library.paths", "no setting: the sink loads no code"),
    ("statistics.interval.ms", "no setting: the sink reads no statistics"),
    ("debug", "no setting: the sink reads no log of librdkafka"),
    ("log_level", "no setting: the sink reads no log of librdkafka"),
    ("log.queue", "no setting: the sink reads no log of librdkafka"),
    ("delivery.report.only.error", "no setting: the sink counts each acknowledgement"),
    ("test.mock.num.brokers", "no setting: it is for tests of librdkafka"),
];
/// Families of properties that are no user's.
const RESERVED_FRONTS: [(&str, &str); 3] =
    [("sasl.", "the setting sasl"), ("ssl.", "the setting tls"), ("https.", "no setting: the sink has no OAUTHBEARER")];
/// Properties of these families that a user may set.
const OPEN: [&str; 3] = ["ssl.cipher.suites", "ssl.curves.list", "ssl.sigalgs.list"];

/// The problems of the setting `options`.
pub(crate) fn option_problems(options: &BTreeMap<String, String>) -> Vec<Problem> {
    options.iter().filter_map(|(name, value)| option_problem(name, value)).collect()
}

fn option_problem(name: &str, value: &str) -> Option<Problem> {
    let path = format!("options.{name:?}");
    if let Some(setting) = reserved_by(name) {
        // Without the value: it may be a password.
        return Some(Problem::new(path, "given", format!("librdkafka's {name} is set by {setting}")));
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    match config.create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, reason, ..)) => {
            Some(Problem::new(path, format!("{value:?}"), format!("librdkafka refuses it: {}", reason.trim())))
        }
        Err(error) => Some(Problem::new(path, format!("{value:?}"), format!("librdkafka refuses it: {error}"))),
    }
}

fn reserved_by(name: &str) -> Option<&'static str> {
    if OPEN.contains(&name) {
        return None;
    }
    let front = |(front, _): &&(&str, &str)| name.starts_with(front);
    // As librdkafka reads them: topic's properties may stand behind this.
    let plain = name.strip_prefix("topic.").unwrap_or(name);
    let exact = RESERVED.iter().find(|(reserved, _)| *reserved == name || *reserved == plain);
    exact.or_else(|| RESERVED_FRONTS.iter().find(front)).map(|(_, setting)| *setting)
}

/// The properties of a producer.
///
/// # Errors
/// When a secret cannot be read.
pub(crate) fn producer_properties(target: &KafkaTarget) -> Result<ClientConfig, SinkError> {
    let settings = &target.settings;
    let mut config = ClientConfig::new();
    // The library's log goes nowhere: its records would become events, which are delivered.
    config.set_log_level(RDKafkaLogLevel::Emerg);
    let queue_kib = (2 * settings.payload_bytes + 2 * settings.record_bytes_max) / 1024;
    let acks = match settings.acks {
        KafkaAcks::All => "all",
        KafkaAcks::Leader => "1",
    };
    let properties = [
        ("log_level", "0".to_owned()),
        ("client.id", settings.client_id.clone()),
        ("security.protocol", protocol(target).to_owned()),
        ("enable.idempotence", settings.idempotence.to_string()),
        ("acks", acks.to_owned()),
        ("compression.codec", settings.compression.name().to_owned()),
        ("partitioner", settings.partitioner.name().to_owned()),
        ("linger.ms", milliseconds(settings.linger)),
        ("message.max.bytes", settings.record_bytes_max.to_string()),
        ("message.timeout.ms", milliseconds(settings.delivery_timeout)),
        ("socket.connection.setup.timeout.ms", milliseconds(settings.connect_timeout)),
        ("queue.buffering.max.messages", QUEUE_RECORDS.to_string()),
        ("queue.buffering.max.kbytes", queue_kib.max(1024).to_string()),
        ("batch.size", BATCH_BYTES.min(settings.record_bytes_max).to_string()),
        ("topic.metadata.propagation.max.ms", TOPIC_PROPAGATION_MS.to_string()),
    ];
    for (name, value) in properties {
        config.set(name, value);
    }
    for (name, value) in &settings.options {
        config.set(name.as_str(), value.as_str());
    }
    if target.is_tls() {
        set_tls(&mut config, settings.tls.as_ref())?;
    }
    if let Some(sasl) = &settings.sasl {
        set_sasl(&mut config, sasl)?;
    }
    Ok(config)
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().to_string()
}

fn protocol(target: &KafkaTarget) -> &'static str {
    match (target.is_tls(), target.settings.sasl.is_some()) {
        (false, false) => "plaintext",
        (false, true) => "sasl_plaintext",
        (true, false) => "ssl",
        (true, true) => "sasl_ssl",
    }
}

fn set_tls(config: &mut ClientConfig, tls: Option<&KafkaTls>) -> Result<(), SinkError> {
    config.set("enable.ssl.certificate.verification", "true");
    config.set("ssl.endpoint.identification.algorithm", "https");
    let Some(tls) = tls else { return Ok(()) };
    let paths = [("ssl.ca.location", &tls.ca_file), ("ssl.certificate.location", &tls.client_certificate)];
    for (name, path) in paths {
        if let Some(path) = path.as_deref().and_then(std::path::Path::to_str) {
            config.set(name, path);
        }
    }
    if let Some(key) = &tls.client_key {
        let key = key.read().map_err(SinkError::permanent)?;
        config.set("ssl.key.pem", key.expose_text().map_err(not_text)?);
    }
    Ok(())
}

fn set_sasl(config: &mut ClientConfig, sasl: &KafkaSasl) -> Result<(), SinkError> {
    config.set("sasl.mechanisms", sasl.mechanism.name());
    config.set("sasl.username", sasl.username.as_str());
    if let Some(password) = &sasl.password {
        let password = password.read().map_err(SinkError::permanent)?;
        config.set("sasl.password", password.expose_text().map_err(not_text)?);
    }
    Ok(())
}

fn not_text(error: Utf8Error) -> SinkError {
    SinkError::permanent(error)
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::settings::SecretRef;

    use super::*;
    use crate::settings::{KafkaCompression, KafkaPartitioner, KafkaSettings, SaslMechanism};

    fn settings(broker: &str) -> KafkaSettings {
        KafkaSettings { brokers: vec![broker.to_owned()], ..KafkaSettings::default() }
    }

    fn properties(settings: &KafkaSettings) -> BTreeMap<String, String> {
        let config = producer_properties(&KafkaTarget::new(settings).unwrap()).unwrap();
        // `config_map` leaves secrets out.
        let secrets = ["sasl.password", "ssl.key.pem"];
        let secrets = secrets.into_iter().filter_map(|name| Some((name, config.get(name)?)));
        config
            .config_map()
            .into_iter()
            .chain(secrets)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_producer_is_idempotent_and_waits_for_all_replicas_unless_settings_want_less() {
        let found = properties(&settings("kafka://127.0.0.1"));
        assert_eq!((found["enable.idempotence"].as_str(), found["acks"].as_str()), ("true", "all"));
        assert_eq!(found["security.protocol"], "plaintext");
        let mut less = settings("kafka://127.0.0.1");
        (less.idempotence, less.acks) = (false, KafkaAcks::Leader);
        let found = properties(&less);
        assert_eq!((found["enable.idempotence"].as_str(), found["acks"].as_str()), ("false", "1"));
    }

    #[test]
    fn each_mechanism_of_sasl_has_the_properties_of_librdkafka() {
        for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
            for (broker, protocol) in [("kafka://127.0.0.1", "sasl_plaintext"), ("kafkas://127.0.0.1", "sasl_ssl")] {
                let mut with_sasl = settings(broker);
                let password = Some(SecretRef::bytes(b"pass word".to_vec()));
                with_sasl.sasl = Some(KafkaSasl { mechanism, username: "shop".to_owned(), password });
                let found = properties(&with_sasl);
                assert_eq!(found["security.protocol"], protocol);
                assert_eq!(found["sasl.mechanisms"], mechanism.name());
                assert_eq!((found["sasl.username"].as_str(), found["sasl.password"].as_str()), ("shop", "pass word"));
            }
        }
    }

    #[test]
    fn names_of_choices_are_those_of_librdkafka() {
        for compression in KafkaCompression::ALL {
            for partitioner in KafkaPartitioner::ALL {
                let mut chosen = settings("kafka://127.0.0.1");
                (chosen.compression, chosen.partitioner) = (*compression, *partitioner);
                let config = producer_properties(&KafkaTarget::new(&chosen).unwrap()).unwrap();
                assert!(config.create_native_config().is_ok(), "{compression:?} {partitioner:?}");
            }
        }
    }

    #[test]
    fn properties_of_the_sink_are_reserved_and_others_are_not() {
        for name in RESERVED.iter().map(|(name, _)| *name).chain(["sasl.password", "ssl.key.pem", "topic.acks"]) {
            assert!(
                option_problem(name, "hunter2").is_some_and(|problem| !problem.to_string().contains("hunter2")),
                "{name}"
            );
        }
        for (name, value) in [("socket.keepalive.enable", "true"), ("ssl.cipher.suites", "ECDHE-RSA-AES256-GCM-SHA384")]
        {
            assert!(option_problem(name, value).is_none(), "{name}");
        }
        let unknown = option_problem("socket.keep", "true").unwrap().to_string();
        assert!(unknown.contains("No such configuration property"), "{unknown}");
    }
}
