//! Call sites that are made at run time, as other libraries make them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{ops::Range, sync::OnceLock};

use law::{each_way, only};
use serde_json::json;
use tracing::{
    Callsite, Event, Metadata,
    callsite::Identifier,
    field::{FieldSet, Value},
    metadata::Kind,
    subscriber::Interest,
};

struct MadeSite(OnceLock<Metadata<'static>>);

impl Callsite for MadeSite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().unwrap()
    }
}

/// A call site with fields of these numbers, without a file.
fn made(fields: Range<usize>) -> &'static Metadata<'static> {
    let names: Vec<&'static str> = fields.map(|n| &*format!("field_{n}").leak()).collect();
    let site: &'static MadeSite = Box::leak(Box::new(MadeSite(OnceLock::new())));
    let set = FieldSet::new(names.leak(), Identifier(site));
    let metadata = Metadata::new("made", "made::up", tracing::Level::INFO, None, None, None, set, Kind::EVENT);
    site.0.set(metadata).unwrap();
    tracing::callsite::register(site);
    site.0.get().unwrap()
}

#[test]
fn an_event_of_very_many_fields_has_them_all() {
    const FIELDS: usize = 300;
    let metadata = made(0..FIELDS);
    let numbers: Vec<u64> = (0..FIELDS as u64).collect();
    each_way(
        || {
            let values: Vec<Option<&dyn Value>> = numbers.iter().map(|number| Some(number as &dyn Value)).collect();
            Event::dispatch(metadata, &metadata.fields().value_set_all(&values));
        },
        |events| {
            let event = only(events);
            let context = event["context"].as_object().unwrap();
            assert_eq!((context.len(), &context["field_299"]), (FIELDS, &json!(299)));
            assert_eq!((&event["message"], &event["target"]), (&json!("made"), &json!("made::up")));
        },
    );
}

#[test]
fn call_sites_of_any_number_are_not_mixed_up() {
    let sites: Vec<_> = (0..3_000).map(|n| made(n..n + 1)).collect();
    each_way(
        || {
            for (number, metadata) in sites.iter().enumerate() {
                let value: Option<&dyn Value> = Some(&number);
                Event::dispatch(metadata, &metadata.fields().value_set_all(&[value]));
            }
        },
        |events| {
            assert_eq!(events.len(), sites.len());
            for (number, event) in events.iter().enumerate() {
                assert_eq!(event["context"], json!({format!("field_{number}"): number}));
            }
        },
    );
}
