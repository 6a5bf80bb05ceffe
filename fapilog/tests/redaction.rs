//! Redaction: a secret of each kind, in each place where a text can stand, is in nothing that leaves the container.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use fapilog::{
    Container, Level, Scope, Settings,
    container::ContainerBuilder,
    error,
    error::ChangeError,
    event::{Batch, DynamicEvent, FieldGroup, ValueRef},
    format, info, panic_hook,
    plugin::PluginError,
    process::{Processor, Throttle},
    redact::Redact,
    sink::{
        self, DeadLetterOptions, Delivery, DeliveryPolicy, MemoryEvents, Payload, Sink, SinkContext, SinkError,
        SinkFactory, SinkOptions, SpillOptions,
    },
};
use law::{TIMEOUT, balanced, thread_builder};

/// Texts with a secret, and the part of each that must not be seen.
const SECRETS: &[(&str, &str)] = &[
    ("card 4111 1111 1111 1111 charged", "1111 1111 1111"),
    // With the word behind it: a time of the run may have the digits, too.
    ("card 4111111111111111, cvv 837 given", "837 given"),
    ("ssn 219-09-9999 of the client", "219-09-9999"),
    ("to DE89 3704 0044 0532 0130 00 today", "3704 0044 0532"),
    ("mail ada.lovelace@example.com now", "ada.lovelace@"),
    ("call +14155552671 back", "14155552671"),
    ("client 203.0.113.77 connected", "203.0.113.77"),
    ("client 2001:db8:85a3::8a2e:370:7334 connected", "8a2e:370:7334"),
    (
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U seen",
        "dozjgNryP4J3jVmNHl0w5N",
    ),
    (
        "key -----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQ\\n-----END PRIVATE KEY----- end",
        "MIIEvQIBADANBgkqhkiG9w0BAQ",
    ),
    ("aws AKIAIOSFODNN7EXAMPLE used", "IOSFODNN7EXAMPLE"),
    ("slack xoxb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1 used", "FGqddMF8t08v8N7Oq4i57vs1"),
    ("stripe sk_live_4eC39HqLyjWDarjtT1zdp7dc used", "4eC39HqLyjWDarjtT1zdp7dc"),
    ("header Authorization: Bearer mF_9.B5f-4.1JqM sent", "mF_9.B5f-4.1JqM"),
    ("pull https://ada:swordfish@db.example.com/x now", "swordfish"),
    ("get https://api.example.com/x?token=abc123def456 now", "abc123def456"),
    ("login password=hunter2 failed", "hunter2"),
    (r#"body {"client_secret":"s3cr3t-v4lue"} sent"#, "s3cr3t-v4lue"),
];

/// A failure whose text, and that of its source, holds a secret.
#[derive(Debug)]
struct Failure {
    text: String,
    source: Option<Box<Failure>>,
}

impl Failure {
    fn new(text: &str) -> Self {
        let source = Some(Box::new(Self { text: text.to_owned(), source: None }));
        Self { text: text.to_owned(), source }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A processor that fails with a text.
struct Failing(String);

impl Processor for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Err(PluginError::failed(Failure::new(&self.0)))
    }
}

/// A sink that writes JSON and refuses each payload with a text.
#[derive(Clone)]
struct Refusing {
    text: String,
    is_retryable: bool,
}

struct RefusingSink(Refusing, format::Json);

impl SinkFactory for Refusing {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(RefusingSink(self.clone(), format::Json::new())))
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::default().attempts(1)
    }
}

impl Sink for RefusingSink {
    fn writer(&self) -> String {
        "refuses".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(64 * 1024))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for place in 0..batch.len() {
            format::Formatter::format(&mut self.1, &batch.range(place..place + 1), payload.buffer()).unwrap();
            payload.end_record();
        }
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        let failure = Failure::new(&self.0.text);
        Delivery::done(Err(match self.0.is_retryable {
            true => SinkError::retryable(failure),
            false => SinkError::permanent(failure),
        }))
    }
}

/// Logs `text` in each place where a text can stand.
fn log_everywhere(logs: &Container, text: &str) {
    let log = logs.logger("places");
    let texts = ["plain", text];
    let map = BTreeMap::from([("note", BTreeMap::from([(text, text)]))]);
    let failure = Failure::new(text);
    info!(log, "a value {text}", tags.note = text, list = &texts, map = &map, bytes = text.as_bytes());
    info!(log, "rendered", display = %failure, debug = ?texts, failure = #failure);
    error!(logs.logger(text), "its source");
    let child = log.with([("note", ValueRef::Text(text)), (text, ValueRef::U64(7))]);
    info!(child, "of a logger with fields");
    {
        let _scope = Scope::new()
            .correlation_id(text)
            .field(FieldGroup::Context, "note", ValueRef::Text(text))
            .field(FieldGroup::Tags, text, ValueRef::Bool(true))
            .enter();
        info!(log, "in a scope");
    }
    let event = DynamicEvent::new(Level::Info, text, text);
    log.log_dynamic(&event.field(FieldGroup::Context, text, ValueRef::Bytes(text.as_bytes())));
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let hook = panic_hook::install(&log, panic_hook::Options::new());
    let named = thread::Builder::new().name(text.to_owned());
    let panicked = {
        let text = text.to_owned();
        named.spawn(move || std::panic::panic_any(text)).unwrap()
    };
    assert!(panicked.join().is_err());
    drop(hook);
    std::panic::set_hook(loud);
}

/// All that leaves a container whose redactor is this.
fn all_output(redact: &Redact, text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let diagnostics = Arc::new(Mutex::new(String::new()));
    let (builder, memories) = with_formats(thread_builder().redactor_from(redact.clone().into_factory()));
    let (spill, letters) = (directory.path().join("spill"), directory.path().join("letters.jsonl"));
    let retryable = Refusing { text: text.to_owned(), is_retryable: true };
    let permanent = Refusing { is_retryable: false, ..retryable.clone() };
    let failing = text.to_owned();
    let logs = builder
        .apply(fapilog::default_pipeline)
        .enricher(|_| Box::new(fapilog::enrich::Context::new()))
        .processor(move |_| Box::new(Failing(failing.clone())))
        .sink("file", sink::File::new(directory.path().join("app.log"), format::Json::new))
        .sink_with("spilling", retryable, SinkOptions::new().spill(SpillOptions::new(&spill)))
        .sink_with("buried", permanent, SinkOptions::new().dead_letters(DeadLetterOptions::new(&letters)))
        .error_callback({
            let diagnostics = Arc::clone(&diagnostics);
            move |diagnostic| diagnostics.lock().unwrap().push_str(&diagnostic.to_string())
        })
        .start()
        .unwrap();
    log_everywhere(&logs, text);
    let _ = logs.flush(Duration::from_secs(1));
    // Payloads on disk are pending.
    logs.shutdown(TIMEOUT).unwrap().check().unwrap();
    let mut output = diagnostics.lock().unwrap().clone();
    logs.diagnostics().iter().for_each(|diagnostic| output.push_str(&diagnostic.to_string()));
    output.push_str(&serde_json::to_string(&logs.metrics()).unwrap());
    for memory in &memories {
        assert!(memory.lines().len() >= 8, "{:#?}", memory.lines());
        output.push_str(&memory.lines().join("\n"));
    }
    assert!(fs::read(&letters).unwrap().len() > 100);
    push_files(directory.path(), &mut output);
    output
}

/// A memory sink of each format.
fn with_formats(builder: ContainerBuilder) -> (ContainerBuilder, Vec<MemoryEvents>) {
    let (json, a) = sink::Memory::new(format::Json::new);
    let (simple, b) = sink::Memory::new(format::Simple::new);
    let (logfmt, c) = sink::Memory::new(format::Logfmt::new);
    let (minimal, d) = sink::Memory::new(format::Minimal::new);
    let (pretty, e) = sink::Memory::new(format::Pretty::new);
    let builder = builder.sink("json", json).sink("simple", simple).sink("logfmt", logfmt);
    (builder.sink("minimal", minimal).sink("pretty", pretty), vec![a, b, c, d, e])
}

fn push_files(directory: &Path, output: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => push_files(&path, output),
            false => output.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap())),
        }
    }
}

/// The texts around a secret that is seen in an output.
fn seen<'a>(output: &'a str, secret: &'a str) -> Vec<&'a str> {
    let around = |at: usize| {
        let (from, until) = (output.floor_char_boundary(at.saturating_sub(200)), at + secret.len());
        output.get(from..until).unwrap()
    };
    output.match_indices(secret).map(|(at, _)| around(at)).collect()
}

#[test]
fn no_output_of_a_container_holds_a_secret_of_any_kind() {
    let redact = Redact::builder().everything().build();
    let mut failures = Vec::new();
    for (text, secret) in SECRETS {
        let output = all_output(&redact, text);
        assert!(output.contains("[redacted]"), "{text}");
        failures.extend(seen(&output, secret).into_iter().map(|around| format!("{text}: {around}")));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_presets_for_servers_write_no_password_no_card_number_and_no_credentials_of_a_url() {
    for preset in ["production", "hardened"] {
        let mut registry = fapilog::plugin::Registry::linked();
        let events = sink::Memory::register(&mut registry, "memory").unwrap();
        let mut settings = Settings::preset(preset.parse().unwrap());
        settings.sinks = vec![fapilog::settings::SinkEntry::new("memory")];
        let logs = settings.into_builder_with(&registry).unwrap().start().unwrap();
        let log = logs.logger("shop");
        let (card, url) = ("4111111111111111", "https://ada:swordfish@db.example.com/");
        info!(log, "paid by {card} over {url}", password = "hunter2", card, url, number = 4_111_111_111_111_111_u64);
        balanced(logs.shutdown(TIMEOUT).unwrap());
        let line = events.lines().into_iter().find(|line| line.contains("paid by")).unwrap();
        let leaked = ["hunter2", card, "swordfish"].into_iter().find(|secret| line.contains(secret));
        assert_eq!(leaked, None, "{preset}: {line}");
        let metrics = logs.metrics();
        let redact = metrics.plugins.iter().find(|plugin| plugin.name == "redact").unwrap();
        assert!(redact.counters.contains(&("name.credential".to_owned(), 1)), "{:?}", redact.counters);
    }
}

#[test]
fn a_summary_of_a_throttle_shows_no_value_of_a_sensitive_key() {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let throttle = Throttle::per_second(1).key("context.email");
    let logs = Container::builder()
        .processor(move |_| Box::new(throttle.clone()))
        .redactor_from(Redact::builder().content([]).build().into_factory())
        .sink("memory", sink)
        .start()
        .unwrap();
    let log = logs.logger("shop");
    (0..10).for_each(|_| info!(log, "newsletter", email = "ada.lovelace@example.com"));
    balanced(logs.shutdown(TIMEOUT).unwrap());
    let lines = events.lines().join("\n");
    assert!(lines.contains("throttle ended for context.email [redacted]"), "{lines}");
    assert!(!lines.contains("lovelace"), "{lines}");
}

#[test]
fn a_redactor_that_is_added_to_a_running_container_redacts_diagnostics_until_it_is_removed() {
    let logs = Container::builder().sink("memory", sink::Memory::new(format::Json::new).0).start().unwrap();
    let secrets_in_diagnostics = |name: &str| {
        let text = format!("of {name}: password=hunter2");
        logs.add_processor(name, move |_| Ok(Box::new(Failing(text.clone())))).unwrap();
        info!(logs.logger("shop"), "an event");
        let _ = logs.flush(TIMEOUT);
        let mentioned = |text: &String| text.contains(name);
        let texts: Vec<_> = logs.diagnostics().iter().map(ToString::to_string).filter(mentioned).collect();
        assert!(!texts.is_empty());
        texts.iter().filter(|text| text.contains("hunter2")).count()
    };
    logs.add_redactor_from("mask", Redact::default().into_factory()).unwrap();
    assert_eq!(secrets_in_diagnostics("first"), 0);
    let taken = logs.add_redactor_from("mask", Redact::default().into_factory());
    assert!(matches!(taken, Err(ChangeError::Taken { .. })), "{taken:?}");
    assert_eq!(secrets_in_diagnostics("second"), 0);
    logs.remove_plugin("mask").unwrap();
    assert!(secrets_in_diagnostics("third") > 0);
    balanced(logs.shutdown(TIMEOUT).unwrap());
}
