//! The builder of enrichers.

use std::{path::PathBuf, time::Duration};

use crate::{Geo, GeoError, GeoField, database::PlaceOptions, enricher::AddressOptions, reload::ReloadedDatabase};

/// The fields that may have the address.
pub(crate) const ADDRESS_FIELDS: [&str; 2] = ["client_ip", "remote_addr"];

/// The fields that are added where the program has chosen none. A location is closer to a person than a log needs.
pub(crate) const FIELDS: [GeoField; 3] = [GeoField::Country, GeoField::City, GeoField::Continent];

pub(crate) const LANGUAGE: &str = "en";

pub(crate) const CACHE_ENTRIES: usize = 10_000;

/// How often the thread looks whether the file has changed.
pub(crate) const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// The shortest interval.
pub(crate) const RELOAD_INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Builds the enricher: [`Geo::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct GeoBuilder {
    database: PathBuf,
    places: PlaceOptions,
    address_fields: Vec<String>,
    truncate: bool,
    replace_address: bool,
    reload_interval: Duration,
}

impl GeoBuilder {
    pub(crate) fn new(database: PathBuf) -> Self {
        Self {
            database,
            places: PlaceOptions {
                fields: FIELDS.to_vec(),
                is_chosen: false,
                language: LANGUAGE.to_owned(),
                cache_entries: CACHE_ENTRIES,
            },
            address_fields: ADDRESS_FIELDS.map(str::to_owned).to_vec(),
            truncate: true,
            replace_address: false,
            reload_interval: RELOAD_INTERVAL,
        }
    }

    /// The fields of the context that may have the address; the first that an event has counts. Default: `client_ip`, `remote_addr`.
    pub fn address_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.address_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// The fields that are added. Default: country, city and continent, as far as the database has them.
    pub fn outputs(mut self, fields: impl IntoIterator<Item = GeoField>) -> Self {
        self.places.fields = fields.into_iter().collect();
        self.places.is_chosen = true;
        self
    }

    /// The language of the names of cities, by the code that the database has, as in `pt-BR`. A city without a name in it has its English one.
    /// Default: `en`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.places.language = language.into();
        self
    }

    /// Whether the lookup is by the network of the address, of 24 bits of version 4 and 48 of version 6. Default: yes. The place of a whole
    /// address may be more precise than its network's.
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }

    /// Whether the event's own field of the address gets the network in place of the address. Default: no.
    pub fn replace_address(mut self, replace: bool) -> Self {
        self.replace_address = replace;
        self
    }

    /// The number of addresses, or networks, whose places are kept; about 200 bytes each. Default: 10,000.
    pub fn cache_entries(mut self, entries: usize) -> Self {
        self.places.cache_entries = entries.max(1);
        self
    }

    /// How often a thread looks whether the file has changed; 10 ms at least. Default: 60 s.
    pub fn reload_interval(mut self, interval: Duration) -> Self {
        self.reload_interval = interval.max(RELOAD_INTERVAL_MIN);
        self
    }

    /// The enricher. The database is read into memory.
    ///
    /// # Errors
    /// When the database cannot be read, is damaged, or does not have the fields.
    pub fn build(self) -> Result<Geo, GeoError> {
        let Self { database, places, address_fields, truncate, replace_address, reload_interval } = self;
        let database = ReloadedDatabase::open(database, places, reload_interval)?;
        Ok(Geo::new(database, AddressOptions { fields: address_fields, truncate, replace_address }))
    }
}
