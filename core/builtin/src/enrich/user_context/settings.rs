//! Settings of the user context enricher.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use fapilog_plugin::{
    enricher::Enricher,
    factory::Factory,
    problem::Problem,
    registry::{PluginSettings, RegisterError, Registry},
    settings::{SecretRef, suggestion::suggestion},
};
use fapilog_record::keyed_hash::KeyedHash;
use serde::Deserialize;

use super::names::{SESSION_ID, USER_ID, standard_fields};
use crate::{enrich::UserContext, redact::hash_key::keyed_hash, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = about("user_context", "Gives the fields of a user one name each, and pseudonyms");
    registry.register_enricher(about, user_context)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn user_context(settings: &PluginSettings<'_>) -> Result<Factory<dyn Enricher>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<UserContextSettings>();
    let made = own.map(|own| own.enricher(&mut problems));
    match made {
        Some(made) if problems.is_empty() => Ok(Factory::enricher(move |_| made.clone())),
        _ => Err(problems),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UserContextSettings {
    fields: Option<BTreeMap<String, Vec<String>>>,
    pseudonyms: Option<Vec<String>>,
    hash_key: Option<SecretRef>,
    hash_key_id: Option<String>,
}

impl UserContextSettings {
    fn enricher(self, problems: &mut Vec<Problem>) -> UserContext {
        self.check_fields(problems);
        let hash = self.hash(problems);
        let pseudonyms = self.pseudonyms(problems);
        let enricher = match self.fields {
            Some(fields) => UserContext::new().fields(fields),
            None => UserContext::new(),
        };
        match hash {
            Some(hash) => enricher.pseudonyms(pseudonyms, hash),
            None => enricher,
        }
    }

    /// No name may be empty, or occur twice.
    fn check_fields(&self, problems: &mut Vec<Problem>) {
        let mut known = HashSet::new();
        for (field, names) in self.fields.iter().flatten() {
            for name in std::iter::once(field).chain(names) {
                let path = format!("fields.{field}");
                if name.is_empty() {
                    problems.push(Problem::new(path, "\"\"", "the name of a field must not be empty"));
                } else if !known.insert(name) {
                    problems.push(Problem::new(path, format!("{name:?}"), "a name must occur once in `fields`"));
                }
            }
        }
    }

    /// The hash; `None` without a key, and in a check of settings, which reads no secrets.
    fn hash(&self, problems: &mut Vec<Problem>) -> Option<Arc<KeyedHash>> {
        let Some(key) = &self.hash_key else {
            if self.hash_key_id.is_some() {
                problems.push(Problem::new("hash_key_id", "given", "there is no hash_key that it could name"));
            }
            return None;
        };
        let hash = keyed_hash(key, self.hash_key_id.as_deref().unwrap_or("k1"));
        hash.map_err(|found| problems.extend(found)).ok().flatten()
    }

    /// The fields that get pseudonyms.
    fn pseudonyms(&self, problems: &mut Vec<Problem>) -> Vec<String> {
        match (&self.pseudonyms, &self.hash_key, &self.fields) {
            (Some(fields), Some(_), _) => self.check_pseudonyms(fields, problems),
            (Some(fields), None, _) => {
                let allowed = "it needs hash_key: a hash without a key hides nothing";
                problems.push(Problem::new("pseudonyms", format!("{fields:?}"), allowed).beside("hash_key"));
            }
            (None, Some(_), Some(_)) => {
                let allowed = "with a hash_key and `fields`, it must list the fields that get pseudonyms";
                problems.push(Problem::new("pseudonyms", "missing", allowed).beside("hash_key"));
            }
            (None, _, _) => {}
        }
        self.pseudonyms.clone().unwrap_or_else(|| [USER_ID, SESSION_ID].map(str::to_owned).into())
    }

    fn check_pseudonyms(&self, wanted: &[String], problems: &mut Vec<Problem>) {
        if wanted.is_empty() {
            let allowed = "it must list a field, or there must be no hash_key";
            problems.push(Problem::new("pseudonyms", "empty", allowed).beside("hash_key"));
        }
        let known: Vec<&str> = match &self.fields {
            Some(fields) => fields.keys().map(String::as_str).collect(),
            None => standard_fields().collect(),
        };
        for (index, field) in wanted.iter().enumerate().filter(|(_, field)| !known.contains(&field.as_str())) {
            let allowed = format!("allowed are {}", known.join(", "));
            let mut problem = Problem::new(format!("pseudonyms[{index}]"), format!("{field:?}"), allowed);
            problem.suggestion = suggestion(field, known.iter().copied());
            problems.push(problem);
        }
    }
}
