//! The built-in enrichers, in a container.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{collections::HashSet, fs, sync::Arc};

use fapilog::{
    Container, Level, Scope, child,
    container::ContainerBuilder,
    enrich::{self, Enricher, WhenMissing},
    event::{Batch, DynamicEvent, FieldGroup, ValueRef},
    info,
    metrics::LossReason,
    plugin::PluginError,
    redact::{Action, KeyedHash, Redact},
    scope,
};
use law::{end, memory, only, parsed, shut_down, started_manual, thread_builder};
use serde_json::Value;
use tempfile::TempDir;

/// A pod's downward API volume.
fn podinfo() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("labels"), "app=\"orders\"\nteam=\"caf\\u00e9 \\\"noir\\\"\"").unwrap();
    directory
}

/// A container with every enricher.
fn with_all(builder: ContainerBuilder, podinfo: &TempDir) -> ContainerBuilder {
    let correlation = enrich::Correlation::new().when_missing(WhenMissing::PerProducer);
    let runtime_info = enrich::RuntimeInfo::new().service("shop").version("1.2.3").environment("test");
    let kubernetes = enrich::Kubernetes::new().directory(podinfo.path()).labels(["team"]);
    builder
        .enricher(|_| Box::new(enrich::Time::new().drained_at(true)))
        .enricher(move |_| Box::new(correlation.clone()))
        .enricher(|_| Box::new(enrich::Context::new()))
        .enricher(|_| Box::new(enrich::Hostname::new()))
        .enricher(move |_| Box::new(runtime_info.clone()))
        .enricher(move |_| Box::new(kubernetes.clone()))
}

/// The fields that every event has from the enrichers, but for its thread.
#[track_caller]
fn assert_enriched(event: &Value) {
    let context = &event["context"];
    assert_eq!(context["hostname"], fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end());
    assert_eq!((&context["service"], &context["version"]), (&"shop".into(), &"1.2.3".into()));
    assert_eq!((&context["environment"], &context["pid"]), (&"test".into(), &std::process::id().into()));
    assert_eq!(context["process_id"], std::process::id());
    assert_eq!(context["k8s.pod.label.team"], "café \"noir\"");
    assert_eq!(context["k8s.pod.label.app"], Value::Null);
    // Both are RFC 3339 in UTC, and as long: text order is order in time.
    assert!(event["timestamp"].as_str().unwrap() <= context["drained_at"].as_str().unwrap(), "{event}");
}

#[test]
fn all_enrichers_together_keep_the_law_and_the_format() {
    let podinfo = podinfo();
    let (container, mut drain, events) = started_manual(with_all(Container::builder(), &podinfo));
    let log = container.logger("enrichers");
    info!(log, "no fields");
    info!(log, "fields", order = 42, tags.region = "eu", metrics.latency_ms = 1.5);
    log.log_dynamic(&DynamicEvent::new(Level::Info, "t", "dynamic").field(
        FieldGroup::Context,
        "order",
        ValueRef::U64(43),
    ));
    {
        let _entered =
            Scope::new().correlation_id("mine").field(FieldGroup::Tags, "task", ValueRef::Text("t-1")).enter();
        info!(log, "in a scope", order = 44);
    }
    assert_eq!(end(&container, &mut drain).delivered_total(), 4);
    let all = parsed(&events);
    all.iter().for_each(assert_enriched);
    assert_eq!((&all[1]["context"]["order"], &all[1]["tags"]["region"]), (&42.into(), &"eu".into()));
    assert_eq!((&all[2]["context"]["order"], &all[2]["target"]), (&43.into(), &"t".into()));
    assert_eq!((&all[3]["context"]["order"], &all[3]["tags"]["task"]), (&44.into(), &"t-1".into()));
    assert_eq!(all[3]["correlation_id"], "mine");
}

#[test]
fn a_users_own_keys_stay_and_are_written_once() {
    let podinfo = podinfo();
    let (container, mut drain, events) = started_manual(with_all(Container::builder(), &podinfo));
    let log = container.logger("enrichers");
    info!(
        log,
        "mine",
        hostname = "mine",
        service = "mine",
        drained_at = "mine",
        thread_id = "mine",
        "k8s.pod.label.team" = "mine",
    );
    end(&container, &mut drain);
    let event = only(&events);
    for key in ["hostname", "service", "drained_at", "thread_id", "k8s.pod.label.team"] {
        assert_eq!(event["context"][key], "mine", "{key}");
        assert_eq!(events.lines()[0].matches(&format!("\"{key}\":")).count(), 1, "{key}");
    }
    assert_eq!(event["context"]["version"], "1.2.3");
}

#[test]
fn several_shards_add_the_same_and_each_thread_has_an_id_of_its_own() {
    const THREADS: usize = 6;
    let podinfo = podinfo();
    let (sink, events) = memory();
    let container = with_all(thread_builder(), &podinfo).shards(2).sink("memory", sink).start().unwrap();
    let log = container.logger("enrichers");
    std::thread::scope(|scope| {
        (0..THREADS).for_each(|_| _ = scope.spawn(|| (0..200).for_each(|number| info!(log, "mixed", number))));
    });
    assert_eq!(shut_down(&container).delivered_total(), 200 * THREADS as u64);
    let all = parsed(&events);
    all.iter().for_each(assert_enriched);
    let text = |value: &Value| value.to_string();
    let pairs: HashSet<_> =
        all.iter().map(|event| (text(&event["context"]["thread_id"]), text(&event["correlation_id"]))).collect();
    let ids: HashSet<_> = pairs.iter().map(|pair| &pair.1).collect();
    assert_eq!((pairs.len(), ids.len()), (THREADS, THREADS));
    assert!(ids.iter().all(|id| id.len() == 38), "{ids:?}");
}

#[test]
fn an_event_without_an_id_stays_without_unless_it_is_to_get_one() {
    let builder = Container::builder().enricher(|_| Box::new(enrich::Correlation::new()));
    let (container, mut drain, events) = started_manual(builder);
    info!(container.logger("enrichers"), "left alone");
    end(&container, &mut drain);
    assert_eq!(only(&events)["correlation_id"], Value::Null);
}

#[test]
fn each_event_can_get_an_id_of_its_own() {
    let correlation = enrich::Correlation::new().when_missing(WhenMissing::PerEvent);
    let builder = Container::builder().enricher(move |_| Box::new(correlation.clone()));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("enrichers");
    (0..1000).for_each(|number| info!(log, "each its own", number));
    end(&container, &mut drain);
    let ids: HashSet<String> = parsed(&events).iter().map(|event| event["correlation_id"].to_string()).collect();
    assert_eq!(ids.len(), 1000);
}

/// An enricher that changes a batch in ways that an enricher must not.
struct Meddles(fn(&mut Batch<'_>));

impl Enricher for Meddles {
    fn name(&self) -> &'static str {
        "meddles"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        // Reports of losses come in batches of their own.
        if batch.events().iter().any(|event| event.source().name() != "fapilog") {
            (self.0)(batch);
        }
        Ok(())
    }
}

/// Logs ten events, numbered from 0, that pass an enricher; returns their accounts. The law holds.
fn ten_events_through(meddle: fn(&mut Batch<'_>)) -> (fapilog::metrics::Accounts, usize) {
    let builder = Container::builder().enricher(move |_| Box::new(Meddles(meddle)));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("enrichers");
    (0..10).for_each(|number| info!(log, number));
    (end(&container, &mut drain), events.lines().len())
}

fn number(event: &fapilog::event::Event<'_>) -> i64 {
    match event.message() {
        ValueRef::I64(number) => number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_an_enricher_emits_is_counted_as_submitted() {
    let (accounts, delivered) = ten_events_through(|batch| batch.emit(Level::Info, "meddles", "a word of mine", &[]));
    assert_eq!((accounts.submitted, delivered), (11, 11));
}

#[test]
fn what_an_enricher_takes_out_is_counted_as_filtered_under_its_name() {
    let (accounts, delivered) = ten_events_through(|batch| batch.retain(|event| number(event) < 3));
    assert_eq!((accounts.filtered, delivered), (vec![("meddles".to_owned(), 7)], 3));
}

#[test]
fn what_an_enricher_takes_with_it_when_it_panics_is_counted_as_lost() {
    let (accounts, delivered) = ten_events_through(|batch| {
        batch.emit(Level::Info, "meddles", "a word of mine", &[]);
        // Takes out the first three.
        batch.retain(|event| number(event) == 3 && panic!("on purpose"));
    });
    let reports = accounts.submitted - 11;
    assert_eq!((accounts.lost.of(LossReason::PluginPanicked), delivered as u64), (3, 8 + reports));
}

#[test]
fn a_retain_that_panics_at_every_event_takes_none_out() {
    let (accounts, delivered) = ten_events_through(|batch| batch.retain(|_| panic!("on purpose")));
    assert_eq!((accounts.lost.of(LossReason::PluginPanicked), delivered), (0, 10));
}

fn user_hash() -> Arc<KeyedHash> {
    Arc::new(KeyedHash::new("k1", b"a key of 16 bytes or more").unwrap())
}

fn pseudonym(text: &str) -> String {
    let mut out = String::new();
    user_hash().put(text, &mut out);
    out
}

/// A container that gives users and sessions pseudonyms.
fn with_pseudonyms(builder: ContainerBuilder) -> ContainerBuilder {
    let users = enrich::UserContext::new().pseudonyms(["user_id", "session_id"], user_hash());
    builder.enricher(move |_| Box::new(users.clone()))
}

#[test]
fn the_user_of_a_scope_a_logger_and_a_call_has_one_name_and_one_pseudonym() {
    let (container, mut drain, events) = started_manual(with_pseudonyms(Container::builder()));
    let log = container.logger("web");
    {
        let _request = scope!(userId = "ada", "session.id" = 9, tenant = "t1").enter();
        info!(log, "in a scope", order = 1);
        info!(log, "in a scope", order = 2);
    }
    info!(child!(log, uid = "ada"), "by a logger");
    info!(log, "login of {uid}", uid = "ada");
    info!(log, "no user", order = 3);
    end(&container, &mut drain);
    let all = parsed(&events);
    for event in &all[..4] {
        assert_eq!(event["context"]["user_id"], pseudonym("ada"), "{event}");
    }
    assert_eq!(
        (&all[1]["context"]["session_id"], &all[1]["context"]["tenant"]),
        (&pseudonym("9").into(), &"t1".into())
    );
    assert_eq!(all[3]["message"], format!("login of {}", pseudonym("ada")));
    assert_eq!(all[4]["context"], serde_json::json!({ "order": 3 }));
    assert!(
        events.lines().iter().all(|line| !line.contains("ada") && !line.contains("userId")),
        "{:?}",
        events.lines()
    );
}

#[test]
fn a_user_has_the_same_pseudonym_on_each_shard_and_after_a_restart() {
    let mut pseudonyms = HashSet::new();
    for _start in 0..2 {
        let (sink, events) = memory();
        let container = with_pseudonyms(thread_builder()).shards(2).sink("memory", sink).start().unwrap();
        let log = container.logger("web");
        std::thread::scope(|scope| {
            (0..4).for_each(|_| _ = scope.spawn(|| info!(log, "login", uid = "ada")));
        });
        assert_eq!(shut_down(&container).delivered_total(), 4);
        pseudonyms.extend(parsed(&events).iter().map(|event| event["context"]["user_id"].to_string()));
    }
    assert_eq!(pseudonyms, HashSet::from([format!("\"{}\"", pseudonym("ada"))]));
}

#[test]
fn a_redactor_leaves_the_pseudonym_of_a_user_as_it_is() {
    let redact = Redact::builder().field("user_id".parse().unwrap(), Action::Hash(user_hash())).build();
    let builder = with_pseudonyms(Container::builder()).redactor_from(redact.into_factory());
    let event = law::delivered_by(builder, |log| info!(log, "login", uid = "ada"));
    assert_eq!(event["context"]["user_id"], pseudonym("ada"));
}

#[test]
fn metrics_of_the_process_come_with_the_first_event_of_all_shards() {
    let (sink, events) = memory();
    let performance = enrich::Performance::new();
    let builder = thread_builder().enricher(move |_| Box::new(performance.clone()));
    let container = builder.shards(2).sink("memory", sink).start().unwrap();
    let log = container.logger("web");
    std::thread::scope(|scope| {
        (0..4).for_each(|_| _ = scope.spawn(|| (0..50).for_each(|number| info!(log, "work", number))));
    });
    assert_eq!(shut_down(&container).delivered_total(), 200);
    let all = parsed(&events);
    let with_metrics: Vec<_> = all.iter().filter(|event| event.get("metrics").is_some_and(Value::is_object)).collect();
    assert_eq!(with_metrics.len(), 1, "{with_metrics:?}");
    assert!(with_metrics[0]["metrics"]["process.memory.usage"].as_u64().unwrap() > 100 << 10, "{with_metrics:?}");
}

/// The events of a log with these settings: a user logs in, and an order is placed in the scope of that user.
#[cfg(feature = "settings")]
fn by_settings(toml: &str) -> Vec<Value> {
    let mut registry = fapilog::plugin::Registry::linked();
    let events = fapilog::sink::Memory::register(&mut registry, "memory").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    fs::write(&path, format!("executor = \"thread\"\nsinks = [\"memory\"]\n{toml}")).unwrap();
    let settings = fapilog::Settings::from_file(&path).unwrap();
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    let log = container.logger("web");
    info!(log, "login", uid = "ada");
    {
        let _request = scope!("enduser.id" = "ada", company = "acme").enter();
        info!(log, "order placed");
    }
    shut_down(&container);
    parsed(&events)
}

#[test]
#[cfg(feature = "settings")]
fn a_file_names_the_fields_of_a_user_and_the_key_of_pseudonyms() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("hash.key");
    fs::write(&key, "a key of 16 bytes or more\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let own = format!("[plugin_config.user_context]\nhash_key = {{ file = \"{}\" }}\n", key.display());
    let all = by_settings(&format!("enrichers = [\"user_context\"]\n{own}"));
    assert_eq!(all[0]["context"], serde_json::json!({ "user_id": pseudonym("ada") }));
    assert_eq!(all[1]["context"], serde_json::json!({ "user_id": pseudonym("ada"), "company": "acme" }));

    let fields =
        "fields = { \"user.id\" = [\"uid\", \"enduser.id\"], \"org.id\" = [\"company\"] }\npseudonyms = [\"org.id\"]\n";
    let all = by_settings(&format!("enrichers = [\"user_context\"]\n{own}{fields}"));
    assert_eq!(all[0]["context"], serde_json::json!({ "user.id": "ada" }));
    assert_eq!(all[1]["context"], serde_json::json!({ "user.id": "ada", "org.id": pseudonym("acme") }));
}

#[test]
#[cfg(feature = "settings")]
fn a_file_names_the_metrics_of_the_process() {
    let all = by_settings(
        "enrichers = [\"performance\"]\n[plugin_config.performance]\nmetrics = [\"threads\"]\ninterval = \"1h\"\n",
    );
    let names: Vec<_> = all[0]["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["process.thread.count"]);
    assert_eq!(all[1].get("metrics"), None);
}
