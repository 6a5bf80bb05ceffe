//! The plan of a redactor for the events of a call site: made once.

use fapilog_plugin::data_class::DataClass;
use fapilog_record::{
    call_site::{DescribedField, Descriptor, LiteralPart, LiteralTemplate},
    field_group::FieldGroup,
    value::Kind,
};

use crate::redact::{
    content_search::ContentSearch,
    key_cache::named,
    names::NamedData,
    rules::{FieldVerdict, Rules},
};

/// Texts that a rule for what follows a keyword takes for a secret, and for a security code.
const SAMPLES: [&str; 2] = ["Zq7vXw9Lk3TtR8pB", "123"];

/// An argument that its name makes sensitive, if the value can be such data.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedArgument {
    pub(super) field: DescribedField,
    /// `None`: whatever the value is.
    pub(super) named: Option<NamedData>,
}

/// An argument that the text in front of its placeholder makes sensitive: `password={value}`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArgumentInMessage {
    group: FieldGroup,
    name: &'static str,
    pub(super) class: DataClass,
}

impl ArgumentInMessage {
    pub(super) fn is_it(&self, group: FieldGroup, name: &str) -> bool {
        self.group == group && self.name == name
    }
}

/// The arguments of a call site that are looked at in each event.
#[derive(Debug, Clone, Default)]
pub(super) struct SitePlan {
    pub(super) named: Box<[NamedArgument]>,
    pub(super) by_message: Box<[ArgumentInMessage]>,
    /// Arguments whose content decides.
    pub(super) scanned: Box<[DescribedField]>,
    /// Arguments that the call has redacted, if the event lists them.
    pub(super) redacted_by_call: Box<[DescribedField]>,
}

impl SitePlan {
    pub(super) fn of(rules: &Rules, search: &mut ContentSearch, descriptor: &Descriptor) -> Self {
        let (mut named_arguments, mut scanned) = (Vec::new(), Vec::new());
        let by_message =
            descriptor.message_template().map(|template| named_by_message(rules, search, template)).unwrap_or_default();
        for field in descriptor.fields() {
            let (group, key) = (field.name.group, field.name.name);
            let is_keyed = group.is_keyed();
            if matches!(group, FieldGroup::Category | FieldGroup::Severity) {
                continue;
            }
            let verdict =
                if is_keyed { rules.verdict(&format!("{}.{key}", group.name()), key) } else { FieldVerdict::Scan };
            if by_message.iter().any(|argument| argument.is_it(group, key)) {
                named_arguments.push(NamedArgument { field: *field, named: None });
                continue;
            }
            match (verdict, named(rules, key).filter(|_| is_keyed)) {
                (FieldVerdict::Keep, _) => {}
                (FieldVerdict::Listed(_), _) => named_arguments.push(NamedArgument { field: *field, named: None }),
                (FieldVerdict::Scan, Some(named)) => {
                    named_arguments.push(NamedArgument { field: *field, named: Some(named) });
                    // A number under the name of a token is a number.
                    scanned.extend(is_scanned(rules, field.kind).then_some(*field));
                }
                (FieldVerdict::Scan, None) => scanned.extend(is_scanned(rules, field.kind).then_some(*field)),
            }
        }
        let is_listed = |field: &&DescribedField| rules.lists_redacted && field.is_redacted();
        let redacted_by_call = descriptor.fields().iter().filter(is_listed).copied().collect();
        Self { named: named_arguments.into(), by_message: by_message.into(), scanned: scanned.into(), redacted_by_call }
    }

    /// Whether no event of the call site is looked at.
    pub(super) fn is_idle(&self) -> bool {
        self.named.is_empty() && self.scanned.is_empty() && self.redacted_by_call.is_empty()
    }
}

/// Whether values of a kind have texts or numbers to look at.
fn is_scanned(rules: &Rules, kind: &Kind) -> bool {
    let has_texts = !rules.scanner.is_empty() || !rules.names.is_empty() || rules.has_patterns();
    match kind {
        Kind::Text | Kind::DebugText | Kind::ErrorText | Kind::Bytes => !rules.scanner.is_empty(),
        // Maps have keys.
        Kind::SelfTyped => has_texts,
        Kind::U64 | Kind::I64 | Kind::U128 | Kind::I128 | Kind::F64 => rules.scans_numbers(),
        Kind::Ip | Kind::Socket => rules.scans_addresses(),
        Kind::Sequence(inner) | Kind::Option(inner) => is_scanned(rules, inner),
        Kind::Bool | Kind::Char | Kind::F32 | Kind::Duration | Kind::Time | Kind::Unit | Kind::Uuid => false,
        Kind::Redacted | Kind::Pseudonym => false,
        Kind::I8 | Kind::I16 | Kind::I32 | Kind::U8 | Kind::U16 | Kind::U32 => false,
        // A kind of a later version.
        _ => has_texts,
    }
}

/// The message is filled with samples, and the scanner finds those that stand behind a keyword.
fn named_by_message(rules: &Rules, search: &mut ContentSearch, template: &LiteralTemplate) -> Vec<ArgumentInMessage> {
    let mut sensitive = Vec::new();
    for sample in SAMPLES {
        let (mut text, mut places) = (String::new(), Vec::new());
        for part in template.parts() {
            match *part {
                LiteralPart::Text(piece) => text.push_str(piece),
                LiteralPart::Field(group, name) => {
                    places.push((text.len()..text.len() + sample.len(), group, name));
                    text.push_str(sample);
                }
            }
        }
        search.finds(&text);
        for finding in search.take_findings() {
            let (class, _) = rules.of_finding(finding.rule);
            let hit =
                places.iter().filter(|(place, ..)| place.start < finding.range.end && finding.range.start < place.end);
            sensitive.extend(hit.map(|(_, group, name)| ArgumentInMessage { group: *group, name, class }));
        }
    }
    sensitive
}
