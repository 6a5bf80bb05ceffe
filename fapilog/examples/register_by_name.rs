//! How do settings name a plugin of mine, and give it settings of its own?
//!
//! More is in `docs/plugins.md`.
//!
//! `cargo run -p fapilog --example register_by_name`

use std::{error::Error, num::NonZeroU64, time::Duration};

use example_plugin::{HostName, OneIn};
use fapilog::{
    Settings, info,
    plugin::{Factory, Metadata, RegisterError, Registry},
    settings::PluginConfig,
    sink,
};

/// The settings that `plugin_config.one_in` may contain. Any other is refused, with its place and a suggestion.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct OneInSettings {
    count: NonZeroU64,
}

/// Each container has a registry: a plugin registered in it is known to the containers that are made with it, and to no
/// other.
fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("one_in", "1.0.0").description("Lets one in so many events pass");
    registry.register_processor(about, |settings| {
        // Runs when a container is made, before anything starts, so that all invalid values are reported at once.
        let OneInSettings { count } = settings.read()?;
        // Runs once for each shard of the drain, on its thread.
        Ok(Factory::processor(move |_shard| OneIn::new(count)))
    })?;
    registry.register_enricher(Metadata::new("host_name", "1.0.0"), |settings| {
        settings.none()?;
        Ok(Factory::enricher(|_shard| HostName::new("web-1")))
    })
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::linked();
    register(&mut registry)?;
    let events = sink::Memory::register(&mut registry, "memory")?;
    let with_count = |name: &str| {
        let own = PluginConfig::new().with(name, 10);
        let builder = Settings::builder().sinks(["memory"]).enrichers(["host_name"]).processors(["one_in"]);
        builder.plugin_config("one_in", own).build()
    };

    let logs = with_count("count")?.into_builder_with(&registry)?.start()?;
    let log = logs.logger("login");
    (0..100).for_each(|attempt| info!(log, "attempted", attempt));
    logs.shutdown(Duration::from_secs(5))?.check()?;
    let lines = events.lines();
    assert_eq!(lines.len(), 10);
    assert!(lines.iter().all(|line| line.contains(r#""host":"web-1""#)));

    let error = with_count("cuont")?.into_builder_with(&registry).err().ok_or("an error")?.to_string();
    assert!(
        error.contains("plugin_config.one_in.cuont is 10; there is no such setting; did you mean count?"),
        "{error}"
    );
    Ok(())
}
