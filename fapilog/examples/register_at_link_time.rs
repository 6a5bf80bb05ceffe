//! How does a crate register its plugins by being linked, so that settings can name them and no code has to?
//!
//! More is in `docs/plugins.md`.
//!
//! `cargo run -p fapilog --example register_at_link_time`, and again with `FAPILOG_ENRICHERS=host_name`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, fs, time::Duration};

use fapilog::{Settings, info, plugin::Registry};

/// This would be a crate of its own. A program that depends on it but never names it does not link it:
/// `use the_crate as _;` names it.
mod the_crate {
    use example_plugin::HostName;
    use fapilog::{
        plugin::{Factory, Metadata, RegisterError, Registry},
        register_plugin,
    };

    register_plugin!(register);

    fn register(registry: &mut Registry) -> Result<(), RegisterError> {
        let about = Metadata::new("host_name", env!("CARGO_PKG_VERSION")).description("Names the host in each event");
        registry.register_enricher(about, |settings| {
            settings.none()?;
            Ok(Factory::enricher(|_shard| HostName::new("web-1")))
        })
    }
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::linked();
    registry.plugins().for_each(|plugin| println!("{plugin}"));
    assert!(registry.plugins().any(|plugin| plugin.name == "host_name"));
    // Plugins that were linked and could not be registered, for example because their name is taken. No container is
    // made while there is any.
    assert!(registry.refused().is_empty());

    let directory = tempfile::tempdir()?;
    let (log_file, settings_file) = (directory.path().join("all.log"), directory.path().join("fapilog.toml"));
    let path = log_file.display();
    fs::write(
        &settings_file,
        format!("sinks = [\"file\"]\nenrichers = [\"host_name\"]\nplugin_config.file.path = '{path}'\n"),
    )?;
    let logs = Settings::from_file(&settings_file)?.into_builder()?.start()?;
    info!(logs.logger("orders"), "order filled");
    logs.shutdown(Duration::from_secs(5))?.check()?;
    let line = fs::read_to_string(&log_file)?;
    assert!(line.contains(r#""context":{"host":"web-1"}"#), "{line}");
    Ok(())
}
