//! Call sites that are made at run time: one for each log call of fapilog and each list of names.
//!
//! A subscriber keeps call sites for ever, so they are statics of the process: leaked, and bounded.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use fapilog::{Level, adapter::EventCopy, plugin::undivided};
use tracing_core::{
    Callsite, Interest, Kind, Metadata,
    callsite::{self, Identifier},
    field::FieldSet,
};

use crate::plain_site::{level_of, plain_metadata};

/// The most call sites of the process.
const SITES_MAX: usize = 4_096;

/// The most call sites of a file, a line and a level: targets and names may be made at run time.
const SITES_OF_A_PLACE_MAX: usize = 64;
/// The most call sites of a level without a file.
const SITES_WITHOUT_FILE_MAX: usize = 256;

static SITES: LazyLock<Mutex<SiteTable>> = LazyLock::new(Mutex::default);

/// All call sites.
#[derive(Default)]
struct SiteTable {
    /// By a hash of level, place, target and names.
    sites: HashMap<u64, Vec<&'static EventSite>>,
    /// The numbers of sites by a hash of file, line and level.
    of_places: HashMap<u64, usize>,
    total: usize,
}

impl SiteTable {
    fn has_room(&self, event: &EventCopy<'_>) -> bool {
        let max = if event.file.is_empty() { SITES_WITHOUT_FILE_MAX } else { SITES_OF_A_PLACE_MAX };
        self.total < SITES_MAX && self.of_places.get(&hash_of_place(event)).is_none_or(|count| *count < max)
    }

    fn add(&mut self, hash: u64, place: u64, site: &'static EventSite) {
        self.sites.entry(hash).or_default().push(site);
        *self.of_places.entry(place).or_default() += 1;
        self.total += 1;
    }
}

/// A call site.
#[derive(Debug)]
pub(crate) struct EventSite {
    level: Level,
    names: &'static [&'static str],
    /// Set before the site is known to anyone: it refers to the site.
    metadata: OnceLock<Metadata<'static>>,
}

impl EventSite {
    /// The metadata of an event with these names of fields, made and registered by the first such event. `None` where the process has
    /// too many.
    pub(crate) fn metadata_of(event: &EventCopy<'_>, names: &[&str]) -> Option<&'static Metadata<'static>> {
        let hash = hash_of(event, names);
        let known = undivided(|| Self::find(&lock(), hash, event, names));
        let site = match known {
            Some(site) => site,
            None => Self::add(hash, event, names)?,
        };
        site.metadata.get()
    }

    fn find(table: &SiteTable, hash: u64, event: &EventCopy<'_>, names: &[&str]) -> Option<&'static Self> {
        table.sites.get(&hash)?.iter().copied().find(|site| site.is_of(event, names))
    }

    fn is_of(&self, event: &EventCopy<'_>, names: &[&str]) -> bool {
        self.metadata.get().is_some_and(|metadata| {
            self.level == event.level
                && metadata.line().unwrap_or_default() == event.line
                && metadata.file().unwrap_or_default() == event.file
                && metadata.target() == event.target
                && self.names == names
        })
    }

    /// Adds a site. Two threads may add the same one at once: both are good.
    #[cold]
    fn add(hash: u64, event: &EventCopy<'_>, names: &[&str]) -> Option<&'static Self> {
        // Made ahead of the lock, under which work is short.
        if !undivided(|| lock().has_room(event)) {
            return None;
        }
        let site = Self::leak(event, names);
        undivided(|| lock().add(hash, hash_of_place(event), site));
        // Subscribers are user code: behind the lock.
        callsite::register(site);
        Some(site)
    }

    fn leak(event: &EventCopy<'_>, names: &[&str]) -> &'static Self {
        let names: Vec<&'static str> = names.iter().map(|name| leak_text(name)).collect();
        let names: &'static [&'static str] = names.leak();
        let site: &'static Self = Box::leak(Box::new(Self { level: event.level, names, metadata: OnceLock::new() }));
        let target = leak_text(event.target);
        let place = (!event.file.is_empty()).then(|| (leak_text(event.file), event.line));
        site.metadata.get_or_init(|| {
            Metadata::new(
                "fapilog event",
                target,
                level_of(event.level),
                place.map(|(file, _)| file),
                place.map(|(_, line)| line),
                place.map(|_| target),
                FieldSet::new(names, Identifier(site)),
                Kind::EVENT,
            )
        });
        site
    }
}

impl Callsite for EventSite {
    /// The sink asks its subscriber about each event.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get().unwrap_or(plain_metadata(self.level))
    }
}

fn lock() -> MutexGuard<'static, SiteTable> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash_of(event: &EventCopy<'_>, names: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.level as u8, event.line, event.file, event.target, names).hash(&mut hasher);
    hasher.finish()
}

fn hash_of_place(event: &EventCopy<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.level as u8, event.line, event.file).hash(&mut hasher);
    hasher.finish()
}

fn leak_text(text: &str) -> &'static str {
    text.to_owned().leak()
}
