//! Bytes compressed, and read back.

use std::io::{self, Read, Write};

use super::{Codec, Compression};

/// Bytes that are read at a time.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// The reason why bytes were not copied to the end.
#[derive(Debug)]
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
    Stopped,
}

/// Compresses all of `plain`, which has `bytes` bytes.
pub(super) fn encode(
    plain: &mut impl Read,
    bytes: u64,
    out: impl Write,
    compression: Compression,
    stop: &dyn Fn() -> bool,
) -> Result<(), CopyError> {
    match compression {
        #[cfg(feature = "gzip")]
        Compression::Gzip { level } => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
            copy(plain, &mut encoder, stop)?;
            encoder.finish().map_err(CopyError::Write)?.flush().map_err(CopyError::Write)
        }
        #[cfg(feature = "zstd")]
        Compression::Zstd { level } => {
            let level = i32::try_from(level).unwrap_or(i32::MAX);
            let mut encoder = zstd_encoder(out, level, bytes).map_err(CopyError::Write)?;
            copy(plain, &mut encoder, stop)?;
            encoder.finish().map_err(CopyError::Write)?.flush().map_err(CopyError::Write)
        }
        _ => {
            let _ = (plain, bytes, out, stop);
            Err(CopyError::Write(io::ErrorKind::Unsupported.into()))
        }
    }
}

/// The frame has a checksum behind its content, and the content's length in front.
#[cfg(feature = "zstd")]
fn zstd_encoder<W: Write>(out: W, level: i32, bytes: u64) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(out, level)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(bytes))?;
    Ok(encoder)
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn copy(from: &mut impl Read, to: &mut impl Write, stop: &dyn Fn() -> bool) -> Result<(), CopyError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        if stop() {
            return Err(CopyError::Stopped);
        }
        let bytes = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        to.write_all(buffer.get(..bytes).unwrap_or_default()).map_err(CopyError::Write)?;
    }
}

/// The length of the content of a compressed file, whose checksum is right.
pub(super) fn content_bytes(compressed: impl Read, codec: Codec, stop: &dyn Fn() -> bool) -> Result<u64, CopyError> {
    match codec {
        #[cfg(feature = "gzip")]
        Codec::Gzip => count(flate2::read::MultiGzDecoder::new(compressed), stop),
        #[cfg(feature = "zstd")]
        Codec::Zstd => count(zstd::Decoder::new(compressed).map_err(CopyError::Read)?, stop),
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        _ => {
            let _ = (compressed, stop);
            Err(CopyError::Read(io::ErrorKind::Unsupported.into()))
        }
    }
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn count(mut content: impl Read, stop: &dyn Fn() -> bool) -> Result<u64, CopyError> {
    let mut counted = CountedBytes(0);
    copy(&mut content, &mut counted, stop)?;
    Ok(counted.0)
}

/// A number of bytes that were written.
#[cfg(any(feature = "gzip", feature = "zstd"))]
struct CountedBytes(u64);

#[cfg(any(feature = "gzip", feature = "zstd"))]
impl Write for CountedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
