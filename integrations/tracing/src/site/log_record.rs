//! Places of records of the `log` crate: `tracing-log` has a single call site for each level, and the record's own place in fields.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{LazyLock, PoisonError, RwLock},
};

use fapilog::{Level, adapter::AdapterSite};

/// The most places. A program's code has fewer; targets that are made at run time may be any number.
const PLACES_MAX: usize = 4096;

/// The places that were seen, by their hash.
static LOG_SITES: RwLock<Option<HashMap<u64, Vec<&'static LogSite>>>> = RwLock::new(None);
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The place of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LogPlace<'a> {
    pub(crate) level: Level,
    pub(crate) target: &'a str,
    pub(crate) file: &'a str,
    pub(crate) line: u32,
}

#[derive(Debug)]
pub(crate) struct LogSite {
    place: LogPlace<'static>,
    pub(crate) adapter: &'static AdapterSite,
}

impl LogSite {
    /// The site of this place. `None` if there are too many already.
    pub(crate) fn of(place: LogPlace<'_>) -> Option<&'static Self> {
        let hash = HASHER.hash_one(place);
        let find = |sites: &HashMap<u64, Vec<&'static Self>>| {
            sites.get(&hash).and_then(|sites| sites.iter().copied().find(|site| site.place == place))
        };
        let known = LOG_SITES.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(find);
        known.or_else(|| {
            let mut sites = LOG_SITES.write().unwrap_or_else(PoisonError::into_inner);
            let sites = sites.get_or_insert_default();
            if let Some(known) = find(sites) {
                return Some(known);
            }
            if sites.len() >= PLACES_MAX {
                return None;
            }
            let new: &'static Self = Box::leak(Box::new(Self::new(place)));
            sites.entry(hash).or_default().push(new);
            Some(new)
        })
    }

    fn new(place: LogPlace<'_>) -> Self {
        let (target, file) = (String::leak(place.target.to_owned()), String::leak(place.file.to_owned()));
        let place = LogPlace { level: place.level, target, file, line: place.line };
        Self { place, adapter: AdapterSite::leak(place.level, place.target, place.file, place.line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_seen_before_has_its_site_again() {
        let of =
            |target: &str, line: u32| LogSite::of(LogPlace { level: Level::Info, target, file: "a.rs", line }).unwrap();
        assert!(std::ptr::eq(of("one", 1), of(&String::from("one"), 1)));
        assert!(!std::ptr::eq(of("one", 1), of("one", 2)));
        assert_eq!(of("other", 1).adapter.target(), "other");
    }
}
