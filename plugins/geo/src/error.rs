//! Errors of databases.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::GeoField;

/// Why a database cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GeoError {
    /// The file cannot be read.
    #[error("the database {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The path is no file.
    #[error("the database {} is no file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is longer than any database of places.
    #[error("the database {} is too long: it may have {} bytes", path.display(), bytes_max)]
    TooLong {
        /// The path.
        path: PathBuf,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The file is no database in the format of MaxMind, or a damaged one.
    #[error("the file {} is no valid MaxMind DB: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The error of the reader.
        reason: String,
    },
    /// The database has other data than places.
    #[error(
        "the database {} is of the type {database_type:?}, which has no places; allowed are those of City, Country and Enterprise",
        path.display()
    )]
    NoPlaces {
        /// The file.
        path: PathBuf,
        /// Its type, by its metadata.
        database_type: String,
    },
    /// The database does not have a field that the program asks for.
    #[error(
        "the database {} is of the type {database_type:?}, which has no {field}; allowed are country and continent",
        path.display()
    )]
    NoSuchField {
        /// The file.
        path: PathBuf,
        /// Its type, by its metadata.
        database_type: String,
        /// The field.
        field: GeoField,
    },
    /// The thread that looks for a new file cannot be started. The enricher works with the database that it has.
    #[error("the thread that reloads the database cannot be started")]
    Thread(#[source] io::Error),
}
