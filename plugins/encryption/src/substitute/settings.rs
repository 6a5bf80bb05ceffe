//! Registration of the substitutes `seal` and `tokenize`, and their settings.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{SecretRef, duration},
    substitute::Substitute,
};
use serde::Deserialize;

use crate::{
    encryption::Encryption,
    key_encryption_key::KeyEncryptionKey,
    key_store::{KeyStore, SubjectKeys},
    registration::{build_problem, problem_of, read_key, read_recipients},
    substitute::{Seal, Tokenize},
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = |name: &'static str, description: &'static str| {
        Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
    };
    registry.register_substitute(about("seal", "Encrypts single values, at random"), seal)?;
    registry.register_substitute(about("tokenize", "Encrypts single values, equal ones alike"), tokenize)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn seal(settings: &PluginSettings<'_>) -> Result<Arc<dyn Substitute>, Vec<Problem>> {
    match settings.read_with_problems::<SealSettings>() {
        (Some(own), problems) => own.substitute(problems),
        (None, problems) => Err(problems),
    }
}

fn tokenize(settings: &PluginSettings<'_>) -> Result<Arc<dyn Substitute>, Vec<Problem>> {
    match settings.read_with_problems::<TokenizeSettings>() {
        (Some(own), problems) => own.substitute(problems),
        (None, problems) => Err(problems),
    }
}

/// Settings of `seal`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SealSettings {
    recipients: Vec<String>,
    key: Option<SecretRef>,
    old_keys: Vec<SecretRef>,
    key_store: Option<PathBuf>,
    #[serde(with = "duration::maybe")]
    rotate_after: Option<Duration>,
}

/// Settings of `tokenize`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenizeSettings {
    key: Option<SecretRef>,
    old_keys: Vec<SecretRef>,
    key_store: Option<PathBuf>,
}

impl SealSettings {
    /// A key store is made only if there are no problems.
    fn substitute(self, mut problems: Vec<Problem>) -> Result<Arc<dyn Substitute>, Vec<Problem>> {
        let (is_read, has_store) = (problems.is_empty(), self.key_store.is_some());
        if is_read && self.key.is_none() && (has_store || self.recipients.is_empty()) {
            problems.push(match has_store {
                true => {
                    Problem::new("key", "missing", "it must be given for `key_store`: it wraps the keys of subjects")
                }
                false => Problem::new("recipients", "empty", "there must be a recipient, or a `key`"),
            });
        }
        let store = StoreSettings { key: self.key.as_ref(), old_keys: &self.old_keys, key_store: self.key_store };
        let key = store.read_keys(&mut problems);
        // With a store, the key belongs to it alone: the program could else read what is for recipients.
        let holder = key.first().filter(|_| !has_store).cloned();
        check_age(self.rotate_after, &mut problems);
        let encryption = encryption_for(&self.recipients, holder, self.rotate_after, &mut problems);
        let subjects = store.open(key, &mut problems);
        match (subjects, encryption) {
            _ if !problems.is_empty() => Err(problems),
            (Some(subjects), Some(encryption)) => Ok(Arc::new(Seal::by_subject(subjects).or_to(encryption))),
            (Some(subjects), None) => Ok(Arc::new(Seal::by_subject(subjects))),
            (None, Some(encryption)) => Ok(Arc::new(Seal::to(encryption))),
            (None, None) => Err(problems),
        }
    }
}

impl TokenizeSettings {
    fn substitute(self, mut problems: Vec<Problem>) -> Result<Arc<dyn Substitute>, Vec<Problem>> {
        if self.key.is_none() && problems.is_empty() {
            problems.push(Problem::new("key", "missing", "it must be given: tokens are made by it"));
        }
        let store = StoreSettings { key: self.key.as_ref(), old_keys: &self.old_keys, key_store: self.key_store };
        let keys = store.read_keys(&mut problems);
        let first = keys.first().cloned();
        let subjects = store.open(keys, &mut problems);
        match (subjects, first) {
            _ if !problems.is_empty() => Err(problems),
            (Some(subjects), _) => Ok(Arc::new(Tokenize::by_subject(subjects))),
            (None, Some(key)) => {
                let tokenize = Tokenize::with(&key).map_err(|error| vec![build_problem(error)])?;
                Ok(Arc::new(tokenize))
            }
            (None, None) => Err(problems),
        }
    }
}

/// The settings of a store of keys of subjects.
struct StoreSettings<'a> {
    key: Option<&'a SecretRef>,
    old_keys: &'a [SecretRef],
    key_store: Option<PathBuf>,
}

impl StoreSettings<'_> {
    /// The key, and behind it those of before.
    fn read_keys(&self, problems: &mut Vec<Problem>) -> Vec<KeyEncryptionKey> {
        if self.key_store.is_none() && !self.old_keys.is_empty() {
            problems.push(Problem::new("old_keys", "given", "they are of use with `key_store`: they open keys in it"));
        }
        let key = self.key.and_then(|key| read_key("key", key, problems));
        let mut keys: Vec<KeyEncryptionKey> = key.into_iter().collect();
        for (index, old) in self.old_keys.iter().enumerate() {
            keys.extend(read_key(&format!("old_keys[{index}]"), old, problems));
        }
        keys
    }

    fn open(self, keys: Vec<KeyEncryptionKey>, problems: &mut Vec<Problem>) -> Option<SubjectKeys> {
        let path = self.key_store.filter(|_| problems.is_empty())?;
        let shown = path.display().to_string();
        let opened = KeyStore::open(path).and_then(|store| SubjectKeys::open(store, keys));
        opened.map_err(|error| problems.push(problem_of("key_store", shown, error))).ok()
    }
}

fn check_age(age: Option<Duration>, problems: &mut Vec<Problem>) {
    if let Some(age) = age.filter(|age| *age < Duration::from_secs(1)) {
        problems.push(Problem::new("rotate_after", format!("{age:?}"), "it must be 1s or more"));
    }
}

/// The encryption for recipients and a key, if there are any.
fn encryption_for(
    recipients: &[String],
    key: Option<KeyEncryptionKey>,
    rotate_after: Option<Duration>,
    problems: &mut Vec<Problem>,
) -> Option<Encryption> {
    let recipients = read_recipients(recipients, problems);
    if recipients.is_empty() && key.is_none() {
        if let (Some(age), true) = (rotate_after, problems.is_empty()) {
            let allowed = "it is of use with `recipients`, or with a `key` without `key_store`: keys of subjects stay";
            problems.push(Problem::new("rotate_after", format!("{age:?}"), allowed));
        }
        return None;
    }
    let mut builder = Encryption::builder();
    builder = recipients.into_iter().fold(builder, crate::EncryptionBuilder::recipient);
    builder = key.into_iter().fold(builder, crate::EncryptionBuilder::key);
    builder = rotate_after.into_iter().fold(builder, crate::EncryptionBuilder::rotate_after);
    builder.build().map_err(|error| problems.push(build_problem(error))).ok()
}
