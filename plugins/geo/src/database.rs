//! A database, read into memory, and the places that were looked up in it.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

use fapilog_plugin::{cache::Cache, named_enum};
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader};

use crate::GeoError;

/// The language of names that stands in for one that a place does not have.
const FALLBACK_LANGUAGE: &str = "en";

/// The longest file. It is read into memory as a whole; the databases of City and Enterprise have less than 1 GiB.
const FILE_BYTES_MAX: u64 = 2 << 30;

/// Parts of the types of databases that have no places.
const WITHOUT_PLACES: [&str; 8] =
    ["ASN", "ISP", "Domain", "Connection-Type", "Anonymous", "DensityIncome", "User-Count", "Risk"];

named_enum! {
    /// A field that is added.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum GeoField {
        /// `geo.country`: the code of the country by ISO 3166-1, as in `DE`.
        Country = "country",
        /// `geo.city`: the name of the city.
        City = "city",
        /// `geo.continent`: the code of the continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA`.
        Continent = "continent",
        /// `geo.location`: latitude and longitude in degrees, as in `52.5196,13.4069`.
        Location = "location",
    }
}

impl GeoField {
    /// The name of the field.
    #[must_use]
    pub const fn field_name(self) -> &'static str {
        match self {
            Self::Country => "geo.country",
            Self::City => "geo.city",
            Self::Continent => "geo.continent",
            Self::Location => "geo.location",
        }
    }
}

/// The place of an address: the fields that are wanted and known.
pub(crate) type KnownPlace = Arc<[(GeoField, Box<str>)]>;

/// The fields that are read of a place.
#[derive(Debug, Clone)]
pub(crate) struct PlaceOptions {
    pub(crate) fields: Vec<GeoField>,
    /// Whether the program has chosen the fields. Otherwise the database may have fewer.
    pub(crate) is_chosen: bool,
    pub(crate) language: String,
    pub(crate) cache_entries: usize,
}

/// The identity of a file: another one has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSignature {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl FileSignature {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::of_metadata(&metadata))
    }

    fn of_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A database, with a cache that goes with it.
pub(crate) struct Database {
    reader: Reader<Vec<u8>>,
    /// `None`: the database does not have the address.
    places: Cache<IpAddr, Option<KnownPlace>>,
}

impl Database {
    /// Reads the file.
    pub(crate) fn read(path: &Path, options: &PlaceOptions) -> Result<(Self, FileSignature), GeoError> {
        let (bytes, signature) = read_file(path)?;
        let invalid = |error: MaxMindDbError| GeoError::Invalid { path: path.to_owned(), reason: error.to_string() };
        let reader = Reader::from_source(bytes).map_err(invalid)?;
        check_type(path, &reader.metadata().database_type, options)?;
        Ok((Self { reader, places: Cache::new(options.cache_entries) }, signature))
    }

    /// The place of an address; `None` if the database does not have it. An error is not cached.
    pub(crate) fn place(&self, address: IpAddr, options: &PlaceOptions) -> Result<Option<KnownPlace>, MaxMindDbError> {
        self.places.get_or_try_insert_with(&address, || self.look_up(address, options))
    }

    fn look_up(&self, address: IpAddr, options: &PlaceOptions) -> Result<Option<KnownPlace>, MaxMindDbError> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(address)?;
        if !found.has_data() {
            return Ok(None);
        }
        let mut place = Vec::with_capacity(options.fields.len());
        for field in &options.fields {
            if let Some(value) = value_of(*field, &found, &options.language)? {
                place.push((*field, value));
            }
        }
        Ok((!place.is_empty()).then(|| place.into()))
    }
}

fn value_of(
    field: GeoField,
    found: &LookupResult<'_, Vec<u8>>,
    language: &str,
) -> Result<Option<Box<str>>, MaxMindDbError> {
    match field {
        GeoField::Country => text_at(found, &["country", "iso_code"]),
        GeoField::Continent => text_at(found, &["continent", "code"]),
        GeoField::City => match text_at(found, &["city", "names", language])? {
            None => text_at(found, &["city", "names", FALLBACK_LANGUAGE]),
            name => Ok(name),
        },
        GeoField::Location => {
            let degrees = |key| found.decode_path::<f64>(&[PathElement::Key("location"), PathElement::Key(key)]);
            let (latitude, longitude) = (degrees("latitude")?, degrees("longitude")?);
            Ok(latitude.zip(longitude).map(|(latitude, longitude)| format!("{latitude},{longitude}").into()))
        }
    }
}

fn text_at<const N: usize>(
    found: &LookupResult<'_, Vec<u8>>,
    path: &[&str; N],
) -> Result<Option<Box<str>>, MaxMindDbError> {
    let text = found.decode_path::<&str>(&path.map(PathElement::Key))?;
    Ok(text.filter(|text| !text.is_empty()).map(Into::into))
}

/// The database must have places, and the fields that the program has chosen.
fn check_type(path: &Path, database_type: &str, options: &PlaceOptions) -> Result<(), GeoError> {
    let (path, named) = (path.to_owned(), database_type.to_owned());
    if WITHOUT_PLACES.iter().any(|part| database_type.contains(part)) {
        return Err(GeoError::NoPlaces { path, database_type: named });
    }
    let is_of_city = |field: &&GeoField| matches!(field, GeoField::City | GeoField::Location);
    match options.fields.iter().find(is_of_city) {
        Some(&field) if options.is_chosen && database_type.contains("Country") => {
            Err(GeoError::NoSuchField { path, database_type: named, field })
        }
        _ => Ok(()),
    }
}

fn read_file(path: &Path) -> Result<(Vec<u8>, FileSignature), GeoError> {
    let failed = |source| GeoError::Read { path: path.to_owned(), source };
    // Before it is opened: the end of a pipe would be waited for.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(GeoError::NoFile { path: path.to_owned() });
    }
    let mut file = File::open(path).map_err(failed)?;
    // Before it is read: what is written meanwhile makes another signature.
    let metadata = file.metadata().map_err(failed)?;
    let too_long = || GeoError::TooLong { path: path.to_owned(), bytes_max: FILE_BYTES_MAX };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.by_ref().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(too_long());
    }
    Ok((bytes, FileSignature::of_metadata(&metadata)))
}
