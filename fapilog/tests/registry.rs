//! The plugins that settings can name.
#![cfg(feature = "settings")]
// The macro's expansion holds no unsafe code of the plugin's author.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

use std::time::Duration;

use fapilog::{
    Container, Settings,
    enrich::Enricher,
    event::Batch,
    info,
    plugin::{Factory, Metadata, PluginError, PluginKind, RegisterError, Registry},
    register_plugin,
    settings::{PluginConfig, Reload, SettingsBuilder},
    sink,
};

struct Nothing;

impl Enricher for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn enrich(&mut self, _batch: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }
}

fn register_as(registry: &mut Registry, metadata: Metadata) -> Result<(), RegisterError> {
    registry.register_enricher(metadata, |settings| {
        settings.none()?;
        Ok(Factory::enricher(|_| Nothing))
    })
}

register_plugin!(|registry| register_as(registry, Metadata::new("linked", "1.2.3-rc.1").author("tests")));

fn plain() -> SettingsBuilder {
    let nothing: [&str; 0] = [];
    Settings::builder().sinks(["memory"]).enrichers(nothing).processors(nothing)
}

#[test]
fn a_linked_plugin_is_in_every_built_in_registry() {
    let registry = Registry::linked();
    let linked = registry.plugins().find(|plugin| plugin.name == "linked").unwrap();
    assert_eq!(
        (linked.kind, linked.version.to_string(), linked.author.as_str()),
        (PluginKind::Enricher, "1.2.3-rc.1".to_owned(), "tests")
    );
    assert!(registry.refused().is_empty());
}

#[test]
fn the_sinks_are_in_every_built_in_registry() {
    let registry = Registry::linked();
    for name in ["file", "null", "stderr", "stdout"] {
        assert!(registry.plugins().any(|plugin| plugin.name == name && plugin.kind == PluginKind::Sink), "{name}");
    }
}

#[test]
fn settings_that_name_an_unregistered_memory_sink_get_a_hint() {
    let error = plain().build().unwrap().into_builder().unwrap_err().to_string();
    let expected =
        "sinks[0] is \"memory\"; settings alone cannot name it: code registers it, by sink::Memory::register";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn metadata_that_are_wrong_are_refused() {
    let refusal = |metadata| register_as(&mut Registry::linked(), metadata).unwrap_err().to_string();
    for (metadata, expected) in [
        (
            Metadata::new("my plugin", "1.0.0"),
            "plugin name is \"my plugin\"; a name is made of letters, digits, _ and -",
        ),
        (Metadata::new("", "1.0.0"), "plugin name is \"\"; a name is made of letters, digits, _ and -"),
        (
            Metadata::new("mine", "1.0"),
            "version of plugin mine is \"1.0\"; it must be a semantic version, such as 1.2.0",
        ),
        (Metadata::new("mine", "1.0.0").api_version(2), "API version of plugin mine is 2; this fapilog supports 1"),
    ] {
        assert_eq!(refusal(metadata), expected);
    }
    let taken = refusal(Metadata::new("json", "1.0.0"));
    assert!(taken.starts_with("plugin name json is taken by formatter json "), "{taken}");
}

#[test]
fn a_plugin_that_was_refused_leaves_the_registry_as_it_was() {
    let mut registry = Registry::linked();
    register_as(&mut registry, Metadata::new("json", "9.9.9")).unwrap_err();
    let json = registry.plugins().find(|plugin| plugin.name == "json").unwrap();
    assert_eq!(json.kind, PluginKind::Formatter);
}

#[test]
fn two_registries_share_nothing() {
    let mut one = Registry::linked();
    register_as(&mut one, Metadata::new("mine", "1.0.0")).unwrap();
    assert!(!Registry::linked().plugins().any(|plugin| plugin.name == "mine"));
}

#[test]
fn a_container_shows_the_registry_that_its_settings_go_by() {
    let mut registry = Registry::linked();
    register_as(&mut registry, Metadata::new("mine", "1.0.0")).unwrap();
    sink::Memory::register(&mut registry, "memory").unwrap();
    let container = plain().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    assert!(container.registry().unwrap().plugins().any(|plugin| plugin.name == "mine"));
    let built =
        Container::builder().sink("null", fapilog::sink::Null::new(fapilog::format::Json::new)).start().unwrap();
    assert!(built.registry().is_none());
}

#[test]
fn settings_of_a_plugin_that_has_none_are_refused() {
    let mut registry = Registry::linked();
    sink::Memory::register(&mut registry, "memory").unwrap();
    let settings =
        plain().enrichers(["linked"]).plugin_config("linked", PluginConfig::new().with("speed", 5)).build().unwrap();
    let error = settings.into_builder_with(&registry).unwrap_err().to_string();
    assert!(error.contains("plugin_config.linked.speed is 5; there is no such setting"), "{error}");
}

#[test]
fn a_plugin_that_panics_over_its_settings_is_an_error_like_others() {
    let mut registry = Registry::linked();
    sink::Memory::register(&mut registry, "memory").unwrap();
    registry.register_enricher(Metadata::new("clumsy", "1.0.0"), |_| panic!("planted")).unwrap();
    let settings = plain().enrichers(["clumsy"]).build().unwrap();
    let Err(error) = settings.into_builder_with(&registry) else { panic!() };
    assert_eq!(error.problems.len(), 1, "{error}");
    assert_eq!(error.problems.first().unwrap().path, "plugin_config.clumsy");
}

#[test]
fn a_sink_must_not_have_the_name_of_another_kind_of_plugin() {
    let mut registry = Registry::linked();
    sink::Memory::register(&mut registry, "memory").unwrap();
    let sink = fapilog::settings::SinkEntry::new("json").kind("memory");
    let error = plain().sinks([sink]).build().unwrap().into_builder_with(&registry).unwrap_err();
    assert!(error.to_string().contains("formatter has that name; a sink needs another"), "{error}");
}

#[test]
fn the_same_kind_of_sink_can_be_there_twice_with_settings_of_its_own() {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let sink = |name: &str| fapilog::settings::SinkEntry::new(name).kind("memory");
    let settings = plain()
        .sinks([sink("roomy"), sink("narrow")])
        .plugin_config("narrow", PluginConfig::new().with("capacity_bytes", 1))
        .build()
        .unwrap();
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    info!(container.logger("registry"), "to both");
    container.shutdown(Duration::from_secs(10)).unwrap();
    let accounts = container.accounts();
    let delivered: Vec<_> = accounts.sinks.iter().map(|sink| (sink.name.as_str(), sink.delivered)).collect();
    // The event, and the report that the other sink has lost it.
    assert_eq!(delivered, [("roomy", 2), ("narrow", 0)]);
    assert_eq!(events.lines().len(), 2);
}
