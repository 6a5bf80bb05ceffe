//! Updates: the records behind the indexed ones are added, in one transaction.

use std::path::Path;

use fapilog_audit_trail::verify::{TrailBlock, TrailReader};
use rusqlite::{Transaction, TransactionBehavior};

use crate::{
    error::IndexError,
    index::{
        AuditIndex, IndexState, KnownPart, SqlOr, fit,
        rows::{IndexedRow, RowWriter},
        schema,
    },
    record::RecordFields,
};

/// The longest record that has a row.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// The blocks that are looked up at once.
const BLOCKS: usize = 1024;

/// The result of an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexUpdate {
    /// The records that were added, with and without a row.
    pub added: u64,
    /// All records with a row.
    pub indexed: u64,
    /// All records without a row: they are no JSON objects, such as encrypted ones, or longer than 16 MiB.
    pub not_indexed: u64,
}

impl AuditIndex {
    /// Adds the records that the trail has behind the indexed ones. Each of their blocks is verified.
    ///
    /// # Errors
    /// When a block is damaged, the trail is another one than the index has seen, or the file cannot be written. The index is then as it
    /// was before.
    pub fn update(&mut self, trail: &mut TrailReader<'_>) -> Result<IndexUpdate, IndexError> {
        let path = self.path.clone();
        let unchanged = self.transact(TransactionBehavior::Deferred, |transaction| {
            let state = fit::fitting_state(transaction, &path, trail)?;
            match state.filter(|state| trail.blocks_from(state.entries).next().is_none()) {
                Some(state) => KnownPart::of(transaction, &path, state, trail).map(Some),
                None => Ok(None),
            }
        })?;
        let (known, added) = match unchanged {
            Some(known) => (known, 0),
            None => self.transact(TransactionBehavior::Immediate, |transaction| {
                // Again, behind the lock: another process may have updated it.
                let known = fit::fitting_state(transaction, &path, trail)?;
                let start = known.unwrap_or_else(|| IndexState::before(trail));
                let before = start.next;
                let state = add_records(start, RowWriter::new(transaction)?, trail)?;
                schema::write_state(transaction, &state)?;
                let added = state.next - before;
                Ok((KnownPart::of(transaction, &path, state, trail)?, added))
            })?,
        };
        let IndexState { next, not_indexed, .. } = known.state;
        self.known = Some(known);
        Ok(IndexUpdate { added, indexed: next.saturating_sub(not_indexed), not_indexed })
    }
}

impl KnownPart {
    /// The rows of this state, which are all there.
    pub(super) fn of(
        transaction: &Transaction<'_>,
        path: &Path,
        state: IndexState,
        trail: &TrailReader<'_>,
    ) -> Result<Self, SqlOr> {
        fit::check_complete(transaction, path, &state, trail)?;
        Ok(Self { state, schema_version: schema::version(transaction)? })
    }
}

impl IndexState {
    /// The state before the first block of the trail.
    fn before(trail: &TrailReader<'_>) -> Self {
        let entries = trail.first_entry();
        Self {
            trail_id: trail.summary().trail_id,
            first_segment: trail.summary().first_segment,
            entries,
            root: trail.root_at(entries).unwrap_or_default(),
            next: 0,
            not_indexed: 0,
        }
    }
}

/// Adds the records behind `start`. Returns the state behind the last block in which a record ends.
fn add_records(start: IndexState, rows: RowWriter<'_>, trail: &mut TrailReader<'_>) -> Result<IndexState, SqlOr> {
    let (next, not_indexed, mut entry) = (start.next, start.not_indexed, start.entries);
    let mut adder = RecordAdder { rows, state: start, next, not_indexed, part: RecordPart::default() };
    loop {
        let blocks: Vec<TrailBlock> = trail.blocks_from(entry).take(BLOCKS).collect();
        let Some(last) = blocks.last() else { break };
        entry = last.entry + 1;
        for block in &blocks {
            adder.add_block(block, &trail.read_block(block)?)?;
        }
    }
    let mut state = adder.state;
    state.root = trail.root_at(state.entries).unwrap_or_default();
    Ok(state)
}

/// Adds blocks, one behind the other.
struct RecordAdder<'t> {
    rows: RowWriter<'t>,
    /// The state behind the last block that no record goes on behind.
    state: IndexState,
    next: u64,
    not_indexed: u64,
    /// The first part of a record that goes on in the next block.
    part: RecordPart,
}

/// A part of a record.
#[derive(Debug, Default)]
struct RecordPart {
    segment: u64,
    offset: u64,
    bytes: Vec<u8>,
    is_too_long: bool,
}

impl RecordPart {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds bytes of a block, which begin at this place of its file.
    fn add(&mut self, block: &TrailBlock, offset: u64, bytes: &[u8]) {
        if self.is_empty() {
            (self.segment, self.offset, self.is_too_long) = (block.segment, offset, false);
        }
        self.is_too_long |= self.bytes.len() + bytes.len() > RECORD_BYTES_MAX;
        if !self.is_too_long {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl RecordAdder<'_> {
    fn add_block(&mut self, block: &TrailBlock, bytes: &[u8]) -> rusqlite::Result<()> {
        self.rows.add_block(block)?;
        if self.part.segment != block.segment {
            self.part = RecordPart::default();
        }
        if memchr::memchr_iter(b'\n', bytes).count() as u64 == u64::from(block.records) {
            self.add_lines(block, bytes)?;
        } else {
            // Records that are no lines, such as encrypted ones.
            self.part = RecordPart::default();
            self.next += u64::from(block.records);
            self.not_indexed += u64::from(block.records);
        }
        if self.part.is_empty() {
            self.state.entries = block.entry + 1;
            (self.state.next, self.state.not_indexed) = (self.next, self.not_indexed);
        }
        Ok(())
    }

    fn add_lines(&mut self, block: &TrailBlock, bytes: &[u8]) -> rusqlite::Result<()> {
        let mut offset = block.offset;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = line.ends_with(b"\n");
            if is_whole && self.part.is_empty() {
                self.add_record(block.segment, offset, line)?;
            } else {
                self.part.add(block, offset, line);
                if is_whole {
                    let part = std::mem::take(&mut self.part);
                    let record = if part.is_too_long { &[] } else { part.bytes.as_slice() };
                    self.add_record(part.segment, part.offset, record)?;
                }
            }
            offset += line.len() as u64;
        }
        Ok(())
    }

    /// Adds a record with its line end.
    fn add_record(&mut self, segment: u64, offset: u64, record: &[u8]) -> rusqlite::Result<()> {
        let id = self.next;
        self.next += 1;
        let Some(fields) = record.strip_suffix(b"\n").and_then(RecordFields::of) else {
            self.not_indexed += 1;
            return Ok(());
        };
        self.rows.add(&IndexedRow { id, segment, offset, length: record.len() as u64, fields })
    }
}
