//! Events that outlive their batch.

use std::{collections::BTreeMap, fmt};

use fapilog_plugin::event::{Event, EventId};
use fapilog_record::{
    field_group::FieldGroup,
    level::{Category, Level},
    timestamp::Timestamp,
    value::ValueRef,
};

use super::LoggedValue;

/// An event, as the sinks of its container saw it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LoggedEvent {
    /// The id, unique in its container.
    pub id: EventId,
    /// The time of the log call.
    pub timestamp: Timestamp,
    /// Its level.
    pub level: Level,
    /// The category.
    pub category: Category,
    /// The severity, from 1 to 10.
    pub severity: u8,
    /// Its logger's name.
    pub source: String,
    /// The module that logged it.
    pub target: String,
    /// The message. Bytes that are no UTF-8 are replaced.
    pub message: String,
    /// The id that binds it to other events.
    pub correlation_id: Option<String>,
    /// Its context, by key: of values under one key, the one that counts.
    pub context: BTreeMap<String, LoggedValue>,
    /// Its tags, by key.
    pub tags: BTreeMap<String, LoggedValue>,
    /// Its metrics, by key.
    pub metrics: BTreeMap<String, LoggedValue>,
    /// The place in the program; `None` for an event without a call site.
    pub place: Option<Place>,
    /// Whether a part of it was cut because it was too long.
    pub is_cut: bool,
}

/// A place in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, as the compiler was given it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl LoggedEvent {
    /// The value under a key of a part of the event.
    #[must_use]
    pub fn field(&self, group: FieldGroup, name: &str) -> Option<&LoggedValue> {
        match group {
            FieldGroup::Context => self.context.get(name),
            FieldGroup::Tags => self.tags.get(name),
            FieldGroup::Metrics => self.metrics.get(name),
            _ => None,
        }
    }

    /// Whether the library logged it, to report losses or events that a plugin took out.
    #[must_use]
    pub fn is_of_the_library(&self) -> bool {
        self.id.producer == 0
    }

    pub(super) fn of(event: &Event<'_>) -> Self {
        let site = event.descriptor().site();
        let has_site = !site.file().is_empty();
        Self {
            id: event.id(),
            timestamp: event.timestamp(),
            level: event.level(),
            category: event.category(),
            severity: event.severity(),
            source: event.source().name().to_owned(),
            target: event.target().to_owned(),
            message: match event.message() {
                ValueRef::Text(text) => text.to_owned(),
                ValueRef::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => LoggedValue::from(other).to_string(),
            },
            correlation_id: event.correlation_id().map(str::to_owned),
            context: fields(event, FieldGroup::Context),
            tags: fields(event, FieldGroup::Tags),
            metrics: fields(event, FieldGroup::Metrics),
            place: has_site.then(|| Place { file: site.file(), line: site.line() }),
            is_cut: event.is_cut(),
        }
    }
}

fn fields(event: &Event<'_>, group: FieldGroup) -> BTreeMap<String, LoggedValue> {
    let keyed = event.fields().filter(|field| field.group == group);
    let counting = keyed.filter_map(|field| Some((field.name, event.field(group, field.name)?)));
    counting.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// In a line, for reports.
impl fmt::Display for LoggedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.level, self.source, self.message)?;
        for (part, fields) in [("", &self.context), ("tags.", &self.tags), ("metrics.", &self.metrics)] {
            for (name, value) in fields {
                write!(f, " {part}{name}={value}")?;
            }
        }
        if let Some(id) = &self.correlation_id {
            write!(f, " correlation_id={id:?}")?;
        }
        match self.place {
            Some(place) => write!(f, " ({place})"),
            None => write!(f, " ({})", self.target),
        }
    }
}
