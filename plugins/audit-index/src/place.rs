//! The file of an index: how it is made and opened.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{error::IndexError, index::LOCK_WAIT};

/// The mode of a new index: it has users and objects of the trail.
const MODE: u32 = 0o600;

/// Opens the file, and makes it if there is none. Nothing is read from it.
pub(crate) fn open(path: &Path) -> Result<Connection, IndexError> {
    make(path)?;
    check(path)?;
    let sqlite = |source| IndexError::Sqlite { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    harden(&connection).map_err(sqlite)?;
    Ok(connection)
}

fn make(path: &Path) -> Result<(), IndexError> {
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(IndexError::Io { operation: "make the index", path: path.to_owned(), source }),
    }
}

/// A regular file, which no link leads to, and which its owner alone has access to.
fn check(path: &Path) -> Result<(), IndexError> {
    let metadata = fs::symlink_metadata(path);
    let metadata =
        metadata.map_err(|source| IndexError::Io { operation: "look at the index", path: path.to_owned(), source })?;
    if !metadata.is_file() {
        let found = if metadata.is_symlink() { "a symbolic link" } else { "no regular file" };
        return Err(IndexError::NotAnIndex { path: path.to_owned(), found: found.to_owned() });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IndexError::Mode { path: path.to_owned(), mode });
    }
    Ok(())
}

/// The file may be anybody's: nothing in its schema is executed.
///
/// The journal is the rollback journal, which is SQLite's default: the index has a writer for a moment and readers for short pages, it may
/// lie on a network file system, and a write-ahead log would leave two more files beside the trail.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)
}
