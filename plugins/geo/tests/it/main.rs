//! The enricher, with databases that the tests write.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod allocations;
mod container;
mod lookups;
mod mmdb;
mod reload;
mod settings;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fapilog_plugin::{
    enricher::Enricher,
    event::Event,
    field_group::FieldGroup,
    testing::{TestBatches, TestEvent, test_event},
    value::ValueRef,
};
use mmdb::{MmdbValue, map, text};
use tempfile::TempDir;

/// A directory with a database of the type City.
struct Databases {
    directory: TempDir,
}

impl Databases {
    fn new() -> Self {
        let new = Self { directory: tempfile::tempdir().unwrap() };
        new.write(&mmdb::file("GeoLite2-City", 6, &networks("Berlin")));
        new
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("city.mmdb")
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
    }

    /// As a tool does that updates databases.
    fn replace(&self, bytes: &[u8]) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }
}

/// A network of each kind that the tests look for.
fn networks(city: &str) -> Vec<(&'static str, MmdbValue)> {
    vec![
        ("203.0.113.0/24", place("DE", "EU", &[("en", city), ("de", "Berlin (de)")], Some((52.5196, 13.4069)))),
        ("198.51.100.0/25", place("GB", "EU", &[("en", "London")], None)),
        ("198.51.100.128/25", place("FR", "EU", &[("en", "Paris")], None)),
        ("2001:db8:1::/48", place("JP", "AS", &[("en", "Tokyo")], None)),
        ("192.0.2.0/24", map([("continent", map([("code", text("NA"))]))])),
    ]
}

fn place(country: &str, continent: &str, names: &[(&str, &str)], location: Option<(f64, f64)>) -> MmdbValue {
    let names = MmdbValue::Map(names.iter().map(|(language, name)| ((*language).to_owned(), text(name))).collect());
    let mut parts = vec![
        ("country", map([("iso_code", text(country)), ("geoname_id", MmdbValue::U32(1))])),
        ("continent", map([("code", text(continent))])),
        ("city", map([("names", names)])),
    ];
    if let Some((latitude, longitude)) = location {
        let location = map([("latitude", MmdbValue::Double(latitude)), ("longitude", MmdbValue::Double(longitude))]);
        parts.push(("location", location));
    }
    map(parts)
}

/// The fields of an event by name, as text.
type Fields = BTreeMap<String, String>;

fn fields_of(event: &Event<'_>) -> Fields {
    event.fields().map(|field| (field.name.to_owned(), field.value.to_string())).collect()
}

/// The fields of the event behind the enricher.
fn enriched(enricher: &mut dyn Enricher, event: &TestEvent<'_>) -> Fields {
    TestBatches::new().events(std::slice::from_ref(event), |batch| {
        enricher.enrich(batch).unwrap();
        fields_of(&batch.events()[0])
    })
}

fn from_client<'a>(address: impl Into<ValueRef<'a>>) -> TestEvent<'a> {
    test_event("request").field(FieldGroup::Context, "client_ip", address)
}

/// The places of an address: the values of the fields that were added, in the order of their names.
fn places(enricher: &mut dyn Enricher, address: &str) -> Vec<String> {
    let fields = enriched(enricher, &from_client(address));
    fields.into_iter().filter(|(name, _)| name.starts_with("geo.")).map(|(_, value)| value).collect()
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}
