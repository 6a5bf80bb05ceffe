//! How do I write an enricher? This one adds the region, which is the same for all events, and the tenant, which is
//! not.
//!
//! The contract is in `docs/writing-a-plugin.md`.
//!
//! `cargo run -p fapilog --example custom_enricher`

use std::{error::Error, time::Duration};

use fapilog::{
    Container,
    enrich::{CommonFields, Enricher},
    event::{Batch, FieldGroup, ValueRef},
    format, info,
    plugin::PluginError,
    sink,
};

/// Adds `region` to each event's context, and `tags.tenant` to those of loggers that are called `tenant.service`.
struct Place {
    region: String,
    /// Adds fields that many events share: made once in a batch, and rendered once. It gets all names beforehand.
    common: CommonFields,
}

impl Place {
    fn new(region: &str) -> Self {
        Self { region: region.to_owned(), common: CommonFields::new(["region"]) }
    }
}

impl Enricher for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        // An added value must live as long as the batch: in its arena, which takes no allocation from any other user.
        let region: &str = batch.arena().alloc_str(&self.region);
        // An enricher that fails returns an error, and the batch goes on as it is: `Err(PluginError::failed("..."))`.
        self.common.add(batch, |_producer, fields| fields.push("region", ValueRef::Text(region)));
        for event in batch.events_mut() {
            // Data that an event borrows, such as its source, lives long enough already.
            if let Some((tenant, _service)) = event.source().name().split_once('.') {
                // If the user has logged a field of that name, it stays as it is.
                event.add_field(FieldGroup::Tags, "tenant", ValueRef::Text(tenant));
            }
        }
        Ok(())
    }
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    // Called once for each shard of the drain, on its thread: so the enricher needs no lock, and need not be `Send`.
    let logs = Container::builder().enricher(|_shard| Box::new(Place::new("eu-1"))).sink("memory", sink).start()?;
    info!(logs.logger("acme.orders"), "order filled", order_id = 42);
    info!(logs.logger("system"), "started", region = "mine");
    logs.shutdown(Duration::from_secs(5))?.check()?;

    let lines = events.lines();
    let [filled, started] = &lines[..] else { return Err(format!("{lines:?}").into()) };
    assert!(filled.contains(r#""context":{"order_id":42,"region":"eu-1"},"tags":{"tenant":"acme"}"#), "{filled}");
    assert!(started.contains(r#""context":{"region":"mine"}}"#), "{started}");
    Ok(())
}
