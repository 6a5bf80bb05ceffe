//! Data keys: each encrypts the frames of a formatter for a while.

use std::time::{Duration, Instant};

use fapilog_plugin::threads::process::OwnProcess;

use crate::{
    encryption::Encryption,
    error::EncryptError,
    frame::{END, FIXED_BYTES, FrameHeader, nonce_of},
    key_store::UtcDay,
    secret_key::{AesKey, SecretKey, TAG_BYTES, random},
    wrap::{KeyId, WrapList, WrappedRole},
};

/// When a data key is replaced: as soon as any of these is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RotationLimits {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

impl RotationLimits {
    /// The bound on frames under one key. NIST SP 800-38D allows no more.
    pub(crate) const FRAMES_MAX: u64 = 1 << 32;
}

impl Default for RotationLimits {
    fn default() -> Self {
        Self { frames: Self::FRAMES_MAX, bytes: 16 << 30, age: Duration::from_hours(1) }
    }
}

/// A random key, the id and the wraps that frames have of it, and the number of the next frame. It has no copy: a number is used
/// once.
pub(crate) struct DataKey {
    cipher: AesKey,
    id: KeyId,
    wraps: Vec<u8>,
    next_block: u64,
    sealed_bytes: u64,
    made: Instant,
    day: Option<UtcDay>,
    process: OwnProcess,
}

/// Plaintext on its way into a frame.
pub(crate) struct FrameContent<'a> {
    pub(crate) flags: u8,
    /// Length of the records before they were compressed.
    pub(crate) plain_bytes: usize,
    pub(crate) records: usize,
    /// The records, maybe compressed. They are encrypted in place.
    pub(crate) bytes: &'a mut [u8],
}

impl DataKey {
    /// A new key, wrapped for those who may read.
    pub(crate) fn new(encryption: &Encryption, day: UtcDay, now: Instant) -> Result<Self, EncryptError> {
        let (key, id) = (SecretKey::random()?, random()?);
        let mut wraps = WrapList::new(&key, WrappedRole::data_key(&id));
        let day = encryption.add_wraps(&mut wraps, day)?;
        Ok(Self {
            cipher: key.cipher()?,
            id,
            wraps: wraps.into_bytes(),
            next_block: 0,
            sealed_bytes: 0,
            made: now,
            day,
            process: OwnProcess::this(),
        })
    }

    /// Whether it may encrypt one more frame.
    pub(crate) fn is_usable(&self, limits: &RotationLimits, day: UtcDay, now: Instant) -> bool {
        self.next_block < limits.frames.min(RotationLimits::FRAMES_MAX)
            && self.sealed_bytes < limits.bytes
            && now.saturating_duration_since(self.made) < limits.age
            && self.day.is_none_or(|own| own == day)
    }

    /// Whether this process made it. In a forked child, parent and child would use the same nonces.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process.is_this()
    }

    /// Encrypts the content, and appends the frame. Nothing is appended if that fails.
    pub(crate) fn seal(&mut self, content: FrameContent<'_>, out: &mut Vec<u8>) -> Result<(), EncryptError> {
        let FrameContent { flags, plain_bytes, records, bytes } = content;
        let block = self.next_block;
        // The number is used up, whatever happens.
        self.next_block += 1;
        self.sealed_bytes += bytes.len() as u64;
        let header = FrameHeader {
            flags,
            header_bytes: u16::try_from(FIXED_BYTES + self.wraps.len()).map_err(|_| EncryptError::Cipher)?,
            sealed_bytes: u32::try_from(bytes.len() + TAG_BYTES).map_err(|_| EncryptError::Cipher)?,
            plain_bytes: u32::try_from(plain_bytes).map_err(|_| EncryptError::Cipher)?,
            records: u32::try_from(records).unwrap_or(u32::MAX),
            data_key: self.id,
            block,
        };
        let before = out.len();
        out.reserve(header.frame_bytes());
        header.append(&self.wraps, out);
        let sealed = self.cipher.seal(nonce_of(block), out.get(before..).unwrap_or_default(), bytes);
        match sealed {
            Ok(tag) => {
                out.extend_from_slice(bytes);
                out.extend_from_slice(&tag);
                out.push(END);
                Ok(())
            }
            Err(error) => {
                out.truncate(before);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    const FIRST: &str = "f566617069656e63010000320000001a0000000a00000001d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10000000000000000\
                         000047f2f3919558e6c57ca241e469c41804f2d2116589d07564d5060a";
    const SECOND: &str = "f566617069656e63010000320000001a0000000a00000001d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10000000000000001\
                          00005c98f9b3648055667a24090bc43d282e3c1ba09a5fbb2dddeadc0a";

    fn data_key() -> DataKey {
        let key = SecretKey::from_slice(&std::array::from_fn::<u8, 32, _>(|at| at as u8)).unwrap();
        DataKey {
            cipher: key.cipher().unwrap(),
            id: [0xd1; 16],
            wraps: vec![0, 0],
            next_block: 0,
            sealed_bytes: 0,
            made: Instant::now(),
            day: None,
            process: OwnProcess::this(),
        }
    }

    fn sealed(key: &mut DataKey) -> String {
        let mut out = Vec::new();
        let mut bytes = b"INFO text\n".to_vec();
        key.seal(FrameContent { flags: 0, plain_bytes: 10, records: 1, bytes: &mut bytes }, &mut out).unwrap();
        HEXLOWER.encode(&out)
    }

    /// The bytes were computed by Python's `cryptography`.
    #[test]
    fn frames_of_a_key_have_these_bytes() {
        let mut key = data_key();
        assert_eq!(sealed(&mut key), FIRST);
        assert_eq!(sealed(&mut key), SECOND);
    }

    #[test]
    fn a_number_is_used_once_even_if_the_frame_failed() {
        let mut key = data_key();
        let too_long = FrameContent { flags: 0, plain_bytes: usize::MAX, records: 1, bytes: &mut [] };
        let mut out = Vec::new();
        assert!(key.seal(too_long, &mut out).is_err());
        assert_eq!((out.len(), key.next_block), (0, 1));
    }

    #[test]
    fn a_key_serves_2_to_the_32_frames_at_most_and_one_day_and_its_age() {
        let day = |number| UtcDay::of_number(number).unwrap();
        let limits = RotationLimits { frames: u64::MAX, bytes: u64::MAX, age: Duration::from_secs(60) };
        let mut key = data_key();
        let made = key.made;
        key.next_block = (1 << 32) - 1;
        assert!(key.is_usable(&limits, day(1), made));
        assert!(!key.is_usable(&limits, day(1), made + Duration::from_secs(60)));
        key.day = Some(day(1));
        assert!(key.is_usable(&limits, day(1), made) && !key.is_usable(&limits, day(2), made));
        key.next_block += 1;
        assert!(!key.is_usable(&limits, day(1), made));
    }
}
