//! An entry of the list of sinks.

use std::fmt;

use fapilog_engine::container::{DeadLetterOptions, SpillOptions};
use fapilog_plugin::sink::OnFull;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{DeliverySettings, dead_letters::DeadLetterTable, spill::SpillTable};

/// A sink, as the settings name it: `"file"`, or
/// `{ name = "orders", type = "file", formatter = "logfmt", on_full = "drop" }`.
///
/// Its own settings are in `plugin_config`, under its name. How its payloads are delivered is no setting of its own, and is in
/// this table: `{ name = "agent", delivery = { attempts = 10, timeout = "5s" }, fallback = "orders" }`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SinkEntry {
    /// Its name in the container.
    pub name: String,
    /// The name of the sink in the registry; if none is given, its own name.
    pub kind: Option<String>,
    /// The formatter of its events; if none is given, the setting `formatter`.
    pub formatter: Option<String>,
    /// The behaviour while it has no room; if it is not given, the sink decides.
    pub on_full: Option<OnFull>,
    /// How its payloads are delivered; settings that are not given are the sink's own.
    pub delivery: DeliverySettings,
    /// The name of another sink, which gets the payloads that this one cannot deliver.
    pub fallback: Option<String>,
    /// Where payloads wait on disk that the destination does not take now.
    pub spill: Option<SpillOptions>,
    /// The file for payloads that are given up.
    pub dead_letters: Option<DeadLetterOptions>,
}

impl SinkEntry {
    /// The sink that the registry knows by this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: None,
            formatter: None,
            on_full: None,
            delivery: DeliverySettings::new(),
            fallback: None,
            spill: None,
            dead_letters: None,
        }
    }

    /// The name of the sink in the registry.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// The formatter of its events.
    #[must_use]
    pub fn formatter(mut self, formatter: impl Into<String>) -> Self {
        self.formatter = Some(formatter.into());
        self
    }

    /// The behaviour while it has no room.
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = Some(on_full);
        self
    }

    /// How its payloads are delivered: [`DeliverySettings`], or all of a [policy](fapilog_plugin::sink::DeliveryPolicy).
    #[must_use]
    pub fn delivery(mut self, delivery: impl Into<DeliverySettings>) -> Self {
        self.delivery = delivery.into();
        self
    }

    /// The name of another sink, which gets the payloads that this one cannot deliver.
    #[must_use]
    pub fn fallback(mut self, sink: impl Into<String>) -> Self {
        self.fallback = Some(sink.into());
        self
    }

    /// Where payloads wait on disk that the destination does not take now.
    #[must_use]
    pub fn spill(mut self, spill: SpillOptions) -> Self {
        self.spill = Some(spill);
        self
    }

    /// The file for payloads that are given up.
    #[must_use]
    pub fn dead_letters(mut self, dead_letters: DeadLetterOptions) -> Self {
        self.dead_letters = Some(dead_letters);
        self
    }

    /// The name of the sink in the registry.
    pub(crate) fn registered_name(&self) -> &str {
        self.kind.as_deref().unwrap_or(&self.name)
    }
}

impl From<&str> for SinkEntry {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for SinkEntry {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// A sink as a table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkTable {
    name: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    formatter: Option<String>,
    #[serde(default)]
    on_full: Option<OnFull>,
    #[serde(default, skip_serializing_if = "DeliverySettings::is_empty")]
    delivery: DeliverySettings,
    #[serde(default)]
    fallback: Option<String>,
    #[serde(default)]
    spill: Option<SpillTable>,
    #[serde(default)]
    dead_letters: Option<DeadLetterTable>,
}

impl From<SinkTable> for SinkEntry {
    fn from(table: SinkTable) -> Self {
        let SinkTable { name, kind, formatter, on_full, delivery, fallback, spill, dead_letters } = table;
        let (spill, dead_letters) = (spill.map(Into::into), dead_letters.map(Into::into));
        Self { name, kind, formatter, on_full, delivery, fallback, spill, dead_letters }
    }
}

impl Serialize for SinkEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::new(self.name.as_str()) {
            return serializer.serialize_str(&self.name);
        }
        let Self { name, kind, formatter, on_full, delivery, fallback, spill, dead_letters } = self.clone();
        let (spill, dead_letters) = (spill.map(Into::into), dead_letters.map(Into::into));
        SinkTable { name, kind, formatter, on_full, delivery, fallback, spill, dead_letters }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SinkEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SinkEntryVisitor)
    }
}

struct SinkEntryVisitor;

impl<'de> Visitor<'de> for SinkEntryVisitor {
    type Value = SinkEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the name of a sink, or a table with name, type, formatter, on_full, delivery, fallback, spill and \
             dead_letters",
        )
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<SinkEntry, E> {
        Ok(SinkEntry::new(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SinkEntry, A::Error> {
        SinkTable::deserialize(MapAccessDeserializer::new(map)).map(SinkEntry::from)
    }
}
