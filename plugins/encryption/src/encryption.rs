//! How records are encrypted, and for whom: shared by the formatters of all shards.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fapilog_plugin::{formatter::Formatter, threads::lock};

use crate::{
    data_key::RotationLimits,
    error::EncryptError,
    formatter::Encrypted,
    key_encryption_key::KeyEncryptionKey,
    key_store::{DayKeys, KeyStore, UtcDay},
    recipient::Recipient,
    wrap::WrapList,
};

/// Recipients and keys of a frame, at most.
pub(crate) const KEY_HOLDERS_MAX: usize = 64;

/// Compression of the records of a frame, before they are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameCompression {
    /// None. The length of a frame is that of its records.
    None,
    /// zstd.
    Zstd {
        /// From 1, the fastest, to 22.
        level: i32,
    },
}

/// zstd at level 1.
impl Default for FrameCompression {
    fn default() -> Self {
        Self::Zstd { level: 1 }
    }
}

/// The holders of keys: those who can decrypt.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyHolders {
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) keys: Vec<KeyEncryptionKey>,
}

impl KeyHolders {
    pub(crate) fn add_wraps(&self, wraps: &mut WrapList<'_>) -> Result<(), EncryptError> {
        self.recipients.iter().try_for_each(|recipient| wraps.add_recipient(recipient))?;
        self.keys.iter().try_for_each(|key| wraps.add_key(key))
    }

    fn check(&self) -> Result<(), EncryptError> {
        let count = self.recipients.len() + self.keys.len();
        match count {
            0 => return Err(EncryptError::NoKeyHolder),
            1..=KEY_HOLDERS_MAX => {}
            _ => return Err(EncryptError::TooManyKeyHolders { count, limit: KEY_HOLDERS_MAX }),
        }
        self.recipients.iter().try_for_each(|recipient| recipient.agree().map(drop))
    }
}

/// How records are encrypted, and who can decrypt them. Clones share it.
///
/// ```
/// use std::time::Duration;
/// use fapilog::{Container, format, info, sink};
/// use fapilog_encryption::{DecryptionKeys, Decryptor, Encryption, Identity};
///
/// let identity = Identity::generate()?; // on the reader's machine
/// let encryption = Encryption::builder().recipient(identity.recipient()).build()?;
/// let (sink, kept) = sink::Memory::new(move || encryption.around(format::Minimal::new()));
/// let logs = Container::builder().sink("memory", sink).start()?;
/// info!(logs.logger("orders"), "paid");
/// logs.shutdown(Duration::from_secs(5))?.check()?;
///
/// let ciphertext = kept.bytes();
/// let mut frames = Decryptor::new(&*ciphertext, DecryptionKeys::new().identity(identity));
/// assert_eq!(frames.next().unwrap()?.records, b"INFO paid\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encryption(Arc<EncryptionPlan>);

#[derive(Debug)]
struct EncryptionPlan {
    holders: KeyHolders,
    compression: FrameCompression,
    limits: RotationLimits,
    day_keys: Option<DayKeys>,
    failures: FailureCounters,
}

#[derive(Debug, Default)]
struct FailureCounters {
    events: AtomicU64,
    last: Mutex<Option<String>>,
}

/// Events that could not be encrypted, and so were not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EncryptionFailures {
    /// Their number.
    pub events: u64,
    /// The last reason, with its sources.
    pub last: Option<String>,
}

impl Encryption {
    /// An encryption without a recipient and a key: it needs at least one.
    pub fn builder() -> EncryptionBuilder {
        EncryptionBuilder::default()
    }

    /// A formatter that encrypts the output of another, with data keys of its own.
    #[must_use]
    pub fn around(&self, formatter: impl Formatter + 'static) -> Encrypted {
        Encrypted::new(self.clone(), Box::new(formatter))
    }

    /// The events that could not be encrypted, of all formatters.
    #[must_use]
    pub fn failures(&self) -> EncryptionFailures {
        let counters = &self.0.failures;
        // Relaxed: a counter, alone; pairs with `count_failure`. The text is read under its lock.
        EncryptionFailures { events: counters.events.load(Ordering::Relaxed), last: lock(&counters.last).clone() }
    }

    pub(crate) fn count_failure(&self, events: u64, reason: &str) {
        self.0.failures.events.fetch_add(events, Ordering::Relaxed); // Relaxed: pairs with `failures`
        *lock(&self.0.failures.last) = Some(reason.to_owned());
    }

    pub(crate) fn compression(&self) -> FrameCompression {
        self.0.compression
    }

    pub(crate) fn limits(&self) -> &RotationLimits {
        &self.0.limits
    }

    /// Adds the wraps of a data key. Returns the day to which its frames belong, if keys of days wrap it.
    pub(crate) fn add_wraps(&self, wraps: &mut WrapList<'_>, day: UtcDay) -> Result<Option<UtcDay>, EncryptError> {
        match &self.0.day_keys {
            Some(day_keys) => {
                let key = day_keys.key_of(day)?;
                wraps.add_day_key(day, &key.id, &key.cipher)?;
                Ok(Some(day))
            }
            None => self.0.holders.add_wraps(wraps).map(|()| None),
        }
    }
}

/// Sets up an [`Encryption`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct EncryptionBuilder {
    holders: KeyHolders,
    compression: FrameCompression,
    limits: RotationLimits,
    key_store: Option<KeyStore>,
}

impl EncryptionBuilder {
    /// Adds a recipient: the holder of its identity can decrypt. The writer itself cannot.
    pub fn recipient(mut self, recipient: Recipient) -> Self {
        self.holders.recipients.push(recipient);
        self
    }

    /// Adds a key-encryption key: its holders can decrypt, the writer among them.
    pub fn key(mut self, key: KeyEncryptionKey) -> Self {
        self.holders.keys.push(key);
        self
    }

    /// The compression. Default: zstd at level 1.
    pub fn compression(mut self, compression: FrameCompression) -> Self {
        self.compression = compression;
        self
    }

    /// The age at which a data key is replaced. Default: an hour.
    pub fn rotate_after(mut self, age: Duration) -> Self {
        self.limits.age = age;
        self
    }

    /// The number of encrypted bytes at which a data key is replaced. Default: 16 GiB.
    pub fn rotate_after_bytes(mut self, bytes: u64) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// The number of frames at which a data key is replaced. Default, and greatest number: 2^32.
    pub fn rotate_after_frames(mut self, frames: u64) -> Self {
        self.limits.frames = frames;
        self
    }

    /// Each day in UTC has a key of its own, in this store. [`KeyStore::shred_day`] erases it, and with it what was written
    /// on that day.
    pub fn shred_by_day(mut self, store: KeyStore) -> Self {
        self.key_store = Some(store);
        self
    }

    /// The encryption.
    ///
    /// # Errors
    /// If there is no recipient and no key, more than 64, or a recipient with which no secret can be agreed; if the key store belongs to
    /// another user; and if no random bytes can be had.
    pub fn build(self) -> Result<Encryption, EncryptError> {
        let Self { holders, compression, limits, key_store } = self;
        holders.check()?;
        if let Some(store) = &key_store {
            store.check_owner()?;
        }
        // Each key encrypts one frame at least.
        let limits = RotationLimits { frames: limits.frames.max(1), bytes: limits.bytes.max(1), ..limits };
        let day_keys = key_store.map(|store| DayKeys::new(store, holders.clone()));
        Ok(Encryption(Arc::new(EncryptionPlan {
            holders,
            compression,
            limits,
            day_keys,
            failures: FailureCounters::default(),
        })))
    }
}
