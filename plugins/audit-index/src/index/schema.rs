//! The tables of an index.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::index::IndexState;

/// The number in the header of the file, which is that of its program: "fAIx".
const APPLICATION: i64 = 0x6641_4978;
/// The version of the tables, and of the places of fields in records: a row is compared with its record. With another one, the index is
/// made anew.
const VERSION: i64 = 1;

/// The tables and their indexes, as they stand in the file.
const SCHEMA: [&str; 8] = [
    "CREATE TABLE trail (id INTEGER PRIMARY KEY CHECK (id = 1), trail_id BLOB NOT NULL, first_segment INTEGER NOT NULL, \
     entries INTEGER NOT NULL, root BLOB NOT NULL, next INTEGER NOT NULL, not_indexed INTEGER NOT NULL) STRICT",
    "CREATE TABLE block (entry INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, \
     digest BLOB NOT NULL) STRICT",
    "CREATE TABLE record (id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, \
     time INTEGER, user TEXT, action TEXT, object TEXT, outcome TEXT, origin TEXT, level TEXT, logger TEXT) STRICT",
    "CREATE INDEX record_time ON record (time)",
    "CREATE INDEX record_user ON record (user)",
    "CREATE INDEX record_action ON record (action)",
    "CREATE INDEX record_object ON record (object)",
    "CREATE INDEX record_outcome ON record (outcome)",
];

/// The contents of a file.
pub(super) enum IndexFileState {
    /// It has nothing.
    Empty,
    /// It is an index of this version.
    Current,
    /// It is an index of an older version.
    Older,
    /// It is something else, with the difference.
    Other(String),
}

/// Looks at a file of anybody: at its header and its schema, and at no table.
pub(super) fn state_of_file(connection: &Connection) -> rusqlite::Result<IndexFileState> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let found = schema_of(connection)?;
    if application == 0 && version == 0 && found.is_empty() {
        return Ok(IndexFileState::Empty);
    }
    Ok(match (application == APPLICATION, version) {
        (false, _) => IndexFileState::Other("a database of another program".to_owned()),
        (true, VERSION) if found == SCHEMA => IndexFileState::Current,
        (true, VERSION) => IndexFileState::Other("its tables are other ones".to_owned()),
        (true, older) if older < VERSION => IndexFileState::Older,
        (true, later) => IndexFileState::Other(format!("it has the later version {later}")),
    })
}

fn schema_of(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY rowid")?;
    let found = statement.query_map((), |row| row.get(0))?;
    found.collect()
}

/// A number that changes with each change of the tables.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "schema_version", |row| row.get(0))
}

/// Makes the tables anew.
pub(super) fn make(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let tables: Vec<String> = {
        let mut statement = transaction.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
        let names = statement.query_map((), |row| row.get(0))?;
        names.collect::<rusqlite::Result<_>>()?
    };
    for table in tables {
        transaction.execute(&format!("DROP TABLE \"{}\"", table.replace('"', "\"\"")), ())?;
    }
    SCHEMA.into_iter().try_for_each(|sql| transaction.execute(sql, ()).map(drop))?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)
}

/// The state; `None` before the first update.
pub(super) fn read_state(connection: &Connection) -> rusqlite::Result<Option<IndexState>> {
    let sql = "SELECT trail_id, first_segment, entries, root, next, not_indexed FROM trail";
    let state = |row: &Row<'_>| {
        Ok(IndexState {
            trail_id: row.get(0)?,
            first_segment: unsigned(row, 1)?,
            entries: unsigned(row, 2)?,
            root: row.get(3)?,
            next: unsigned(row, 4)?,
            not_indexed: unsigned(row, 5)?,
        })
    };
    connection.query_row(sql, (), state).optional()
}

pub(super) fn write_state(transaction: &Transaction<'_>, state: &IndexState) -> rusqlite::Result<()> {
    let IndexState { trail_id, first_segment, entries, root, next, not_indexed } = state;
    let [first_segment, entries, next, not_indexed] = [*first_segment, *entries, *next, *not_indexed].map(signed);
    let sql = "INSERT OR REPLACE INTO trail (id, trail_id, first_segment, entries, root, next, not_indexed) \
               VALUES (1, ?, ?, ?, ?, ?, ?)";
    transaction.execute(sql, (trail_id, first_segment, entries, root, next, not_indexed)).map(drop)
}

/// SQLite has numbers of 63 bits; no trail comes near.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that is not negative, unless the file was changed.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
