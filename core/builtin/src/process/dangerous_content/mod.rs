//! Dangerous content: flags or takes out events with text that attacks the programs which read a log.

mod patterns;
pub(crate) mod settings;

use std::time::{Duration, Instant};

use aho_corasick::BuildError;
use bumpalo::Bump;
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    named_enum,
    processor::Processor,
};
use fapilog_record::{
    directives::is_within,
    dynamic::put_value,
    field_group::FieldGroup,
    level::Level,
    value::{SequenceRef, ValueRef},
};

pub use self::patterns::Danger;
use self::patterns::{DangerFinder, Dangers};
use crate::process::site_reports::SiteReports;

/// How many places a flag names; an event may have thousands of fields.
const PLACES_MAX: usize = 16;

named_enum! {
    /// The fate of an event with dangerous content.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum DangerAction {
        /// It is flagged, and goes on.
        #[default]
        Flag = "flag",
        /// It is taken out.
        Reject = "reject",
    }
}

/// Flags events with text that attacks the programs which read a log, or takes them out.
///
/// Formatters escape all text as their format needs it, so a flag is enough for most. Rejection is for those whose rules forbid
/// that such text is stored: an attacker then decides which events are missing.
///
/// The values of fields, their keys in maps, the correlation id, and messages that are made at run time are looked at; literal
/// messages are the program's. An event with such text has in `context.dangerous` a list of places and [kinds](Danger), such as
/// `["context.user: script"]`: the first 16.
///
/// A rejected event is counted as filtered. For each call site, an event of level SECURITY and target `fapilog::dangerous_content`
/// reports them, at most one in a minute, with the number since the last as `metrics.events`; over all reports these add up
/// to the events that were rejected. AUDIT and SECURITY events are flagged and not rejected, unless [`levels`](Self::levels) names them.
///
/// ```
/// use fapilog_builtin::process::{Danger, DangerousContent};
///
/// let content = DangerousContent::reject().kinds([Danger::ControlCharacters, Danger::Script]).exclude(["app::database"]);
/// # let _ = content;
/// ```
#[derive(Debug, Clone)]
pub struct DangerousContent {
    action: DangerAction,
    kinds: Dangers,
    /// Made of `kinds` when it is needed first.
    finder: Option<DangerFinder>,
    /// A bit for each level whose events may be taken out.
    levels: u16,
    exclude: Vec<String>,
    reports: SiteReports,
}

impl DangerousContent {
    fn new(action: DangerAction) -> Self {
        let levels = Level::ALL.into_iter().filter(|level| *level < Level::Audit);
        Self {
            action,
            kinds: Dangers::ALL,
            finder: None,
            levels: bits(levels),
            exclude: Vec::new(),
            reports: SiteReports::new("fapilog::dangerous_content", "events with dangerous content were rejected"),
        }
    }

    /// Flags events.
    #[must_use]
    pub fn flag() -> Self {
        Self::new(DangerAction::Flag)
    }

    /// Takes events out.
    #[must_use]
    pub fn reject() -> Self {
        Self::new(DangerAction::Reject)
    }

    /// The kinds of content that are looked for. Default: all.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Danger>) -> Self {
        self.kinds = Dangers::of(kinds);
        self.finder = None;
        self
    }

    /// The levels whose events are taken out; those of others are flagged. Default: all but AUDIT and SECURITY.
    #[must_use]
    pub fn levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.levels = bits(levels);
        self
    }

    /// Does not look at events of these targets and of modules within them: of a layer that logs SQL, for example.
    #[must_use]
    pub fn exclude<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.exclude.extend(targets.into_iter().map(Into::into));
        self
    }

    /// The least time between two reports about a call site. Default: a minute.
    #[must_use]
    pub fn report_every(mut self, every: Duration) -> Self {
        self.reports.every = every;
        self
    }

    /// Whether no AUDIT or SECURITY event is taken out.
    fn keeps_audit_events(&self) -> bool {
        self.action == DangerAction::Flag || self.levels & bits([Level::Audit, Level::Security]) == 0
    }

    fn ready_finder(&mut self) -> Result<DangerFinder, BuildError> {
        match self.finder.take() {
            Some(finder) => Ok(finder),
            None => DangerFinder::new(self.kinds),
        }
    }

    fn is_looked_at(&self, event: &Event<'_>) -> bool {
        !event.is_internal() && !self.exclude.iter().any(|module| is_within(event.target(), module))
    }

    /// Whether an event stays. Flags or counts it.
    fn keeps<'batch>(&mut self, event: &mut Event<'batch>, finder: &DangerFinder, arena: &'batch Bump) -> bool {
        if !self.is_looked_at(event) {
            return true;
        }
        let found = all_dangers(event, finder);
        if found.is_empty() {
            return true;
        }
        if self.action == DangerAction::Reject && self.levels & bits([event.level()]) != 0 {
            self.reports.add(event, found.names());
            return false;
        }
        let places = places_in(event, finder, arena);
        event.set_field(FieldGroup::Context, "dangerous", places);
        true
    }
}

fn bits(levels: impl IntoIterator<Item = Level>) -> u16 {
    levels.into_iter().fold(0, |all, level| all | 1 << level as u8)
}

/// Calls `look` with the texts of an event that are not the program's own, each with its place.
fn visit_texts<'batch>(event: &Event<'batch>, mut look: impl FnMut(FieldGroup, &'batch str, ValueRef<'batch>)) {
    if event.descriptor().site().message().is_empty() {
        look(FieldGroup::Message, "", event.message());
    }
    if let Some(id) = event.correlation_id() {
        look(FieldGroup::CorrelationId, "", ValueRef::Text(id));
    }
    event.fields().for_each(|field| look(field.group, field.name, field.value));
}

fn all_dangers(event: &Event<'_>, finder: &DangerFinder) -> Dangers {
    let mut found = Dangers::default();
    visit_texts(event, |_, _, value| found = found.and(finder.dangers_in(value)));
    found
}

/// `["context.user: script", "message: sql"]`, in memory of the batch.
fn places_in<'batch>(event: &Event<'batch>, finder: &DangerFinder, arena: &'batch Bump) -> ValueRef<'batch> {
    let mut places: Vec<String> = Vec::new();
    visit_texts(event, |group, name, value| {
        for danger in finder.dangers_in(value).names() {
            let place = match group {
                FieldGroup::Message => format!("message: {danger}"),
                FieldGroup::CorrelationId => format!("correlation_id: {danger}"),
                FieldGroup::Tags => format!("tags.{name}: {danger}"),
                FieldGroup::Metrics => format!("metrics.{name}: {danger}"),
                _ => format!("context.{name}: {danger}"),
            };
            // A key may come more than once.
            if places.len() < PLACES_MAX && !places.contains(&place) {
                places.push(place);
            }
        }
    });
    let mut list = Vec::new();
    places.iter().for_each(|place| put_value(&mut list, ValueRef::Text(place)));
    let len = places.len();
    ValueRef::Sequence(SequenceRef::self_typed(arena.alloc_slice_copy(&list), len))
}

impl Processor for DangerousContent {
    fn name(&self) -> &'static str {
        "dangerous_content"
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        let finder = self.ready_finder().map_err(PluginError::failed)?;
        batch.retain_mut(|event| self.keeps(event, &finder, arena));
        self.finder = Some(finder);
        if !self.reports.is_empty() {
            self.reports.report(batch);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.reports.due()
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.reports.report_all(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};

    use super::*;

    const ATTACK: &str = "<script>alert(1)</script>";

    /// The flags of the events that stay.
    fn kept(content: &mut DangerousContent, events: &[TestEvent<'_>]) -> Vec<String> {
        TestBatches::new().events(events, |batch| {
            content.process(batch).unwrap();
            let own = batch.events().iter().filter(|event| !event.is_internal());
            own.map(|event| {
                event.field(FieldGroup::Context, "dangerous").map(|flag| flag.to_string()).unwrap_or_default()
            })
            .collect()
        })
    }

    fn by(user: &str) -> TestEvent<'_> {
        test_event("login").field(FieldGroup::Context, "user", user)
    }

    #[test]
    fn a_flag_names_places_and_kinds() {
        let mut content = DangerousContent::flag();
        let everywhere = TestEvent { message: "\x1b ${jndi:x}", ..by(ATTACK) };
        let everywhere = everywhere.field(FieldGroup::Tags, "q", "' or 1=1").field(FieldGroup::Metrics, "m", "\0");
        let events = [by("ada"), by(ATTACK), everywhere];
        assert_eq!(
            kept(&mut content, &events),
            [
                "",
                "[context.user: script]",
                "[message: control_characters, message: lookup, context.user: script, tags.q: sql, metrics.m: control_characters]",
            ]
        );
        let with_id = by("ada").field(FieldGroup::CorrelationId, "", ATTACK);
        assert_eq!(kept(&mut content, &[with_id]), ["[correlation_id: script]"]);
    }

    #[test]
    fn a_flag_of_the_programs_own_is_replaced() {
        let event = by(ATTACK).field(FieldGroup::Context, "dangerous", "no");
        assert_eq!(kept(&mut DangerousContent::flag(), &[event]), ["[context.user: script]"]);
    }

    #[test]
    fn a_flag_names_sixteen_places_at_most() {
        let names: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
        let event = names.iter().fold(test_event("m"), |event, name| event.field(FieldGroup::Context, name, ATTACK));
        let flags = kept(&mut DangerousContent::flag(), &[event]);
        assert!(
            flags[0].starts_with("[context.f0: script, ") && flags[0].ends_with(", context.f15: script]"),
            "{}",
            flags[0]
        );
    }

    #[test]
    fn a_literal_message_is_not_looked_at() {
        let stage = TestBatches::new().message("<script> in the program");
        stage.batch(&[1], |batch| {
            DangerousContent::reject().process(batch).unwrap();
            assert_eq!(batch.len(), 1);
        });
    }

    #[test]
    fn a_rejected_event_is_taken_out_and_audit_and_security_are_flagged() {
        let events = [by(ATTACK), by("ada"), by(ATTACK).level(Level::Audit), by(ATTACK).level(Level::Security)];
        let flag = "[context.user: script]";
        assert_eq!(kept(&mut DangerousContent::reject(), &events), ["", flag, flag]);
        let chosen = DangerousContent::reject().levels([Level::Audit]);
        assert_eq!(kept(&mut chosen.clone(), &events), [flag, "", flag]);
    }

    #[test]
    fn chosen_kinds_and_targets_are_looked_at() {
        let mut sql = DangerousContent::reject().kinds([Danger::Sql]);
        assert_eq!(kept(&mut sql, &[by(ATTACK), by("' or 1=1")]), [""]);
        let mut but_app = DangerousContent::reject().exclude(["app"]);
        assert_eq!(kept(&mut but_app, &[by(ATTACK).target("app::db"), by(ATTACK).target("apple")]), [""]);
    }

    #[test]
    fn the_reports_add_up_to_what_was_rejected() {
        let (stage, mut content) = (TestBatches::new(), DangerousContent::reject());
        let mut reported = Vec::new();
        let mut at = |seconds: u64, events: &[TestEvent<'_>]| {
            stage.at(Duration::from_secs(seconds));
            stage.events(events, |batch| {
                content.process(batch).unwrap();
                for event in batch.events().iter().filter(|event| event.is_internal()) {
                    assert_eq!((event.level(), event.target()), (Level::Security, "fapilog::dangerous_content"));
                    let Some(ValueRef::U64(events)) = event.field(FieldGroup::Metrics, "events") else {
                        panic!("no number")
                    };
                    reported.push((seconds, events, event.field(FieldGroup::Context, "rules").unwrap().to_string()));
                }
            });
        };
        at(1, &[by(ATTACK), by("ada")]);
        at(2, &[by(ATTACK), by("\x1b")]);
        at(60, &[]);
        at(61, &[]);
        assert_eq!(reported, [(1, 1, "[script]".to_owned()), (61, 2, "[script, control_characters]".to_owned())]);
    }
}
