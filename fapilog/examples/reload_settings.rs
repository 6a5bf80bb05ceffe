//! How do I give a log that is running new settings, from the file that somebody has just edited?
//!
//! `cargo run -p fapilog --example reload_settings`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, fs, time::Duration};

use fapilog::{
    Level, Settings, debug, enrich,
    level::LevelFilter,
    plugin::Registry,
    settings::{Reload, ReloadError},
    sink,
};

const TIMEOUT: Duration = Duration::from_secs(5);

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("fapilog.toml");
    let base = "sinks = [\"memory\"]\nenrichers = []\n";
    fs::write(&file, format!("{base}processors = [\"filter\"]\n"))?;

    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory")?;
    let logs = Settings::from_file(&file)?.into_builder_with(&registry)?.start()?;
    let log = logs.logger("service");
    debug!(log, "not logged");
    // At run time: no setting contains it, and no reload takes it away.
    logs.add_enricher("context", |_shard| Ok(Box::new(enrich::Context::new())))?;

    // The file is edited, and the program reads it again, for example at a signal.
    fs::write(&file, format!("{base}processors = [\"filter\", \"throttle\"]\nlevel = \"debug\"\n"))?;
    logs.reload_file(&file)?;
    debug!(log, "logged");
    logs.flush(TIMEOUT)?;
    let lines = events.lines();
    let [line] = &lines[..] else { return Err(format!("{lines:?}").into()) };
    assert!(line.contains(r#""message":"logged","context":{"thread_id":"#), "{line}");

    // Whole or not at all: the level could change, the number of shards cannot, and so nothing does.
    fs::write(&file, format!("{base}processors = []\nlevel = \"error\"\nmax_workers = 2\n"))?;
    match logs.reload_file(&file) {
        Err(error @ ReloadError::NeedsRestart { .. }) => println!("{}: {error}", error.code()),
        other => return Err(format!("{other:?}").into()),
    }
    assert_eq!(logs.level(), LevelFilter::AtLeast(Level::Debug));
    assert_eq!(logs.settings().map(|settings| settings.processors.len()), Some(2));
    logs.shutdown(TIMEOUT)?.check()?;
    Ok(())
}
