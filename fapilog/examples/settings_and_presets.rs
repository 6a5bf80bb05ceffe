//! How do I configure the log from a preset, code, a file and the environment?
//!
//! Every setting is in `docs/settings.md`.
//!
//! `cargo run -p fapilog --example settings_and_presets`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, fs, path::Path, time::Duration};

use fapilog::{Level, Settings, info, level::LevelFilter, settings::Preset};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    layers(directory.path())?;
    invalid_values();
    Ok(())
}

/// Each layer covers those before it: preset, code, file, environment.
fn layers(directory: &Path) -> Result<(), Box<dyn Error>> {
    let (log_file, settings_file) = (directory.join("orders.log"), directory.join("fapilog.toml"));
    let path = log_file.display();
    fs::write(
        &settings_file,
        format!("sinks = [\"file\"]\nlevel = \"warning\"\nplugin_config.file.path = '{path}'\n"),
    )?;

    let settings = Settings::builder()
        .preset(Preset::Production)
        .batch_events_max(256)
        .level(Level::Error)
        .file(&settings_file)
        // `environment()` takes the process's own; these are given, so that the example is the same everywhere.
        .variables([("FAPILOG_LEVEL", "info,my_crate::net=debug")])
        .build()?;
    assert_eq!(settings.enrichers.last().map(String::as_str), Some("runtime_info"), "from the preset");
    assert_eq!(settings.batch_events_max, 256, "from the code");
    assert_eq!(settings.sinks.first().map(|sink| sink.name.as_str()), Some("file"), "from the file");

    let logs = settings.into_builder()?.start()?;
    assert_eq!(logs.level(), LevelFilter::AtLeast(Level::Info), "from the environment");
    info!(logs.logger("orders"), "order filled", order_id = 42);
    logs.shutdown(Duration::from_secs(5))?.check()?;
    let line = fs::read_to_string(&log_file)?;
    print!("{line}");
    assert!(line.contains(r#""message":"order filled""#) && line.contains(r#""hostname":"#), "{line}");
    Ok(())
}

/// All invalid values are in one error, and nothing starts.
fn invalid_values() {
    let variables = [("FAPILOG_BATCH_SIZE", "0"), ("FAPILOG_LEVLE", "debug")];
    let Err(error) = Settings::builder().variables(variables).build() else { return };
    error.problems.iter().for_each(|problem| println!("{problem}"));
    assert_eq!(error.problems.len(), 2);
    assert!(error.to_string().contains("did you mean level? (given by FAPILOG_LEVLE)"), "{error}");
}
