//! The rules of a redactor, which its shards share.

use std::collections::BTreeSet;

use fapilog_plugin::data_class::DataClass;
use fapilog_record::field_group::FieldGroup;

use crate::redact::{
    action::Action,
    content::{ContentRule, ContentScanner, FindingRule},
    counts::RuleCounts,
    field_pattern::FieldPattern,
};

/// The rule by which a value was redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppliedRule {
    /// A name that is known to hold sensitive data.
    Name(DataClass),
    /// A field that the user has named.
    Field,
    /// A text that is sensitive by itself.
    Content(FindingRule),
    /// The mask stands for the value, because its substitute could not be made.
    FailedSubstitute,
}

/// The verdict on a field by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldVerdict {
    /// The user keeps it as it is.
    Keep,
    /// The user has it redacted, by the field rule of this number.
    Listed(usize),
    /// Its text decides.
    Scan,
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ClassSet(u32);

impl ClassSet {
    pub(super) fn of(classes: impl IntoIterator<Item = DataClass>) -> Self {
        classes.into_iter().fold(Self::default(), |set, class| Self(set.0 | 1 << class as u32))
    }

    pub(super) fn has(self, class: DataClass) -> bool {
        self.0 & (1 << class as u32) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn classes(self) -> impl Iterator<Item = DataClass> {
        DataClass::ALL.iter().copied().filter(move |class| self.has(*class))
    }
}

/// A field that the user has redacted.
#[derive(Debug, Clone)]
pub(super) struct FieldRule {
    pub(super) pattern: FieldPattern,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) struct Rules {
    pub(super) names: ClassSet,
    pub(super) content: BTreeSet<ContentRule>,
    pub(super) keep: Vec<FieldPattern>,
    pub(super) fields: Vec<FieldRule>,
    pub(super) scanner: ContentScanner,
    /// By the number of a pattern of the user.
    pub(super) pattern_actions: Vec<Action>,
    /// By the number of a class.
    pub(super) class_actions: Vec<Action>,
    /// The field that names the person or thing that an event is about.
    pub(super) subject: Option<(FieldGroup, String)>,
    pub(super) mask: String,
    /// Whether an event lists what was redacted in it.
    pub(super) lists_redacted: bool,
    pub(super) counts: RuleCounts,
}

impl Rules {
    pub(super) fn action_of_class(&self, class: DataClass) -> &Action {
        self.class_actions.get(class as usize).unwrap_or(&Action::Mask)
    }

    /// The class and the action of a finding. A pattern of the user finds what the user thinks to be secret.
    pub(super) fn of_finding(&self, rule: FindingRule) -> (DataClass, &Action) {
        match rule {
            FindingRule::BuiltIn(rule) => (rule.class(), self.action_of_class(rule.class())),
            FindingRule::Pattern(number) => {
                (DataClass::Credential, self.pattern_actions.get(number).unwrap_or(&Action::Mask))
            }
        }
    }

    /// The verdict on a field by its path and its key.
    pub(super) fn verdict(&self, path: &str, key: &str) -> FieldVerdict {
        if self.keep.iter().any(|pattern| pattern.matches(path, key)) {
            return FieldVerdict::Keep;
        }
        let listed = self.fields.iter().position(|rule| rule.pattern.matches(path, key));
        listed.map_or(FieldVerdict::Scan, FieldVerdict::Listed)
    }

    /// Whether the user has named fields, so that paths count.
    pub(super) fn has_patterns(&self) -> bool {
        !self.keep.is_empty() || !self.fields.is_empty()
    }

    pub(super) fn scans_addresses(&self) -> bool {
        self.content.contains(&ContentRule::Ipv4) || self.content.contains(&ContentRule::Ipv6)
    }

    pub(super) fn scans_numbers(&self) -> bool {
        self.content.contains(&ContentRule::CardNumber)
    }

    /// The classes that are redacted wherever they can be recognized.
    pub(super) fn protected(&self) -> impl Iterator<Item = DataClass> {
        let is_found = |class: &DataClass| ContentRule::of_class(*class).all(|rule| self.content.contains(&rule));
        self.names.classes().filter(is_found)
    }
}
