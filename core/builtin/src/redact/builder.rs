//! The options of a redactor.

use std::{collections::BTreeSet, sync::Arc};

use fapilog_plugin::{data_class::DataClass, plugin_counts::PluginCounts};
use fapilog_record::{field_group::FieldGroup, value::REDACTED};

use crate::process::FieldPath;
use crate::redact::{
    Redact,
    action::Action,
    content::{CompiledPatterns, ContentPattern, ContentRule, ContentScanner, PatternError},
    counts::RuleCounts,
    field_pattern::FieldPattern,
    rules::{ClassSet, FieldRule, Rules},
};

/// The options of a [`Redact`]: see [`Redact::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct RedactBuilder {
    names: ClassSet,
    content: BTreeSet<ContentRule>,
    actions: Vec<Action>,
    patterns: Vec<ContentPattern>,
    compiled: CompiledPatterns,
    /// By the number of a pattern.
    pattern_actions: Vec<Action>,
    keep: Vec<FieldPattern>,
    fields: Vec<FieldRule>,
    subject: Option<(FieldGroup, String)>,
    mask: String,
    sees_through: bool,
    lists_redacted: bool,
}

impl RedactBuilder {
    pub(super) fn new() -> Self {
        Self {
            names: ClassSet::of(DataClass::ALL.iter().copied()),
            content: rules_of([DataClass::Credential, DataClass::CardNumber, DataClass::CardSecurityCode]),
            actions: vec![Action::Mask; DataClass::ALL.len()],
            patterns: Vec::new(),
            compiled: CompiledPatterns::default(),
            pattern_actions: Vec::new(),
            keep: Vec::new(),
            fields: Vec::new(),
            subject: None,
            mask: REDACTED.to_owned(),
            sees_through: false,
            lists_redacted: true,
        }
    }

    /// The classes that are found by names of fields. Default: all.
    pub fn names(mut self, classes: impl IntoIterator<Item = DataClass>) -> Self {
        self.names = ClassSet::of(classes);
        self
    }

    /// The classes that are found in texts. A class that only names reveal, such as names of persons, adds nothing. Default:
    /// credentials, card numbers and security codes of cards.
    pub fn content(mut self, classes: impl IntoIterator<Item = DataClass>) -> Self {
        self.content = rules_of(classes);
        self
    }

    /// The kinds of sensitive text that are found, one by one, in the place of those of [classes](Self::content).
    pub fn content_rules(mut self, rules: impl IntoIterator<Item = ContentRule>) -> Self {
        self.content = rules.into_iter().collect();
        self
    }

    /// Everything that is known, in names and in texts, also behind full-width digits and zero-width characters.
    pub fn everything(self) -> Self {
        let all = || DataClass::ALL.iter().copied();
        self.names(all()).content(all()).see_through(true)
    }

    /// Sets the action for data of a class. Default: [`Action::Mask`].
    pub fn action(mut self, class: DataClass, action: Action) -> Self {
        if let Some(known) = self.actions.get_mut(class as usize) {
            *known = action;
        }
        self
    }

    /// Sets the action for data of all classes.
    pub fn action_of_all(mut self, action: &Action) -> Self {
        self.actions.fill(action.clone());
        self
    }

    /// Redacts fields that the program knows to be sensitive.
    pub fn field(mut self, pattern: FieldPattern, action: Action) -> Self {
        self.fields.push(FieldRule { pattern, action });
        self
    }

    /// Leaves fields as they are, whatever their names and their texts.
    pub fn keep(mut self, pattern: FieldPattern) -> Self {
        self.keep.push(pattern);
        self
    }

    /// The field that names the person or thing that an event is about, such as `context.user_id`: a
    /// [substitute](Action::Substitute) may use a key for each. Default: none.
    pub fn subject(mut self, field: impl Into<FieldPath>) -> Self {
        let field = field.into();
        self.subject = Some((field.group(), field.name().to_owned()));
        self
    }

    /// The text in the place of sensitive data. Default: `[redacted]`.
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.mask = mask.into();
        self
    }

    /// Whether full-width digits count as digits, and zero-width characters as nothing. Default: `false`.
    pub fn see_through(mut self, sees_through: bool) -> Self {
        self.sees_through = sees_through;
        self
    }

    /// Whether an event lists what was redacted in it: `context.redacted`. Default: `true`.
    pub fn list_redacted(mut self, lists_redacted: bool) -> Self {
        self.lists_redacted = lists_redacted;
        self
    }

    /// Finds what matches a regular expression of the program's own, in all texts.
    ///
    /// # Errors
    /// When it is no regular expression, is too large together with those before it, or matches the empty text.
    pub fn pattern(mut self, pattern: ContentPattern, action: Action) -> Result<Self, PatternError> {
        self.patterns.push(pattern);
        self.compiled = CompiledPatterns::new(&self.patterns)?;
        self.pattern_actions.push(action);
        Ok(self)
    }

    /// The redactor.
    #[must_use]
    pub fn build(self) -> Redact {
        let names: Vec<String> = self.patterns.iter().map(|pattern| pattern.name.to_string()).collect();
        let scanner = ContentScanner::with_patterns(self.content.iter().copied(), self.sees_through, self.compiled);
        let rules = Arc::new(Rules {
            names: self.names,
            content: self.content,
            keep: self.keep,
            fields: self.fields,
            scanner,
            pattern_actions: self.pattern_actions,
            class_actions: self.actions,
            subject: self.subject,
            mask: self.mask,
            lists_redacted: self.lists_redacted,
            counts: RuleCounts::new(names),
        });
        let counts = PluginCounts::new({
            let rules = Arc::clone(&rules);
            move || rules.counts.read()
        });
        Redact::of(rules, counts)
    }
}

fn rules_of(classes: impl IntoIterator<Item = DataClass>) -> BTreeSet<ContentRule> {
    classes.into_iter().flat_map(ContentRule::of_class).collect()
}
