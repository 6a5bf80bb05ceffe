//! Reports of adaptive sampling about the events that it took out.

use std::sync::Arc;

use fapilog_plugin::event::{Batch, Event, EventSubject, FieldRef};
use fapilog_record::{
    call_site::Descriptor,
    field_group::FieldGroup,
    level::Level,
    text::{cut::front_of_words, plain::put_plain},
    value::{OwnedValue, ValueRef},
};

use crate::process::{FieldPath, SamplingKey, adaptive_sampling::keys::SampledKey};

const TARGET: &str = "fapilog::adaptive_sampling";
/// The longest text of a value in a report, in bytes.
const VALUE_MAX_BYTES: usize = 256;

/// That by which reports name a key.
#[derive(Debug, Clone)]
pub(super) enum KeyLabel {
    CallSite {
        /// Without a call site, only target and level are known.
        descriptor: &'static Descriptor,
        level: Level,
        target: Arc<str>,
    },
    Level(Level),
    Field {
        path: FieldPath,
        text: Box<str>,
        /// Under the name of the field, so that redactors know the name of what they see. `None` if it has no part that stands for
        /// it.
        value: Option<OwnedValue>,
    },
    /// The keys beyond the limit.
    Others,
}

impl KeyLabel {
    /// The label of an event's key.
    #[cold]
    pub(super) fn of(key: &SamplingKey, event: &Event<'_>) -> Self {
        match key {
            SamplingKey::CallSite => {
                Self::CallSite { descriptor: event.descriptor(), level: event.level(), target: event.target().into() }
            }
            SamplingKey::Level => Self::Level(event.level()),
            SamplingKey::Field(path) => Self::of_value(path, path.of(event).unwrap_or(ValueRef::None)),
        }
    }

    fn of_value(path: &FieldPath, value: ValueRef<'_>) -> Self {
        let mut text = Vec::new();
        put_plain(&mut text, value);
        let text = String::from_utf8_lossy(&text);
        let front = front_of_words(&text, VALUE_MAX_BYTES);
        let (text, value) = match value {
            ValueRef::None => ("(none)", None),
            ValueRef::Text(_) | ValueRef::Bytes(_) => (front, Some(OwnedValue::of(front))),
            // A part of a map would have no names.
            _ if front.len() < text.len() => ("(a long value)", None),
            value => (front, Some(OwnedValue::with(|out| out.value(value)))),
        };
        Self::Field { path: path.clone(), text: text.into(), value }
    }

    /// The events that a report sums up.
    fn subject(&self) -> EventSubject<'_> {
        match self {
            Self::CallSite { level, target, .. } => {
                EventSubject { level: Some(*level), target: Some(target), source: None }
            }
            Self::Level(level) => EventSubject { level: Some(*level), ..EventSubject::default() },
            Self::Field { .. } | Self::Others => EventSubject::default(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::CallSite { descriptor, level, target } if descriptor.is_dynamic() => {
                format!("target {target} level {level}")
            }
            Self::CallSite { descriptor, .. } => {
                let site = descriptor.site();
                format!("call site {}:{}", site.file(), site.line())
            }
            Self::Level(level) => format!("level {level}"),
            Self::Field { path, text, .. } => format!("{path} {text}"),
            Self::Others => "keys beyond the limit".to_owned(),
        }
    }

    fn put_fields<'a>(&'a self, fields: &mut Vec<FieldRef<'a>>) {
        let mut put = |group, name, value| fields.push(FieldRef { group, name, value });
        match self {
            Self::CallSite { descriptor, level, target } => {
                put(FieldGroup::Tags, "level", ValueRef::Text(level.name()));
                put(FieldGroup::Context, "target", ValueRef::Text(target));
                if !descriptor.is_dynamic() {
                    let site = descriptor.site();
                    put(FieldGroup::Context, "message", ValueRef::Text(site.message()));
                    put(FieldGroup::Context, "file", ValueRef::Text(site.file()));
                    put(FieldGroup::Context, "line", ValueRef::U64(site.line().into()));
                }
            }
            Self::Level(level) => put(FieldGroup::Tags, "level", ValueRef::Text(level.name())),
            Self::Field { path, value: Some(value), .. } => put(path.group(), path.name(), value.view()),
            Self::Field { value: None, .. } | Self::Others => {}
        }
    }
}

/// Reports the events of a key that were taken out since its last report, and begins anew.
pub(super) fn report(key: &mut SampledKey, kind: &str, batch: &mut Batch<'_>) {
    let label = key.label.take().unwrap_or(KeyLabel::Others);
    let mut fields = vec![FieldRef { group: FieldGroup::Tags, name: "key", value: ValueRef::Text(kind) }];
    label.put_fields(&mut fields);
    let metric = |name, number| FieldRef { group: FieldGroup::Metrics, name, value: ValueRef::U64(number) };
    fields.extend([metric("events", key.events), metric("dropped", key.dropped)]);
    let message = format!("adaptive sampling dropped {} of {} events of {}", key.dropped, key.events, label.text());
    batch.emit_about(&label.subject(), Level::Info, TARGET, &message, &fields);
    (key.events, key.dropped) = (0, 0);
}
