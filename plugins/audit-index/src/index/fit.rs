//! Comparison of an index with the trail that it was made of.

use std::path::{Path, PathBuf};

use fapilog_audit_trail::verify::{TrailBlock, TrailReader};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    error::IndexError,
    index::{
        IndexState, SqlOr,
        schema::{read_state, signed},
    },
};

/// The state of the index, if the trail has what the index has seen of it; `None` before the first update.
pub(super) fn fitting_state(
    connection: &Connection,
    path: &Path,
    trail: &TrailReader<'_>,
) -> Result<Option<IndexState>, SqlOr> {
    let state = read_state(connection)?;
    if let Some(state) = &state {
        check_fits(connection, path, state, trail)?;
    }
    Ok(state)
}

fn check_fits(connection: &Connection, path: &Path, state: &IndexState, trail: &TrailReader<'_>) -> Result<(), SqlOr> {
    let path = path.to_owned();
    let summary = trail.summary();
    let indexed = state.entries;
    if state.trail_id != summary.trail_id {
        let (indexed, found) = (hex(&state.trail_id), hex(&summary.trail_id));
        return Err(IndexError::OtherTrail { path, indexed, found }.into());
    }
    if indexed > summary.entries {
        return Err(IndexError::Shrunk { path, entries: summary.entries, indexed }.into());
    }
    if indexed < trail.first_entry() {
        return Err(IndexError::FilesMissing { path, first: trail.first_entry(), indexed }.into());
    }
    if summary.first_segment < state.first_segment {
        let (first, indexed) = (summary.first_segment, state.first_segment);
        return Err(IndexError::FilesBefore { path, first, indexed }.into());
    }
    if trail.root_at(indexed) != Some(state.root) {
        return Err(first_difference(connection, path, indexed, trail)?.into());
    }
    Ok(())
}

/// The first block of the trail that is not the one that the index has seen.
fn first_difference(
    connection: &Connection,
    path: PathBuf,
    indexed: u64,
    trail: &TrailReader<'_>,
) -> Result<IndexError, SqlOr> {
    let mut seen =
        connection.prepare("SELECT 1 FROM block WHERE entry = ? AND segment = ? AND offset = ? AND digest = ?")?;
    let mut is_seen = |block: &TrailBlock| {
        let [entry, segment, offset] = [block.entry, block.segment, block.offset].map(signed);
        seen.query_row((entry, segment, offset, block.digest), |_| Ok(())).optional()
    };
    let first_segment = trail.summary().first_segment;
    // Without such a block, an entry without data is another one.
    let mut difference = (first_segment, 0, indexed);
    for block in trail.blocks_from(0).take_while(|block| block.entry < indexed) {
        if is_seen(&block)?.is_none() {
            difference = (block.segment, block.offset, block.entry);
            break;
        }
    }
    let (segment, offset, entry) = difference;
    let file = trail.data_file(segment).map(Path::to_owned).unwrap_or_default();
    Ok(IndexError::Changed { path, file, offset, entry })
}

/// The index stands for as many records as the trail has.
pub(super) fn check_complete(
    connection: &Connection,
    path: &Path,
    state: &IndexState,
    trail: &TrailReader<'_>,
) -> Result<(), SqlOr> {
    let sql = "SELECT count(*) FROM record WHERE id < ?";
    let rows: i64 = connection.query_row(sql, [signed(state.next)], |row| row.get(0))?;
    let found = u64::try_from(rows).unwrap_or_default().saturating_add(state.not_indexed);
    let mut expected = state.next;
    // Files that are gone cannot be counted.
    if trail.summary().first_segment == state.first_segment {
        let blocks = trail.blocks_from(0).take_while(|block| block.entry < state.entries);
        expected = blocks.map(|block| u64::from(block.records)).sum();
    }
    match found == expected && expected == state.next {
        true => Ok(()),
        false => Err(IndexError::RowsMissing { path: path.to_owned(), found, expected }.into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
