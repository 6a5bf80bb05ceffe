//! The sites of places that other libraries name anew with each call.
//!
//! A table of the process: lists by a hash of the place, read without a lock. An entry is added under the registry's lock, and
//! lives for ever. The number of entries is bounded, because a library's targets may be made at run time.

use std::{
    ptr::null_mut,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use crate::{
    call_site::{AdapterSite, registry},
    level::Level,
};

/// The most sites that are made by their place.
const SITES_MAX: usize = 16_384;
/// The most targets of a file, a line and a level.
const TARGETS_OF_A_PLACE_MAX: usize = 64;
/// The most bytes of target and file: both are copied, and never freed.
const PLACE_TEXTS_MAX_BYTES: usize = 1_024;
/// The most sites without a file.
const SITES_WITHOUT_FILE_MAX: usize = 1_024;

/// A power of two.
const LISTS: usize = 4_096;

static LISTS_BY_HASH: [AtomicPtr<PlaceEntry>; LISTS] = [const { AtomicPtr::new(null_mut()) }; LISTS];
static SITES: AtomicUsize = AtomicUsize::new(0);
static SITES_WITHOUT_FILE: AtomicUsize = AtomicUsize::new(0);

struct PlaceEntry {
    site: &'static AdapterSite,
    older: Option<&'static PlaceEntry>,
}

/// A place, as a call names it.
#[derive(Clone, Copy)]
struct SitePlace<'a> {
    level: Level,
    target: &'a str,
    file: &'a str,
    line: u32,
}

impl AdapterSite {
    /// The site of a place: made by the first call, and found without a lock by all later ones. The texts are copied, once for each
    /// site.
    ///
    /// A process makes 16,384 sites in this way at most, 64 targets for each file, line and level, and 1,024 sites without a file, and
    /// target and file have 1,024 bytes at most: targets that are made at run time do not take memory without end. Beyond that there is
    /// none, and the adapter logs a dynamic event.
    ///
    /// ```
    /// use fapilog_record::{call_site::AdapterSite, level::Level};
    ///
    /// let site = || AdapterSite::at_place(Level::Info, "orders", "src/orders.rs", 12).unwrap();
    /// assert!(std::ptr::eq(site(), site()));
    /// ```
    #[inline]
    #[must_use]
    pub fn at_place(level: Level, target: &str, file: &str, line: u32) -> Option<&'static Self> {
        let place = SitePlace { level, target, file, line };
        let list = place.list()?;
        place.find(list).or_else(|| place.add(list))
    }
}

impl SitePlace<'_> {
    fn list(&self) -> Option<&'static AtomicPtr<PlaceEntry>> {
        // Calls of a place are in one list, so that they can be counted. Calls without a place differ by their targets.
        let text = if self.file.is_empty() { self.target } else { self.file };
        let mut hash = u64::from(self.line) << 8 | self.level as u64;
        hash = (hash ^ last_bytes(text)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        LISTS_BY_HASH.get((hash >> 48) as usize & (LISTS - 1))
    }

    #[inline]
    fn find(&self, list: &AtomicPtr<PlaceEntry>) -> Option<&'static AdapterSite> {
        entries(list).map(|entry| entry.site).find(|site| self.is_of(site) && self.target == site.target())
    }

    /// Whether it is the site's but for the target.
    fn is_of(&self, site: &'static AdapterSite) -> bool {
        let gate = site.gate();
        self.line == gate.line() && self.level == gate.level() && self.file == gate.file()
    }

    /// Adds the site, unless another thread was first or there are too many.
    #[cold]
    fn add(&self, list: &AtomicPtr<PlaceEntry>) -> Option<&'static AdapterSite> {
        // Made ahead of the lock, under which nothing allocates. Where there is no room none is made.
        if !self.has_room(list) {
            return None;
        }
        let site = AdapterSite::leak(self.level, self.target.to_owned(), self.file.to_owned(), self.line);
        let mut new = Some(Box::new(PlaceEntry { site, older: None }));
        // It borrows the box, so that one that is not needed is freed behind the lock.
        registry::undivided(|| {
            if let Some(known) = self.find(list) {
                return Some(known);
            }
            if !self.has_room(list) {
                return None;
            }
            let mut new = new.take()?;
            new.older = entries(list).next();
            // Release: pairs with the load in `entries`.
            list.store(Box::leak(new), Ordering::Release);
            self.count();
            Some(site)
        })
    }

    fn has_room(&self, list: &AtomicPtr<PlaceEntry>) -> bool {
        // Relaxed, both: the numbers change under the lock, under which the deciding call of this is.
        let has_total = SITES.load(Ordering::Relaxed) < SITES_MAX;
        let is_short = self.target.len().saturating_add(self.file.len()) <= PLACE_TEXTS_MAX_BYTES;
        let has_own = match self.file.is_empty() {
            true => SITES_WITHOUT_FILE.load(Ordering::Relaxed) < SITES_WITHOUT_FILE_MAX,
            false => entries(list).filter(|entry| self.is_of(entry.site)).count() < TARGETS_OF_A_PLACE_MAX,
        };
        has_total && is_short && has_own
    }

    fn count(&self) {
        // Relaxed, both: see `has_room`.
        SITES.fetch_add(1, Ordering::Relaxed);
        if self.file.is_empty() {
            SITES_WITHOUT_FILE.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn entries(list: &AtomicPtr<PlaceEntry>) -> impl Iterator<Item = &'static PlaceEntry> {
    // Acquire: pairs with the store in `add`, so that the entry is written.
    let newest = list.load(Ordering::Acquire);
    // SAFETY: null, or an entry that `add` has leaked: it lives for ever and is never written again.
    let newest: Option<&'static PlaceEntry> = unsafe { newest.as_ref() };
    std::iter::successors(newest, |entry| entry.older)
}

/// The last eight bytes of a text: names differ at their ends.
#[inline]
fn last_bytes(text: &str) -> u64 {
    match text.as_bytes().last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => text.bytes().fold(0, |all, byte| all << 8 | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(target: &str, file: &str, line: u32) -> Option<&'static AdapterSite> {
        AdapterSite::at_place(Level::Info, target, file, line)
    }

    #[test]
    fn a_place_has_one_site_whatever_memory_names_it() {
        let first = at("orders", "src/one.rs", 1).unwrap();
        let again = at(&String::from("orders"), &String::from("src/one.rs"), 1).unwrap();
        assert!(std::ptr::eq(first, again));
        assert_eq!((first.target(), first.gate().file(), first.gate().line()), ("orders", "src/one.rs", 1));
    }

    #[test]
    fn places_that_differ_in_one_thing_have_sites_of_their_own() {
        let all = [
            at("t", "src/two.rs", 1),
            at("t", "src/two.rs", 2),
            at("u", "src/two.rs", 1),
            at("t", "src/too.rs", 1),
            AdapterSite::at_place(Level::Error, "t", "src/two.rs", 1),
        ]
        .map(|site| std::ptr::from_ref(site.unwrap()));
        for (index, site) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| std::ptr::eq(*other, *site)), Some(index));
        }
    }

    #[test]
    fn targets_of_a_place_are_bounded_and_known_ones_are_still_found() {
        let sites: Vec<_> = (0..100).map(|n| at(&format!("target {n}"), "src/three.rs", 1)).collect();
        assert_eq!(sites.iter().flatten().count(), TARGETS_OF_A_PLACE_MAX);
        assert!(at("target 0", "src/three.rs", 1).is_some());
        assert!(at("target 0", "src/three.rs", 2).is_some(), "another line has room");
    }

    #[test]
    fn a_place_of_long_texts_has_no_site() {
        let target = "t".repeat(PLACE_TEXTS_MAX_BYTES - "src/five.rs".len());
        assert!(at(&target, "src/five.rs", 1).is_some());
        assert!(at(&(target + "t"), "src/five.rs", 2).is_none());
    }

    #[test]
    fn threads_that_meet_a_place_at_once_find_one_site() {
        let found: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| std::ptr::from_ref(at("t", "src/four.rs", 1).unwrap()).addr())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.iter().all(|site| *site == found[0]), "{found:?}");
    }

    #[test]
    fn sites_without_a_file_are_bounded() {
        let made = (0..2_000).filter(|n| at(&format!("unplaced {n}"), "", 0).is_some()).count();
        assert_eq!(made, SITES_WITHOUT_FILE_MAX);
    }
}
