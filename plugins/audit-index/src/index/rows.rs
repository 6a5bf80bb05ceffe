//! Rows of an index, and the records that they stand for.

use fapilog_audit_trail::verify::{TrailBlock, TrailReader, VerifyError};
use rusqlite::{Row, Transaction};

use crate::{
    index::schema::{signed, unsigned},
    record::RecordFields,
};

/// The columns of [`IndexedRow`], in its order.
pub(super) const COLUMNS: &str =
    "id, segment, offset, length, time, user, action, object, outcome, origin, level, logger";

/// A row: a record's number, place and fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IndexedRow {
    pub(super) id: u64,
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// With its line end.
    pub(super) length: u64,
    pub(super) fields: RecordFields,
}

impl IndexedRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let fields = RecordFields {
            unix_nanos: row.get(4)?,
            user: row.get(5)?,
            action: row.get(6)?,
            object: row.get(7)?,
            outcome: row.get(8)?,
            origin: row.get(9)?,
            level: row.get(10)?,
            logger: row.get(11)?,
        };
        let [id, segment, offset, length] = [0, 1, 2, 3].map(|column| unsigned(row, column));
        Ok(Self { id: id?, segment: segment?, offset: offset?, length: length?, fields })
    }
}

/// Adds rows and blocks.
pub(super) struct RowWriter<'t> {
    record: rusqlite::Statement<'t>,
    block: rusqlite::Statement<'t>,
}

impl<'t> RowWriter<'t> {
    pub(super) fn new(transaction: &'t Transaction<'_>) -> rusqlite::Result<Self> {
        let record = format!("INSERT OR REPLACE INTO record ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        Ok(Self {
            record: transaction.prepare(&record)?,
            block: transaction
                .prepare("INSERT OR REPLACE INTO block (entry, segment, offset, digest) VALUES (?, ?, ?, ?)")?,
        })
    }

    pub(super) fn add(&mut self, row: &IndexedRow) -> rusqlite::Result<()> {
        let IndexedRow { id, segment, offset, length, fields } = row;
        let [id, segment, offset, length] = [*id, *segment, *offset, *length].map(signed);
        let RecordFields { unix_nanos, user, action, object, outcome, origin, level, logger } = fields;
        let values = (id, segment, offset, length, unix_nanos, user, action, object, outcome, origin, level, logger);
        self.record.execute(values).map(drop)
    }

    pub(super) fn add_block(&mut self, block: &TrailBlock) -> rusqlite::Result<()> {
        let [entry, segment, offset] = [block.entry, block.segment, block.offset].map(signed);
        self.block.execute((entry, segment, offset, block.digest)).map(drop)
    }
}

/// Reads records from the data files. It keeps the last block: records that are found lie close together.
pub(super) struct RecordBytes<'r, 'v> {
    trail: &'r mut TrailReader<'v>,
    last: Option<(TrailBlock, Vec<u8>)>,
    bytes: Vec<u8>,
}

impl<'r, 'v> RecordBytes<'r, 'v> {
    pub(super) fn new(trail: &'r mut TrailReader<'v>) -> Self {
        Self { trail, last: None, bytes: Vec::new() }
    }

    pub(super) fn trail(&self) -> &TrailReader<'v> {
        self.trail
    }

    /// The verified record of a row. `None` if no record of that length begins there.
    pub(super) fn of(&mut self, row: &IndexedRow) -> Result<Option<VerifiedRecord<'_>>, VerifyError> {
        let Some(end) = row.offset.checked_add(row.length) else { return Ok(None) };
        // The byte before it is the end of another record.
        let start = row.offset.saturating_sub(1);
        let blocks: Vec<TrailBlock> = self.trail.blocks_within(row.segment, start..end).collect();
        let mut place = None;
        self.bytes.clear();
        for block in &blocks {
            let within = |at: u64| usize::try_from(at.clamp(block.offset, block.end()) - block.offset).unwrap_or(0);
            if self.last.as_ref().is_none_or(|(last, _)| last != block) {
                self.last = Some((*block, self.trail.read_block(block)?));
            }
            let Some((_, read)) = &self.last else { continue };
            self.bytes.extend_from_slice(read.get(within(start)..within(end)).unwrap_or_default());
            if (block.offset..block.end()).contains(&row.offset) {
                let before = read.get(..within(row.offset)).unwrap_or_default();
                let number = block.first_record + memchr::memchr_iter(b'\n', before).count() as u64;
                place = Some((block.entry, number));
            }
        }
        let record = match row.offset {
            0 => Some(self.bytes.as_slice()),
            _ => self.bytes.strip_prefix(b"\n"),
        };
        let record = record.filter(|record| record.len() as u64 == row.length);
        let record = record.and_then(|record| record.strip_suffix(b"\n"));
        let record = record.filter(|record| memchr::memchr(b'\n', record).is_none());
        let last_block = blocks.last().map_or(u64::MAX, |last| last.entry);
        Ok(record.zip(place).map(|(bytes, (block, number))| VerifiedRecord { bytes, block, last_block, number }))
    }
}

/// A record whose blocks were verified.
pub(super) struct VerifiedRecord<'a> {
    /// Without the line end.
    pub(super) bytes: &'a [u8],
    /// The number of the block that it begins in.
    pub(super) block: u64,
    /// The number of the block that it ends in.
    pub(super) last_block: u64,
    /// Its number in its data file.
    pub(super) number: u64,
}
