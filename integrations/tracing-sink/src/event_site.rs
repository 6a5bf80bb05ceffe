//! Call sites that are made at run time: one for each log call of fapilog and each list of names.
//!
//! A subscriber keeps call sites for ever, so they are statics of the process: leaked, and bounded.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use fapilog::{Level, adapter::EventCopy, plugin::undivided};
use tracing_core::{
    Callsite, Dispatch, Interest, Kind, Metadata,
    callsite::{self, Identifier},
    dispatcher::with_default,
    field::FieldSet,
};

use crate::plain_site::{level_of, plain_metadata};

/// The most call sites of the process.
const SITES_MAX: usize = 4_096;

/// The most call sites of a file, a line and a level: targets and names may be made at run time.
const SITES_OF_A_PLACE_MAX: usize = 64;
/// The most call sites of a level without a file.
const SITES_WITHOUT_FILE_MAX: usize = 256;

/// A power of two.
const LISTS: usize = 1_024;
const LEVELS: usize = Level::ALL.len();

static SITES: SiteTable = SiteTable {
    lists: [const { OnceLock::new() }; LISTS],
    total: AtomicUsize::new(0),
    without_file: [const { AtomicUsize::new(0) }; LEVELS],
};

/// All call sites: lists by their place, so that those of a place can be counted.
///
/// A list is read without a lock, and grows at its end. Nothing is allocated while it does, for the program's allocator may log, and no fork
/// divides it.
struct SiteTable {
    lists: [OnceLock<&'static EventSite>; LISTS],
    total: AtomicUsize,
    /// By level.
    without_file: [AtomicUsize; LEVELS],
}

impl SiteTable {
    fn list(&'static self, place: u64) -> Option<&'static OnceLock<&'static EventSite>> {
        self.lists.get(place as usize & (LISTS - 1))
    }

    fn of_place(&'static self, place: u64) -> impl Iterator<Item = &'static EventSite> {
        let first = self.list(place).and_then(|list| list.get().copied());
        let sites = std::iter::successors(first, |site| site.next.get().copied());
        sites.filter(move |site| site.place == place)
    }

    /// Threads that add at once may exceed the limits by one site each.
    fn has_room(&'static self, event: &EventCopy<'_>, place: u64) -> bool {
        // Relaxed, both: bounds on memory; nothing is read on their strength.
        let has_total = self.total.load(Ordering::Relaxed) < SITES_MAX;
        let has_own = if event.file.is_empty() {
            let of_level = self.without_file_of(event.level);
            of_level.is_some_and(|sites| sites.load(Ordering::Relaxed) < SITES_WITHOUT_FILE_MAX)
        } else {
            self.of_place(place).count() < SITES_OF_A_PLACE_MAX
        };
        has_total && has_own
    }

    fn without_file_of(&'static self, level: Level) -> Option<&'static AtomicUsize> {
        let index = Level::ALL.iter().position(|other| *other == level)?;
        self.without_file.get(index)
    }

    fn count(&'static self, event: &EventCopy<'_>) {
        // Relaxed, both: see `has_room`.
        self.total.fetch_add(1, Ordering::Relaxed);
        if let Some(of_level) = self.without_file_of(event.level).filter(|_| event.file.is_empty()) {
            of_level.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn add(&'static self, new: &'static EventSite) {
        let mut end = self.list(new.place);
        while let Some(place) = end {
            if undivided(|| place.set(new)).is_ok() {
                return;
            }
            end = place.get().map(|known| &known.next);
        }
    }
}

/// A call site.
#[derive(Debug)]
pub(crate) struct EventSite {
    level: Level,
    /// The hash of level, file and line; of an event without a file, that of level, target and names.
    place: u64,
    names: &'static [&'static str],
    /// Set before the site is known to anyone: it refers to the site.
    metadata: OnceLock<Metadata<'static>>,
    next: OnceLock<&'static Self>,
}

impl EventSite {
    /// The metadata of an event with these names of fields, made and registered by the first such event, which this dispatcher gets. `None` where
    /// the process has too many.
    pub(crate) fn metadata_of(
        dispatch: &Dispatch,
        event: &EventCopy<'_>,
        names: &[&str],
    ) -> Option<&'static Metadata<'static>> {
        let place = hash_of_place(event, names);
        let known = SITES.of_place(place).find(|site| site.is_of(event, names));
        let site = known.or_else(|| Self::add(dispatch, event, place, names))?;
        site.metadata.get()
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
    fn add(dispatch: &Dispatch, event: &EventCopy<'_>, place: u64, names: &[&str]) -> Option<&'static Self> {
        if !SITES.has_room(event, place) {
            return None;
        }
        let site = Self::leak(event, place, names);
        SITES.add(site);
        SITES.count(event);
        register(dispatch, site);
        Some(site)
    }

    fn leak(event: &EventCopy<'_>, place: u64, names: &[&str]) -> &'static Self {
        let names: Vec<&'static str> = names.iter().map(|name| leak_text(name)).collect();
        let names: &'static [&'static str] = names.leak();
        let (metadata, next) = (OnceLock::new(), OnceLock::new());
        let site: &'static Self = Box::leak(Box::new(Self { level: event.level, place, names, metadata, next }));
        let target = leak_text(event.target);
        let location = (!event.file.is_empty()).then(|| (leak_text(event.file), event.line));
        site.metadata.get_or_init(|| {
            Metadata::new(
                "fapilog event",
                target,
                level_of(event.level),
                location.map(|(file, _)| file),
                location.map(|(_, line)| line),
                location.map(|_| target),
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

/// Registers a call site. Where the program has a single dispatcher, `tracing` asks the default one of the thread for its interest.
pub(crate) fn register(dispatch: &Dispatch, site: &'static dyn Callsite) {
    with_default(dispatch, || callsite::register(site));
}

fn hash_of_place(event: &EventCopy<'_>, names: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    match event.file {
        "" => (event.level as u8, event.target, names).hash(&mut hasher),
        file => (event.level as u8, event.line, file).hash(&mut hasher),
    }
    hasher.finish()
}

fn leak_text(text: &str) -> &'static str {
    text.to_owned().leak()
}
