//! Searches.

use std::path::{Path, PathBuf};

use fapilog_audit_trail::verify::TrailReader;
use rusqlite::{OptionalExtension, params_from_iter, types::Value};

use crate::{
    error::IndexError,
    index::{
        AuditIndex, KnownPart, SqlOr,
        rows::{COLUMNS, IndexedRow, RecordBytes, VerifiedRecord},
        schema::{self, signed, unsigned},
    },
    query::{AuditQuery, SqlCondition},
    record::{FoundRecord, RecordFields},
};

/// The rows that are read at once. No lock is held between two pages, however long the reader of the output takes.
const PAGE_ROWS: i64 = 256;

/// The result of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchReport {
    /// The records that were found.
    pub found: u64,
    /// Those among them that no checkpoint includes yet.
    pub not_signed: u64,
    /// The number of the first one, if more records meet the query: [`AuditQuery::before`] finds them.
    pub more_before: Option<u64>,
    /// Records that meet the query, in data files that are gone. They cannot be verified, and are not found.
    pub in_missing_files: u64,
}

impl AuditIndex {
    /// Finds the records that meet the query, in the order of the trail, among those that the index had behind the last
    /// [update](Self::update); before one, it finds none. Each is read from its data file and verified before `each` gets it.
    ///
    /// # Errors
    /// When a block is damaged, a row of the index is not that of its record, or the index cannot be read; and an error of `each`.
    pub fn search<E: From<IndexError>>(
        &self,
        trail: &mut TrailReader<'_>,
        query: &AuditQuery,
        mut each: impl FnMut(FoundRecord<'_>) -> Result<(), E>,
    ) -> Result<SearchReport, E> {
        let at = |error: SqlOr| error.at(&self.path);
        let Some(known) = &self.known else { return Ok(SearchReport::default()) };
        let search = self.prepare(known, trail, query).map_err(|error| at(error.into()))?;
        let signed_entries = trail.signed_entries();
        let mut report = search.report;
        let mut next = search.first;
        let mut records = RecordBytes::new(trail);
        let mut file = FoundFile::of(u64::MAX, records.trail(), &search);
        loop {
            let rows = self.page(&search.condition, next).map_err(|error| at(error.into()))?;
            let Some(last) = rows.last() else { break };
            next = last.id + 1;
            for row in &rows {
                if file.segment != row.segment {
                    file = FoundFile::of(row.segment, records.trail(), &search);
                }
                let VerifiedRecord { bytes, block, last_block, .. } = self.verified(row, &file, &mut records, query)?;
                let is_signed = last_block < signed_entries;
                let IndexedRow { id: number, segment, offset, .. } = *row;
                each(FoundRecord { bytes, number, file: &file.path, segment, offset, block, is_signed })?;
                report.found += 1;
                report.not_signed += u64::from(!is_signed);
            }
        }
        // Rows of this search may have been gone for a moment.
        match schema::version(&self.connection).map_err(|error| at(error.into()))? == known.schema_version {
            true => Ok(report),
            false => Err(IndexError::MadeAnew { path: self.path.clone() }.into()),
        }
    }

    /// The verified record of a row, if the row is that of the record, and the record meets the query.
    fn verified<'r>(
        &self,
        row: &IndexedRow,
        file: &FoundFile,
        records: &'r mut RecordBytes<'_, '_>,
        query: &AuditQuery,
    ) -> Result<VerifiedRecord<'r>, IndexError> {
        let differs = |detail| {
            let (path, file) = (self.path.clone(), file.path.clone());
            IndexError::RowDiffers { path, file, offset: row.offset, detail }
        };
        let record = records.of(row)?.ok_or_else(|| differs("a row has a place where no record begins"))?;
        if RecordFields::of(record.bytes).as_ref() != Some(&row.fields) {
            return Err(differs("a row has other values than its record"));
        }
        // SQLite finds rows by an index of its own, which may have been changed as well.
        if !query.is_met_by(&row.fields) {
            return Err(differs("a row is found by values that it does not have"));
        }
        match file.records_before {
            Some(before) if before + record.number != row.id => {
                Err(differs("a row has another number than its record"))
            }
            _ => Ok(record),
        }
    }

    fn prepare(
        &self,
        known: &KnownPart,
        trail: &TrailReader<'_>,
        query: &AuditQuery,
    ) -> rusqlite::Result<PreparedSearch> {
        let state = &known.state;
        let mut condition = query.condition();
        // Rows that another process has added since are not those of this reader.
        condition.and("id < ?", signed(state.next));
        // Times grow with the numbers, nearly: the index of times finds the part of the numbers that is looked through.
        if let Some((first, last)) = self.numbers_within(query)? {
            condition.and("id >= ?", first);
            condition.and("id <= ?", last);
        }
        let first_segment = signed(trail.summary().first_segment);
        let mut gone = condition.clone();
        gone.and("segment < ?", first_segment);
        condition.and("segment >= ?", first_segment);
        let mut report = SearchReport { in_missing_files: self.count(&gone)?, ..SearchReport::default() };
        let first = match query.most_records() {
            None => 0,
            Some(0) => state.next,
            Some(limit) => self.nth_last(&condition, limit)?.unwrap_or(0),
        };
        let mut before = condition.clone();
        before.and("id < ?", signed(first));
        report.more_before = self.nth_last(&before, 1)?.map(|_| first);
        Ok(PreparedSearch { condition, first, report, has_first_file: state.first_segment == 0 })
    }

    /// The first and the last number of the records within the times of a query; of none, if there are none.
    fn numbers_within(&self, query: &AuditQuery) -> rusqlite::Result<Option<(i64, i64)>> {
        let Some(times) = query.times() else { return Ok(None) };
        let sql = "SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM record INDEXED BY record_time \
                   WHERE time >= ? AND time <= ?";
        self.connection.query_row(sql, times, |row| Ok((row.get(0)?, row.get(1)?))).map(Some)
    }

    fn count(&self, condition: &SqlCondition) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM record WHERE {}", condition.text);
        let count: i64 = self.connection.query_row(&sql, params_from_iter(&condition.values), |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The number of the record that so many records, itself among them, are not before.
    fn nth_last(&self, condition: &SqlCondition, nth: u64) -> rusqlite::Result<Option<u64>> {
        let sql = format!("SELECT id FROM record WHERE {} ORDER BY id DESC LIMIT 1 OFFSET ?", condition.text);
        let offset = Value::Integer(signed(nth.saturating_sub(1)));
        let values = condition.values.iter().chain([&offset]);
        self.connection.query_row(&sql, params_from_iter(values), |row| unsigned(row, 0)).optional()
    }

    /// The first rows from this number on.
    fn page(&self, condition: &SqlCondition, from: u64) -> rusqlite::Result<Vec<IndexedRow>> {
        let sql = format!("SELECT {COLUMNS} FROM record WHERE {} AND id >= ? ORDER BY id LIMIT ?", condition.text);
        let mut statement = self.connection.prepare(&sql)?;
        let numbers = [Value::Integer(signed(from)), Value::Integer(PAGE_ROWS)];
        let rows = statement.query_map(params_from_iter(condition.values.iter().chain(&numbers)), IndexedRow::read)?;
        rows.collect()
    }
}

/// The data file of a row.
struct FoundFile {
    segment: u64,
    path: PathBuf,
    /// The number of records in the files before it, if the index has the numbers of the trail.
    records_before: Option<u64>,
}

impl FoundFile {
    fn of(segment: u64, trail: &TrailReader<'_>, search: &PreparedSearch) -> Self {
        let path = trail.data_file(segment).map(Path::to_owned).unwrap_or_default();
        Self { segment, path, records_before: trail.records_before(segment).filter(|_| search.has_first_file) }
    }
}

/// A search before its first page.
struct PreparedSearch {
    condition: SqlCondition,
    /// The number of the first record.
    first: u64,
    report: SearchReport,
    /// Whether the numbers of rows are those of the trail.
    has_first_file: bool,
}
