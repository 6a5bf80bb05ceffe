//! How do I put plugins together by settings: built-in ones, those of another crate, and changes while the log runs?
//!
//! How to write a plugin is shown by the `custom_*` examples.
//!
//! `cargo run -p fapilog --example plugin_usage`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]
#![expect(clippy::indexing_slicing, reason = "a JSON value without the key is null")]

use std::{error::Error, fs, num::NonZeroU64, path::Path, time::Duration};

use example_plugin::{HostName, MaskedKeys, OneIn};
use fapilog::{
    Container, Settings, enrich, error, info,
    plugin::{Factory, Metadata, RegisterError, Registry},
    sink,
};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Plugins run in the order of these lists: enrichers, then processors, then redactors.
const SETTINGS: &str = r#"
    sinks = ["memory"]
    formatter = "json"
    enrichers = ["runtime_info", "host_name"]
    processors = ["filter", "dedupe", "one_in"]
    redactors = ["masked_keys"]

    [plugin_config.runtime_info]
    service = "login"
    version = "1.4.0"
    pid = false

    [plugin_config.filter]
    exclude = ["chatty"]

    [[plugin_config.filter.rules]]
    action = "drop"
    levels = ["INFO"]
    when = [{ field = "path", is = "eq", value = "/health" }]

    [plugin_config.dedupe]
    window = "1m"
    fields = ["peer", "user"]

    [plugin_config.host_name]
    name = "web-1"

    [plugin_config.one_in]
    count = 10

    [plugin_config.masked_keys]
    keys = ["password", "token"]
"#;

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::linked();
    register(&mut registry)?;
    let events = sink::Memory::register(&mut registry, "memory")?;
    registry.plugins().for_each(|plugin| println!("{plugin}"));

    let directory = tempfile::tempdir()?;
    let file = directory.path().join("fapilog.toml");
    refused(&file, &registry)?;

    fs::write(&file, SETTINGS)?;
    let logs = Settings::from_file(&file)?.into_builder_with(&registry)?.start()?;
    let log = logs.logger("login");
    // Dropped by the rule of `filter`.
    (0..100).for_each(|_| info!(log, "request", path = "/health"));
    // `dedupe` lets the first pass and reports how many followed.
    (0..50).for_each(|attempt| error!(log, "peer unreachable", peer = "10.0.0.7", attempt));
    // `one_in` lets each tenth pass, `masked_keys` masks the password of those.
    (0..40).for_each(|user: u64| info!(log, "login", user, password = "swordfish"));
    logs.flush(TIMEOUT)?;

    while_it_runs(&logs)?;
    let accounts = logs.shutdown(TIMEOUT)?;
    accounts.check()?;
    println!("{accounts}");
    accounts.filtered.iter().for_each(|(plugin, count)| println!("{plugin} took out {count}"));
    let counts = ["filter", "dedupe", "one_in", "masked_keys"].into_iter().zip([100, 49, 36, 0]);
    assert!(counts.eq(accounts.filtered.iter().map(|(plugin, count)| (plugin.as_str(), *count))), "{accounts:?}");

    let lines = events.lines();
    lines.iter().for_each(|line| println!("{line}"));
    assert!(lines.iter().all(|line| !line.contains("swordfish")));
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
    let first = events.first().ok_or("an event")?;
    assert_eq!((&first["context"]["service"], &first["context"]["host"]), (&"login".into(), &"web-1".into()));
    assert!(events.iter().any(|event| event["metrics"]["repeated"] == 49));
    Ok(())
}

/// Plugins of another crate get a name, and settings of their own. A crate may also register them by being linked: see
/// `register_at_link_time`.
fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    /// An unknown setting is an error, with its place.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Host {
        name: String,
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Count {
        count: NonZeroU64,
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Keys {
        keys: Vec<String>,
    }

    registry.register_enricher(Metadata::new("host_name", "1.0.0").description("Names the host"), |settings| {
        let host: Host = settings.read()?;
        Ok(Factory::enricher(move |_shard| HostName::new(&host.name)))
    })?;
    registry.register_processor(Metadata::new("one_in", "1.0.0").description("Keeps one in so many"), |settings| {
        let Count { count } = settings.read()?;
        Ok(Factory::processor(move |_shard| OneIn::new(count)))
    })?;
    registry.register_redactor(Metadata::new("masked_keys", "1.0.0").description("Masks values"), |settings| {
        let Keys { keys } = settings.read()?;
        Ok(Factory::processor(move |_shard| MaskedKeys::new(keys.clone())))
    })
}

/// An invalid value in a plugin's settings is found before anything starts.
fn refused(file: &Path, registry: &Registry) -> Result<(), Box<dyn Error>> {
    fs::write(file, SETTINGS.replace("count = 10", "count = 0").replace("window = ", "windw = "))?;
    match Settings::from_file(file)?.into_builder_with(registry) {
        Ok(_) => Err("it started".into()),
        Err(error) => {
            println!("{error}");
            let text = error.to_string();
            assert!(
                text.contains("plugin_config.dedupe.windw") && text.contains("plugin_config.one_in.count"),
                "{text}"
            );
            Ok(())
        }
    }
}

/// Plugins can be added, disabled and removed. Each call returns when every shard has taken the change up.
fn while_it_runs(logs: &Container) -> Result<(), Box<dyn Error>> {
    logs.add_enricher("hostname", |_shard| Ok(Box::new(enrich::Hostname::new())))?;
    logs.set_plugin_enabled("one_in", false)?;
    info!(logs.logger("login"), "sampling is disabled", token = "t0p");
    logs.flush(TIMEOUT)?;
    for plugin in &logs.metrics().plugins {
        println!("{:<10} {:<14} {:<9} {:?}", plugin.kind, plugin.name, plugin.state, plugin.time);
    }
    logs.remove_plugin("hostname")?;
    Ok(())
}
