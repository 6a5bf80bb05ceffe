//! A segment's bytes, compressed.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder, write::GzEncoder};

use crate::settings::ObjectCompression;

/// The end of the names of objects.
pub(crate) fn suffix(compression: ObjectCompression) -> &'static str {
    match compression {
        ObjectCompression::Zstd => ".zst",
        ObjectCompression::Gzip => ".gz",
        ObjectCompression::None => "",
    }
}

/// The levels that are allowed, and the default.
pub(crate) fn levels(compression: ObjectCompression) -> (std::ops::RangeInclusive<u8>, u8) {
    match compression {
        ObjectCompression::Zstd => (1..=22, 3),
        ObjectCompression::Gzip => (1..=9, 6),
        ObjectCompression::None => (0..=0, 0),
    }
}

/// Compresses what is written to it.
pub(crate) enum SegmentCompressor {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl SegmentCompressor {
    pub(crate) fn new(compression: ObjectCompression, level: u8) -> io::Result<Self> {
        Ok(match compression {
            ObjectCompression::None => Self::Plain(Vec::new()),
            // Without a time in the head, so that each attempt has the same bytes.
            ObjectCompression::Gzip => {
                Self::Gzip(GzBuilder::new().write(Vec::new(), Compression::new(u32::from(level))))
            }
            ObjectCompression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), i32::from(level))?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// The bytes that are ready.
    pub(crate) fn ready(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// The bytes that are ready, with the end of the compression.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}
