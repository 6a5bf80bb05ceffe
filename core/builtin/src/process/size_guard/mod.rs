//! Size limit: bounds the size of each event.

pub(crate) mod settings;

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    processor::Processor,
};
use fapilog_record::{field_group::FieldGroup, text::bounded::front, value::ValueRef};

/// More than any event that somebody will read; less than what log stores refuse (a megabyte, as a rule).
const EVENT_MAX_BYTES: usize = 256 * 1024;
/// Below this, an event would be all head.
const EVENT_LEAST_BYTES: usize = 256;
/// As much of a text is left, if that is enough: a shorter one is of little use.
const TEXT_KEPT_BYTES: usize = 64;
/// Bytes of a number, time or address in text, about.
const SCALAR_BYTES: usize = 24;
/// Quotes, colon and comma.
const FIELD_BYTES: usize = 6;
/// Bytes that formatters put before the message: time, level, category, id, with their names.
const HEAD_BYTES: usize = 128;
const FIELDS_DROPPED: &str = "fields_dropped";

/// Keeps each event below a size.
///
/// The size is estimated on the values, as if they were written plainly: 128 bytes for time, level and the like, then
/// source, target, message, correlation id, and keys with values. A formatter that has to escape much writes more.
///
/// From an event that is too large, the longest texts are cut first (the message to a quarter of what is allowed at
/// least, fields to 64 bytes); then the largest fields are dropped; at last the message is cut further, to 64 bytes at least. Time, level, source,
/// target and correlation id stay whole. The event is marked as cut, and `context.fields_dropped` is the number of
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

    /// How large an event may be, in bytes; at least 256. Default: 256 KiB.
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
            let bytes = event_bytes(event);
            if bytes > self.event_max_bytes {
                shrink(event, bytes - self.event_max_bytes, self.event_max_bytes, arena);
            }
        }
        Ok(())
    }
}

fn event_bytes(event: &Event<'_>) -> usize {
    let fields: usize = event.fields().map(|field| field_bytes(field.name, field.value)).sum();
    head_bytes(event) + value_bytes(event.message()) + fields
}

fn head_bytes(event: &Event<'_>) -> usize {
    HEAD_BYTES + event.source().name().len() + event.target().len() + event.correlation_id().map_or(0, str::len)
}

fn field_bytes(name: &str, value: ValueRef<'_>) -> usize {
    FIELD_BYTES + name.len() + value_bytes(value)
}

fn value_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        ValueRef::Sequence(sequence) => sequence.iter().map(|element| 3 + value_bytes(element)).sum(),
        _ => SCALAR_BYTES,
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
        self.left.map_or(0, |value| field_bytes(self.field.name, value))
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
    cut_value(&mut message, TEXT_KEPT_BYTES, &mut excess_bytes);

    if message != event.message() {
        event.set_message(message);
    }
    // Fields made anew come in the order in which they were made.
    parts.sort_by_key(|part| part.place);
    let mut parts = parts.iter();
    event.rewrite_fields(|field| parts.next().and_then(|part| part.left).map(|value| FieldRef { value, ..field }));
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
            cut_value(message, message_kept_bytes, excess_bytes);
        }
        if let Some(value) = &mut part.left {
            cut_value(value, TEXT_KEPT_BYTES, excess_bytes);
        }
    }
    if !is_message_cut {
        cut_value(message, message_kept_bytes, excess_bytes);
    }
}

/// Cuts a text by what is too much, and leaves `kept_bytes` of it at least.
fn cut_value(value: &mut ValueRef<'_>, kept_bytes: usize, excess_bytes: &mut usize) {
    let before = value_bytes(*value);
    let wanted = before.saturating_sub(*excess_bytes).max(kept_bytes);
    if wanted >= before {
        return;
    }
    match value {
        ValueRef::Text(text) => *text = front(text, wanted),
        ValueRef::Bytes(bytes) => *bytes = bytes.get(..wanted).unwrap_or_default(),
        _ => return,
    }
    *excess_bytes = excess_bytes.saturating_sub(before - value_bytes(*value));
}

/// Drops fields, largest first, until it is enough. Returns how many.
fn drop_largest(parts: &mut [SizedField<'_>], excess_bytes: &mut usize) -> u64 {
    if *excess_bytes > 0 {
        // There will be a field with the number.
        *excess_bytes += field_bytes(FIELDS_DROPPED, ValueRef::U64(0));
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
    use fapilog_format::Json;
    use fapilog_plugin::{
        formatter::Formatter,
        testing::{TestBatches, TestEvent, test_event},
    };
    use proptest::prelude::*;

    use super::*;

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
        limited(1000, test_event("message").field(FieldGroup::Context, "a", "x".repeat(700).as_str()), |event| {
            assert!(!event.is_cut());
            assert_eq!(text(event, "a").unwrap().len(), 700);
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
                assert!(text.starts_with(field.name) && text.len() >= TEXT_KEPT_BYTES, "{field:?}");
            }
        });
    }

    #[test]
    fn values_that_cannot_be_cut_are_dropped_and_counted() {
        let numbers: Vec<_> = (0..40).map(|n| format!("number-{n}")).collect();
        let event = numbers.iter().fold(test_event("message"), |event, name| event.field(FieldGroup::Metrics, name, 1));
        limited(512, event, |event| {
            let left = event.fields().filter(|field| field.group == FieldGroup::Metrics).count();
            assert!(left > 0 && event_bytes(event) <= 512);
            assert_eq!(event.field(FieldGroup::Context, FIELDS_DROPPED), Some(ValueRef::U64(40 - left as u64)));
            assert!(event.is_cut());
        });
    }

    #[test]
    fn values_that_do_not_count_go_first_and_nothing_is_cut_for_them() {
        let long = "x".repeat(400);
        let event = test_event("message").field(FieldGroup::Context, "a", long.as_str());
        limited(800, event.clone().field(FieldGroup::Context, "a", long.as_str()), |event| {
            assert!(!event.is_cut() && event_bytes(event) <= 800);
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

    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof!["[aä\"\\\\]{0,300}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..300),]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_is_small_enough_then_and_still_a_line(
            message in "[aä]{0,2000}",
            fields in proptest::collection::vec(("[a-f]{0,3}", any_value()), 0..20),
            event_max_bytes in 256..4000_usize,
        ) {
            let event = fields.iter().fold(test_event(&message), |event, (name, value)| {
                let value = std::str::from_utf8(value).map_or(ValueRef::Bytes(value), ValueRef::Text);
                event.field(FieldGroup::Context, name, value)
            });
            TestBatches::new().events(&[event], |batch| {
                SizeGuard::new().event_max_bytes(event_max_bytes).process(batch).unwrap();
                assert!(event_bytes(&batch.events()[0]) <= event_max_bytes);
                let mut line = Vec::new();
                Json::new().format(batch, &mut line);
                assert!(serde_json::from_slice::<serde_json::Value>(&line).is_ok());
            });
        }
    }
}
