//! Registration of the formatter `encrypted`, and its settings.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_plugin::{
    factory::Factory,
    formatter::Formatter,
    named_enum,
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{SecretRef, duration, is_check, size_bytes},
};
use serde::Deserialize;

use crate::{
    encryption::{Encryption, EncryptionBuilder, FrameCompression},
    error::{EncryptError, KeyStoreError},
    key_encryption_key::KeyEncryptionKey,
    key_store::KeyStore,
    recipient::Recipient,
    substitute,
};

register_plugin!(register);

/// Registers the formatter `encrypted`, and the substitutes `seal` and `tokenize`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of the names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("encrypted", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Encrypts the records of another formatter")
        .encrypts();
    registry.register_formatter(about, encrypted)?;
    substitute::settings::register(registry)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn encrypted(settings: &PluginSettings<'_>) -> Result<Factory<dyn Formatter>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<EncryptedSettings>();
    let Some(own) = own else { return Err(problems) };
    let wrapped = settings.formatter_named("formatter", &own.formatter).map_err(|found| problems.extend(found)).ok();
    let is_read = problems.is_empty();
    let encryption = own.encryption(&mut problems, is_read);
    match (wrapped, encryption) {
        (Some(wrapped), Some(encryption)) if problems.is_empty() => {
            Ok(Factory::formatter(move |_shard| encryption.around(wrapped())))
        }
        _ => Err(problems),
    }
}

named_enum! {
    /// Names of the compressions.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    enum CompressionName {
        None = "none",
        #[default]
        Zstd = "zstd",
    }
}

named_enum! {
    /// The periods that have keys of their own.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum ShredBy {
        Day = "day",
    }
}

/// Settings of the formatter. An absent setting has the default of [`EncryptionBuilder`].
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EncryptedSettings {
    formatter: String,
    recipients: Vec<String>,
    key: Option<SecretRef>,
    compression: CompressionName,
    compression_level: Option<i32>,
    #[serde(with = "duration::maybe")]
    rotate_after: Option<Duration>,
    #[serde(with = "size_bytes::maybe")]
    rotate_after_bytes: Option<usize>,
    shred_by: Option<ShredBy>,
    key_store: Option<PathBuf>,
}

impl Default for EncryptedSettings {
    fn default() -> Self {
        Self {
            formatter: "json".to_owned(),
            recipients: Vec::new(),
            key: None,
            compression: CompressionName::default(),
            compression_level: None,
            rotate_after: None,
            rotate_after_bytes: None,
            shred_by: None,
            key_store: None,
        }
    }
}

/// The levels of zstd that are of use.
const LEVELS: std::ops::RangeInclusive<i32> = 1..=22;
const LEVEL: i32 = 1;

impl EncryptedSettings {
    /// The encryption; without one where there are problems. A key store is made only if there are none.
    fn encryption(self, problems: &mut Vec<Problem>, is_read: bool) -> Option<Encryption> {
        let mut builder = Encryption::builder().compression(self.compression(problems));
        builder = self.add_limits(builder, problems);
        builder = self.add_recipients(builder, problems);
        if let Some(key) = &self.key
            && let Some(key) = read_key("key", key, problems)
        {
            builder = builder.key(key);
        }
        if self.recipients.is_empty() && self.key.is_none() && is_read {
            problems.push(Problem::new("recipients", "empty", "there must be a recipient, or a `key`"));
        }
        let store = self.key_store_path(problems);
        if !problems.is_empty() {
            return None;
        }
        if let Some(store) = store {
            let shown = store.display().to_string();
            let opened = open_store(&store).map_err(|error| problems.push(problem_of("key_store", shown, error)));
            if let Some(store) = opened.ok()? {
                builder = builder.shred_by_day(store);
            }
        }
        builder.build().map_err(|error| problems.push(build_problem(error))).ok()
    }

    fn compression(&self, problems: &mut Vec<Problem>) -> FrameCompression {
        let level = self.compression_level.unwrap_or(LEVEL);
        if !LEVELS.contains(&level) {
            problems.push(Problem::new("compression_level", level, "it must be from 1, the fastest, to 22"));
        }
        match self.compression {
            CompressionName::Zstd => FrameCompression::Zstd { level },
            CompressionName::None => {
                if self.compression_level.is_some() {
                    let problem =
                        Problem::new("compression_level", level, "it is of use with `compression = \"zstd\"`");
                    problems.push(problem.beside("compression"));
                }
                FrameCompression::None
            }
        }
    }

    fn add_limits(&self, mut builder: EncryptionBuilder, problems: &mut Vec<Problem>) -> EncryptionBuilder {
        if let Some(age) = self.rotate_after {
            if age < Duration::from_secs(1) {
                problems.push(Problem::new("rotate_after", format!("{age:?}"), "it must be 1s or more"));
            }
            builder = builder.rotate_after(age);
        }
        if let Some(bytes) = self.rotate_after_bytes {
            if bytes < 1 << 20 {
                problems.push(Problem::new("rotate_after_bytes", bytes, "it must be 1 MiB or more"));
            }
            builder = builder.rotate_after_bytes(bytes as u64);
        }
        builder
    }

    fn add_recipients(&self, mut builder: EncryptionBuilder, problems: &mut Vec<Problem>) -> EncryptionBuilder {
        for recipient in read_recipients(&self.recipients, problems) {
            builder = builder.recipient(recipient);
        }
        builder
    }

    /// The key store, if the log is shredded by day.
    fn key_store_path(&self, problems: &mut Vec<Problem>) -> Option<PathBuf> {
        match (self.shred_by, &self.key_store) {
            (Some(ShredBy::Day), Some(path)) => return Some(path.clone()),
            (Some(_), None) => {
                let problem = Problem::new("key_store", "missing", "it must be given for `shred_by`");
                problems.push(problem.beside("shred_by"));
            }
            (None, Some(path)) => {
                let problem = Problem::new("key_store", path.display(), "it is of use with `shred_by = \"day\"`");
                problems.push(problem.beside("shred_by"));
            }
            (None, None) => {}
        }
        None
    }
}

/// Opens the key store, which is made if it is not there. A check of settings makes none: it may be of another user, or on another machine.
fn open_store(path: &Path) -> Result<Option<KeyStore>, KeyStoreError> {
    if is_check() {
        return KeyStore::check(path).map(|()| None);
    }
    KeyStore::open(path).map(Some)
}

/// The public keys of the setting `recipients`.
pub(crate) fn read_recipients(texts: &[String], problems: &mut Vec<Problem>) -> Vec<Recipient> {
    let mut recipients = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(recipient) => recipients.push(recipient),
            Err(error) => {
                let error: crate::KeyTextError = error;
                // A text of another kind may be a secret.
                let is_public = text.trim().to_ascii_lowercase().starts_with("fapilog1");
                let value = if is_public { format!("{text:?}") } else { "given".to_owned() };
                problems.push(Problem::new(format!("recipients[{index}]"), value, error.to_string()));
            }
        }
    }
    recipients
}

/// The key-encryption key of a setting.
pub(crate) fn read_key(setting: &str, key: &SecretRef, problems: &mut Vec<Problem>) -> Option<KeyEncryptionKey> {
    let secret = key.read().map_err(|error| problems.push(error.problem(setting))).ok()?;
    let refused = |error: crate::KeyTextError| problems.push(Problem::new(setting, key, error.to_string()));
    KeyEncryptionKey::from_secret(&secret).map_err(refused).ok()
}

pub(crate) fn build_problem(error: EncryptError) -> Problem {
    match error {
        EncryptError::KeyStore(error) => problem_of("key_store", "given", error),
        error => Problem::new("recipients", "given", error.to_string()),
    }
}

pub(crate) fn problem_of(setting: &str, value: impl fmt::Display, error: KeyStoreError) -> Problem {
    match error {
        KeyStoreError::Io { operation, source, .. } => {
            Problem::new(setting, value, format!("cannot {operation} it: {source}")).caused_by(source)
        }
        error => Problem::new(setting, value, error.to_string()),
    }
}
