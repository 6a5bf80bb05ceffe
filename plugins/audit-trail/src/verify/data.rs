//! The data file against the blocks of its trail file.

use std::{collections::HashMap, fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::{
    format::block_digest,
    reading::open_plain,
    verify::{
        damage::{DamageKind, TrailDamage, VerifyError},
        walk::{BlockPlace, WalkedSegment},
    },
};

/// A data file, and the blocks that it must have.
struct DataCheck<'a> {
    path: &'a Path,
    file: File,
    /// Its length.
    found_bytes: u64,
    /// Its length after the entries.
    expected_bytes: u64,
    blocks: &'a [BlockPlace],
}

/// Compares the data file, which may be open already, with the blocks from the index `from` on.
pub(crate) fn check(
    path: &Path,
    opened: Option<File>,
    segment: &WalkedSegment,
    from: usize,
) -> Result<(), VerifyError> {
    let file = match opened.map_or_else(|| open_plain(path), Ok) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let entry = segment.blocks.first().map_or(segment.open.tree.size(), |block| block.sequence);
            return Err(TrailDamage::new(DamageKind::Removed, path, 0, entry, "the data file is missing").into());
        }
        Err(error) => return Err(io_error(path)(error)),
    };
    let found_bytes = file.metadata().map_err(io_error(path))?.len();
    let check = DataCheck { path, file, found_bytes, expected_bytes: segment.data_bytes, blocks: &segment.blocks };
    let mut buffer = Vec::new();
    for (index, block) in check.blocks.iter().enumerate().skip(from) {
        if !check.is_block_at(block, block.body.offset, &mut buffer)? {
            return Err(check.classify(index, block, &mut buffer)?.into());
        }
    }
    if found_bytes > segment.data_bytes {
        let entry = segment.blocks.last().map_or(segment.open.tree.size(), |block| block.sequence);
        let added = found_bytes - segment.data_bytes;
        let kind = if segment.closed.is_some() { DamageKind::Inserted } else { DamageKind::Unrecorded };
        let detail = format!("{added} bytes behind the last block have no entry");
        return Err(TrailDamage::new(kind, path, segment.data_bytes, entry, detail).into());
    }
    Ok(())
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    move |source| VerifyError::Io { path: path.to_owned(), source }
}

impl DataCheck<'_> {
    /// Whether the file has this block's bytes at `offset`.
    fn is_block_at(&self, block: &BlockPlace, offset: u64, buffer: &mut Vec<u8>) -> Result<bool, VerifyError> {
        let digest = self.digest_at(offset, block.body.length, buffer)?;
        Ok(digest.is_some_and(|digest| digest == block.body.digest))
    }

    /// The digest of so many bytes at `offset`; `None` if the file ends before.
    fn digest_at(&self, offset: u64, length: u32, buffer: &mut Vec<u8>) -> Result<Option<[u8; 32]>, VerifyError> {
        if offset.checked_add(u64::from(length)).is_none_or(|end| end > self.found_bytes) {
            return Ok(None);
        }
        buffer.resize(length as usize, 0);
        match self.file.read_exact_at(buffer, offset) {
            Ok(()) => Ok(Some(block_digest(buffer))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(io_error(self.path)(error)),
        }
    }

    /// The kind of damage whose first block is `block`.
    fn classify(&self, index: usize, block: &BlockPlace, buffer: &mut Vec<u8>) -> Result<TrailDamage, VerifyError> {
        let (kind, detail) = self.kind_of(index, block, buffer)?;
        let offset = if kind == DamageKind::Truncated { self.found_bytes } else { block.body.offset };
        Ok(TrailDamage::new(kind, self.path, offset, block.sequence, detail))
    }

    fn kind_of(
        &self,
        index: usize,
        block: &BlockPlace,
        buffer: &mut Vec<u8>,
    ) -> Result<(DamageKind, String), VerifyError> {
        let (found, expected) = (self.found_bytes, self.expected_bytes);
        let behind = self.blocks.get(index + 1..).unwrap_or_default();
        let moved = self.moved_to(block.body.offset, behind, buffer)?;
        if found < expected {
            let missing = expected - found;
            let next_is_moved = match behind.first() {
                Some(next) => self.is_moved(next, next.body.offset.checked_sub(missing), buffer)?,
                None => false,
            };
            if moved.is_some() || next_is_moved {
                return Ok((DamageKind::Removed, format!("{missing} bytes of the data file are missing")));
            }
            if found < block.body.end() {
                return Ok((DamageKind::Truncated, format!("the last {missing} bytes of the data file are missing")));
            }
            if self.is_another_file(index, buffer)? {
                return Ok((DamageKind::Replaced, "no block of the data file is in it".to_owned()));
            }
            return Ok((DamageKind::Altered, "the block has other bytes, and the file is shorter".to_owned()));
        }
        if found > expected {
            let added = found - expected;
            let whole = self.is_moved(block, block.body.offset.checked_add(added), buffer)?;
            let next_is_moved = match behind.first() {
                Some(next) => self.is_moved(next, next.body.offset.checked_add(added), buffer)?,
                None => !self.is_another_file(index, buffer)?,
            };
            if whole || next_is_moved {
                return Ok((DamageKind::Inserted, format!("{added} bytes were inserted into the data file")));
            }
            if self.is_another_file(index, buffer)? {
                return Ok((DamageKind::Replaced, "no block of the data file is in it".to_owned()));
            }
            return Ok((DamageKind::Altered, "the block has other bytes, and the file is longer".to_owned()));
        }
        if let Some(other) = moved {
            return Ok((DamageKind::Reordered, format!("block {other} stands in its place")));
        }
        if self.blocks.len() > 1 && self.is_another_file(index, buffer)? {
            return Ok((DamageKind::Replaced, "no block of the data file is in it".to_owned()));
        }
        Ok((DamageKind::Altered, "the block has other bytes".to_owned()))
    }

    fn is_moved(&self, block: &BlockPlace, offset: Option<u64>, buffer: &mut Vec<u8>) -> Result<bool, VerifyError> {
        match offset {
            Some(offset) => self.is_block_at(block, offset, buffer),
            None => Ok(false),
        }
    }

    /// A later block whose bytes are at `offset`.
    fn moved_to(&self, offset: u64, later: &[BlockPlace], buffer: &mut Vec<u8>) -> Result<Option<u64>, VerifyError> {
        let mut digests: HashMap<u32, Option<[u8; 32]>> = HashMap::new();
        for block in later {
            let length = block.body.length;
            let digest = match digests.get(&length) {
                Some(digest) => *digest,
                None => self.digest_at(offset, length, buffer)?,
            };
            digests.insert(length, digest);
            if digest == Some(block.body.digest) {
                return Ok(Some(block.sequence));
            }
        }
        Ok(None)
    }

    /// Whether the first block differs, and no other block is in its place either.
    fn is_another_file(&self, index: usize, buffer: &mut Vec<u8>) -> Result<bool, VerifyError> {
        if index > 0 {
            return Ok(false);
        }
        for block in self.blocks {
            if self.is_block_at(block, block.body.offset, buffer)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
