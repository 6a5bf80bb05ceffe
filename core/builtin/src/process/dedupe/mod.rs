//! Dedupe: takes out events that are equal to an earlier one.

pub(crate) mod settings;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, EventSubject, FieldRef},
    processor::Processor,
};
use fapilog_record::{
    field_group::FieldGroup,
    level::Level,
    text::{cut::front_of_words, plain::put_plain},
    value::ValueRef,
};

use crate::process::{FieldPath, digest::DigestKey};

const TARGET: &str = "fapilog::dedupe";
/// Default of the time for which an event stands for others that are equal.
const WINDOW: Duration = Duration::from_secs(5);
/// Default number of different events that are known at once. Each takes about a hundred bytes, and its message once it
/// was repeated.
const ENTRIES_MAX: usize = 10_000;
/// The longest message in a summary, in bytes.
const MESSAGE_MAX_BYTES: usize = 1024;

/// Takes out events that are equal to one that came a short while before.
///
/// Two events are equal if level, source, target and message are, and all fields (with their order), or those that were
/// [chosen](Self::fields). Correlation ids are not compared. The comparison is that of a digest of 128 bits under a random
/// key, so two that differ are taken for equal with a chance of 2^-128.
///
/// The first one passes and opens a [window](Self::window); equal events within the window are taken out. At the
/// window's end, if there was any, an event reports them: of the level of the original, of target `fapilog::dedupe`, with the
/// original's message as `context.message`, `tags.source`, `tags.level`, and the number as `metrics.repeated`. Over all
/// such events these add up to what was filtered. The next equal event passes again. The time that counts is that of the
/// drain. A sink that takes the original takes the report.
///
/// AUDIT and SECURITY events, and the library's own, are never taken out. Each shard knows the events of its own threads.
///
/// ```
/// use std::time::Duration;
/// use fapilog_builtin::process::Dedupe;
///
/// // Equal messages about one peer are equal, whatever their other fields are.
/// let dedupe = Dedupe::new().window(Duration::from_secs(10)).fields(["peer"]);
/// # let _ = dedupe;
/// ```
#[doc(alias = "DedupeProcessor")]
#[derive(Debug, Clone)]
pub struct Dedupe {
    window: Duration,
    entries_max: usize,
    /// The fields that are compared, if not all.
    fields: Option<Vec<FieldPath>>,
    key: DigestKey,
    /// Open windows, oldest first.
    entries: VecDeque<DedupeWindow>,
    /// How many entries have gone before the first.
    gone: u64,
    /// Numbers of entries, counted from the first there ever was, by digest.
    numbers: HashMap<u128, u64>,
    /// Number of windows with a repeated event.
    repeating: usize,
    /// Kept for the text of messages.
    text: Vec<u8>,
}

/// The window of an event that others are compared with.
#[derive(Debug, Clone)]
struct DedupeWindow {
    digest: u128,
    began: Instant,
    repeated: u64,
    /// Written down when it is repeated for the first time.
    original: Option<Box<Original>>,
}

#[derive(Debug, Clone)]
struct Original {
    level: Level,
    source: Arc<str>,
    target: String,
    message: String,
}

impl Dedupe {
    /// Compares all fields, for five seconds.
    #[must_use]
    pub fn new() -> Self {
        Self {
            window: WINDOW,
            entries_max: ENTRIES_MAX,
            fields: None,
            key: DigestKey::random(),
            entries: VecDeque::new(),
            gone: 0,
            numbers: HashMap::new(),
            repeating: 0,
            text: Vec::new(),
        }
    }

    /// For how long an event stands for those that are equal to it. Default: five seconds.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How many different events are known at once. Beyond that the oldest is forgotten, and its repetitions are reported.
    /// Default: 10,000; the least is 1.
    #[must_use]
    pub fn entries_max(mut self, entries: usize) -> Self {
        self.entries_max = entries.max(1);
        self
    }

    /// Compares these fields only; with none, level, source, target and message alone.
    #[must_use]
    pub fn fields<P: Into<FieldPath>>(mut self, fields: impl IntoIterator<Item = P>) -> Self {
        self.fields = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    fn digest(&self, event: &Event<'_>) -> u128 {
        let mut digest = self.key.digest();
        digest.number(event.level() as u64);
        digest.number(event.source().id().into());
        digest.text(event.target());
        digest.value(compared_message(event));
        match &self.fields {
            Some(fields) => fields.iter().for_each(|field| digest.value(field.of(event).unwrap_or(ValueRef::None))),
            None => event.fields().for_each(|field| {
                digest.number(field.group as u64);
                digest.text(field.name);
                digest.value(field.value);
            }),
        }
        digest.finish()
    }

    /// Whether an event is the first of its kind; if not, counts it.
    fn is_first(&mut self, event: &Event<'_>, now: Instant) -> bool {
        let digest = self.digest(event);
        let place = self.numbers.get(&digest).map(|number| number.wrapping_sub(self.gone) as usize);
        let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) else {
            self.numbers.insert(digest, self.gone + self.entries.len() as u64);
            self.entries.push_back(DedupeWindow { digest, began: now, repeated: 0, original: None });
            return true;
        };
        entry.repeated += 1;
        if entry.repeated == 1 {
            self.repeating += 1;
            entry.original = Some(original(event, &mut self.text));
        }
        false
    }

    fn forget_oldest(&mut self) -> Option<DedupeWindow> {
        let entry = self.entries.pop_front()?;
        self.gone += 1;
        self.numbers.remove(&entry.digest);
        self.repeating -= usize::from(entry.repeated > 0);
        Some(entry)
    }

    /// Ends the windows that are over by `now`.
    fn end_windows(&mut self, now: Instant, batch: &mut Batch<'_>) {
        while self.entries.front().is_some_and(|entry| now.saturating_duration_since(entry.began) >= self.window) {
            report(self.forget_oldest(), batch);
        }
    }
}

#[cold]
fn original(event: &Event<'_>, text: &mut Vec<u8>) -> Box<Original> {
    text.clear();
    put_plain(text, compared_message(event));
    let message = front_of_words(&String::from_utf8_lossy(text), MESSAGE_MAX_BYTES).to_owned();
    let target = event.target().to_owned();
    Box::new(Original { level: event.level(), source: event.source().shared_name(), target, message })
}

/// Reports how often an event was repeated, if it was.
fn report(entry: Option<DedupeWindow>, batch: &mut Batch<'_>) {
    let Some(DedupeWindow { repeated, original: Some(original), .. }) = entry else { return };
    let field = |group, name, value| FieldRef { group, name, value };
    let fields = [
        field(FieldGroup::Context, "message", ValueRef::Text(&original.message)),
        field(FieldGroup::Tags, "source", ValueRef::Text(&original.source)),
        field(FieldGroup::Tags, "level", ValueRef::Text(original.level.name())),
        field(FieldGroup::Metrics, "repeated", ValueRef::U64(repeated)),
    ];
    let Original { level, source, target, .. } = &*original;
    let subject = EventSubject { level: Some(*level), target: Some(target), source: Some(source) };
    batch.emit_about(&subject, *level, TARGET, "event repeated", &fields);
}

impl Default for Dedupe {
    fn default() -> Self {
        Self::new()
    }
}

impl Processor for Dedupe {
    fn name(&self) -> &'static str {
        "dedupe"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let now = batch.instant();
        self.end_windows(now, batch);
        batch.retain(|event| event.level() >= Level::Audit || event.is_internal() || self.is_first(event, now));
        // Only now, because a batch that is being walked takes no events. It is bounded, and so is what is above the limit.
        while self.entries.len() > self.entries_max {
            report(self.forget_oldest(), batch);
        }
        Ok(())
    }

    /// The oldest window's end, repeated or not; but only if there is a window with a repeated event.
    fn due(&self) -> Option<Instant> {
        self.entries.front().filter(|_| self.repeating > 0).and_then(|entry| entry.began.checked_add(self.window))
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        while let Some(entry) = self.forget_oldest() {
            report(Some(entry), batch);
        }
        Ok(())
    }
}

/// The message without the values of its placeholders: those are fields, of which a redactor takes out what must not be seen.
fn compared_message<'batch>(event: &Event<'batch>) -> ValueRef<'batch> {
    event.message_literal().map_or_else(|| event.message(), ValueRef::Text)
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
    use proptest::prelude::*;

    use super::*;

    /// The number of events that are left, and the summaries: message and number.
    fn run(dedupe: &mut Dedupe, stage: &TestBatches, events: &[TestEvent<'_>]) -> (usize, Vec<(String, u64)>) {
        stage.events(events, |batch| {
            dedupe.process(batch).unwrap();
            left_and_reported(batch)
        })
    }

    fn finish(dedupe: &mut Dedupe) -> Vec<(String, u64)> {
        TestBatches::new().events(&[], |batch| {
            dedupe.finish(batch).unwrap();
            left_and_reported(batch).1
        })
    }

    fn left_and_reported(batch: &Batch<'_>) -> (usize, Vec<(String, u64)>) {
        let (own, left): (Vec<_>, Vec<_>) = batch.events().iter().partition(|event| event.is_internal());
        let reported = own.into_iter().map(|event| {
            let message = event.field(FieldGroup::Context, "message");
            match (event.target(), message, event.field(FieldGroup::Metrics, "repeated")) {
                (TARGET, Some(ValueRef::Text(message)), Some(ValueRef::U64(repeated))) => {
                    (message.to_owned(), repeated)
                }
                other => panic!("no summary: {other:?}"),
            }
        });
        (left.len(), reported.collect())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn equal_events_after_the_first_are_taken_out_and_reported_at_the_windows_end() {
        let (stage, mut dedupe) = (TestBatches::new(), Dedupe::new());
        assert_eq!(run(&mut dedupe, &stage, &[test_event("a"), test_event("b"), test_event("a")]), (2, vec![]));
        stage.at(seconds(4));
        assert_eq!(run(&mut dedupe, &stage, &[test_event("a")]), (0, vec![]));
        assert_eq!(dedupe.due(), Some(stage.instant(seconds(5))));
        stage.at(seconds(5));
        assert_eq!(run(&mut dedupe, &stage, &[]), (0, vec![("a".to_owned(), 2)]));
        assert_eq!(dedupe.due(), None);
    }

    #[test]
    fn a_window_without_end_is_never_due() {
        let (stage, mut dedupe) = (TestBatches::new(), Dedupe::new().window(Duration::MAX));
        assert_eq!(run(&mut dedupe, &stage, &[test_event("a"), test_event("a")]).0, 1);
        assert_eq!(dedupe.due(), None);
        assert_eq!(finish(&mut dedupe), [("a".to_owned(), 1)]);
    }

    #[test]
    fn after_its_window_an_event_passes_again() {
        let (stage, mut dedupe) = (TestBatches::new(), Dedupe::new());
        run(&mut dedupe, &stage, &[test_event("a"), test_event("a")]);
        stage.at(seconds(5));
        assert_eq!(run(&mut dedupe, &stage, &[test_event("a"), test_event("a")]), (1, vec![("a".to_owned(), 1)]));
    }

    #[test]
    fn a_summary_has_the_level_of_the_original() {
        let mut dedupe = Dedupe::new();
        run(&mut dedupe, &TestBatches::new(), &vec![test_event("a").level(Level::Error); 3]);
        TestBatches::new().events(&[], |batch| {
            dedupe.finish(batch).unwrap();
            let event = &batch.events()[0];
            assert_eq!(event.level(), Level::Error);
            assert_eq!(event.field(FieldGroup::Tags, "source"), Some(ValueRef::Text("source-0")));
            assert_eq!(event.field(FieldGroup::Tags, "level"), Some(ValueRef::Text("ERROR")));
        });
    }

    #[test]
    fn events_that_differ_in_anything_that_is_compared_both_stay() {
        let base = || test_event("a").field(FieldGroup::Context, "k", 1);
        for other in [
            test_event("a"),
            test_event("b").field(FieldGroup::Context, "k", 1),
            base().level(Level::Error),
            base().target("other"),
            test_event("a").field(FieldGroup::Context, "k", 2),
            test_event("a").field(FieldGroup::Tags, "k", 1),
            test_event("a").field(FieldGroup::Context, "l", 1),
        ] {
            assert_eq!(run(&mut Dedupe::new(), &TestBatches::new(), &[base(), other.clone()]).0, 2, "{other:?}");
        }
        assert_eq!(run(&mut Dedupe::new(), &TestBatches::new().sources(2), &[base(), base()]).0, 2);
    }

    #[test]
    fn only_chosen_fields_are_compared() {
        let event = |peer, attempt| {
            test_event("a").field(FieldGroup::Context, "peer", peer).field(FieldGroup::Context, "n", attempt)
        };
        let events = [event(1, 1), event(1, 2), event(2, 3)];
        assert_eq!(run(&mut Dedupe::new(), &TestBatches::new(), &events).0, 3);
        assert_eq!(run(&mut Dedupe::new().fields(["peer"]), &TestBatches::new(), &events).0, 2);
        assert_eq!(run(&mut Dedupe::new().fields([""; 0]), &TestBatches::new(), &events).0, 1);
    }

    #[test]
    fn the_values_of_a_messages_placeholders_are_compared_as_fields_alone() {
        for (fields, passed) in [(vec![], 1), (vec!["n"], 2)] {
            let (stage, mut dedupe) = (TestBatches::new().message("order {n} is late"), Dedupe::new().fields(fields));
            let left = stage.batch(&[7, 8, 7], |batch| {
                dedupe.process(batch).unwrap();
                batch.events().len()
            });
            assert_eq!(left, passed);
        }
    }

    #[test]
    fn audit_and_security_are_never_taken_out() {
        for level in [Level::Audit, Level::Security] {
            assert_eq!(run(&mut Dedupe::new(), &TestBatches::new(), &vec![test_event("a").level(level); 3]).0, 3);
        }
    }

    #[test]
    fn beyond_the_limit_the_oldest_is_forgotten_and_reported() {
        let (stage, mut dedupe) = (TestBatches::new(), Dedupe::new().entries_max(2));
        run(&mut dedupe, &stage, &[test_event("a"), test_event("a"), test_event("b")]);
        assert_eq!(run(&mut dedupe, &stage, &[test_event("c")]), (1, vec![("a".to_owned(), 1)]));
        assert_eq!((dedupe.entries.len(), dedupe.numbers.len()), (2, 2));
        assert_eq!(run(&mut dedupe, &stage, &[test_event("b"), test_event("a")]).0, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_summaries_add_up_to_what_was_taken_out(
            batches in proptest::collection::vec((0..4_u64, proptest::collection::vec(0..6_usize, 0..12)), 0..20),
            entries_max in 1..6_usize,
        ) {
            const MESSAGES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
            let (stage, mut dedupe, mut passed) = (TestBatches::new(), Dedupe::new().entries_max(entries_max), 0);
            let (mut gone, mut reported) = (0, 0);
            for (seconds_passed, messages) in batches {
                passed += seconds_passed;
                stage.at(seconds(passed));
                let events: Vec<_> = messages.into_iter().map(|message| test_event(MESSAGES[message])).collect();
                let (left, summaries) = run(&mut dedupe, &stage, &events);
                gone += events.len() - left;
                reported += summaries.iter().map(|(_, repeated)| repeated).sum::<u64>();
            }
            reported += finish(&mut dedupe).iter().map(|(_, repeated)| repeated).sum::<u64>();
            prop_assert_eq!(reported, gone as u64);
            prop_assert!(dedupe.entries.is_empty() && dedupe.numbers.is_empty() && dedupe.repeating == 0);
        }
    }
}
