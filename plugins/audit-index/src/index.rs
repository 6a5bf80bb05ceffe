//! The index.

mod fit;
mod rows;
mod schema;
mod search;
mod update;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_audit_trail::{tree::TreeHash, verify::VerifyError};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use self::schema::IndexFileState;
pub use self::{search::SearchReport, update::IndexUpdate};
use crate::{error::IndexError, place};

/// How long an index that another process has locked is waited for.
pub const LOCK_WAIT: Duration = Duration::from_secs(30);

/// An index of an audit trail: a SQLite file with a row for each record.
///
/// ```no_run
/// use std::path::Path;
/// use fapilog_audit_index::{error::IndexError, index::AuditIndex, query::AuditQuery};
/// use fapilog_audit_trail::{keys::read_verifying_key, verify::Verifier};
///
/// let verifier = Verifier::new(read_verifying_key(Path::new("verifying.key"))?).running();
/// let mut trail = verifier.reader(Path::new("audit.jsonl"))?;
/// let mut index = AuditIndex::open(Path::new("audit.jsonl.index"))?;
/// index.update(&mut trail)?;
/// let query = AuditQuery::new().user("kim".parse()?);
/// let report = index.search(&mut trail, &query, |record| {
///     println!("{}", String::from_utf8_lossy(record.bytes));
///     Ok::<(), IndexError>(())
/// })?;
/// println!("{} records", report.found);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AuditIndex {
    path: PathBuf,
    connection: Connection,
    /// The rows behind the last update: another process may add some at any time.
    known: Option<KnownPart>,
}

/// The rows that an update has left.
struct KnownPart {
    state: IndexState,
    /// The version of the schema, which changes when the index is made anew.
    schema_version: i64,
}

/// The part of a trail that an index stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IndexState {
    trail_id: [u8; 16],
    /// The number of the first data file that was indexed.
    first_segment: u64,
    /// The number of entries of the trail, up to the last block that was indexed.
    entries: u64,
    /// The root of their tree.
    root: TreeHash,
    /// The number of the next record.
    next: u64,
    /// Records without a row: no JSON, or too long.
    not_indexed: u64,
}

impl AuditIndex {
    /// Opens an index, and makes an empty one if there is no file. An index of an older version is emptied.
    ///
    /// # Errors
    /// When the file is no index, other users have access to it, or it cannot be used.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let mut index = Self { path: path.to_owned(), connection: place::open(path)?, known: None };
        match index.transact(TransactionBehavior::Deferred, |transaction| Ok(schema::state_of_file(transaction)?))? {
            IndexFileState::Current => Ok(index),
            IndexFileState::Empty | IndexFileState::Older => {
                index.make()?;
                Ok(index)
            }
            IndexFileState::Other(found) => Err(IndexError::NotAnIndex { path: index.path, found }),
        }
    }

    /// Empties the index: the next [update](Self::update) makes it anew.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clear(&mut self) -> Result<(), IndexError> {
        self.known = None;
        self.transact(TransactionBehavior::Immediate, |transaction| Ok(schema::make(transaction)?))
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the tables, unless another process has done it by now.
    fn make(&mut self) -> Result<(), IndexError> {
        self.transact(TransactionBehavior::Immediate, |transaction| match schema::state_of_file(transaction)? {
            IndexFileState::Empty | IndexFileState::Older => Ok(schema::make(transaction)?),
            IndexFileState::Current | IndexFileState::Other(_) => Ok(()),
        })
    }

    /// Does something in a transaction, and keeps it if there is no error.
    fn transact<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, SqlOr>,
    ) -> Result<T, IndexError> {
        let path = self.path.clone();
        let done = || -> Result<T, SqlOr> {
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        done().map_err(|error| error.at(&path))
    }
}

impl fmt::Debug for AuditIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditIndex").field("path", &self.path).finish_non_exhaustive()
    }
}

/// An error of SQLite, which does not know the index, or another.
enum SqlOr {
    Sql(rusqlite::Error),
    Index(IndexError),
}

impl SqlOr {
    fn at(self, path: &Path) -> IndexError {
        match self {
            Self::Index(error) => error,
            Self::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    IndexError::Busy { path: path.to_owned(), seconds: LOCK_WAIT.as_secs() }
                }
                // SQLite finds out when it first reads.
                Some(ErrorCode::NotADatabase) => {
                    IndexError::NotAnIndex { path: path.to_owned(), found: "no SQLite database".to_owned() }
                }
                _ => IndexError::Sqlite { path: path.to_owned(), source: error },
            },
        }
    }
}

impl From<rusqlite::Error> for SqlOr {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<IndexError> for SqlOr {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

impl From<VerifyError> for SqlOr {
    fn from(error: VerifyError) -> Self {
        Self::Index(error.into())
    }
}
