//! Compression of bodies.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::settings::{BodyCompression, HttpRequestSettings};

/// Compresses one body after the other, as the settings have it. Its memory is kept.
pub struct Compressor {
    compression: BodyCompression,
    level: u8,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    compressed: Vec<u8>,
}

impl Compressor {
    /// A compressor by these settings.
    #[must_use]
    pub fn new(settings: &HttpRequestSettings) -> Self {
        Self { compression: settings.compression, level: settings.level(), zstd: None, compressed: Vec::new() }
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// When the library of the compression has one.
    pub fn compress<'a>(&'a mut self, body: &'a [u8]) -> io::Result<&'a [u8]> {
        match self.compression {
            BodyCompression::None => return Ok(body),
            BodyCompression::Gzip => self.gzip(body)?,
            BodyCompression::Zstd => self.zstd(body)?,
        }
        Ok(&self.compressed)
    }

    fn gzip(&mut self, body: &[u8]) -> io::Result<()> {
        let mut memory = std::mem::take(&mut self.compressed);
        memory.clear();
        let mut encoder = GzEncoder::new(memory, flate2::Compression::new(self.level.into()));
        encoder.write_all(body)?;
        self.compressed = encoder.finish()?;
        Ok(())
    }

    fn zstd(&mut self, body: &[u8]) -> io::Result<()> {
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            empty => empty.insert(zstd::bulk::Compressor::new(self.level.into())?),
        };
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(body.len()));
        zstd.compress_to_buffer(body, &mut self.compressed)?;
        Ok(())
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("compression", &self.compression)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn body(number: usize) -> Vec<u8> {
        format!("{{\"number\":{number},\"message\":\"ready\"}}\n").repeat(100).into_bytes()
    }

    #[test]
    fn bodies_are_read_back_one_after_the_other() {
        let compressor = |compression| Compressor::new(&HttpRequestSettings::default().compressed(compression));
        let (mut gzip, mut zstd) = (compressor(BodyCompression::Gzip), compressor(BodyCompression::Zstd));
        for number in 0..3 {
            let body = body(number);
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(gzip.compress(&body).unwrap()).read_to_end(&mut read).unwrap();
            assert_eq!(read, body);
            let compressed = zstd.compress(&body).unwrap();
            assert!(compressed.len() * 10 < body.len());
            assert_eq!(zstd::decode_all(compressed).unwrap(), body);
        }
    }

    #[test]
    fn no_compression_copies_nothing() {
        let mut none = Compressor::new(&HttpRequestSettings::default());
        let body = body(1);
        assert!(std::ptr::eq(none.compress(&body).unwrap(), body.as_slice()));
    }
}
