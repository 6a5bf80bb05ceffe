//! Size limit: bounds the size of each event.

mod measure;
pub(crate) mod settings;

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    processor::Processor,
};
use fapilog_record::{field_group::FieldGroup, value::ValueRef};

use crate::process::size_guard::measure::{
    ESCAPED_BYTE_MAX, FIELD_BYTES, SEPARATORS_BYTES, SOCKET_BYTES, key_bytes, mark_bytes, text_bytes, value_bytes,
    value_front,
};

/// More than any event that somebody will read; less than what log stores refuse (a megabyte, as a rule).
const EVENT_MAX_BYTES: usize = 256 * 1024;
/// Below this, an event would be all head.
const EVENT_LEAST_BYTES: usize = 512;
/// As much of a text is left, if that is enough: a shorter one is of little use.
const TEXT_KEPT_BYTES: usize = 64;
/// Bytes of all that a JSON line has beside source, target, file, correlation id, message and fields, each at its longest: 235 of
/// keys, time, level and id, 53 of the marks, 26 around the file, and quotes. The lines of the text formats have fewer.
const HEAD_BYTES: usize = 326;
const FIELDS_DROPPED: &str = "fields_dropped";

/// Keeps each event below a size.
///
/// The size is that of a line of JSON or of a text format, escapes included, and never less: no line is longer than the
/// limit, whatever is logged, except by a source, target, correlation id or file name that has no room in it. A line of plain
/// values may be some 100 bytes shorter than the limit, and one without its `call_site` as much as that takes. Sinks that compress or encrypt, and formatters of other crates, have
/// sizes of their own.
///
/// From an event that is too large, the longest texts are cut first (the message to a quarter of what is allowed at
/// least, fields to 64 bytes); then the largest fields are dropped; at last the message is cut further, to 64 bytes at least. Time, level, source,
/// target and correlation id stay whole. The event names the fields that were cut, and `context.fields_dropped` is the number of
/// fields that are gone, if any.
///
/// ```
/// use fapilog_builtin::process::SizeGuard;
///
/// let limit = SizeGuard::new().event_max_bytes(16 * 1024);
/// # let _ = limit;
/// ```
#[doc(alias = "SizeGuardProcessor")]
#[derive(Debug, Clone)]
pub struct SizeGuard {
    event_max_bytes: usize,
}

impl SizeGuard {
    /// Events of 256 KiB at most.
    #[must_use]
    pub fn new() -> Self {
        Self { event_max_bytes: EVENT_MAX_BYTES }
    }

    /// How large an event may be, in bytes; at least 512. Default: 256 KiB.
    #[must_use]
    pub fn event_max_bytes(mut self, bytes: usize) -> Self {
        self.event_max_bytes = bytes.max(EVENT_LEAST_BYTES);
        self
    }
}

impl Default for SizeGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl Processor for SizeGuard {
    fn name(&self) -> &'static str {
        "size_guard"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        for event in batch.events_mut() {
            // Most events are far below the limit: their escapes need not be counted.
            if event_bytes_at_most(event) <= self.event_max_bytes {
                continue;
            }
            let bytes = event_bytes(event);
            if bytes > self.event_max_bytes {
                shrink(event, bytes - self.event_max_bytes, self.event_max_bytes, arena);
            }
        }
        Ok(())
    }
}

/// A bound that is quick to find.
fn event_bytes_at_most(event: &Event<'_>) -> usize {
    let fields = event.fields().map(|field| 64 + 2 * ESCAPED_BYTE_MAX * field.name.len() + raw_bytes(field.value));
    let head = event.source().name().len() + event.target().len() + event.correlation_id().map_or(0, str::len);
    let head = head + event.location().map_or(0, |location| location.file.len());
    HEAD_BYTES + ESCAPED_BYTE_MAX * head + raw_bytes(event.message()) + fields.sum::<usize>() + marks_bytes(event)
}

fn raw_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) => 4 + ESCAPED_BYTE_MAX * text.len(),
        ValueRef::Bytes(bytes) => 4 + ESCAPED_BYTE_MAX * bytes.len(),
        ValueRef::Map(map) => {
            let entry_bytes =
                |(key, value): (&str, _)| 4 + ESCAPED_BYTE_MAX * key.len() + SEPARATORS_BYTES + raw_bytes(value);
            4 + map.iter().map(entry_bytes).sum::<usize>()
        }
        ValueRef::Socket(_) => SOCKET_BYTES,
        ValueRef::Sequence(sequence) => 4 + sequence.iter().map(|element| 1 + raw_bytes(element)).sum::<usize>(),
        _ => 48,
    }
}

fn event_bytes(event: &Event<'_>) -> usize {
    let fields: usize = event.fields().map(field_bytes).sum();
    head_bytes(event) + value_bytes(event.message()) + fields + marks_bytes(event)
}

fn head_bytes(event: &Event<'_>) -> usize {
    let file = event.location().map_or("", |location| location.file);
    let texts = [event.source().name(), event.target(), event.correlation_id().unwrap_or_default(), file];
    HEAD_BYTES + texts.into_iter().map(text_bytes).sum::<usize>()
}

/// The length of the list of fields that were cut.
fn marks_bytes(event: &Event<'_>) -> usize {
    event.cut_fields().iter().map(|(group, name)| mark_bytes(*group, name)).sum()
}

fn field_bytes(field: FieldRef<'_>) -> usize {
    // The name may come a second time, as that of a field that is not UTF-8.
    let mark = if may_be_marked(field.value) { mark_bytes(field.group, field.name) } else { 0 };
    FIELD_BYTES + key_bytes(field.name) + value_bytes(field.value) + mark
}

fn may_be_marked(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Bytes(bytes) => std::str::from_utf8(bytes).is_err(),
        ValueRef::Sequence(sequence) => sequence.iter().any(may_be_marked),
        ValueRef::Map(map) => map.iter().any(|(_, value)| may_be_marked(value)),
        _ => false,
    }
}

/// A field, and its value after the cuts.
#[derive(Clone, Copy)]
struct SizedField<'batch> {
    /// Its place among the event's fields.
    place: usize,
    field: FieldRef<'batch>,
    /// `None` once it is dropped.
    left: Option<ValueRef<'batch>>,
}

impl SizedField<'_> {
    fn left_bytes(&self) -> usize {
        self.left.map_or(0, |value| field_bytes(FieldRef { value, ..self.field }))
    }
}

#[cold]
fn shrink<'batch>(event: &mut Event<'batch>, excess_bytes: usize, event_max_bytes: usize, arena: &'batch Bump) {
    // A key that comes several times counts once from now on: the size of the values that do not count is gained.
    let mut parts = BumpVec::new_in(arena);
    event.rewrite_fields(|field| {
        parts.push(SizedField { place: parts.len(), field, left: Some(field.value) });
        Some(field)
    });
    let mut excess_bytes = excess_bytes.min(event_bytes(event).saturating_sub(event_max_bytes));
    if excess_bytes == 0 {
        return;
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.left_bytes()));

    let mut message = event.message();
    cut_texts(&mut parts, &mut message, event_max_bytes / 4, &mut excess_bytes);
    let dropped = drop_largest(&mut parts, &mut excess_bytes);
    cut_value(&mut message, FieldGroup::Message, "", TEXT_KEPT_BYTES, &mut excess_bytes);

    if message != event.message() {
        event.set_message(message);
        event.mark_field_cut(FieldGroup::Message, "");
    }
    // Fields made anew come in the order in which they were made.
    parts.sort_by_key(|part| part.place);
    let mut left = parts.iter();
    event.rewrite_fields(|field| left.next().and_then(|part| part.left).map(|value| FieldRef { value, ..field }));
    for part in parts.iter().filter(|part| part.left.is_some_and(|left| left != part.field.value)) {
        event.mark_field_cut(part.field.group, part.field.name);
    }
    if dropped > 0 {
        event.add_field(FieldGroup::Context, FIELDS_DROPPED, ValueRef::U64(dropped));
    }
    event.mark_cut();
}

/// Cuts texts, longest first, until it is enough.
fn cut_texts<'batch>(
    parts: &mut [SizedField<'batch>],
    message: &mut ValueRef<'batch>,
    message_kept_bytes: usize,
    excess_bytes: &mut usize,
) {
    let message_bytes = value_bytes(*message);
    let mut is_message_cut = false;
    for part in parts {
        if !is_message_cut && part.left_bytes() <= message_bytes {
            is_message_cut = true;
            cut_value(message, FieldGroup::Message, "", message_kept_bytes, excess_bytes);
        }
        if let Some(value) = &mut part.left {
            cut_value(value, part.field.group, part.field.name, TEXT_KEPT_BYTES, excess_bytes);
        }
    }
    if !is_message_cut {
        cut_value(message, FieldGroup::Message, "", message_kept_bytes, excess_bytes);
    }
}

/// Cuts a text by the excess, and leaves `kept_bytes` of it at least. The event names the field then, which takes room too.
fn cut_value(value: &mut ValueRef<'_>, group: FieldGroup, name: &str, kept_bytes: usize, excess_bytes: &mut usize) {
    if *excess_bytes == 0 || !matches!(value, ValueRef::Text(_) | ValueRef::Bytes(_)) {
        return;
    }
    let before = value_bytes(*value);
    let mark = mark_bytes(group, name);
    let wanted = before.saturating_sub(*excess_bytes + mark).max(kept_bytes);
    if wanted + mark >= before {
        return;
    }
    *value = value_front(*value, wanted);
    *excess_bytes = (*excess_bytes + mark).saturating_sub(before - value_bytes(*value));
}

/// Drops fields, largest first, until it is enough. Returns how many.
fn drop_largest(parts: &mut [SizedField<'_>], excess_bytes: &mut usize) -> u64 {
    if *excess_bytes > 0 {
        // There will be a field with the number.
        *excess_bytes +=
            field_bytes(FieldRef { group: FieldGroup::Context, name: FIELDS_DROPPED, value: ValueRef::U64(0) });
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.left_bytes()));
    let mut dropped = 0;
    for part in parts {
        if *excess_bytes == 0 {
            break;
        }
        *excess_bytes = excess_bytes.saturating_sub(part.left_bytes());
        part.left = None;
        dropped += 1;
    }
    dropped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fapilog_format::{Json, Logfmt, Minimal, Pretty, Simple};
    use fapilog_plugin::{
        formatter::Formatter,
        testing::{TestBatches, TestEvent, test_event},
    };
    use fapilog_record::value::OwnedValue;
    use proptest::prelude::*;

    use super::*;

    /// Lengths are those of lines: plain text has its own, and all else is in the head's.
    fn limited<R>(bytes: usize, event: TestEvent<'_>, test: impl FnOnce(&Event<'_>) -> R) -> R {
        TestBatches::new().events(&[event], |batch| {
            SizeGuard::new().event_max_bytes(bytes).process(batch).unwrap();
            test(&batch.events()[0])
        })
    }

    fn text<'a>(event: &Event<'a>, name: &str) -> Option<&'a str> {
        match event.field(FieldGroup::Context, name)? {
            ValueRef::Text(text) => Some(text),
            other => panic!("not a text: {other:?}"),
        }
    }

    #[test]
    fn an_event_that_is_small_enough_is_not_touched() {
        limited(1000, test_event("message").field(FieldGroup::Context, "a", "x".repeat(600).as_str()), |event| {
            assert!(!event.is_cut());
            assert_eq!(text(event, "a").unwrap().len(), 600);
        });
    }

    #[test]
    fn the_longest_text_is_cut_first_and_no_further_than_it_must() {
        let (long, short) = ("ä".repeat(1000), "y".repeat(100));
        let event = test_event("message").field(FieldGroup::Context, "short", short.as_str());
        limited(1000, event.field(FieldGroup::Context, "long", long.as_str()), |event| {
            assert!(event.is_cut());
            assert_eq!(text(event, "short"), Some(short.as_str()));
            assert!((999..=1000).contains(&event_bytes(event)), "{}", event_bytes(event));
            assert_eq!(event.cut_fields(), [(FieldGroup::Context, "long")]);
            assert_eq!(event.field(FieldGroup::Context, FIELDS_DROPPED), None);
        });
    }

    #[test]
    fn each_field_keeps_its_own_value() {
        let texts: Vec<_> = (0..20).map(|n| format!("{n:02}").repeat(60)).collect();
        let names: Vec<_> = (0..20).map(|n| format!("{n:02}")).collect();
        let fields = names.iter().zip(&texts).rev();
        let event = fields.fold(test_event("message"), |event, (name, value)| {
            event.field(FieldGroup::Context, name, value.as_str()).field(FieldGroup::Tags, name, value.as_str())
        });
        limited(2000, event, |event| {
            assert!(event_bytes(event) <= 2000);
            for field in event.fields().filter(|field| field.name != FIELDS_DROPPED) {
                let ValueRef::Text(text) = field.value else { panic!("not a text: {field:?}") };
                assert!(text.starts_with(field.name) && text.len() + 2 >= TEXT_KEPT_BYTES, "{field:?}");
            }
        });
    }

    #[test]
    fn values_that_cannot_be_cut_are_dropped_and_counted() {
        let numbers: Vec<_> = (0..40).map(|n| format!("number-{n}")).collect();
        let event = numbers.iter().fold(test_event("message"), |event, name| event.field(FieldGroup::Metrics, name, 1));
        limited(1024, event, |event| {
            let left = event.fields().filter(|field| field.group == FieldGroup::Metrics).count();
            assert!(left > 0 && event_bytes(event) <= 1024);
            assert_eq!(event.field(FieldGroup::Context, FIELDS_DROPPED), Some(ValueRef::U64(40 - left as u64)));
            assert!(event.is_cut());
        });
    }

    #[test]
    fn values_that_do_not_count_go_first_and_nothing_is_cut_for_them() {
        let long = "x".repeat(400);
        let event = test_event("message").field(FieldGroup::Context, "a", long.as_str());
        limited(900, event.clone().field(FieldGroup::Context, "a", long.as_str()), |event| {
            assert!(!event.is_cut() && event_bytes(event) <= 900);
            assert_eq!(text(event, "a").unwrap().len(), 400);
        });
    }

    #[test]
    fn a_message_that_is_too_long_is_cut_at_a_characters_boundary() {
        limited(1000, test_event("ä".repeat(4000).as_str()).field(FieldGroup::Context, "a", 1), |event| {
            assert!((999..=1000).contains(&event_bytes(event)));
            assert_eq!(event.field(FieldGroup::Context, "a"), Some(ValueRef::I64(1)));
        });
    }

    #[test]
    fn the_least_limit_leaves_level_source_and_message() {
        let long = "x".repeat(9999);
        let event = test_event("message").level(fapilog_record::level::Level::Error).field(
            FieldGroup::Context,
            "a",
            long.as_str(),
        );
        limited(0, event, |event| {
            assert_eq!((event.level(), event.source().name()), (fapilog_record::level::Level::Error, "source-0"));
            assert_eq!(event.message(), ValueRef::Text("message"));
        });
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[aä ]{0,400}",
            "[\"\\\\<]{0,400}",
            "[\u{0}-\u{1f}\u{7f}-\u{9f}]{0,400}",
            ".{0,200}",
            "[\u{200b}\u{202e}\u{e0001}😀]{0,200}"
        ]
    }

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![any_text().prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..300)]
    }

    /// The longest line of the batch in each format.
    fn line_bytes(batch: &Batch<'_>) -> Vec<usize> {
        let formatters: [Box<dyn Formatter>; 5] = [
            Box::new(Json::new()),
            Box::new(Logfmt::new()),
            Box::new(Simple::new()),
            Box::new(Minimal::new()),
            Box::new(Pretty::new()),
        ];
        let lengths = formatters.into_iter().map(|mut formatter| {
            let mut line = Vec::new();
            formatter.format(batch, &mut line).unwrap();
            line.len()
        });
        lengths.collect()
    }

    #[test]
    fn a_line_of_escapes_keeps_the_limit() {
        for text in ["\u{1}", "\"", "\\", "<", "ä", "😀", "\u{202e}", "\u{9f}"] {
            let long = text.repeat(2000);
            let event = test_event(&long).field(FieldGroup::Context, "a", long.as_str());
            TestBatches::new().events(&[event], |batch| {
                SizeGuard::new().event_max_bytes(1024).process(batch).unwrap();
                let bytes = line_bytes(batch);
                assert!(bytes[0] > 800 && bytes.iter().all(|bytes| *bytes <= 1024), "{text:?}: {bytes:?}");
            });
        }
    }

    #[test]
    fn a_map_is_measured_at_its_longest_in_every_format() {
        for text in ["a", "\u{1}", "\"", "\\", "<", "ä", "😀", "\u{202e}", ":", "{", "\u{e0001}"] {
            let part = text.repeat(200);
            let inner = (part.as_str(), BTreeMap::from([(7, [part.as_bytes(), b"\xff"].concat())]));
            let map = BTreeMap::from([(part.as_str(), inner.clone()), ("", inner)]);
            let map = OwnedValue::of(&map);
            let event = test_event("m").field(FieldGroup::Context, "map", map.view());
            TestBatches::new().events(&[event], |batch| {
                let (bytes, lines) = (event_bytes(&batch.events()[0]), line_bytes(batch));
                assert!(lines.iter().all(|line| *line <= bytes), "{text:?}: {bytes} {lines:?}");
                assert!(event_bytes_at_most(&batch.events()[0]) >= bytes, "{text:?}");
            });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_is_small_enough_then_in_every_format(
            message in any_text(),
            fields in proptest::collection::vec(("[a-f =%ä\u{1}]{0,3}", any_bytes(), any::<bool>()), 0..20),
            event_max_bytes in 700..4000_usize,
        ) {
            let event = fields.iter().fold(test_event(&message), |event, (name, value, is_tag)| {
                let value = std::str::from_utf8(value).map_or(ValueRef::Bytes(value), ValueRef::Text);
                event.field(if *is_tag { FieldGroup::Tags } else { FieldGroup::Context }, name, value)
            });
            TestBatches::new().events(&[event], |batch| {
                SizeGuard::new().event_max_bytes(event_max_bytes).process(batch).unwrap();
                assert!(event_bytes(&batch.events()[0]) <= event_max_bytes);
                let bytes = line_bytes(batch);
                assert!(bytes.iter().all(|bytes| *bytes <= event_max_bytes), "{bytes:?}");
                let mut line = Vec::new();
                Json::new().format(batch, &mut line).unwrap();
                assert!(serde_json::from_slice::<serde_json::Value>(&line).is_ok());
            });
        }
    }
}
