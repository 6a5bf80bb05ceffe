//! Redaction: removes sensitive data from events before they reach a sink.
//!
//! # Steps
//!
//! * **Plan.** For each call site it is found out once which arguments their names make sensitive, and which have a text or a number to
//!   look at. A call site without such arguments costs a lookup for each event.
//! * **Look.** The texts of the arguments are scanned. The fields of a scope are looked at once for many events, and so are those that
//!   enrichers share among events.
//! * **Redact.** Only an event in which something was found is changed: its fields are made anew, with texts that stand for the
//!   sensitive ones, and with the list of their paths.
//!
//! A literal message is a text of the program and is not scanned; a placeholder in it follows its field.

mod action;
mod builder;
pub mod content;
mod content_search;
mod counts;
mod event;
mod field_pattern;
#[cfg(test)]
mod hard_cases;
pub(crate) mod hash_key;
mod key_cache;
mod names;
mod partial;
mod plan;
mod rules;
mod scope_memory;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_plugin::{
    data_class::DataClass,
    error::PluginError,
    event::{Batch, Event, FieldRef},
    factory::{Factory, SparedFields},
    per_call_site::PerCallSite,
    plugin_counts::PluginCounts,
    processor::Processor,
    text_redactor::TextRedactor,
};
use fapilog_record::{
    call_site::{DescribedField, FieldName},
    field_group::FieldGroup,
    value::ValueRef,
};

pub use self::{
    action::Action,
    builder::RedactBuilder,
    content::{ContentPattern, ContentRule, PatternError},
    field_pattern::{FieldPattern, FieldPatternError},
};
pub use fapilog_record::keyed_hash::{HashKeyError, KEY_ID_MAX_BYTES, KEY_MIN_BYTES, KeyedHash};

use crate::redact::{
    content_search::ContentSearch,
    key_cache::KeyCache,
    plan::SitePlan,
    rules::{AppliedRule, Rules},
    scope_memory::ScopeMemory,
    value::{RedactedPaths, ValueRedaction, whole_number},
};

/// Removes sensitive data from events: by names of fields, and in texts.
///
/// It is a redactor: it runs behind all processors, and an event that it could not look at goes to no sink.
///
/// ```
/// use fapilog_builtin::redact::{Action, Redact};
/// use fapilog_plugin::data_class::DataClass;
///
/// let redact = Redact::builder().everything().action(DataClass::Email, Action::Partial).build();
/// let factory = redact.into_factory();
/// assert!(factory.protects().contains(&DataClass::CardNumber));
/// ```
///
/// # Clones
/// A clone shares the rules and their counters, and has a memory of its own for what it has found out: one for each shard.
#[doc(alias = "PIIRedactionProcessor")]
#[doc(alias = "field_mask")]
#[doc(alias = "field_blocker")]
#[doc(alias = "regex_mask")]
#[doc(alias = "url_credentials")]
#[derive(Debug)]
pub struct Redact {
    rules: Arc<Rules>,
    counts: PluginCounts,
    plans: PerCallSite<SitePlan>,
    memory: RedactMemory,
}

/// Facts that a redactor has found out, and memory that it uses again.
#[derive(Debug)]
struct RedactMemory {
    keys: KeyCache,
    scopes: ScopeMemory,
    search: ContentSearch,
    path: String,
    applied: Vec<AppliedRule>,
}

/// The fields that enrichers share among the events of a batch, and whether some are sensitive.
type SharedFields<'batch> = Option<(&'batch [FieldRef<'batch>], bool)>;

impl Redact {
    /// The options, with their defaults: all names, and in texts credentials and the data of payment cards.
    pub fn builder() -> RedactBuilder {
        RedactBuilder::new()
    }

    fn of(rules: Arc<Rules>, counts: PluginCounts) -> Self {
        let memory = RedactMemory::new(&rules);
        Self { rules, counts, plans: PerCallSite::new(), memory }
    }

    /// The classes of data that it removes wherever they can be recognized: those of which it knows the names, and finds the texts if texts
    /// of that class can be recognized.
    pub fn protects(&self) -> impl Iterator<Item = DataClass> {
        self.rules.protected()
    }

    /// The fields that it keeps, if they may have sensitive data.
    pub(crate) fn spared(&self) -> impl Iterator<Item = SparedFields> {
        self.rules.keep.iter().filter_map(spared_fields)
    }

    /// How often each rule has applied, in all clones: `name.email`, `content.card_number`, `field`. Rules that have not are missing.
    #[must_use]
    pub fn counts(&self) -> Vec<(String, u64)> {
        self.rules.counts.read()
    }

    /// A redactor of texts that are in no event, by the same rules.
    #[must_use]
    pub fn text_redactor(&self) -> TextRedactor {
        let rules = Arc::clone(&self.rules);
        TextRedactor::new(move |text| redacted_text(&rules, text))
    }

    /// A factory for a container or a registry: of clones for its shards, and with the redactor of texts.
    #[must_use]
    pub fn into_factory(self) -> Factory<dyn Processor> {
        let (protects, spared): (Vec<_>, Vec<_>) = (self.protects().collect(), self.spared().collect());
        let texts = self.text_redactor();
        Factory::processor(move |_shard| self.clone()).protecting(protects).redacting_text(texts).sparing(spared)
    }
}

impl Default for Redact {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Clone for Redact {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.rules), self.counts.clone())
    }
}

impl Processor for Redact {
    fn name(&self) -> &'static str {
        "redact"
    }

    fn counts(&self) -> Option<PluginCounts> {
        Some(self.counts.clone())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        let mut shared: SharedFields<'_> = None;
        for event in batch.events_mut() {
            let (rules, search) = (&*self.rules, &mut self.memory.search);
            let descriptor = event.descriptor();
            let plan = self.plans.get_or_insert_with(descriptor, || SitePlan::of(rules, search, descriptor));
            if self.memory.is_sensitive(rules, plan, event, &mut shared, arena) {
                self.memory.redact(rules, plan, event, arena);
            }
        }
        Ok(())
    }
}

impl RedactMemory {
    fn new(rules: &Rules) -> Self {
        Self {
            keys: KeyCache::default(),
            scopes: ScopeMemory::default(),
            search: ContentSearch::new(rules.scanner.clone()),
            path: String::new(),
            applied: Vec::new(),
        }
    }

    /// Whether something in the event may be sensitive.
    #[inline]
    fn is_sensitive<'batch>(
        &mut self,
        rules: &Rules,
        plan: &SitePlan,
        event: &Event<'batch>,
        shared: &mut SharedFields<'batch>,
        arena: &'batch Bump,
    ) -> bool {
        if event.is_plain() && plan.is_idle() && event.shared_context().is_empty() && !event.is_cut() {
            return false;
        }
        if event.is_cut() && !rules.scanner.is_empty() {
            return true;
        }
        if !event.is_plain_in_scope() {
            return event::is_sensitive(event, &mut self.values_of_site(rules, plan, arena));
        }
        self.has_sensitive_arguments(rules, plan, event, arena)
            || self.is_scope_sensitive(rules, event, arena)
            || self.are_shared_sensitive(rules, event, shared, arena)
    }

    fn has_sensitive_arguments<'batch>(
        &mut self,
        rules: &Rules,
        plan: &SitePlan,
        event: &Event<'batch>,
        arena: &'batch Bump,
    ) -> bool {
        let value = |field: &DescribedField| event.argument(field.root_offset, field.kind);
        if plan.redacted_by_call.iter().any(|field| value::is_redacted(value(field))) {
            return true;
        }
        let is_named = plan.named.iter().any(|argument| match argument.named {
            Some(named) => named.can_be(value(&argument.field)),
            None => !matches!(value(&argument.field), ValueRef::None),
        });
        is_named || plan.scanned.iter().any(|field| self.is_value_sensitive(rules, field.name, value(field), arena))
    }

    /// Whether a value of a name without meaning is sensitive.
    #[inline]
    fn is_value_sensitive<'batch>(
        &mut self,
        rules: &Rules,
        name: FieldName,
        value: ValueRef<'batch>,
        arena: &'batch Bump,
    ) -> bool {
        if let ValueRef::Text(text) = value {
            return self.search.finds(text);
        }
        if let ValueRef::F64(number) = value {
            return whole_number(number).is_some_and(|number| rules.scanner.scan_number(number).is_some());
        }
        // By the field: a pattern of the user may name an entry of a map.
        let field = FieldRef { group: name.group, name: name.name, value };
        event::is_field_sensitive(&field, &mut self.values(rules, arena))
    }

    fn is_scope_sensitive<'batch>(&mut self, rules: &Rules, event: &Event<'batch>, arena: &'batch Bump) -> bool {
        let scope = event.scope();
        if scope.is_empty() {
            return false;
        }
        if let Some(known) = self.scopes.get(scope.as_bytes()) {
            return known;
        }
        let mut values = self.values(rules, arena);
        let is_sensitive = scope.fields().any(|field| event::is_field_sensitive(&field, &mut values));
        self.scopes.keep(scope.as_bytes(), is_sensitive);
        is_sensitive
    }

    fn are_shared_sensitive<'batch>(
        &mut self,
        rules: &Rules,
        event: &Event<'batch>,
        shared: &mut SharedFields<'batch>,
        arena: &'batch Bump,
    ) -> bool {
        let fields = event.shared_context();
        match shared {
            Some((known, is_sensitive)) if std::ptr::eq(*known, fields) => *is_sensitive,
            _ => {
                let mut values = self.values(rules, arena);
                let is_sensitive = fields.iter().any(|field| event::is_field_sensitive(field, &mut values));
                *shared = Some((fields, is_sensitive));
                is_sensitive
            }
        }
    }

    #[cold]
    fn redact<'batch>(&mut self, rules: &Rules, plan: &SitePlan, event: &mut Event<'batch>, arena: &'batch Bump) {
        self.applied.clear();
        event::redact(event, &mut self.values_of_site(rules, plan, arena), arena);
        self.applied.iter().for_each(|rule| rules.counts.add(*rule));
    }

    /// For values that may be the arguments of a call site.
    fn values_of_site<'r, 'batch>(
        &'r mut self,
        rules: &'r Rules,
        plan: &'r SitePlan,
        arena: &'batch Bump,
    ) -> ValueRedaction<'r, 'batch> {
        let redacted_by_call = &*plan.redacted_by_call;
        ValueRedaction { by_message: &plan.by_message, redacted_by_call, ..self.values(rules, arena) }
    }

    fn values<'r, 'batch>(&'r mut self, rules: &'r Rules, arena: &'batch Bump) -> ValueRedaction<'r, 'batch> {
        ValueRedaction {
            rules,
            keys: &mut self.keys,
            search: &mut self.search,
            arena,
            by_message: &[],
            redacted_by_call: &[],
            subject: None,
            path: &mut self.path,
            redacted: RedactedPaths::new_in(arena),
            is_message_filled: false,
            whole: BumpVec::new_in(arena),
            applied: &mut self.applied,
        }
    }
}

/// The fields of a pattern that is kept, if they may have sensitive data: by the name, or because the pattern stands for any name.
fn spared_fields(pattern: &FieldPattern) -> Option<SparedFields> {
    let pattern = pattern.to_string();
    let name = pattern.rsplit('.').next().unwrap_or_default();
    if name.contains('*') {
        return Some(SparedFields::new(pattern, None));
    }
    let class = names::sensitive(name)?.class;
    Some(SparedFields::new(pattern, Some(class)))
}

/// The text of a diagnostic or of a logger's name, if there is something in it.
fn redacted_text(rules: &Rules, text: &str) -> Option<String> {
    let mut memory = RedactMemory::new(rules);
    if !memory.search.finds(text) {
        return None;
    }
    let arena = Bump::new();
    let change = memory.values(rules, &arena).single(FieldGroup::Message, ValueRef::Text(text));
    let changed = change.of(ValueRef::Text(text)).map_or_else(String::new, |value| value.to_string());
    memory.applied.iter().for_each(|rule| rules.counts.add(*rule));
    Some(changed)
}
