//! Registration of the enricher `geo`, and its settings.

use std::{path::PathBuf, time::Duration};

use fapilog_plugin::{
    enricher::Enricher,
    factory::Factory,
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::duration,
};
use serde::Deserialize;

use crate::{
    Geo, GeoError, GeoField,
    builder::{ADDRESS_FIELDS, CACHE_ENTRIES, LANGUAGE, RELOAD_INTERVAL, RELOAD_INTERVAL_MIN},
};

register_plugin!(register);

/// Registers the enricher `geo`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has the name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("geo", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Adds country, city and continent of a client's address");
    registry.register_enricher(about, geo)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn geo(settings: &PluginSettings<'_>) -> Result<Factory<dyn Enricher>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<GeoSettings>();
    let made = own.and_then(|own| own.enricher(&mut problems));
    match made {
        Some(made) if problems.is_empty() => Ok(Factory::enricher(move |_shard| made.clone())),
        _ => Err(problems),
    }
}

/// Settings of the enricher.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GeoSettings {
    database: Option<PathBuf>,
    field: Vec<String>,
    outputs: Option<Vec<GeoField>>,
    language: String,
    truncate: bool,
    replace_address: bool,
    cache_entries: usize,
    #[serde(with = "duration")]
    reload_interval: Duration,
}

impl Default for GeoSettings {
    fn default() -> Self {
        Self {
            database: None,
            field: ADDRESS_FIELDS.map(str::to_owned).to_vec(),
            outputs: None,
            language: LANGUAGE.to_owned(),
            truncate: true,
            replace_address: false,
            cache_entries: CACHE_ENTRIES,
            reload_interval: RELOAD_INTERVAL,
        }
    }
}

impl GeoSettings {
    /// `None` if there are problems.
    fn enricher(self, problems: &mut Vec<Problem>) -> Option<Geo> {
        self.check(problems);
        let Some(database) = self.database else {
            if problems.is_empty() {
                let allowed = "it must be the path of a database, such as GeoLite2-City.mmdb";
                problems.push(Problem::new("database", "missing", allowed));
            }
            return None;
        };
        let shown = database.display().to_string();
        let mut builder = Geo::builder(database)
            .address_fields(self.field)
            .language(self.language)
            .truncate(self.truncate)
            .replace_address(self.replace_address)
            .cache_entries(self.cache_entries)
            .reload_interval(self.reload_interval);
        if let Some(fields) = self.outputs {
            builder = builder.outputs(fields);
        }
        builder.build().map_err(|error| problems.push(problem_of(&shown, error))).ok()
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if self.field.is_empty() || self.field.iter().any(String::is_empty) {
            let allowed = "it must be the name of the field that has the address, or a list of names";
            problems.push(Problem::new("field", format!("{:?}", self.field), allowed));
        }
        if self.outputs.as_ref().is_some_and(Vec::is_empty) {
            let allowed = format!("it must list a field; allowed are {}", GeoField::NAMES.join(", "));
            problems.push(Problem::new("outputs", "empty", allowed));
        }
        if self.cache_entries == 0 {
            problems.push(Problem::new("cache_entries", 0, "it must be 1 or more"));
        }
        if self.reload_interval < RELOAD_INTERVAL_MIN {
            let value = format!("{:?}", self.reload_interval);
            problems.push(Problem::new("reload_interval", value, "it must be 10ms or more"));
        }
    }
}

fn problem_of(path: &str, error: GeoError) -> Problem {
    match error {
        GeoError::Read { source, .. } => {
            Problem::new("database", path, format!("it cannot be read: {source}")).caused_by(source)
        }
        GeoError::TooLong { bytes_max, .. } => {
            Problem::new("database", path, format!("it is too long: it may have {bytes_max} bytes"))
        }
        GeoError::NoFile { .. } => Problem::new("database", path, "it must be a file"),
        GeoError::Invalid { reason, .. } => {
            Problem::new("database", path, format!("it is no valid MaxMind DB: {reason}"))
        }
        GeoError::NoPlaces { database_type, .. } => {
            let allowed =
                format!("its type {database_type:?} has no places; allowed are those of City, Country and Enterprise");
            Problem::new("database", path, allowed)
        }
        GeoError::NoSuchField { database_type, field, .. } => {
            let allowed = format!("a database of the type {database_type:?} does not have it");
            Problem::new("outputs", field, allowed).beside("database")
        }
        GeoError::Thread(source) => {
            Problem::new("reload_interval", "given", format!("its thread cannot be started: {source}"))
                .caused_by(source)
        }
    }
}
