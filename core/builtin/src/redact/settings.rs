//! Settings of the redactors.

use std::{collections::BTreeMap, sync::Arc};

use fapilog_plugin::{
    data_class::DataClass,
    factory::Factory,
    named_enum,
    problem::Problem,
    processor::Processor,
    registry::{PluginSettings, RegisterError, Registry},
    settings::{SecretRef, suggestion::suggestion},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    redact::{
        Action, ContentPattern, ContentRule, FieldPattern, KeyedHash, Redact, RedactBuilder, hash_key::keyed_hash,
    },
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry
        .register_redactor(about("redact", "Removes sensitive data, by names of fields and in texts"), |settings| {
            settings.read::<RedactSettings>()?.factory(Redact::builder(), settings)
        })?;
    registry.register_redactor(about("field_mask", "Masks the fields that it is given"), |settings| {
        settings.read::<FieldSettings>()?.factory(BuiltInAction::Mask, settings)
    })?;
    registry.register_redactor(about("field_blocker", "Removes the fields that it is given"), |settings| {
        settings.read::<FieldSettings>()?.factory(BuiltInAction::Drop, settings)
    })?;
    registry.register_redactor(about("regex_mask", "Masks what matches regular expressions"), |settings| {
        settings.read::<PatternsSettings>()?.factory(settings)
    })?;
    registry.register_redactor(about("url_credentials", "Masks passwords and tokens in URLs"), |settings| {
        settings.none()?;
        let rules = [ContentRule::UrlCredentials, ContentRule::UrlToken];
        finished(Redact::builder().names([]).content_rules(rules), Vec::new())
    })
}

named_enum! {
    /// The actions that the redactor knows.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum BuiltInAction {
        Drop = "drop",
        Mask = "mask",
        Partial = "partial",
        Truncate = "truncate",
        Hash = "hash",
    }
}

/// The name of an action: one of the redactor's, or that of a substitute.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
enum ActionName {
    BuiltIn(BuiltInAction),
    Substitute(String),
}

impl From<String> for ActionName {
    fn from(name: String) -> Self {
        name.parse().map_or(Self::Substitute(name), Self::BuiltIn)
    }
}

/// Settings of `redact`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RedactSettings {
    names: Option<Value>,
    content: Option<Value>,
    actions: BTreeMap<String, ActionName>,
    fields: Vec<Value>,
    keep: Vec<String>,
    subject: Option<String>,
    mask: Option<String>,
    see_through: bool,
    list_redacted: Option<bool>,
    patterns: Vec<PatternSettings>,
    hash_key: Option<SecretRef>,
    hash_key_id: Option<String>,
}

/// `{ name = "order", regex = "ORD-[0-9]{8}", action = "hash" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternSettings {
    name: String,
    regex: String,
    action: Option<ActionName>,
}

/// Settings of `regex_mask`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternsSettings {
    patterns: Vec<PatternSettings>,
    #[serde(alias = "mask_string")]
    mask: Option<String>,
}

/// Settings of `field_mask` and `field_blocker`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldSettings {
    #[serde(alias = "fields_to_mask", alias = "blocked_fields")]
    fields: Vec<Value>,
    #[serde(alias = "mask_string")]
    mask: Option<String>,
}

impl RedactSettings {
    fn factory(
        self,
        mut builder: RedactBuilder,
        settings: &PluginSettings<'_>,
    ) -> Result<Factory<dyn Processor>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut actions = Actions::of(settings, self.hash_key.as_ref(), self.hash_key_id.as_deref(), &mut problems);
        if let Some(names) = self.names.and_then(|names| kept(classes_of("names", &names), &mut problems)) {
            builder = builder.names(names);
        }
        if let Some(content) = self.content.and_then(|content| kept(classes_of("content", &content), &mut problems)) {
            builder = builder.content(content);
        }
        builder = with_actions(builder, &self.actions, &mut actions, &mut problems);
        builder = with_fields(builder, &self.fields, BuiltInAction::Mask, &mut actions, &mut problems);
        builder = with_patterns(builder, self.patterns, &mut actions, &mut problems);
        for (index, pattern) in self.keep.iter().enumerate() {
            match pattern.parse() {
                Ok(pattern) => builder = builder.keep(pattern),
                Err(error) => {
                    problems.push(Problem::new(format!("keep[{index}]"), format!("{pattern:?}"), error.to_string()))
                }
            }
        }
        if let Some(mask) = self.mask {
            builder = builder.mask(mask);
        }
        if let Some(subject) = self.subject {
            builder = builder.subject(subject);
        }
        if self.hash_key.is_some() && !actions.has_hashed {
            problems.push(Problem::new("hash_key", "given", "no action is hash: nothing would use the key"));
        }
        let builder = builder.see_through(self.see_through).list_redacted(self.list_redacted.unwrap_or(true));
        let stores_codes = stores_security_codes(&self.actions);
        if !problems.is_empty() {
            return Err(problems);
        }
        let redact = builder.build();
        let spared: Vec<_> = redact.spared().collect();
        let is_removed = |class: &DataClass| *class != DataClass::CardSecurityCode || !stores_codes;
        let (removed, texts): (Vec<_>, _) = (redact.protects().filter(is_removed).collect(), redact.text_redactor());
        let factory = Factory::processor(move |_shard| redact.clone());
        Ok(factory.protecting(removed).redacting_text(texts).sparing(spared))
    }
}

/// Whether something stands for a security code from which it can be had again, by a key or by attempts: PCI DSS 3.3.1 allows neither.
fn stores_security_codes(actions: &BTreeMap<String, ActionName>) -> bool {
    let action = actions.get(DataClass::CardSecurityCode.name()).or_else(|| actions.get(DEFAULT));
    matches!(action, Some(ActionName::BuiltIn(BuiltInAction::Hash) | ActionName::Substitute(_)))
}

impl FieldSettings {
    fn factory(
        self,
        action: BuiltInAction,
        settings: &PluginSettings<'_>,
    ) -> Result<Factory<dyn Processor>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut actions = Actions::of(settings, None, None, &mut problems);
        let none = Redact::builder().names([]).content([]);
        let mut builder = with_fields(none, &self.fields, action, &mut actions, &mut problems);
        if let Some(mask) = self.mask {
            builder = builder.mask(mask);
        }
        finished(builder, problems)
    }
}

impl PatternsSettings {
    fn factory(self, settings: &PluginSettings<'_>) -> Result<Factory<dyn Processor>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut actions = Actions::of(settings, None, None, &mut problems);
        let none = Redact::builder().names([]).content([]);
        let mut builder = with_patterns(none, self.patterns, &mut actions, &mut problems);
        if let Some(mask) = self.mask {
            builder = builder.mask(mask);
        }
        finished(builder, problems)
    }
}

/// The factory, unless there are problems.
fn finished(builder: RedactBuilder, problems: Vec<Problem>) -> Result<Factory<dyn Processor>, Vec<Problem>> {
    if problems.is_empty() { Ok(builder.build().into_factory()) } else { Err(problems) }
}

fn with_patterns(
    mut builder: RedactBuilder,
    patterns: Vec<PatternSettings>,
    actions: &mut Actions<'_>,
    problems: &mut Vec<Problem>,
) -> RedactBuilder {
    for (index, PatternSettings { name, regex, action }) in patterns.into_iter().enumerate() {
        let action = actions.make(
            &action.unwrap_or(ActionName::BuiltIn(BuiltInAction::Mask)),
            &format!("patterns[{index}].action"),
            problems,
        );
        let pattern = ContentPattern { name: name.into(), expression: regex.as_str().into() };
        match builder.clone().pattern(pattern, action) {
            Ok(with_it) => builder = with_it,
            Err(error) => {
                let path = format!("patterns[{index}].regex");
                problems.push(Problem::new(path, format!("{regex:?}"), error.to_string()));
            }
        }
    }
    builder
}

/// Makes actions of their names.
struct Actions<'a> {
    settings: &'a PluginSettings<'a>,
    hash: Option<Arc<KeyedHash>>,
    /// A key was given, valid or not.
    has_key: bool,
    has_hashed: bool,
}

impl<'a> Actions<'a> {
    fn of(
        settings: &'a PluginSettings<'a>,
        key: Option<&SecretRef>,
        id: Option<&str>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        if key.is_none() && id.is_some() {
            problems.push(Problem::new("hash_key_id", "given", "there is no hash_key that it could name"));
        }
        let hash = key.and_then(|key| kept(keyed_hash(key, id.unwrap_or("k1")), problems).flatten());
        Self { settings, hash, has_key: key.is_some(), has_hashed: false }
    }

    fn make(&mut self, name: &ActionName, path: &str, problems: &mut Vec<Problem>) -> Action {
        match name {
            ActionName::BuiltIn(action) => self.built_in(*action, path, problems),
            ActionName::Substitute(name) => {
                let made = self.settings.substitute_named(path, name);
                let made = made.map_err(|own| own.into_iter().map(with_built_in).collect());
                kept(made, problems).map_or(Action::Mask, Action::Substitute)
            }
        }
    }

    fn built_in(&mut self, action: BuiltInAction, path: &str, problems: &mut Vec<Problem>) -> Action {
        match action {
            BuiltInAction::Drop => Action::Drop,
            BuiltInAction::Mask => Action::Mask,
            BuiltInAction::Partial => Action::Partial,
            BuiltInAction::Truncate => Action::Truncate,
            BuiltInAction::Hash => {
                self.has_hashed = true;
                if !self.has_key {
                    let allowed = "it needs hash_key: a hash without a key hides nothing";
                    problems.push(Problem::new(path, "hash", allowed));
                }
                self.hash.clone().map_or(Action::Mask, Action::Hash)
            }
        }
    }
}

/// The name of an action that is none may be one of the redactor's that is misspelt.
fn with_built_in(mut problem: Problem) -> Problem {
    problem.allowed = format!("allowed are {}; {}", BuiltInAction::NAMES.join(", "), problem.allowed);
    let name = problem.value.trim_matches('"').to_owned();
    problem.suggestion = problem.suggestion.or_else(|| suggestion(&name, BuiltInAction::NAMES.iter().copied()));
    problem
}

fn with_actions(
    mut builder: RedactBuilder,
    named: &BTreeMap<String, ActionName>,
    actions: &mut Actions<'_>,
    problems: &mut Vec<Problem>,
) -> RedactBuilder {
    // First, whatever the order of the names: it is for all classes that have none of their own.
    if let Some(default) = named.get(DEFAULT) {
        builder = builder.action_of_all(&actions.make(default, "actions.default", problems));
    }
    for (class, action) in named.iter().filter(|(class, _)| *class != DEFAULT) {
        let path = format!("actions.{class}");
        match class.parse::<DataClass>() {
            Ok(class) => builder = builder.action(class, actions.make(action, &path, problems)),
            Err(_) => problems.push(unknown_class(&path, class, &[DEFAULT])),
        }
    }
    builder
}

/// The action of all classes that are not named.
const DEFAULT: &str = "default";

/// `"order_note"`, or `{ field = "context.user.*", action = "drop" }`.
fn with_fields(
    mut builder: RedactBuilder,
    fields: &[Value],
    default: BuiltInAction,
    actions: &mut Actions<'_>,
    problems: &mut Vec<Problem>,
) -> RedactBuilder {
    for (index, field) in fields.iter().enumerate() {
        let path = format!("fields[{index}]");
        match field_rule(field, default) {
            Ok((pattern, action)) => {
                let action = actions.make(&action, &format!("{path}.action"), problems);
                builder = builder.field(pattern, action);
            }
            Err(own) => problems.extend(own.into_iter().map(|problem| problem.below(&path))),
        }
    }
    builder
}

fn field_rule(field: &Value, default: BuiltInAction) -> Result<(FieldPattern, ActionName), Vec<Problem>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct FieldRuleSettings {
        field: String,
        action: Option<ActionName>,
    }
    let (place, text, action) = match field {
        Value::String(text) => ("", text.clone(), ActionName::BuiltIn(default)),
        other => {
            let FieldRuleSettings { field, action } = fapilog_plugin::settings::read(other)?;
            ("field", field, action.unwrap_or(ActionName::BuiltIn(default)))
        }
    };
    let pattern = text.parse().map_err(|error: crate::redact::FieldPatternError| {
        vec![Problem::new(place, format!("{text:?}"), error.to_string())]
    })?;
    Ok((pattern, action))
}

/// `"all"`, `"none"`, `"credentials"`, or a list of classes.
fn classes_of(setting: &str, value: &Value) -> Result<Vec<DataClass>, Vec<Problem>> {
    const SETS: [&str; 3] = ["all", "none", "credentials"];
    let list = match value {
        Value::String(word) => {
            return match word.as_str() {
                "all" => Ok(DataClass::ALL.to_vec()),
                "none" => Ok(Vec::new()),
                "credentials" => Ok(vec![DataClass::Credential]),
                _ => Err(vec![unknown_class(setting, word, &SETS)]),
            };
        }
        Value::Array(list) => list,
        other => {
            let allowed = "it must be all, none, credentials, or a list of classes";
            return Err(vec![Problem::new(setting, other, allowed)]);
        }
    };
    let (mut classes, mut problems) = (Vec::new(), Vec::new());
    for (index, item) in list.iter().enumerate() {
        let path = format!("{setting}[{index}]");
        match item.as_str().map(|word| word.parse().map_err(|_| unknown_class(&path, word, &[]))) {
            Some(Ok(class)) => classes.push(class),
            Some(Err(problem)) => problems.push(problem),
            None => problems.push(Problem::new(path, item, "it must be the name of a class")),
        }
    }
    if problems.is_empty() { Ok(classes) } else { Err(problems) }
}

fn unknown_class(path: &str, word: &str, beside: &[&'static str]) -> Problem {
    let known: Vec<&str> = beside.iter().chain(DataClass::NAMES).copied().collect();
    let mut problem = Problem::new(path, format!("{word:?}"), format!("allowed are {}", known.join(", ")));
    problem.suggestion = suggestion(word, known);
    problem
}

/// The value, or its problems among the others.
fn kept<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|own| problems.extend(own)).ok()
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{registry::Entry, settings::PluginConfig};
    use serde_json::json;

    use super::*;

    /// The classes that the redactor of this name protects, or its problems.
    fn made(name: &str, settings: Value) -> Result<Vec<DataClass>, Vec<String>> {
        let mut registry = Registry::empty();
        register(&mut registry).unwrap();
        let Some((_, Entry::Redactor(constructor))) = registry.entry(name) else { panic!("no redactor {name}") };
        let config: PluginConfig = serde_json::from_value(settings).unwrap();
        let factory = constructor(&PluginSettings::new(name, &config));
        factory
            .map(|factory| factory.protects().to_vec())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_default_protects_credentials_and_cards_and_what_only_names_reveal() {
        let protected = made("redact", json!({})).unwrap();
        assert!(protected.contains(&DataClass::Credential) && protected.contains(&DataClass::CardNumber));
        assert!(protected.contains(&DataClass::PersonName) && !protected.contains(&DataClass::Email));
        assert_eq!(made("redact", json!({"content": "all"})).unwrap(), DataClass::ALL);
        assert_eq!(made("redact", json!({"names": "none"})).unwrap(), []);
        assert_eq!(made("redact", json!({"names": ["email"], "content": ["email"]})).unwrap(), [DataClass::Email]);
    }

    #[test]
    fn all_problems_come_at_once_with_their_places() {
        let settings = json!({
            "names": ["emial"], "content": "everything", "actions": {"email": "hash", "phon": "mask"},
            "fields": ["user.email", {"field": "a", "action": "burn"}, {"feild": "a"}], "keep": [""], "hash_key_id": "k2"
        });
        let problems = made("redact", settings).unwrap_err();
        for part in [
            "names[0]",
            "did you mean email",
            "content",
            "actions.email",
            "hash_key",
            "actions.phon",
            "did you mean phone",
            "fields[0]",
            "fields[1].action",
            "fields[2]",
            "keep[0]",
            "hash_key_id",
        ] {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
        }
    }

    #[test]
    fn a_hash_needs_a_key_and_no_error_holds_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sixteen bytes or more").unwrap();
        let with =
            |key: &str| json!({"actions": {"default": "hash"}, "hash_key": {"file": key}, "hash_key_id": "2026"});
        let path = file.path().to_str().unwrap();
        assert!(made("redact", with(path)).is_ok());
        std::fs::write(file.path(), "too short").unwrap();
        let problems = made("redact", with(path)).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.contains("hash_key"))
                && !format!("{problems:?}").contains("too short")
        );
        std::fs::write(file.path(), "sixteen bytes or more").unwrap();
        let unused = json!({"hash_key": {"file": path}});
        assert!(made("redact", unused).unwrap_err()[0].contains("no action is hash"));
    }

    #[test]
    fn a_wrong_id_of_a_key_is_a_problem_of_its_own_setting() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sixteen bytes or more").unwrap();
        let path = file.path().to_str().unwrap();
        for (id, part) in [("12345678901234567", "has 17 bytes; allowed are 1 to 16"), ("a b", "has the character ' '")]
        {
            let settings = json!({"actions": {"default": "hash"}, "hash_key": {"file": path}, "hash_key_id": id});
            let problems = made("redact", settings).unwrap_err();
            assert!(problems.iter().any(|one| one.contains("hash_key_id") && one.contains(part)), "{problems:?}");
        }
    }

    #[test]
    fn the_architectures_redactors_have_its_settings_too() {
        assert!(made("field_mask", json!({"fields_to_mask": ["user"], "mask_string": "*"})).is_ok());
        assert!(made("field_blocker", json!({"fields": ["context.body"]})).is_ok());
        assert!(made("field_mask", json!({})).is_err());
        assert!(made("url_credentials", json!({})).is_ok());
    }
}
