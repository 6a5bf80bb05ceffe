//! Level 3 of 5: how do I have events enriched, thinned out, and sent to several places?
//!
//! `cargo run -p fapilog --example level_3_pipeline`

use std::{error::Error, fs, time::Duration};

use fapilog::{
    Container, Level, audit, enrich, error, format, info,
    process::Throttle,
    sink::{self, Route, SinkOptions},
};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);

    let logs = Container::builder()
        // Enrichers run first, in the order they are added; processors choose among what has been enriched. Each shard of
        // the drain has plugins of its own, so a plugin is given as what makes it.
        .enricher(|_shard| Box::new(enrich::Context::new()))
        .processor(|_shard| Box::new(Throttle::per_second(100)))
        // Every sink sees the events that have passed, in a format of its own, unless its route selects some of them.
        .sink("all", sink::File::new(path("all.log"), format::Json::new))
        .sink_with("audit", sink::File::new(path("audit.log"), format::Logfmt::new), only(Level::Audit))
        .sink_with(
            "stderr",
            sink::Console::stderr(|| format::Pretty::new().colors(false)),
            SinkOptions::new().route(Route::default().level_min(Level::Error).level_max(Level::Critical)),
        )
        .start()?;

    let log = logs.logger("orders");
    audit!(log, "limit raised", by = "kim");
    error!(log, "feed lost", feed = "XNAS");
    // A loop that ran away: the throttle lets so many pass and takes the others out.
    (0..1000).for_each(|attempt| info!(log, "trying again", attempt));

    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;
    assert!(accounts.filtered_total() > 0, "{accounts}");
    let line_count = |name: &str| fs::read_to_string(path(name)).map(|text| text.lines().count() as u64);
    assert_eq!(line_count("all.log")?, accounts.submitted - accounts.filtered_total());
    assert_eq!(line_count("audit.log")?, 1);
    Ok(())
}

/// Takes events of one level.
fn only(level: Level) -> SinkOptions {
    SinkOptions::new().route(Route::default().level_min(level).level_max(level))
}
