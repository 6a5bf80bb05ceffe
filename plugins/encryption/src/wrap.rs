//! Wrapped keys: a key, encrypted for each of those who may use it.
//!
//! A list of wraps is its number (2 bytes), and each wrap: its kind (1 byte), the length of its body (2 bytes), the body.
//! docs/encryption-format.md has the bodies. Readers skip kinds that they do not know.

use crate::{
    bytes::ByteReader,
    encryption::KEY_HOLDERS_MAX,
    error::EncryptError,
    key_encryption_key::KeyEncryptionKey,
    key_store::UtcDay,
    recipient::{Identity, Recipient, ShortId},
    secret_key::{AesKey, KEY_BYTES, NONCE_BYTES, SecretKey, TAG_BYTES, random},
};

/// The id of a data key, or of a key in a key store: 16 random bytes.
pub(crate) type KeyId = [u8; 16];

const OF_RECIPIENT: u8 = 1;
const OF_KEY: u8 = 2;
const OF_DAY_KEY: u8 = 3;

pub(crate) const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
/// A key that is used once needs no nonce of its own.
const USED_ONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// The key inside of a wrap: its role and id are bound to it.
#[derive(Clone, Copy)]
pub(crate) struct WrappedRole<'a> {
    label: &'static [u8],
    id: &'a KeyId,
}

impl<'a> WrappedRole<'a> {
    pub(crate) fn data_key(id: &'a KeyId) -> Self {
        Self { label: b"fapilog data key v1", id }
    }

    pub(crate) fn stored_key(label: &'static [u8], id: &'a KeyId) -> Self {
        Self { label, id }
    }

    fn associated(&self) -> Vec<u8> {
        [self.label, self.id].concat()
    }
}

/// A list of wraps that is being written.
pub(crate) struct WrapList<'a> {
    secret: &'a SecretKey,
    role: WrappedRole<'a>,
    count: u16,
    bodies: Vec<u8>,
}

impl<'a> WrapList<'a> {
    pub(crate) fn new(secret: &'a SecretKey, role: WrappedRole<'a>) -> Self {
        Self { secret, role, count: 0, bodies: Vec::new() }
    }

    pub(crate) fn add_recipient(&mut self, recipient: &Recipient) -> Result<(), EncryptError> {
        let (ephemeral, key) = recipient.agree()?;
        let wrapped = self.wrapped(&key.cipher()?, USED_ONCE)?;
        self.add(OF_RECIPIENT, &[&recipient.id(), &ephemeral, &wrapped]);
        Ok(())
    }

    pub(crate) fn add_key(&mut self, key: &KeyEncryptionKey) -> Result<(), EncryptError> {
        let nonce = random()?;
        let wrapped = self.wrapped(key.cipher(), nonce)?;
        self.add(OF_KEY, &[&key.short_id(), &nonce, &wrapped]);
        Ok(())
    }

    pub(crate) fn add_day_key(&mut self, day: UtcDay, id: &KeyId, key: &AesKey) -> Result<(), EncryptError> {
        let nonce = random()?;
        let wrapped = self.wrapped(key, nonce)?;
        self.add(OF_DAY_KEY, &[&day.number().to_be_bytes(), id, &nonce, &wrapped]);
        Ok(())
    }

    fn wrapped(&self, key: &AesKey, nonce: [u8; NONCE_BYTES]) -> Result<[u8; WRAPPED_BYTES], EncryptError> {
        let mut wrapped = [0; WRAPPED_BYTES];
        let Some((bytes, tag)) = wrapped.split_at_mut_checked(KEY_BYTES) else { return Err(EncryptError::Cipher) };
        bytes.copy_from_slice(self.secret.bytes());
        let sealed = key.seal(nonce, &self.role.associated(), bytes);
        match sealed {
            Ok(sealed) => tag.copy_from_slice(&sealed),
            Err(error) => {
                bytes.fill(0);
                return Err(error);
            }
        }
        Ok(wrapped)
    }

    fn add(&mut self, kind: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.bodies.push(kind);
        // A body has 96 bytes at most.
        self.bodies.extend_from_slice(&u16::try_from(length).unwrap_or_default().to_be_bytes());
        parts.iter().for_each(|part| self.bodies.extend_from_slice(part));
        self.count += 1;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        [&self.count.to_be_bytes()[..], &self.bodies].concat()
    }
}

/// A wrap that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadWrap<'a> {
    Recipient { id: ShortId, ephemeral: [u8; KEY_BYTES], wrapped: &'a [u8] },
    Key { id: ShortId, nonce: [u8; NONCE_BYTES], wrapped: &'a [u8] },
    DayKey { day: UtcDay, id: KeyId, nonce: [u8; NONCE_BYTES], wrapped: &'a [u8] },
    Unknown,
}

/// Reads a list of wraps. `None` if it is none, is longer than a writer makes it, or has bytes behind it.
pub(crate) fn read_wraps(bytes: &[u8]) -> Option<Vec<ReadWrap<'_>>> {
    let mut reader = ByteReader::new(bytes);
    // Each costs a reader an agreement on a key, and a forged list could have hundreds.
    let count = reader.u16().filter(|count| usize::from(*count) <= KEY_HOLDERS_MAX)?;
    let wraps: Option<Vec<_>> = (0..count).map(|_| read_wrap(&mut reader)).collect();
    wraps.filter(|_| reader.is_empty())
}

fn read_wrap<'a>(reader: &mut ByteReader<'a>) -> Option<ReadWrap<'a>> {
    let (kind, length) = (reader.u8()?, reader.u16()?);
    let mut body = ByteReader::new(reader.take(usize::from(length))?);
    let wrap = match kind {
        OF_RECIPIENT => {
            ReadWrap::Recipient { id: body.array()?, ephemeral: body.array()?, wrapped: body.take(WRAPPED_BYTES)? }
        }
        OF_KEY => ReadWrap::Key { id: body.array()?, nonce: body.array()?, wrapped: body.take(WRAPPED_BYTES)? },
        OF_DAY_KEY => ReadWrap::DayKey {
            day: UtcDay::of_number(body.u32()?)?,
            id: body.array()?,
            nonce: body.array()?,
            wrapped: body.take(WRAPPED_BYTES)?,
        },
        _ => return Some(ReadWrap::Unknown),
    };
    body.is_empty().then_some(wrap)
}

/// The outcome of opening a wrap by keys at hand.
pub(crate) enum OpenedWrap {
    Key(SecretKey),
    /// No key at hand has the id in the wrap.
    NoKey,
    /// The key at hand that has the id does not open it.
    Damaged,
}

/// Opens a wrap for a recipient or by a key-encryption key.
pub(crate) fn open_wrap(
    wrap: &ReadWrap<'_>,
    role: WrappedRole<'_>,
    identities: &[Identity],
    keys: &[KeyEncryptionKey],
) -> OpenedWrap {
    let mut found = OpenedWrap::NoKey;
    match wrap {
        ReadWrap::Recipient { id, ephemeral, wrapped } => {
            for identity in identities.iter().filter(|identity| identity.recipient().id() == *id) {
                let cipher = identity.agree(ephemeral).and_then(|key| key.cipher().ok());
                match cipher.and_then(|cipher| open_wrapped(wrapped, &cipher, USED_ONCE, role)) {
                    Some(key) => return OpenedWrap::Key(key),
                    None => found = OpenedWrap::Damaged,
                }
            }
        }
        ReadWrap::Key { id, nonce, wrapped } => {
            for key in keys.iter().filter(|key| key.short_id() == *id) {
                match open_wrapped(wrapped, key.cipher(), *nonce, role) {
                    Some(key) => return OpenedWrap::Key(key),
                    None => found = OpenedWrap::Damaged,
                }
            }
        }
        ReadWrap::DayKey { .. } | ReadWrap::Unknown => {}
    }
    found
}

/// Opens a wrapped key.
pub(crate) fn open_wrapped(
    wrapped: &[u8],
    cipher: &AesKey,
    nonce: [u8; NONCE_BYTES],
    role: WrappedRole<'_>,
) -> Option<SecretKey> {
    let mut bytes = zeroize::Zeroizing::new([0; WRAPPED_BYTES]);
    (wrapped.len() == WRAPPED_BYTES).then(|| bytes.copy_from_slice(wrapped))?;
    let key = cipher.open(nonce, &role.associated(), &mut *bytes)?;
    SecretKey::from_slice(key)
}
