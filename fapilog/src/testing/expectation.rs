//! A test's expectation of an event.

use std::fmt::{self, Write};

use fapilog_record::{field_group::FieldGroup, level::Level, value::Value};

use super::{LoggedEvent, LoggedValue};

/// An expectation of an event: the event must meet all parts of it. Every event meets an empty expectation.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "an expectation is checked by a `TestLog`"]
pub struct Expectation {
    parts: Vec<ExpectationPart>,
}

#[derive(Debug, Clone, PartialEq)]
enum ExpectationPart {
    Level(Level),
    Message(String),
    MessageContains(String),
    Source(String),
    Target(String),
    CorrelationId(String),
    Field(FieldGroup, String, LoggedValue),
}

impl Expectation {
    /// An empty expectation.
    pub fn new() -> Self {
        Self::default()
    }

    /// It has this level.
    pub fn level(self, level: Level) -> Self {
        self.with(ExpectationPart::Level(level))
    }

    /// This is its whole message.
    pub fn message(self, message: impl AsRef<str>) -> Self {
        self.with(ExpectationPart::Message(message.as_ref().to_owned()))
    }

    /// This is a part of its message.
    pub fn message_contains(self, part: impl AsRef<str>) -> Self {
        self.with(ExpectationPart::MessageContains(part.as_ref().to_owned()))
    }

    /// It is from a logger of this name.
    pub fn source(self, source: impl AsRef<str>) -> Self {
        self.with(ExpectationPart::Source(source.as_ref().to_owned()))
    }

    /// It is from this module.
    pub fn target(self, target: impl AsRef<str>) -> Self {
        self.with(ExpectationPart::Target(target.as_ref().to_owned()))
    }

    /// It has this correlation id.
    pub fn correlation_id(self, id: impl AsRef<str>) -> Self {
        self.with(ExpectationPart::CorrelationId(id.as_ref().to_owned()))
    }

    /// It has a field of this value.
    pub fn field<T: Value + ?Sized>(self, group: FieldGroup, name: &str, value: &T) -> Self {
        self.with(ExpectationPart::Field(group, name.to_owned(), LoggedValue::of(value)))
    }

    fn with(mut self, part: ExpectationPart) -> Self {
        self.parts.push(part);
        self
    }

    /// Whether the event meets it.
    #[must_use]
    pub fn is_met_by(&self, event: &LoggedEvent) -> bool {
        self.parts.iter().all(|part| part.is_met_by(event))
    }

    fn parts_met_by(&self, event: &LoggedEvent) -> usize {
        self.parts.iter().filter(|part| part.is_met_by(event)).count()
    }

    /// The expectation, the event that meets most of it, and all events.
    pub(super) fn report(&self, headline: &str, events: &[LoggedEvent]) -> String {
        let mut report = format!("{headline}\n    {self}\n");
        // Among equals, the latest: as a rule the event just logged.
        let others = events.iter().filter(|event| !self.is_met_by(event));
        if let Some(closest) = others.max_by_key(|event| self.parts_met_by(event))
            && self.parts_met_by(closest) > 0
        {
            let _ = writeln!(report, "the closest is\n    {closest}");
            for part in self.parts.iter().filter(|part| !part.is_met_by(closest)) {
                let _ = writeln!(report, "    where {} is {}", part.name(), part.found(closest));
            }
        }
        list(&mut report, "logged were", events);
        report
    }
}

/// The most events that a report lists.
const LISTED_MAX: usize = 50;

/// Appends the events, one in a line.
pub(super) fn list(report: &mut String, what: &str, events: &[LoggedEvent]) {
    let _ = match events.len() {
        0 => writeln!(report, "{what} no events"),
        1 => writeln!(report, "{what} 1 event"),
        count => writeln!(report, "{what} {count} events"),
    };
    for event in events.iter().take(LISTED_MAX) {
        let _ = writeln!(report, "    {event}");
    }
    if let Some(more @ 1..) = events.len().checked_sub(LISTED_MAX) {
        let _ = writeln!(report, "    and {more} more");
    }
}

impl ExpectationPart {
    fn is_met_by(&self, event: &LoggedEvent) -> bool {
        match self {
            Self::Level(level) => event.level == *level,
            Self::Message(message) => event.message == *message,
            Self::MessageContains(part) => event.message.contains(part),
            Self::Source(source) => event.source == *source,
            Self::Target(target) => event.target == *target,
            Self::CorrelationId(id) => event.correlation_id.as_ref() == Some(id),
            Self::Field(group, name, value) => event.field(*group, name) == Some(value),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Level(_) => "level".to_owned(),
            Self::Message(_) | Self::MessageContains(_) => "message".to_owned(),
            Self::Source(_) => "source".to_owned(),
            Self::Target(_) => "target".to_owned(),
            Self::CorrelationId(_) => "correlation_id".to_owned(),
            Self::Field(FieldGroup::Tags, name, _) => format!("tags.{name}"),
            Self::Field(FieldGroup::Metrics, name, _) => format!("metrics.{name}"),
            Self::Field(_, name, _) => name.clone(),
        }
    }

    /// The event's value for this part.
    fn found(&self, event: &LoggedEvent) -> String {
        match self {
            Self::Level(_) => event.level.to_string(),
            Self::Message(_) | Self::MessageContains(_) => format!("{:?}", event.message),
            Self::Source(_) => format!("{:?}", event.source),
            Self::Target(_) => format!("{:?}", event.target),
            Self::CorrelationId(_) => event.correlation_id.as_ref().map_or("absent".to_owned(), |id| format!("{id:?}")),
            Self::Field(group, name, _) => {
                event.field(*group, name).map_or("absent".to_owned(), LoggedValue::to_string)
            }
        }
    }
}

/// As the macros take it.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("any event");
        }
        for (index, part) in self.parts.iter().enumerate() {
            let name = part.name();
            f.write_str(if index == 0 { "" } else { ", " })?;
            match part {
                ExpectationPart::Level(level) => write!(f, "{name}: {level}")?,
                ExpectationPart::MessageContains(text) => write!(f, "message_contains: {text:?}")?,
                ExpectationPart::Message(text)
                | ExpectationPart::Source(text)
                | ExpectationPart::Target(text)
                | ExpectationPart::CorrelationId(text) => {
                    write!(f, "{name}: {text:?}")?;
                }
                ExpectationPart::Field(_, _, value) => write!(f, "{name} = {value}")?,
            }
        }
        Ok(())
    }
}
