//! Frames read back: a stream of frames, damaged ones among them.

mod error;
mod keys;
mod stream;

use std::io::{self, Read, Write};

use data_encoding::HEXLOWER;

use self::stream::StreamBuffer;
pub use self::{
    error::{DecryptError, DecryptExit},
    keys::DecryptionKeys,
};
use crate::{
    error::KeyStoreError,
    frame::{BadHeader, END, FIXED_BYTES, FrameHeader, MAGIC, SEALED_BYTES_MAX, nonce_of},
    key_ring::{DataKeys, Unopened},
    secret_key::AesKey,
    wrap::WrappedRole,
};

/// The records of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecryptedFrame {
    /// Where the frame begins: bytes from the beginning of the stream.
    pub offset: u64,
    /// Length of the frame.
    pub frame_bytes: u64,
    /// The records, as the inner formatter wrote them.
    pub records: Vec<u8>,
    /// The number of records.
    pub record_count: u32,
    /// The id of the data key: 32 hexadecimal digits. A formatter has one at a time.
    pub data_key: String,
    /// The number of the frame among those of its data key, from 0. A gap within a file is frames that were removed, or failed.
    pub block: u64,
}

/// The result of [`Decryptor::copy_to`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DecryptSummary {
    /// Frames that were decrypted.
    pub frames: u64,
    /// Their records.
    pub records: u64,
    /// The first errors, in the order of their places: 1000 at most.
    pub errors: Vec<DecryptError>,
    /// The number of errors.
    pub error_count: u64,
    gravest: Option<DecryptExit>,
}

impl DecryptSummary {
    /// The most errors that are kept.
    const ERRORS_KEPT: usize = 1000;

    /// The exit code that a command should have: that of the gravest error, or success.
    #[must_use]
    pub fn exit(&self) -> DecryptExit {
        self.gravest.unwrap_or(DecryptExit::Success)
    }

    fn add_error(&mut self, error: DecryptError) {
        self.error_count += 1;
        self.gravest = self.gravest.max(Some(error.exit()));
        if self.errors.len() < Self::ERRORS_KEPT {
            self.errors.push(error);
        }
    }
}

/// Reads frames one by one. A frame that cannot be decrypted is an error with its place, and the next item is the frame
/// behind it. The end of the frames is found again by the first bytes of the next.
///
/// Records are returned only when the whole frame is authentic.
#[derive(Debug)]
pub struct Decryptor<R> {
    stream: StreamBuffer<R>,
    keys: DecryptionKeys,
    data_keys: DataKeys,
    vain_work: VainWork,
    has_ended: bool,
}

/// The work on frames that were not authentic, in bytes. Frames that overlap cost their whole lengths each, and who can write into a log can
/// have one begin in every hundred bytes of it.
#[derive(Debug, Default)]
struct VainWork(u64);

impl VainWork {
    /// So much is spent on any stream: two of the longest frames.
    const FREE: u64 = 2 * SEALED_BYTES_MAX as u64;
    /// So much is spent for each byte of the stream.
    const FACTOR: u64 = 8;
    /// The cost of an agreement on a key, for each byte of a wrap: 50 us or more for 91 bytes, at some GB of AES-256-GCM a second.
    const OF_WRAPS: u64 = 1024;

    fn add(&mut self, header: &FrameHeader) {
        let wraps = usize::from(header.header_bytes).saturating_sub(FIXED_BYTES) as u64;
        self.0 = self.0.saturating_add(header.frame_bytes() as u64 + wraps * Self::OF_WRAPS);
    }

    /// Whether a frame may be searched for within one that is not authentic.
    fn allows_search(&self, offset: u64) -> bool {
        self.0 <= Self::FREE + Self::FACTOR * offset
    }
}

/// The next bytes of the stream.
enum NextBytes {
    End,
    /// A frame that is whole, by its header.
    Frame(FrameHeader),
    /// A frame of a version that is not known.
    Unknown {
        version: u8,
        flags: u8,
    },
    /// A frame that is longer than the stream, by its header.
    Torn,
    /// A frame with a header that cannot be.
    Damaged,
    /// Bytes that are no frame.
    Other,
}

impl<R: Read> Decryptor<R> {
    /// Reads frames from a file, or any other stream of bytes.
    pub fn new(read: R, keys: DecryptionKeys) -> Self {
        Self {
            stream: StreamBuffer::new(read),
            keys,
            data_keys: DataKeys::default(),
            vain_work: VainWork::default(),
            has_ended: false,
        }
    }

    /// Writes all records that can be decrypted, and collects the errors.
    ///
    /// # Errors
    /// If records cannot be written. An error of the stream is in the summary.
    pub fn copy_to(&mut self, mut out: impl Write) -> io::Result<DecryptSummary> {
        let mut summary = DecryptSummary::default();
        for frame in self {
            match frame {
                Ok(frame) => {
                    out.write_all(&frame.records)?;
                    summary.frames += 1;
                    summary.records += u64::from(frame.record_count);
                }
                Err(error) => summary.add_error(error),
            }
        }
        out.flush()?;
        Ok(summary)
    }

    fn read_next(&mut self) -> Result<Option<DecryptedFrame>, DecryptError> {
        match self.look_ahead()? {
            NextBytes::End => Ok(None),
            NextBytes::Frame(header) => self.decrypt(&header).map(Some),
            NextBytes::Unknown { version, flags } => {
                let (offset, bytes) = self.skip_to_frame(1)?;
                Err(DecryptError::UnknownVersion { offset, bytes, version, flags })
            }
            NextBytes::Torn => {
                let (offset, bytes) = self.skip_to_frame(1)?;
                let behind = offset + bytes;
                let next = self.stream.peek(1).map_err(|source| DecryptError::Read { offset: behind, source })?;
                Err(if next.is_empty() {
                    DecryptError::Truncated { offset, bytes }
                } else {
                    DecryptError::Damaged { offset, bytes }
                })
            }
            NextBytes::Damaged => {
                let (offset, bytes) = self.skip_to_frame(1)?;
                Err(DecryptError::Damaged { offset, bytes })
            }
            NextBytes::Other => {
                let (offset, bytes) = self.skip_to_frame(0)?;
                Err(DecryptError::NotEncrypted { offset, bytes })
            }
        }
    }

    fn look_ahead(&mut self) -> Result<NextBytes, DecryptError> {
        let offset = self.stream.offset();
        let front = self.stream.peek(FIXED_BYTES).map_err(|source| DecryptError::Read { offset, source })?;
        if front.is_empty() {
            return Ok(NextBytes::End);
        }
        if !front.starts_with(&MAGIC) {
            let is_torn_magic = MAGIC.starts_with(front);
            return Ok(if is_torn_magic { NextBytes::Torn } else { NextBytes::Other });
        }
        let header = match FrameHeader::read(front) {
            Ok(header) => header,
            Err(BadHeader::Unknown { version, flags }) => return Ok(NextBytes::Unknown { version, flags }),
            Err(BadHeader::Damaged) if front.len() < FIXED_BYTES => return Ok(NextBytes::Torn),
            Err(BadHeader::Damaged) => return Ok(NextBytes::Damaged),
        };
        let wanted = header.frame_bytes();
        let whole = self.stream.peek(wanted).map_err(|source| DecryptError::Read { offset, source })?;
        Ok(if whole.len() == wanted { NextBytes::Frame(header) } else { NextBytes::Torn })
    }

    /// Decrypts the frame that the stream begins with, and goes behind it. If that fails, goes to the next frame.
    fn decrypt(&mut self, header: &FrameHeader) -> Result<DecryptedFrame, DecryptError> {
        let offset = self.stream.offset();
        let frame_bytes = header.frame_bytes();
        let frame = self.stream.peek(frame_bytes).map_err(|source| DecryptError::Read { offset, source })?;
        let opened = open_frame(frame, header, &self.keys, &mut self.data_keys);
        match opened {
            Ok(records) => {
                self.stream.consume(frame_bytes);
                Ok(DecryptedFrame {
                    offset,
                    frame_bytes: frame_bytes as u64,
                    records,
                    record_count: header.records,
                    data_key: HEXLOWER.encode(&header.data_key),
                    block: header.block,
                })
            }
            Err(unreadable) => {
                if !matches!(unreadable, UnreadableFrame::NoEnd) {
                    self.vain_work.add(header);
                }
                // The length may be the damage, so the next frame is searched for from the first bytes on, until that has cost too much.
                let from = if self.vain_work.allows_search(offset) { 1 } else { frame_bytes };
                let (offset, bytes) = self.skip_to_frame(from)?;
                Err(unreadable.at(offset, bytes))
            }
        }
    }

    /// Goes to the next beginning of a frame, `from` bytes on or behind. Returns the place, and the number of the skipped bytes.
    fn skip_to_frame(&mut self, from: usize) -> Result<(u64, u64), DecryptError> {
        let offset = self.stream.offset();
        self.stream.consume(from);
        let skipped = self.stream.skip_until(&MAGIC).map_err(|source| DecryptError::Read { offset, source })?;
        Ok((offset, from as u64 + skipped))
    }
}

impl<R: Read> Iterator for Decryptor<R> {
    type Item = Result<DecryptedFrame, DecryptError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let next = self.read_next().transpose();
        self.has_ended = matches!(next, None | Some(Err(DecryptError::Read { .. })));
        next
    }
}

/// The reason why a frame cannot be decrypted.
enum UnreadableFrame {
    /// The last byte is another.
    NoEnd,
    Damaged,
    NoKey,
    Shredded(crate::key_store::UtcDay),
    KeyStore(KeyStoreError),
}

impl UnreadableFrame {
    fn at(self, offset: u64, bytes: u64) -> DecryptError {
        match self {
            Self::NoEnd | Self::Damaged => DecryptError::Damaged { offset, bytes },
            Self::NoKey => DecryptError::NoKey { offset, bytes },
            Self::Shredded(day) => DecryptError::Shredded { offset, bytes, day },
            Self::KeyStore(source) => DecryptError::KeyStore { offset, bytes, source },
        }
    }
}

impl From<Unopened> for UnreadableFrame {
    fn from(reason: Unopened) -> Self {
        match reason {
            Unopened::Damaged => Self::Damaged,
            Unopened::NoKey => Self::NoKey,
            Unopened::Shredded(day) => Self::Shredded(day),
            Unopened::KeyStore(error) => Self::KeyStore(error),
        }
    }
}

fn open_frame(
    frame: &[u8],
    header: &FrameHeader,
    keys: &DecryptionKeys,
    data_keys: &mut DataKeys,
) -> Result<Vec<u8>, UnreadableFrame> {
    let (front, sealed) = frame.split_at_checked(usize::from(header.header_bytes)).ok_or(UnreadableFrame::Damaged)?;
    let Some((&END, sealed)) = sealed.split_last() else { return Err(UnreadableFrame::NoEnd) };
    let wraps = front.get(FIXED_BYTES..).unwrap_or_default();
    let role = WrappedRole::data_key(&header.data_key);
    let key = data_keys.get_or_open(&header.data_key, wraps, &keys.0, role)?;
    open_sealed(front, sealed, header, key).ok_or(UnreadableFrame::Damaged)
}

fn open_sealed(front: &[u8], sealed: &[u8], header: &FrameHeader, key: &AesKey) -> Option<Vec<u8>> {
    let mut bytes = sealed.to_vec();
    let length = key.open(nonce_of(header.block), front, &mut bytes)?.len();
    bytes.truncate(length);
    let plain_bytes = header.plain_bytes as usize;
    if !header.is_compressed() {
        return Some(bytes);
    }
    let records = zstd::bulk::decompress(&bytes, plain_bytes).ok()?;
    (records.len() == plain_bytes).then_some(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Identity,
        secret_key::SecretKey,
        wrap::{WrapList, WrappedRole},
    };

    /// The front of a frame of this data key, for a recipient.
    fn wraps(key: u8, identity: &Identity) -> Vec<u8> {
        let key = SecretKey::from_slice(&[key; 32]).unwrap();
        let mut wraps = WrapList::new(&key, WrappedRole::data_key(&[7; 16]));
        wraps.add_recipient(&identity.recipient()).unwrap();
        wraps.into_bytes()
    }

    #[test]
    fn a_forged_data_key_does_not_take_the_place_of_another_of_its_id() {
        let identity = Identity::generate().unwrap();
        let keys = DecryptionKeys::new().identity(identity.clone());
        let mut known = DataKeys::default();
        let mut tag_of = |wraps: &[u8]| {
            let key = known.get_or_open(&[7; 16], wraps, &keys.0, WrappedRole::data_key(&[7; 16])).ok().unwrap();
            key.seal([0; 12], b"", &mut []).unwrap()
        };
        let (forged, genuine) = (wraps(1, &identity), wraps(2, &identity));
        assert_ne!(tag_of(&forged), tag_of(&genuine));
        assert_eq!(tag_of(&forged), tag_of(&forged));
    }
}
