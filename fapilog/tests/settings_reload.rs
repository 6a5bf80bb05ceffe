//! New settings for a container that runs: whole or not at all, and changes at run time stay.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Duration,
};

use fapilog::{
    Container, Level, Settings,
    container::ManualDrain,
    enrich::Enricher,
    error::ChangeError,
    event::{Batch, FieldGroup, ValueRef},
    format::{self, Formatter},
    info,
    level::LevelFilter,
    metrics::PluginState,
    plugin::{Factory, Metadata, PluginError, PluginKind, Registry},
    process::Processor,
    settings::{PluginConfig, Reload, ReloadError, ReloadManual, SettingsBuilder},
    sink::{self, Delivery, MemoryEvents, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkOptions},
};
use law::TIMEOUT;

/// Adds a field of its name.
struct Marks(&'static str);

impl Enricher for Marks {
    fn name(&self) -> &'static str {
        self.0
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch
            .events_mut()
            .iter_mut()
            .for_each(|event| event.add_field(FieldGroup::Context, self.0, ValueRef::Bool(true)));
        Ok(())
    }
}

/// Emits a summary when it is stopped.
struct Farewell(&'static str);

impl Processor for Farewell {
    fn name(&self) -> &'static str {
        self.0
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.emit(Level::Warning, "tests", self.0, &[]);
        Ok(())
    }
}

/// Masks every message.
struct Mask;

impl Processor for Mask {
    fn name(&self) -> &'static str {
        "mask"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.events_mut().iter_mut().for_each(|event| event.set_message(ValueRef::Text("masked")));
        Ok(())
    }
}

fn registry() -> (Registry, MemoryEvents) {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    for name in ["one", "two"] {
        let about = Metadata::new(name, "1.0.0");
        registry.register_enricher(about, move |_| Ok(Factory::enricher(move |_| Marks(name)))).unwrap();
    }
    let about = Metadata::new("farewell", "1.0.0");
    registry.register_processor(about, |_| Ok(Factory::processor(|_| Farewell("farewell")))).unwrap();
    let broken_on_the_second_shard = |shard: fapilog::plugin::ShardInfo| {
        assert_eq!(shard.index, 0, "planted");
        Marks("broken")
    };
    let about = Metadata::new("broken", "1.0.0");
    registry.register_enricher(about, move |_| Ok(Factory::enricher(broken_on_the_second_shard))).unwrap();
    (registry, events)
}

fn plain() -> SettingsBuilder {
    let nothing: [&str; 0] = [];
    Settings::builder().sinks(["memory"]).enrichers(nothing).processors(nothing)
}

fn started(builder: SettingsBuilder) -> (Container, MemoryEvents) {
    let (registry, events) = registry();
    (builder.build().unwrap().into_builder_with(&registry).unwrap().start().unwrap(), events)
}

fn reload(container: &Container, builder: SettingsBuilder) -> Result<(), ReloadError> {
    container.reload(builder.build().unwrap())
}

/// Logs an event, and returns the keys of its context.
fn marks(container: &Container, events: &MemoryEvents) -> Vec<String> {
    events.clear();
    info!(container.logger("tests"), "marked?");
    container.flush(TIMEOUT).unwrap();
    keys(&law::only(events))
}

fn keys(event: &serde_json::Value) -> Vec<String> {
    let context = event.get("context").and_then(serde_json::Value::as_object);
    context.map(|context| context.keys().cloned().collect()).unwrap_or_default()
}

fn state_of(container: &Container, name: &str) -> PluginState {
    container.metrics().plugins.iter().find(|plugin| plugin.name == name).unwrap().state
}

#[test]
fn a_plugin_that_was_added_at_run_time_outlives_a_reload() {
    let (container, events) = started(plain().enrichers(["one"]).processors(["farewell"]));
    let (sink, added) = law::memory();
    container.add_enricher("hand", |_| Ok(Box::new(Marks("hand")))).unwrap();
    container.add_processor("stays", |_| Ok(Box::new(Farewell("stays")))).unwrap();
    container.add_sink("added", sink, SinkOptions::new()).unwrap();
    reload(&container, plain().enrichers(["two"])).unwrap();
    container.flush(TIMEOUT).unwrap();
    // The processor that was removed has emitted its summary, and the one that stays has not.
    assert_eq!(law::messages(&events), ["farewell"]);
    assert_eq!(marks(&container, &events), ["hand", "two"]);
    law::shut_down(&container);
    assert_eq!(law::messages(&added), ["farewell", "marked?", "stays"]);
}

#[test]
fn the_summaries_of_removed_processors_pass_a_redactor_that_was_added_at_run_time() {
    let (container, events) = started(plain().processors(["farewell"]));
    container.add_redactor("mask", |_| Ok(Box::new(Mask))).unwrap();
    reload(&container, plain()).unwrap();
    info!(container.logger("tests"), "secret");
    law::shut_down(&container);
    assert_eq!(law::messages(&events), ["masked", "masked"]);
}

#[test]
fn a_plugin_that_was_disabled_at_run_time_is_disabled_after_a_reload() {
    let (container, events) = started(plain().enrichers(["one"]));
    container.set_plugin_enabled("one", false).unwrap();
    reload(&container, plain().enrichers(["one", "two"])).unwrap();
    assert_eq!(marks(&container, &events), ["two"]);
    assert_eq!(state_of(&container, "one"), PluginState::Disabled);
    container.set_plugin_enabled("one", true).unwrap();
    assert_eq!(marks(&container, &events), ["one", "two"]);
}

#[test]
fn a_plugin_that_was_removed_at_run_time_stays_removed_until_the_settings_no_longer_name_it() {
    let (container, events) = started(plain().enrichers(["one"]));
    container.remove_plugin("one").unwrap();
    reload(&container, plain().enrichers(["one", "two"])).unwrap();
    assert_eq!(marks(&container, &events), ["two"]);
    reload(&container, plain()).unwrap();
    reload(&container, plain().enrichers(["one"])).unwrap();
    assert_eq!(marks(&container, &events), ["one"]);
}

#[test]
fn a_name_that_was_given_at_run_time_is_not_given_again_by_a_reload() {
    let (container, events) = started(plain());
    container.add_enricher("one", |_| Ok(Box::new(Marks("hand")))).unwrap();
    let error = reload(&container, plain().enrichers(["one"])).unwrap_err();
    assert!(matches!(&error, ReloadError::Change(ChangeError::Taken { name }) if name == "one"), "{error}");
    assert_eq!(error.code(), "configuration.name_taken");
    assert_eq!(marks(&container, &events), ["hand"]);
    // A plugin that was removed at run time may be added at run time.
    container.remove_plugin("one").unwrap();
    reload(&container, plain().enrichers(["one"])).unwrap();
    assert_eq!(marks(&container, &events), ["one"]);
}

#[test]
fn if_one_shard_cannot_make_a_plugin_no_shard_has_changed_anything() {
    let (container, events) = started(plain().shards(2).enrichers(["one"]));
    container.add_enricher("hand", |_| Ok(Box::new(Marks("hand")))).unwrap();
    container.set_plugin_enabled("one", false).unwrap();
    let new = plain().shards(2).level(Level::Error).enrichers(["two", "broken"]);
    let error = reload(&container, new).unwrap_err();
    assert_eq!(error.code(), "plugin.not_started");
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Info));
    assert_eq!(container.settings().unwrap().enrichers, ["one"]);
    assert_eq!(
        (state_of(&container, "one"), state_of(&container, "two")),
        (PluginState::Disabled, PluginState::Removed)
    );
    // Threads are spread over both shards.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| info!(container.logger("tests"), "from a thread"));
        }
    });
    law::shut_down(&container);
    assert_eq!(law::parsed(&events).iter().map(keys).collect::<Vec<_>>(), [["hand"]; 4]);
}

/// Reloads the container that it is a part of, and so on a drain's thread, which waits for no drain.
struct ReloadsOnce(Arc<OnceLock<Arc<Container>>>, Arc<Mutex<Option<ReloadError>>>);

impl Processor for ReloadsOnce {
    fn name(&self) -> &'static str {
        "reloads_once"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        if let Some(container) = self.0.get() {
            let mut error = self.1.lock().unwrap();
            if error.is_none() {
                *error = reload(container, plain().level(Level::Error).enrichers(["two"])).err();
            }
        }
        Ok(())
    }
}

#[test]
fn a_reload_that_was_not_taken_up_in_time_is_not_taken_up_later_either() {
    let (container, events) = started(plain().enrichers(["one"]));
    let container = Arc::new(container);
    let (known, error) = (Arc::<OnceLock<_>>::default(), Arc::<Mutex<_>>::default());
    let (for_plugin, for_error) = (Arc::clone(&known), Arc::clone(&error));
    container
        .add_processor("reloads_once", move |_| {
            Ok(Box::new(ReloadsOnce(Arc::clone(&for_plugin), Arc::clone(&for_error))))
        })
        .unwrap();
    assert!(known.set(Arc::clone(&container)).is_ok());
    assert_eq!(marks(&container, &events), ["one"]);
    let error = error.lock().unwrap().take().unwrap();
    assert!(matches!(error, ReloadError::Change(ChangeError::Deadline)), "{error}");
    assert_eq!(error.code(), "pipeline.deadline");
    // Behind whatever the shard has still to take up.
    container.remove_plugin("reloads_once").unwrap();
    assert_eq!(marks(&container, &events), ["one"]);
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Info));
    assert_eq!(container.settings().unwrap().enrichers, ["one"]);
    reload(&container, plain().enrichers(["two"])).unwrap();
    assert_eq!(marks(&container, &events), ["two"]);
}

#[test]
fn a_container_that_is_shut_down_reports_it() {
    let (container, _events) = started(plain());
    law::shut_down(&container);
    assert_eq!(reload(&container, plain().enrichers(["one"])).unwrap_err().code(), "pipeline.shut_down");
}

fn started_manual(builder: SettingsBuilder) -> (Container, ManualDrain, MemoryEvents) {
    let (registry, events) = registry();
    let settings = builder.async_processing(false).build().unwrap();
    let (container, drain) = settings.into_builder_with(&registry).unwrap().start_manual().unwrap();
    (container, drain, events)
}

#[test]
fn a_manual_drain_has_made_the_plugins_when_its_reload_returns() {
    let (container, mut drain, events) = started_manual(plain().enrichers(["one"]));
    let new = plain().async_processing(false).enrichers(["two"]).build().unwrap();
    drain.reload(&container, new).unwrap();
    assert_eq!((state_of(&container, "one"), state_of(&container, "two")), (PluginState::Removed, PluginState::Active));
    info!(container.logger("tests"), "marked?");
    law::end(&container, &mut drain);
    assert_eq!(keys(&law::only(&events)), ["two"]);
}

#[test]
fn a_manual_container_refuses_plugins_that_its_drain_has_not_made() {
    let (container, mut drain, events) = started_manual(plain().enrichers(["one"]));
    let error = reload(&container, plain().async_processing(false).enrichers(["two"])).unwrap_err();
    assert_eq!(error.code(), "configuration.manual_drain");
    // A level needs no drain.
    reload(&container, plain().async_processing(false).enrichers(["one"]).level(Level::Debug)).unwrap();
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Debug));
    info!(container.logger("tests"), "marked?");
    law::end(&container, &mut drain);
    assert_eq!(keys(&law::only(&events)), ["one"]);
}

#[test]
fn a_manual_drain_does_not_answer_for_the_container_of_another() {
    let (_own, mut drain, _events) = started_manual(plain());
    let (other, mut others_drain, events) = started_manual(plain().enrichers(["one"]));
    let new = plain().async_processing(false).enrichers(["two"]).build().unwrap();
    assert_eq!(drain.reload(&other, new).unwrap_err().code(), "pipeline.deadline");
    info!(other.logger("tests"), "marked?");
    law::end(&other, &mut others_drain);
    assert_eq!(keys(&law::only(&events)), ["one"]);
}

/// A formatter that has a setting.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    word: String,
}

struct Answers(String);

impl Formatter for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        batch.events().iter().for_each(|_| out.extend_from_slice(self.0.as_bytes()));
        Ok(())
    }
}

#[test]
fn a_formatters_settings_that_change_are_refused_by_name() {
    let (mut registry, _events) = registry();
    registry
        .register_formatter(Metadata::new("answers", "1.0.0"), |settings| {
            let Word { word } = settings.read()?;
            Ok(Factory::formatter(move |_| Answers(word.clone())))
        })
        .unwrap();
    let answering = |word: &str| {
        let own = PluginConfig::new().with("word", word);
        plain().formatter("answers").plugin_config("answers", own).build().unwrap()
    };
    let container = answering("yes").into_builder_with(&registry).unwrap().start().unwrap();
    container.reload(answering("yes")).unwrap();
    let error = container.reload(answering("no")).unwrap_err();
    assert_eq!(error.code(), "configuration.needs_restart");
    assert!(error.to_string().starts_with("plugin_config.answers cannot change while the container runs"), "{error}");
}

#[test]
fn a_sinks_settings_that_change_are_refused_by_name() {
    let (container, _events) = started(plain());
    let own = PluginConfig::new().with("capacity_bytes", 5);
    let error = reload(&container, plain().plugin_config("memory", own)).unwrap_err();
    assert!(
        matches!(&error, ReloadError::NeedsRestart { settings } if *settings == ["plugin_config.memory"]),
        "{error}"
    );
}

/// A sink that takes its time to encode.
struct SlowToEncode;

impl SinkFactory for SlowToEncode {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        struct Slow(Box<dyn Sink>);
        impl Sink for Slow {
            fn writer(&self) -> String {
                "slow".to_owned()
            }

            fn payload(&mut self) -> Option<Payload> {
                self.0.payload()
            }

            fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
                thread::sleep(Duration::from_millis(2));
                self.0.encode(batch, payload)?;
                Ok(())
            }

            fn deliver(&mut self, payload: Payload) -> Delivery {
                self.0.deliver(payload)
            }
        }
        Ok(Box::new(Slow(sink::Null::new(format::Json::new).make(context)?)))
    }
}

#[test]
fn the_plugin_timeout_reaches_sinks_those_that_are_added_later_too() {
    let (mut registry, _events) = registry();
    registry.register_sink(Metadata::new("slow", "1.0.0"), |_| Ok(Arc::new(SlowToEncode))).unwrap();
    let timed = |timeout: Duration| plain().sinks(["slow"]).plugin_timeout(timeout).build().unwrap();
    let container = timed(Duration::ZERO).into_builder_with(&registry).unwrap().start().unwrap();
    let slow = |container: &Container| -> Vec<(String, u64)> {
        info!(container.logger("tests"), "logged");
        container.flush(TIMEOUT).unwrap();
        let sinks = container.metrics().plugins.into_iter().filter(|plugin| plugin.kind == PluginKind::Sink);
        sinks.map(|sink| (sink.name, sink.slow)).collect()
    };
    assert_eq!(slow(&container), [("slow".to_owned(), 0)]);
    container.reload(timed(Duration::from_millis(1))).unwrap();
    container.add_sink("later", SlowToEncode, SinkOptions::new()).unwrap();
    assert_eq!(slow(&container), [("slow".to_owned(), 1), ("later".to_owned(), 1)]);
}

#[test]
fn a_reload_that_is_refused_is_an_audit_event_with_its_error() {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let plain = || Settings::builder().sinks(["memory"]).formatter("json").audit_events(true);
    let container = plain().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    reload(&container, plain().shards(2)).unwrap_err();
    reload(&container, plain().processors(["no_such"])).unwrap_err();
    container.reload_file("/no/such/file.toml").unwrap_err();
    reload(&container, plain().level(Level::Warning)).unwrap();
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    let lines = events.lines();
    let events = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let refused: Vec<_> = events.filter(|event| event["message"] == "settings reloaded").collect();
    assert_eq!(refused.len(), 3, "{lines:?}");
    for (event, part) in refused.iter().zip(["shards cannot change", "no_such", "/no/such/file.toml"]) {
        let context = &event["context"];
        assert_eq!((&context["outcome"], &context["object"]), (&"failure".into(), &"settings".into()));
        assert!(context["error"].as_str().unwrap().contains(part), "{part}: {event}");
    }
}
