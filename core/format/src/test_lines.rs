//! Lines of single events, and their members, for tests of the formatters for products.

use std::fmt;

use fapilog_plugin::{
    event::Batch,
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    registry::{Entry, PluginSettings, Registry},
    settings::PluginConfig,
    testing::{TestBatches, TestEvent, test_event},
};
use fapilog_record::{field_group::FieldGroup, level::Level, timestamp::Timestamp};
use proptest::prelude::*;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::any_value::{Owned, control_text, control_value};

/// 2026-01-31T23:59:59.123456789Z.
pub(super) const NANOS: u64 = 1_769_903_999_123_456_789;

/// The line of a batch of one event.
pub(super) fn line_of(formatter: &mut impl Formatter, batch: &Batch<'_>) -> String {
    let mut out = b"before\n".to_vec();
    formatter.format(batch, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let line = text.strip_prefix("before\n").and_then(|text| text.strip_suffix('\n')).unwrap();
    assert!(!line.contains('\n'), "{line:?}");
    line.to_owned()
}

/// The line of an event of a call site, with a field `order_id`.
pub(super) fn order_line(mut formatter: impl Formatter) -> String {
    let stage = TestBatches::new().argument("order_id").message("order filled").source("matching-engine");
    stage.batch(&[NANOS], |batch| line_of(&mut formatter, batch))
}

/// The line of an event that describes itself.
pub(super) fn line(mut formatter: impl Formatter, event: TestEvent<'_>) -> String {
    let now = Timestamp::from_unix_nanos(NANOS);
    let stage = TestBatches::new().source("matching-engine").taken(now, std::time::Instant::now());
    stage.events(&[event], |batch| line_of(&mut formatter, batch))
}

/// The formatter that the registry makes by these settings, or all problems.
pub(super) fn by_settings(name: &str, config: &PluginConfig) -> Result<Box<dyn Formatter>, Vec<String>> {
    let mut registry = Registry::empty();
    crate::register(&mut registry).unwrap();
    let Some((_, Entry::Formatter(constructor))) = registry.entry(name) else { panic!("no formatter {name}") };
    let factory: Factory<dyn Formatter> = constructor(&PluginSettings::new(name, config))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(factory.make(ShardInfo::new(0, 1)))
}

/// The members of an object in their order, with keys that come twice.
#[derive(Debug, Clone)]
pub(super) struct Members(pub(super) Vec<(String, Value)>);

impl Members {
    pub(super) fn of(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub(super) fn get(&self, key: &str) -> &Value {
        let (_, value) = self.0.iter().find(|(known, _)| known == key).unwrap_or_else(|| panic!("no {key}: {self:?}"));
        value
    }

    pub(super) fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| key.as_str()).collect()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[track_caller]
pub(super) fn assert_each_once(keys: &[&str]) {
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let twin = sorted.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twin.is_none(), "{twin:?} comes twice in {keys:?}");
}

/// An event with anything in it.
#[derive(Debug, Clone)]
pub(super) struct AnyEvent {
    level: usize,
    target: String,
    message: String,
    fields: Vec<(FieldGroup, String, Owned)>,
}

/// Names that formats give another key, or that have one key in some formats, and others.
fn names() -> impl Strategy<Value = String> {
    let special = vec![
        "a.b",
        "a_b",
        "a*b",
        "a b",
        "a-b",
        "trace_id",
        "trace.id",
        "span_id",
        "pid",
        "process_id",
        "process.pid",
        "id",
        "_id",
        "source",
        "category",
        "not_utf8",
        "truncated",
        "event.id",
        "log.record.uid",
        "",
        "field_category",
        "msg",
        "src",
        "cs1",
        "http.request.method",
        "http..x",
        "labels.a",
        "hostname",
        "error",
        "correlation_id",
        "a_b_2",
    ];
    prop_oneof![3 => prop::sample::select(special).prop_map(str::to_owned), 1 => control_text()]
}

pub(super) fn any_event() -> impl Strategy<Value = AnyEvent> {
    let group = prop::sample::select(vec![FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics]);
    let fields = proptest::collection::vec((group, names(), control_value()), 0..8);
    (0..8_usize, control_text(), control_text(), fields).prop_map(|(level, target, message, fields)| AnyEvent {
        level,
        target,
        message,
        fields,
    })
}

impl AnyEvent {
    /// The line of the event.
    pub(super) fn line(&self, formatter: impl Formatter) -> String {
        let event = test_event(&self.message).target(&self.target).level(Level::ALL[self.level]);
        with_fields(&self.fields, event, |event| line(formatter, event))
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// How many fields a line has: each key of a group counts once.
    pub(super) fn field_count(&self) -> usize {
        let mut names: Vec<_> = self.fields.iter().map(|(group, name, _)| (group.to_byte(), name)).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }
}

/// Calls `test` with the event, and the fields in it.
fn with_fields<R>(
    fields: &[(FieldGroup, String, Owned)],
    event: TestEvent<'_>,
    test: impl FnOnce(TestEvent<'_>) -> R,
) -> R {
    match fields.split_first() {
        None => test(event),
        Some(((group, name, value), others)) => value.view(|value| {
            let TestEvent { level, target, message, fields } = event;
            let event = TestEvent { level, target, message, fields: fields.to_vec() };
            with_fields(others, event.field(*group, name, value), test)
        }),
    }
}
