//! Names of fields that hold sensitive data.
//!
//! A name is split into words; separators, case, prefixes and suffixes do not count: `password`, `userPassword`, `db.PASSWORD` and
//! `X-Api-Key` are all found. A name that ends in the word of a fact about the value, such as `password_length` or `token_expiry`, is not.

mod list;
mod words;

use std::net::IpAddr;

use fapilog_plugin::data_class::DataClass;
use fapilog_record::value::ValueRef;

use crate::redact::names::{
    list::{AT_END, CREDENTIAL_FACTS, FACTS, ID, QUESTIONS, SensitiveName, TERMS, Taken, WITHIN},
    words::NameWords,
};

/// The longest run of words that is a term.
const TERM_WORDS_MAX: usize = 3;

/// The data that a name lets expect under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamedData {
    pub(super) class: DataClass,
    taken: Taken,
}

impl NamedData {
    /// Whether a value of this type can be such data: `token_count = 3` is no token, and a `bool` is never sensitive.
    pub(super) fn can_be(self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::None | ValueRef::Bool(_) => false,
            ValueRef::Text(text) => !text.is_empty() && self.can_be_text(text),
            ValueRef::Bytes(bytes) => !bytes.is_empty(),
            ValueRef::Map(map) => !map.is_empty(),
            ValueRef::Sequence(sequence) => sequence.iter().any(|element| self.can_be(element)),
            ValueRef::Char(_) | ValueRef::Uuid(_) => true,
            ValueRef::Ip(_) | ValueRef::Socket(_) => self.class == DataClass::NetworkAddress,
            ValueRef::Time { .. } => self.class == DataClass::BirthDate,
            _ => self.taken == Taken::NumbersToo,
        }
    }
}

impl NamedData {
    /// Whether a text can be such data: no number is without a digit, and nobody lives at `0.0.0.0:8080`.
    fn can_be_text(self, text: &str) -> bool {
        match self.class {
            DataClass::CardNumber | DataClass::CardSecurityCode | DataClass::NationalId | DataClass::Phone => {
                text.contains(char::is_numeric)
            }
            DataClass::PostalAddress => !is_machine_address(text),
            _ => true,
        }
    }
}

/// Whether a text is the address of a machine, of memory or of a file: `localhost:8080`, `unix:/run/x`, `0x7fff`.
fn is_machine_address(text: &str) -> bool {
    let is_port = |text: &str| matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_port =
        || text.rsplit_once(':').is_some_and(|(host, port)| is_port(port) && !host.contains(char::is_whitespace));
    text.contains("://")
        || ["/", "unix:", "0x"].iter().any(|front| text.starts_with(front))
        || text.parse::<IpAddr>().is_ok()
        || has_port()
}

/// The sensitive data under a name, if there are any.
pub(super) fn sensitive(name: &str) -> Option<NamedData> {
    let words = NameWords::of(name);
    if words.len() == 0 || is_fact(&words) {
        return None;
    }
    let runs = (0..words.len()).flat_map(|from| (1..=TERM_WORDS_MAX).map(move |len| (from, from + len)));
    let mut found = runs.filter(|(_, until)| *until <= words.len()).filter_map(|(from, until)| {
        let term = term_of(words.joined(from, until))?;
        applies(term, &words, from, until).then_some((until - from, term))
    });
    // The longest run decides: `email_address` is an e-mail address.
    let term = match found.next() {
        Some(first) => found.fold(first, |longest, other| if other.0 > longest.0 { other } else { longest }).1,
        None => (0..words.len()).find_map(|at| term_within(words.joined(at, at + 1)))?,
    };
    if is_fact_of(&words, term) {
        return None;
    }
    Some(NamedData { class: term.class, taken: term.taken })
}

fn term(text: &str) -> Option<&'static SensitiveName> {
    TERMS.get(TERMS.binary_search_by_key(&text, |term| term.term).ok()?)
}

/// The term, also in the plural and with a number behind it: `password2`. Many a plural of `token` counts.
fn term_of(text: &str) -> Option<&'static SensitiveName> {
    let is_part = |term: &&SensitiveName| !term.alone;
    let single = || text.strip_suffix('s').filter(|single| *single != "token").and_then(term).filter(is_part);
    let numbered = || {
        let word = text.trim_end_matches(|c: char| c.is_ascii_digit());
        (word.len() < text.len()).then(|| term(word)).flatten().filter(is_part)
    };
    term(text).or_else(numbered).or_else(single)
}

/// A term within a word whose parts nothing separates.
fn term_within(word: &str) -> Option<&'static SensitiveName> {
    let is_fact =
        |front: &str, back: &str| back == "less" || FACTS.binary_search(&back).is_ok() || QUESTIONS.contains(&front);
    // The word alone is looked up before.
    if term(word).is_some() {
        return None;
    }
    let within = WITHIN.iter().find_map(|text| {
        let (front, back) = word.split_once(text)?;
        term(text).filter(|_| !is_fact(front, back))
    });
    let at_end = || {
        AT_END.iter().find_map(|text| {
            let front = word.strip_suffix(text)?;
            term(text).filter(|term| !term.not_behind.iter().any(|word| front.ends_with(word)))
        })
    };
    within.or_else(at_end)
}

/// Whether the name is that of a fact about a credential: `secret_name`, `api_key_id`.
fn is_fact_of(words: &NameWords, term: &SensitiveName) -> bool {
    if term.class != DataClass::Credential || words.len() < 2 || term.term.ends_with(words.last()) {
        return false;
    }
    let has_id = || words.last() == ID && ["key", "token"].iter().any(|end| term.term.ends_with(end));
    CREDENTIAL_FACTS.binary_search(&words.last()).is_ok() || has_id()
}

fn applies(term: &SensitiveName, words: &NameWords, from: usize, until: usize) -> bool {
    let before = words.joined(from.saturating_sub(1), from);
    let is_alone = from == 0 && until == words.len();
    match term.alone {
        true => is_alone,
        false => !term.not_behind.contains(&before),
    }
}

/// Whether the name is that of a fact about the value: `has_password`, `token_count`.
fn is_fact(words: &NameWords) -> bool {
    words.len() > 1 && (FACTS.binary_search(&words.last()).is_ok() || QUESTIONS.contains(&words.first()))
}

/// Whether two names are the same for a person: separators and case do not count.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    NameWords::of(one).all() == NameWords::of(other).all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> Option<DataClass> {
        sensitive(name).map(|named| named.class)
    }

    #[test]
    fn separators_case_prefixes_and_suffixes_do_not_count() {
        for name in
            ["password", "PASSWORD", "userPassword", "db.password", "password_old", "X-Password", "passwordHash"]
        {
            assert_eq!(class(name), Some(DataClass::Credential), "{name}");
        }
        for (name, expected) in [
            ("api_key", DataClass::Credential),
            ("X-API-Key", DataClass::Credential),
            ("authorization", DataClass::Credential),
            ("Set-Cookie", DataClass::Credential),
            ("clientSecret", DataClass::Credential),
            ("aws_secret_access_key", DataClass::Credential),
            ("access_token", DataClass::Credential),
            ("card_number", DataClass::CardNumber),
            ("pan", DataClass::CardNumber),
            ("creditCard", DataClass::CardNumber),
            ("cvv", DataClass::CardSecurityCode),
            ("card_cvc", DataClass::CardSecurityCode),
            ("pin", DataClass::CardSecurityCode),
            ("ssn", DataClass::NationalId),
            ("iban", DataClass::BankAccount),
            ("account_number", DataClass::BankAccount),
            ("email", DataClass::Email),
            ("email_address", DataClass::Email),
            ("e-mail", DataClass::Email),
            ("phone", DataClass::Phone),
            ("mobileNumber", DataClass::Phone),
            ("address", DataClass::PostalAddress),
            ("shipping_address", DataClass::PostalAddress),
            ("date_of_birth", DataClass::BirthDate),
            ("birth_date", DataClass::BirthDate),
            ("dob", DataClass::BirthDate),
            ("last_name", DataClass::PersonName),
            ("client_ip", DataClass::NetworkAddress),
            ("diagnosis", DataClass::Health),
        ] {
            assert_eq!(class(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn names_of_facts_and_of_other_things_are_not_sensitive() {
        for name in [
            "password_length",
            "has_password",
            "is_token_valid",
            "token_count",
            "max_tokens",
            "secret_version",
            "card_type",
            "email_count",
            "phone_verified",
            "ip_address_family",
            "memory_address",
            "bind_address",
            "listen_address",
            "span",
            "spin",
            "pinned",
            "japan",
            "company",
            "user_id",
            "status",
            "file_name",
            "host",
            "order_id",
            "primary_key",
            "key",
            "shopping_cart",
            "discard",
            "keyboard",
            "cookie_policy",
            "author",
            "authority",
            "",
        ] {
            assert_eq!(class(name), None, "{name}");
        }
    }

    #[test]
    fn the_type_of_the_value_decides_too() {
        let can_be = |name, value| sensitive(name).is_some_and(|named| named.can_be(value));
        assert!(can_be("pin", ValueRef::U64(1234)) && can_be("password", ValueRef::I64(7)));
        assert!(!can_be("token", ValueRef::U64(3)) && can_be("token", ValueRef::Text("x")));
        assert!(!can_be("password", ValueRef::Bool(true)) && !can_be("password", ValueRef::None));
        assert!(!can_be("password", ValueRef::Text("")));
        assert!(!can_be("address", ValueRef::U64(0x7fff_0000)));
    }

    /// Names of OpenTelemetry's semantic conventions, of Kubernetes and of services.
    #[rustfmt::skip]
    const USUAL_NAMES: &[&str] = &[
        "http.request.method", "http.response.status_code", "http.route", "http.request.body.size", "http.request.resend_count",
        "url.full", "url.path", "url.query", "url.scheme", "url.domain", "url.template", "server.address", "server.port", "client.port",
        "network.peer.address", "network.peer.port", "network.local.address", "network.protocol.name", "network.transport",
        "network.type", "network.carrier.name", "network.connection.type", "net.host.name", "net.peer.name", "net.sock.peer.addr",
        "source.address", "destination.address", "user_agent.original", "user_agent.name", "user_agent.version", "enduser.id",
        "enduser.role", "enduser.scope", "user.id", "user.name", "user.roles", "user.hash", "db.system.name", "db.namespace",
        "db.collection.name", "db.operation.name", "db.query.text", "db.query.summary", "db.response.status_code", "db.statement",
        "db.user", "db.client.connection.pool.name", "db.client.connection.state", "messaging.system", "messaging.destination.name",
        "messaging.message.id", "messaging.message.body.size", "messaging.kafka.message.key", "messaging.kafka.offset",
        "messaging.rabbitmq.destination.routing_key", "messaging.consumer.group.name", "rpc.system", "rpc.service", "rpc.method",
        "rpc.grpc.status_code", "exception.type", "exception.message", "exception.stacktrace", "error.type", "code.function.name",
        "code.file.path", "code.line.number", "code.column.number", "thread.id", "thread.name", "process.pid", "process.command",
        "process.executable.path", "process.owner", "process.runtime.version", "host.name", "host.id", "host.ip", "host.mac",
        "host.arch", "host.type", "host.image.id", "os.type", "os.version", "os.description", "service.name", "service.namespace",
        "service.instance.id", "service.version", "service.peer.name", "telemetry.sdk.name", "deployment.environment.name",
        "cloud.provider", "cloud.region", "cloud.account.id", "cloud.availability_zone", "cloud.resource_id", "container.id",
        "container.name", "container.image.name", "container.image.tags", "k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name",
        "k8s.pod.uid", "k8s.node.name", "k8s.deployment.name", "k8s.container.restart_count", "k8s.job.name", "k8s.cronjob.name",
        "k8s.secret.name", "k8s.hpa.name", "k8s.volume.type", "faas.name", "faas.trigger", "faas.invocation_id", "aws.request_id",
        "aws.s3.bucket", "aws.s3.key", "aws.dynamodb.table_names", "aws.secretsmanager.secret.arn", "aws.ecs.task.arn",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.request.max_tokens", "gen_ai.token.type",
        "gen_ai.request.model", "prompt_tokens", "completion_tokens", "total_tokens", "feature_flag.key", "feature_flag.result.variant",
        "tls.cipher", "tls.protocol.version", "tls.resumed", "tls.client.subject", "tls.server.issuer", "session_count", "device.id",
        "device.model.name", "browser.language", "browser.platform", "graphql.operation.name", "graphql.document", "trace_id",
        "span_id", "parent_span_id", "trace_flags", "correlation_id", "request_id", "x-request-id", "traceparent", "tracestate",
        "level", "message", "target", "timestamp", "logger", "module_path", "line", "duration_ms", "elapsed", "latency_us", "status",
        "method", "path", "uri", "bytes_sent", "content_type", "content_length", "accept_encoding", "referer", "etag",
        "cache_control", "x-ratelimit-remaining", "retry_after", "attempt", "queue", "topic", "partition", "offset", "shard",
        "tenant_id", "order_id", "product_id", "sku", "price", "currency", "quantity", "job_id", "worker", "region", "zone", "version",
        "commit", "branch", "build_number", "primary_key", "foreign_key", "partition_key", "sort_key", "cache_key", "idempotency_key",
        "routing_key", "public_key", "key_id", "api_key_id", "signing_key_id", "secret_name", "secretKeyRef", "secret_namespace",
        "secret_store", "token_endpoint", "token_url", "token_type", "token_name", "token_scope", "token_id", "next_page_token",
        "nextToken", "continuation_token", "cancellation_token", "unexpected_token", "tokens", "cookie_name", "cookie_domain",
        "password_policy", "password_hash_ms", "passwordless", "password_reset_url", "email_template", "email_queue",
        "email_service", "email_domain", "emails_count", "phone_type", "bind_address", "listen_address", "peer_address", "pod_address",
        "service_address", "redis_address", "advertised_address", "contract_address", "card_brand", "card_last4", "expires_at",
        "authority", "author", "oauth_provider", "auth_method", "authorization_decision", "authorization_server", "spanner", "companion",
        "pinged", "panels", "discount", "headset", "assets", "streets_count", "zip_file", "health", "health_check", "diagnostics",
    ];

    #[test]
    fn usual_names_of_services_are_not_sensitive() {
        assert!(USUAL_NAMES.len() >= 200, "{}", USUAL_NAMES.len());
        let wrong: Vec<_> = USUAL_NAMES.iter().filter_map(|name| Some((name, class(name)?))).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn names_that_hide_their_term_are_found() {
        for (name, expected) in [
            ("userpassword", DataClass::Credential),
            ("dbpasswordold", DataClass::Credential),
            ("passwords", DataClass::Credential),
            ("password3", DataClass::Credential),
            ("csrfmiddlewaretoken", DataClass::Credential),
            ("appsecret", DataClass::Credential),
            ("smtp_pass", DataClass::Credential),
            ("kennwort", DataClass::Credential),
            ("contraseña", DataClass::Credential),
            ("session.id", DataClass::Credential),
            ("http.request.header.authorization", DataClass::Credential),
            ("http.response.header.set_cookie", DataClass::Credential),
            ("db.connection_string", DataClass::Credential),
            ("password_used", DataClass::Credential),
            ("max.password", DataClass::Credential),
            ("vault.secret_id", DataClass::Credential),
            ("access_key_id", DataClass::Credential),
            ("a.b.c.d.e.f.g.h.i.j.k.l.m.password", DataClass::Credential),
            ("useremail", DataClass::Email),
            ("email2", DataClass::Email),
            ("enduser.email", DataClass::Email),
            ("phone_numbers", DataClass::Phone),
            ("phone_us", DataClass::Phone),
            ("card_numbers", DataClass::CardNumber),
            ("addresses", DataClass::PostalAddress),
            ("address_us", DataClass::PostalAddress),
            ("client.address", DataClass::NetworkAddress),
            ("x-real-ip", DataClass::NetworkAddress),
            ("user.full_name", DataClass::PersonName),
        ] {
            assert_eq!(class(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_such_data_is_none() {
        let can_be = |name, text| sensitive(name).is_some_and(|named| named.can_be(ValueRef::Text(text)));
        for machine in ["0.0.0.0:8080", "::1", "localhost:80", "unix:/run/x", "/run/x", "0x7fff", "tcp://db:1"] {
            assert!(!can_be("address", machine), "{machine}");
        }
        assert!(can_be("address", "12 Main Street") && can_be("address", "Unter den Linden: 5"));
        assert!(!can_be("mobile", "ios") && can_be("mobile", "+49 30 1234567") && !can_be("card", "visa"));
        assert!(can_be("pin", "１２３４"));
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(TERMS.windows(2).all(|pair| pair[0].term < pair[1].term));
        assert!(FACTS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(CREDENTIAL_FACTS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(WITHIN.iter().chain(AT_END).all(|text| term(text).is_some()));
        let is_plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() && !c.is_uppercase());
        assert!(TERMS.iter().all(|term| is_plain(term.term)));
    }
}
