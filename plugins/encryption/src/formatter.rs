//! The formatter that encrypts.

use std::{error::Error, fmt};

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, timestamp::Timestamp};

use crate::{
    data_key::{DataKey, FrameContent},
    encryption::{Encryption, FrameCompression},
    error::EncryptError,
    frame::{FLAG_ZSTD, PLAIN_BYTES_MAX},
    key_store::UtcDay,
};

/// A batch whose records are longer is parted: a reader needs the whole frame in memory.
const FRAME_BYTES_WANTED: usize = 8 << 20;

/// A formatter around another: it compresses and encrypts each batch as one frame. Made by [`Encryption::around`].
///
/// # Failures
/// No plaintext leaves it. If a batch cannot be encrypted (the key store cannot be written, for example), nothing of it is appended, the
/// events are counted in [`Encryption::failures`], and the call fails: the engine counts the events as lost, as
/// `sink_failed`, and reports the reason.
pub struct Encrypted {
    encryption: Encryption,
    inner: Box<dyn Formatter>,
    data_key: Option<DataKey>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// The records of a batch.
    plain: Vec<u8>,
    compressed: Vec<u8>,
}

impl Encrypted {
    pub(crate) fn new(encryption: Encryption, inner: Box<dyn Formatter>) -> Self {
        Self { encryption, inner, data_key: None, compressor: None, plain: Vec::new(), compressed: Vec::new() }
    }

    /// As [`format`](Formatter::format), with an error of its own type.
    ///
    /// # Errors
    /// If the batch cannot be encrypted. Nothing of it is appended then.
    pub fn try_format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), EncryptError> {
        let before = out.len();
        self.append(batch, FRAME_BYTES_WANTED, out).inspect_err(|error| {
            out.truncate(before);
            self.encryption.count_failure(batch.len() as u64, &with_sources(error));
        })
    }

    /// Appends the frame of a batch, or several if it is long.
    fn append(&mut self, batch: &Batch<'_>, bytes_wanted: usize, out: &mut Vec<u8>) -> Result<(), EncryptError> {
        self.plain.clear();
        self.inner.format(batch, &mut self.plain).map_err(EncryptError::Format)?;
        if self.plain.is_empty() {
            return Ok(());
        }
        if self.plain.len() > bytes_wanted && batch.len() > 1 {
            let middle = batch.len() / 2;
            self.append(&batch.range(0..middle), bytes_wanted, out)?;
            return self.append(&batch.range(middle..batch.len()), bytes_wanted, out);
        }
        if self.plain.len() > PLAIN_BYTES_MAX {
            return Err(EncryptError::TooLong { bytes: self.plain.len(), limit_bytes: PLAIN_BYTES_MAX });
        }
        self.refresh_data_key(batch)?;
        self.seal(batch.len(), out)
    }

    /// Replaces the data key if it has served its time.
    fn refresh_data_key(&mut self, batch: &Batch<'_>) -> Result<(), EncryptError> {
        let (day, now) = (day_of(batch.now()), batch.instant());
        if let Some(key) = &self.data_key {
            if !key.is_of_this_process() {
                return Err(EncryptError::Forked);
            }
            if key.is_usable(self.encryption.limits(), day, now) {
                return Ok(());
            }
        }
        // The old key is gone, even if there is no new one.
        self.data_key = None;
        self.data_key = Some(DataKey::new(&self.encryption, day, now)?);
        Ok(())
    }

    fn seal(&mut self, records: usize, out: &mut Vec<u8>) -> Result<(), EncryptError> {
        let plain_bytes = self.plain.len();
        let is_compressed = self.compress()?;
        let (flags, bytes) = if is_compressed { (FLAG_ZSTD, &mut self.compressed) } else { (0, &mut self.plain) };
        let Some(key) = &mut self.data_key else { return Err(EncryptError::Cipher) };
        key.seal(FrameContent { flags, plain_bytes, records, bytes }, out)
    }

    /// Compresses the records. Returns whether they are shorter for it.
    fn compress(&mut self) -> Result<bool, EncryptError> {
        let FrameCompression::Zstd { level } = self.encryption.compression() else { return Ok(false) };
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(level).map_err(EncryptError::Compress)?),
        };
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(self.plain.len()));
        let bytes = compressor.compress_to_buffer(&self.plain, &mut self.compressed).map_err(EncryptError::Compress)?;
        Ok(bytes < self.plain.len())
    }
}

fn day_of(time: Timestamp) -> UtcDay {
    UtcDay::of_unix_seconds(time.unix_nanos() / 1_000_000_000)
}

fn with_sources(error: &EncryptError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

impl Formatter for Encrypted {
    fn name(&self) -> &'static str {
        "encrypted"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.try_format(batch, out).map_err(PluginError::failed)
    }

    /// A frame ends in a line feed, and a line feed in front of a frame belongs to no frame.
    fn writes_lines(&self) -> bool {
        true
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted").field("inner", &self.inner.name()).finish_non_exhaustive()
    }
}
