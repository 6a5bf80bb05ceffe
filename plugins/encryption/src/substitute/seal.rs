//! The substitute `seal`: a text that the holders of keys can decrypt.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use fapilog_plugin::{
    error::PluginError,
    substitute::{SensitiveValue, Substitute},
    threads::lock,
};

use super::{
    failures::{SubstituteError, SubstituteFailureCounters, SubstituteFailures},
    value_key::ValueKey,
};
use crate::{encryption::Encryption, error::EncryptError, key_store::SubjectKeys};

/// Encrypts single values of events: for recipients, or each under the key of the subject that its event names, which can be
/// erased. The same value has another text each time. Clones share keys and counters.
///
/// ```
/// use std::sync::Arc;
/// use fapilog::{Container, format, info, redact::{Action, DataClass, Redact}, sink};
/// use fapilog_encryption::{DecryptionKeys, Encryption, Identity, Seal, Unsealer};
///
/// let identity = Identity::generate()?; // where the readers are
/// let seal = Seal::to(Encryption::builder().recipient(identity.recipient()).build()?);
/// let redact = Redact::builder().action(DataClass::Email, Action::Substitute(Arc::new(seal))).build();
/// let (sink, events) = sink::Memory::new(format::Json::new);
/// let logs = Container::builder().redactor_from(redact.into_factory()).sink("memory", sink).start()?;
/// info!(logs.logger("shop"), "order paid", email = "ada@example.com");
/// logs.shutdown(std::time::Duration::from_secs(5))?.check()?;
///
/// let line = events.lines().concat();
/// assert!(line.contains(r#""email":"sealed1:"#) && !line.contains("ada@"));
/// let mut clear = Vec::new();
/// let mut unsealer = Unsealer::new(DecryptionKeys::new().identity(identity))?;
/// unsealer.unseal_line(line.as_bytes(), &mut clear);
/// assert!(String::from_utf8(clear)?.contains(r#""email":"ada@example.com""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// A value that is sealed for recipients takes a fraction of a microsecond: X25519 is needed once for each data key, an hour by default. A
/// value of a subject looks for the mark that its key was erased. The first one of a subject writes a file of the key store, and waits
/// until it is on disk: some milliseconds, for the shards that are at a subject's value then.
#[derive(Clone)]
pub struct Seal(Arc<SealPlan>);

#[derive(Clone)]
struct SealPlan {
    subjects: Option<Arc<SubjectKeys>>,
    sealer: Option<Arc<ValueSealer>>,
    failures: Arc<SubstituteFailureCounters>,
}

impl Seal {
    /// Encrypts all values for the recipients and keys of an encryption, whatever subjects events name. Its compression is not
    /// used; its limits of data keys count values in the place of frames.
    #[must_use]
    pub fn to(encryption: Encryption) -> Self {
        Self::of(None, Some(encryption))
    }

    /// Encrypts each value under the key of the subject that its event names. A value of an event that names none is masked, unless
    /// there is [another way](Self::or_to).
    #[must_use]
    pub fn by_subject(subjects: impl Into<Arc<SubjectKeys>>) -> Self {
        Self::of(Some(subjects.into()), None)
    }

    /// Encrypts values of events that name no subject for the recipients and keys of an encryption.
    #[must_use]
    pub fn or_to(self, encryption: Encryption) -> Self {
        let sealer = Some(Arc::new(ValueSealer::new(encryption)));
        Self(Arc::new(SealPlan { sealer, ..SealPlan::clone(&self.0) }))
    }

    fn of(subjects: Option<Arc<SubjectKeys>>, encryption: Option<Encryption>) -> Self {
        let sealer = encryption.map(|encryption| Arc::new(ValueSealer::new(encryption)));
        Self(Arc::new(SealPlan { subjects, sealer, failures: Arc::default() }))
    }

    /// The values that could not be encrypted.
    #[must_use]
    pub fn failures(&self) -> SubstituteFailures {
        self.0.failures.read()
    }
}

impl SealPlan {
    fn seal(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), SubstituteError> {
        match (&self.subjects, named(value), &self.sealer) {
            (Some(subjects), Some(subject), _) => out.push_str(&subjects.seal(subject, value.text)?),
            (_, _, Some(sealer)) => sealer.seal(value.text, out)?,
            (..) => return Err(SubstituteError::NoSubject),
        }
        Ok(())
    }
}

/// The subject of the event. An empty name names nobody.
pub(super) fn named<'a>(value: &SensitiveValue<'a>) -> Option<&'a str> {
    value.subject.filter(|subject| !subject.is_empty())
}

impl Substitute for Seal {
    fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError> {
        self.0.seal(value, out).map_err(|error| self.0.failures.counted(error))
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("subjects", &self.0.subjects).finish_non_exhaustive()
    }
}

/// Seals values under a data key, which is replaced in time.
struct ValueSealer {
    encryption: Encryption,
    key: Mutex<Option<Arc<ValueKey>>>,
}

impl ValueSealer {
    fn new(encryption: Encryption) -> Self {
        Self { encryption, key: Mutex::default() }
    }

    fn seal(&self, value: &str, out: &mut String) -> Result<(), EncryptError> {
        let limits = self.encryption.limits();
        loop {
            let key = self.usable_key()?;
            if key.seal(value, limits, out)? {
                return Ok(());
            }
            self.remove(&key);
        }
    }

    /// The lock is held while a key is made, so that shards wait for one key, and do not make one each.
    fn usable_key(&self) -> Result<Arc<ValueKey>, EncryptError> {
        let mut current = lock(&self.key);
        if let Some(key) = current.as_ref().filter(|key| key.is_usable(self.encryption.limits())) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(ValueKey::new(&self.encryption)?);
        *current = Some(Arc::clone(&key));
        Ok(key)
    }

    /// Takes a key without numbers out of use, unless another shard has.
    fn remove(&self, used_up: &Arc<ValueKey>) {
        let mut current = lock(&self.key);
        if current.as_ref().is_some_and(|key| Arc::ptr_eq(key, used_up)) {
            *current = None;
        }
    }
}
