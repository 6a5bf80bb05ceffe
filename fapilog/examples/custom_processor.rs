//! How do I write a processor? This one takes out health checks, and reports their number every minute.
//!
//! The contract is in `docs/writing-a-plugin.md`.
//!
//! `cargo run -p fapilog --example custom_processor`

use std::{
    error::Error,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level, error,
    event::{Batch, Event, FieldGroup, FieldRef, ValueRef},
    format, info,
    plugin::PluginError,
    process::Processor,
    sink,
};

/// The time between two reports.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);

/// Takes out events whose `path` is `/health`, unless they are worse than INFO.
#[derive(Default)]
struct NoHealthChecks {
    taken_out: u64,
    /// The time of the next report; `None` while there is nothing to report.
    summary_due: Option<Instant>,
}

impl NoHealthChecks {
    fn summarize(&mut self, batch: &mut Batch<'_>) {
        let count = FieldRef { group: FieldGroup::Metrics, name: "count", value: ValueRef::U64(self.taken_out) };
        // An event of the library's own, behind the others. It is counted like any other, and sinks see it.
        batch.emit(Level::Info, "example::health", "health checks taken out", &[count]);
        *self = Self::default();
    }
}

fn is_health_check(event: &Event<'_>) -> bool {
    event.level() <= Level::Info && event.field(FieldGroup::Context, "path") == Some(ValueRef::Text("/health"))
}

impl Processor for NoHealthChecks {
    /// The events that it takes out are counted as filtered, under this name.
    fn name(&self) -> &'static str {
        "no_health_checks"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let before = batch.len();
        batch.retain(|event| !is_health_check(event));
        self.taken_out += (before - batch.len()) as u64;
        // The batch's clock: all plugins see the same time, and none asks the system for it.
        let now = batch.instant();
        match self.summary_due {
            Some(due) if now >= due => self.summarize(batch),
            None if self.taken_out > 0 => self.summary_due = Some(now + SUMMARY_INTERVAL),
            _ => {}
        }
        Ok(())
    }

    /// The time of the next call although no event comes: `process` gets an empty batch then.
    fn due(&self) -> Option<Instant> {
        self.summary_due
    }

    /// The container is being shut down, or the processor removed: its last report.
    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.taken_out > 0 {
            self.summarize(batch);
        }
        Ok(())
    }
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs =
        Container::builder().processor(|_shard| Box::<NoHealthChecks>::default()).sink("memory", sink).start()?;
    let log = logs.logger("web");
    (0..100).for_each(|_| info!(log, "request", path = "/health"));
    info!(log, "request", path = "/orders");
    error!(log, "refused", path = "/health");
    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;

    assert_eq!(accounts.filtered, [("no_health_checks".to_owned(), 100)]);
    let lines = events.lines();
    let [_orders, _refused, summary] = &lines[..] else { return Err(format!("{lines:?}").into()) };
    assert!(summary.contains(r#""message":"health checks taken out","metrics":{"count":100}"#), "{summary}");
    Ok(())
}
