//! Level 5 of 5: how do I look into a log that is running, change it, and end it from async code?
//!
//! `cargo run -p fapilog --example level_5_operations`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, time::Duration};

use fapilog::{
    Container, Level, audit, debug, enrich, format, info,
    level::{Directives, LevelFilter},
    sink::{self, SinkOptions},
};

const TIMEOUT: Duration = Duration::from_secs(5);

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder()
        .level(Level::Warning)
        // The library's reports about itself: fallbacks and failures, never logged events.
        .error_callback(|diagnostic| println!("diagnostic: {diagnostic}"))
        .sink("memory", sink)
        .start()?;

    levels(&logs)?;
    plugins(&logs)?;
    pollster::block_on(end(&logs))?;
    let lines = events.lines();
    lines.iter().for_each(|line| println!("{line}"));
    assert_eq!(lines.len(), 5);
    Ok(())
}

/// For all loggers of the container, on all threads, from now on.
fn levels(logs: &Container) -> Result<(), Box<dyn Error>> {
    let log = logs.logger("service");
    // Below the level: one comparison, and the arguments are not even looked at.
    info!(log, "not logged", dear = expensive());
    // AUDIT and SECURITY pass every level but `OFF`.
    audit!(log, "user added", user = "kim");

    logs.set_level(Level::Debug);
    debug!(log, "logged", dear = expensive());

    // By target, from text, as an administrator would give it. Targets are module paths.
    let directives: Directives = format!("warning,{}=debug", module_path!()).parse()?;
    logs.set_level(directives);
    debug!(log, "logged, too: this module has a level of its own");
    if let Err(error) = "my_crate=verbose".parse::<Directives>() {
        println!("{error}");
    }

    // Nothing at all.
    logs.set_level(LevelFilter::Off);
    audit!(log, "not logged");
    // Work for the log's sake alone is asked about first.
    assert!(!log.is_enabled(Level::Critical));
    logs.set_level(Level::Info);
    Ok(())
}

/// Changes return when every shard of the drain has taken them up.
fn plugins(logs: &Container) -> Result<(), Box<dyn Error>> {
    let log = logs.logger("service");
    logs.add_enricher("context", |_shard| Ok(Box::new(enrich::Context::new())))?;
    info!(log, "with thread and process");
    logs.set_plugin_enabled("context", false)?;
    info!(log, "without them");
    logs.remove_plugin("context")?;

    // A second sink, for a limited time.
    let (sink, seen) = sink::Memory::new(format::Json::new);
    logs.add_sink("watch", sink, SinkOptions::new())?;
    logs.remove_plugin("watch")?;
    assert!(seen.lines().is_empty());

    if let Err(error) = logs.remove_plugin("contxet") {
        println!("{}: {error}", error.code());
    }
    Ok(())
}

/// The futures need no runtime of a certain kind, and no timer.
async fn end(logs: &Container) -> Result<(), Box<dyn Error>> {
    logs.flush_async(TIMEOUT).await?;
    let metrics = logs.metrics();
    println!("submitted {}, pending {}", metrics.accounts.submitted, metrics.accounts.pending_total());
    println!("from the call to the end of the delivery: {:?} at most", metrics.end_to_end.max);
    println!("fullest ring so far: {:.1} % of {} bytes", metrics.rings.fill_max * 100.0, metrics.rings.capacity_bytes);
    for plugin in &metrics.plugins {
        println!(
            "{} {}: {:?}, {:?} in {} batches",
            plugin.kind, plugin.name, plugin.state, plugin.time, plugin.batches
        );
    }

    let accounts = logs.shutdown_async(TIMEOUT).await?;
    accounts.check()?;
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (5, 0));
    Ok(())
}

fn expensive() -> u64 {
    (1..=20).product()
}
