//! Places of addresses for fapilog: an enricher that adds country, city and continent of a client's address, by a database in the format of MaxMind.
//!
//! | type | use |
//! |---|---|
//! | [`Geo`] | the enricher `geo`; made by [`Geo::builder`] |
//! | [`GeoField`] | the fields that it adds |
//! | [`GeoError`] | why a database cannot be used |
//!
//! Settings name the enricher `geo`. docs/geo.md describes the use, and the protection of addresses.
#![forbid(unsafe_code)]

mod address;
mod builder;
mod database;
mod enricher;
mod error;
mod registration;
mod reload;

pub use crate::{builder::GeoBuilder, database::GeoField, enricher::Geo, error::GeoError, registration::register};

/// Compiles the code on the crate's page of the book.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/geo.md")]
    mod geo {}
}
