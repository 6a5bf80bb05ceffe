//! Frames: docs/encryption-format.md has them byte by byte.

use crate::{bytes::ByteReader, secret_key::TAG_BYTES, wrap::KeyId};

/// The first bytes of a frame. The first of all is in no UTF-8 text.
pub(crate) const MAGIC: [u8; 8] = *b"\xf5fapienc";
pub(crate) const VERSION: u8 = 1;
/// The plaintext is compressed by zstd.
pub(crate) const FLAG_ZSTD: u8 = 1;
pub(crate) const KNOWN_FLAGS: u8 = FLAG_ZSTD;
/// The part of the header in front of the wraps.
pub(crate) const FIXED_BYTES: usize = 48;
/// The byte behind the tag. A sink that continues a file takes it for the end of a line.
pub(crate) const END: u8 = b'\n';
/// The greatest length of a frame's records. Longer batches are parted.
pub(crate) const PLAIN_BYTES_MAX: usize = 64 << 20;
/// The greatest length of a ciphertext with its tag. Bytes that zstd would make longer are not compressed.
pub(crate) const SEALED_BYTES_MAX: usize = PLAIN_BYTES_MAX + TAG_BYTES;

/// The header, without the wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) flags: u8,
    /// Length of the whole header.
    pub(crate) header_bytes: u16,
    /// Length of the ciphertext and its tag.
    pub(crate) sealed_bytes: u32,
    /// Length of the records.
    pub(crate) plain_bytes: u32,
    /// The number of records.
    pub(crate) records: u32,
    pub(crate) data_key: KeyId,
    pub(crate) block: u64,
}

/// The bytes in front of a ciphertext that are no header that this version reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Too few bytes, or the wrong ones.
    Damaged,
    /// A version, or a flag, of a later release.
    Unknown { version: u8, flags: u8 },
}

impl FrameHeader {
    /// Appends the header with its wraps.
    pub(crate) fn append(&self, wraps: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.flags]);
        out.extend_from_slice(&self.header_bytes.to_be_bytes());
        out.extend_from_slice(&self.sealed_bytes.to_be_bytes());
        out.extend_from_slice(&self.plain_bytes.to_be_bytes());
        out.extend_from_slice(&self.records.to_be_bytes());
        out.extend_from_slice(&self.data_key);
        out.extend_from_slice(&self.block.to_be_bytes());
        out.extend_from_slice(wraps);
    }

    /// Reads the part in front of the wraps, and checks its lengths.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, BadHeader> {
        let mut reader = ByteReader::new(bytes);
        let (Some(MAGIC), Some(version), Some(flags)) = (reader.array(), reader.u8(), reader.u8()) else {
            return Err(BadHeader::Damaged);
        };
        if version != VERSION || flags & !KNOWN_FLAGS != 0 {
            return Err(BadHeader::Unknown { version, flags });
        }
        Self::read_lengths(flags, reader).filter(Self::is_sound).ok_or(BadHeader::Damaged)
    }

    fn read_lengths(flags: u8, mut reader: ByteReader<'_>) -> Option<Self> {
        Some(Self {
            flags,
            header_bytes: reader.u16()?,
            sealed_bytes: reader.u32()?,
            plain_bytes: reader.u32()?,
            records: reader.u32()?,
            data_key: reader.array()?,
            block: reader.u64()?,
        })
    }

    fn is_sound(&self) -> bool {
        let (sealed, plain) = (self.sealed_bytes as usize, self.plain_bytes as usize);
        usize::from(self.header_bytes) > FIXED_BYTES
            && (TAG_BYTES..=SEALED_BYTES_MAX).contains(&sealed)
            && plain <= PLAIN_BYTES_MAX
            && (self.is_compressed() || plain + TAG_BYTES == sealed)
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.flags & FLAG_ZSTD != 0
    }

    /// Length of the whole frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        usize::from(self.header_bytes) + self.sealed_bytes as usize + 1
    }
}

/// The nonce of a block: its number behind four zeros.
pub(crate) fn nonce_of(block: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    if let Some(number) = nonce.last_chunk_mut() {
        *number = block.to_be_bytes();
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FrameHeader {
        FrameHeader {
            flags: 0,
            header_bytes: 50,
            sealed_bytes: 26,
            plain_bytes: 10,
            records: 3,
            data_key: [9; 16],
            block: 7,
        }
    }

    fn bytes_of(header: FrameHeader) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.append(&[0, 0], &mut bytes);
        bytes
    }

    #[test]
    fn a_header_reads_back() {
        assert_eq!(FrameHeader::read(&bytes_of(header())), Ok(header()));
        assert_eq!(bytes_of(header()).len(), FIXED_BYTES + 2);
    }

    #[test]
    fn lengths_that_cannot_be_are_damage() {
        let wrong = [
            FrameHeader { header_bytes: 48, ..header() },
            FrameHeader { sealed_bytes: 15, ..header() },
            FrameHeader { plain_bytes: 11, ..header() },
            FrameHeader { sealed_bytes: u32::MAX, ..header() },
            FrameHeader { flags: FLAG_ZSTD, plain_bytes: u32::MAX, ..header() },
        ];
        for header in wrong {
            assert_eq!(FrameHeader::read(&bytes_of(header)), Err(BadHeader::Damaged), "{header:?}");
        }
        assert_eq!(FrameHeader::read(&bytes_of(header())[..47]), Err(BadHeader::Damaged));
    }

    #[test]
    fn a_later_version_and_an_unknown_flag_are_no_damage() {
        let mut bytes = bytes_of(header());
        bytes[8] = 2;
        assert_eq!(FrameHeader::read(&bytes), Err(BadHeader::Unknown { version: 2, flags: 0 }));
        let bytes = bytes_of(FrameHeader { flags: 4, ..header() });
        assert_eq!(FrameHeader::read(&bytes), Err(BadHeader::Unknown { version: 1, flags: 4 }));
    }

    #[test]
    fn each_block_has_a_nonce_of_its_own() {
        assert_eq!(nonce_of(0x0102), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(nonce_of(u64::MAX), [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    }
}
