//! Checks of the settings: all errors at once.

use std::{fs::File, ops::RangeInclusive, path::Path, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    settings::{Endpoint, write_duration, write_size},
};

use super::{KafkaAcks, KafkaSasl, KafkaSettings, KafkaTls};
use crate::{
    properties::option_problems,
    template::{KafkaTemplate, TEXT_RULE, TOPIC_RULE},
};

const SCHEMES: [&str; 2] = ["kafkas", "kafka"];
const PAYLOAD_BYTES: RangeInclusive<usize> = 1 << 10..=16 << 20;
const RECORD_BYTES: RangeInclusive<usize> = 1 << 10..=64 << 20;
const TOPICS: RangeInclusive<usize> = 1..=10_000;
const LINGER: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1);
/// librdkafka checks a connection's time once a second.
const CONNECT_TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);
const DELIVERY_TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
/// The longest name of a header: a limit of this sink.
const NAME_BYTES_MAX: usize = 1024;

/// Settings that are valid.
#[derive(Debug, Clone)]
pub(crate) struct KafkaTarget {
    pub(crate) brokers: Vec<Endpoint>,
    pub(crate) topic: KafkaTemplate,
    pub(crate) key: Option<KafkaTemplate>,
    pub(crate) headers: Vec<(String, KafkaTemplate)>,
    pub(crate) settings: KafkaSettings,
}

impl KafkaTarget {
    /// All errors at once.
    pub(crate) fn new(settings: &KafkaSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.range_problems();
        let brokers = settings.endpoints(&mut problems);
        let topic = settings.topic_template(&mut problems);
        let key = settings.key.as_deref().and_then(|key| text_template("key", key, &mut problems));
        let headers = settings.header_templates(&mut problems);
        problems.extend(settings.problems_between(&brokers));
        problems.extend(option_problems(&settings.options));
        match topic {
            Some(topic) if problems.is_empty() => Ok(Self { brokers, topic, key, headers, settings: settings.clone() }),
            _ => Err(problems),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.brokers.first().is_some_and(Endpoint::is_tls)
    }

    /// The first brokers, for reports.
    pub(crate) fn destination(&self) -> String {
        let names = self.brokers.iter().map(|broker| broker.to_string().trim_end_matches('/').to_owned());
        names.collect::<Vec<_>>().join(", ")
    }
}

fn text_template(path: &str, text: &str, problems: &mut Vec<Problem>) -> Option<KafkaTemplate> {
    let template = KafkaTemplate::parse(text);
    if template.is_none() {
        problems.push(Problem::new(path, format!("{text:?}"), TEXT_RULE));
    }
    template
}

fn outside(path: &str, time: Duration, range: &RangeInclusive<Duration>) -> Option<Problem> {
    let (min, max) = (write_duration(*range.start()), write_duration(*range.end()));
    let allowed = format!("it must be from {min} to {max}");
    (!range.contains(&time)).then(|| Problem::new(path, write_duration(time), allowed))
}

impl KafkaSettings {
    fn range_problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = [
            outside("linger", self.linger, &LINGER),
            outside("connect_timeout", self.connect_timeout, &CONNECT_TIMEOUT),
            outside("delivery_timeout", self.delivery_timeout, &DELIVERY_TIMEOUT),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !PAYLOAD_BYTES.contains(&self.payload_bytes) {
            let allowed = "it must be from 1 KiB to 16 MiB";
            problems.push(Problem::new("payload_bytes", write_size(self.payload_bytes), allowed));
        }
        if !RECORD_BYTES.contains(&self.record_bytes_max) {
            let allowed = "it must be from 1 KiB to 64 MiB";
            problems.push(Problem::new("record_bytes_max", write_size(self.record_bytes_max), allowed));
        }
        if !TOPICS.contains(&self.topics_max) {
            problems.push(Problem::new("topics_max", self.topics_max, "it must be from 1 to 10000"));
        }
        if self.client_id.is_empty() || self.client_id.contains('\0') {
            problems.push(Problem::new("client_id", format!("{:?}", self.client_id), "it must be a name"));
        }
        problems
    }

    fn endpoints(&self, problems: &mut Vec<Problem>) -> Vec<Endpoint> {
        if self.brokers.is_empty() {
            let allowed = "it must have at least one broker, such as \"kafkas://kafka.example.com:9093\"";
            problems.push(Problem::new("brokers", "missing", allowed));
        }
        let mut endpoints = Vec::new();
        for (index, url) in self.brokers.iter().enumerate() {
            match Endpoint::parse(url, &SCHEMES, &self.allow_plaintext_hosts) {
                Ok(endpoint) if endpoint.path_and_query() == "/" => endpoints.push(endpoint),
                Ok(_) => {
                    let allowed = "it must be a scheme, a host and a port; the topic is the setting topic";
                    let path = format!("brokers[{index}]");
                    problems.push(Problem::new(path, format!("{url:?}"), allowed).beside("topic"));
                }
                Err(problem) => problems.push(problem.below(&format!("brokers[{index}]"))),
            }
        }
        endpoints
    }

    fn topic_template(&self, problems: &mut Vec<Problem>) -> Option<KafkaTemplate> {
        let template = KafkaTemplate::parse_topic(&self.topic);
        if template.is_none() {
            problems.push(Problem::new("topic", format!("{:?}", self.topic), TOPIC_RULE));
        }
        template
    }

    fn header_templates(&self, problems: &mut Vec<Problem>) -> Vec<(String, KafkaTemplate)> {
        if !self.id_header.is_empty() && !is_header_name(&self.id_header) {
            problems.push(header_problem("id_header", &self.id_header));
        }
        let mut templates = Vec::new();
        for (name, text) in &self.headers {
            let path = format!("headers.{name}");
            if !is_header_name(name) {
                problems.push(header_problem("headers", name));
            } else if *name == self.id_header {
                let allowed = "it must be another name than id_header";
                problems.push(Problem::new(path, format!("{text:?}"), allowed).beside("id_header"));
            } else if let Some(template) = text_template(&path, text, problems) {
                templates.push((name.clone(), template));
            }
        }
        templates
    }

    /// Settings that do not go together.
    fn problems_between(&self, brokers: &[Endpoint]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_tls = brokers.first().is_some_and(Endpoint::is_tls);
        if brokers.iter().any(|broker| broker.is_tls() != is_tls) {
            let allowed = "all brokers must have the same scheme";
            problems.push(Problem::new("brokers", format!("{:?}", self.brokers), allowed));
        }
        match &self.tls {
            Some(_) if !is_tls => {
                problems.push(Problem::new("tls", "given", "a kafkas:// broker alone has it").beside("brokers"));
            }
            Some(tls) => problems.extend(tls.problems().into_iter().map(|problem| problem.below("tls"))),
            None => {}
        }
        if is_tls && !cfg!(feature = "tls") {
            let allowed = "the program's fapilog-kafka has no TLS: its feature tls is needed";
            problems.push(Problem::new("brokers", format!("{:?}", self.brokers), allowed));
        }
        if let Some(sasl) = &self.sasl {
            problems.extend(sasl.problems().into_iter().map(|problem| problem.below("sasl")));
        }
        if self.idempotence && self.acks != KafkaAcks::All {
            let allowed = "idempotence needs acks = \"all\"";
            problems.push(Problem::new("acks", format!("{:?}", self.acks.name()), allowed).beside("idempotence"));
        }
        problems
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains('\0')
}

fn header_problem(path: &str, name: &str) -> Problem {
    Problem::new(path, format!("{name:?}"), "the name of a header must have from 1 to 1024 bytes, and no NUL")
}

impl KafkaTls {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&self.client_certificate, &self.client_key) {
            (Some(certificate), None) => {
                let value = certificate.display().to_string();
                problems.push(Problem::new("client_certificate", value, "it needs a client_key").beside("client_key"));
            }
            (None, Some(key)) => {
                let allowed = "it needs a client_certificate";
                problems.push(Problem::new("client_key", key, allowed).beside("client_certificate"));
            }
            _ => {}
        }
        problems.extend(self.ca_file.as_deref().and_then(|path| unreadable("ca_file", path)));
        problems.extend(self.client_certificate.as_deref().and_then(|path| unreadable("client_certificate", path)));
        problems
    }
}

fn unreadable(setting: &str, path: &Path) -> Option<Problem> {
    let value = path.display().to_string();
    if path.to_str().is_none() {
        return Some(Problem::new(setting, value, "the path must be UTF-8"));
    }
    let error = File::open(path).err()?;
    Some(Problem::new(setting, value, "it must be a file that can be read").caused_by(error))
}

impl KafkaSasl {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.username.is_empty() || self.username.contains('\0') {
            problems.push(Problem::new("username", format!("{:?}", self.username), "it must be a name"));
        }
        if self.password.is_none() {
            let allowed = "it must be a reference, such as \"${KAFKA_PASSWORD}\"";
            problems.push(Problem::new("password", "missing", allowed));
        }
        if self.mechanism.needs_openssl() && !cfg!(feature = "tls") {
            let allowed = "the program's fapilog-kafka has no SCRAM: its feature tls is needed";
            problems.push(Problem::new("mechanism", self.mechanism.name(), allowed));
        }
        problems
    }
}

impl super::SaslMechanism {
    /// librdkafka has the hashes of SCRAM from OpenSSL.
    fn needs_openssl(self) -> bool {
        self != Self::Plain
    }
}
