//! Searches.

use std::path::Path;

use fapilog_audit_trail::verify::TrailReader;
use rusqlite::{OptionalExtension, params_from_iter, types::Value};

use crate::{
    error::IndexError,
    index::{
        AuditIndex, SqlOr, fit,
        rows::{COLUMNS, IndexedRow, RecordBytes, VerifiedRecord},
        schema::{signed, unsigned},
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
    /// Finds the records that meet the query, in the order of the trail. Each is read from its data file and verified before `each` gets
    /// it.
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
        let Some(search) = self.prepare(trail, query).map_err(at)? else { return Ok(SearchReport::default()) };
        let mut report = search.report;
        let mut next = search.first;
        let mut bytes = RecordBytes::new(trail);
        loop {
            let rows = self.page(&search.condition, next).map_err(|error| at(error.into()))?;
            let Some(last) = rows.last() else { return Ok(report) };
            next = last.id + 1;
            for row in &rows {
                let is_signed = self.pass(&search, &mut bytes, query, row, &mut each)?;
                report.found += 1;
                report.not_signed += u64::from(!is_signed);
            }
        }
    }

    fn prepare(&self, trail: &TrailReader<'_>, query: &AuditQuery) -> Result<Option<PreparedSearch>, SqlOr> {
        let state = match &self.state {
            Some(state) => Some(state.clone()),
            None => fit::fitting_state(&self.connection, &self.path, trail)?,
        };
        let Some(state) = state else { return Ok(None) };
        let mut condition = query.condition();
        // Rows that another process has added since are not those of this reader.
        condition.and("id < ?", signed(state.next));
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
        Ok(Some(PreparedSearch { condition, first, report, has_first_file: state.first_segment == 0 }))
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

    /// Has `each` get the record of a row, if the row is that of the record. Returns whether it is signed.
    fn pass<E: From<IndexError>>(
        &self,
        search: &PreparedSearch,
        trail: &mut RecordBytes<'_, '_>,
        query: &AuditQuery,
        row: &IndexedRow,
        each: &mut impl FnMut(FoundRecord<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let file = trail.trail().data_file(row.segment).map(Path::to_owned).unwrap_or_default();
        let (signed_entries, records_before) =
            (trail.trail().signed_entries(), trail.trail().records_before(row.segment));
        let differs =
            |detail| IndexError::RowDiffers { path: self.path.clone(), file: file.clone(), offset: row.offset, detail };
        let record = trail.of(row).map_err(IndexError::from)?;
        let record = record.ok_or_else(|| differs("a row has a place where no record begins"))?;
        check_row(row, &record, query).map_err(differs)?;
        let number = records_before.filter(|_| search.has_first_file).map_or(row.id, |before| before + record.number);
        if number != row.id {
            return Err(differs("a row has another number than its record").into());
        }
        let is_signed = record.last_block < signed_entries;
        let VerifiedRecord { bytes, block, .. } = record;
        let (segment, offset) = (row.segment, row.offset);
        each(FoundRecord { bytes, number, file: &file, segment, offset, block, is_signed })?;
        Ok(is_signed)
    }
}

/// The row has the values of the record, which meets the query.
fn check_row(row: &IndexedRow, record: &VerifiedRecord<'_>, query: &AuditQuery) -> Result<(), &'static str> {
    if RecordFields::of(record.bytes).as_ref() != Some(&row.fields) {
        return Err("a row has other values than its record");
    }
    if !query.is_met_by(&row.fields) {
        return Err("a row is found by values that it does not have");
    }
    Ok(())
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
