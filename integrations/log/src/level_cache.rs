//! A thread's memory of which levels are enabled for which targets.
//!
//! An answer of a bridge is good for one generation: a number that no other bridge has, and that a change of levels replaces. A
//! target is compared by its text, because its memory may have had another text before. A target that is a literal of the program is
//! compared by its address, which is quicker.

use std::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicU64, Ordering},
};

use log::Level;

/// A power of two.
const ENTRIES: usize = 128;
/// A longer target is not remembered: the memory of a thread is bounded.
const TARGET_MAX_BYTES: usize = 256;

thread_local! {
    static ANSWERS: RefCell<LevelCache> = const { RefCell::new(LevelCache { entries: Vec::new() }) };
}

/// A power of two.
const LITERALS: usize = 64;

thread_local! {
    /// Without a destructor, so that it is there for as long as the thread lives, and found without a check.
    static OF_LITERALS: [Cell<LiteralAnswer>; LITERALS] = const { [const { Cell::new(LiteralAnswer::NONE) }; LITERALS] };
}

/// An answer for a target by its address, which no other text ever has.
#[derive(Clone, Copy)]
struct LiteralAnswer {
    /// 0 in an entry without an answer.
    generation: u64,
    address: usize,
    len: usize,
    level: Level,
    is_enabled: bool,
}

impl LiteralAnswer {
    const NONE: Self = Self { generation: 0, address: 0, len: 0, level: Level::Error, is_enabled: false };
}

/// As [`get`], of a target that is a literal.
#[inline]
pub(crate) fn get_of_literal(generation: u64, level: Level, target: &'static str) -> Option<bool> {
    OF_LITERALS.with(|answers| {
        let answer = answers.get(place_of_literal(level, target))?.get();
        let is_of_target = answer.address == target.as_ptr().addr() && answer.len == target.len();
        (is_of_target && answer.generation == generation && answer.level == level).then_some(answer.is_enabled)
    })
}

/// As [`put`], of a target that is a literal.
#[cold]
pub(crate) fn put_of_literal(generation: u64, level: Level, target: &'static str, is_enabled: bool) {
    let (address, len) = (target.as_ptr().addr(), target.len());
    OF_LITERALS.with(|answers| {
        if let Some(place) = answers.get(place_of_literal(level, target)) {
            place.set(LiteralAnswer { generation, address, len, level, is_enabled });
        }
    });
}

#[inline]
fn place_of_literal(level: Level, target: &'static str) -> usize {
    let hash = (target.as_ptr().addr() as u64 ^ (level as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 58) as usize & (LITERALS - 1)
}

struct LevelCache {
    /// None until the first answer is kept.
    entries: Vec<CachedLevel>,
}

#[derive(Clone, Default)]
struct CachedLevel {
    /// 0 in an entry without an answer.
    generation: u64,
    level: usize,
    is_enabled: bool,
    target: String,
}

/// A generation that was never given out before.
pub(crate) fn new_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: a number that differs from all others, no more.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The answer of this generation, if the thread remembers it.
#[inline]
pub(crate) fn get(generation: u64, level: Level, target: &str) -> Option<bool> {
    // Without its data where the thread exits, and without an answer where the program's allocator logs during `put`.
    ANSWERS
        .try_with(|cache| {
            let cache = cache.try_borrow().ok()?;
            let entry = cache.entries.get(place_of(level, target))?;
            let is_it = entry.generation == generation && entry.level == level as usize && entry.target == target;
            is_it.then_some(entry.is_enabled)
        })
        .ok()
        .flatten()
}

/// Remembers an answer of this generation, in place of another one.
#[cold]
pub(crate) fn put(generation: u64, level: Level, target: &str, is_enabled: bool) {
    if target.len() > TARGET_MAX_BYTES {
        return;
    }
    let _ = ANSWERS.try_with(|cache| {
        let Ok(mut cache) = cache.try_borrow_mut() else { return };
        if cache.entries.is_empty() {
            cache.entries.resize(ENTRIES, CachedLevel::default());
        }
        if let Some(entry) = cache.entries.get_mut(place_of(level, target)) {
            (entry.generation, entry.level, entry.is_enabled) = (generation, level as usize, is_enabled);
            entry.target.clear();
            entry.target.push_str(target);
        }
    });
}

/// Names of targets differ at their ends, as a rule.
#[inline]
fn place_of(level: Level, target: &str) -> usize {
    let last = match target.as_bytes().last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => target.bytes().fold(0, |all, byte| all << 8 | u64::from(byte)),
    };
    let hash = (last ^ (target.len() as u64) << 3 ^ level as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 48) as usize & (ENTRIES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_for_its_generation_its_level_and_its_target() {
        let generation = new_generation();
        put(generation, Level::Info, "sql", true);
        put(generation, Level::Debug, "sql", false);
        assert_eq!(get(generation, Level::Info, "sql"), Some(true));
        assert_eq!(get(generation, Level::Debug, "sql"), Some(false));
        assert_eq!(get(generation, Level::Warn, "sql"), None);
        assert_eq!(get(generation, Level::Info, "sqx"), None);
        assert_eq!(get(new_generation(), Level::Info, "sql"), None);
    }

    #[test]
    fn a_target_in_memory_that_had_another_text_has_no_answer_of_that() {
        let generation = new_generation();
        let mut target = String::from("one");
        put(generation, Level::Info, &target, true);
        target.replace_range(.., "two");
        assert_eq!(get(generation, Level::Info, &target), None);
    }

    #[test]
    fn an_answer_for_a_literal_is_remembered_for_its_generation_its_level_and_its_address() {
        let (generation, target): (_, &'static str) = (new_generation(), "sql::pool");
        put_of_literal(generation, Level::Info, target, true);
        assert_eq!(get_of_literal(generation, Level::Info, target), Some(true));
        assert_eq!(get_of_literal(generation, Level::Debug, target), None);
        assert_eq!(get_of_literal(generation, Level::Info, &target[..3]), None);
        assert_eq!(get_of_literal(new_generation(), Level::Info, target), None);
    }

    #[test]
    fn a_long_target_is_not_remembered() {
        let (generation, target) = (new_generation(), "x".repeat(TARGET_MAX_BYTES + 1));
        put(generation, Level::Info, &target, true);
        assert_eq!(get(generation, Level::Info, &target), None);
    }

    #[test]
    fn endless_targets_take_the_memory_of_a_few() {
        let generation = new_generation();
        (0..10_000).for_each(|n| put(generation, Level::Info, &format!("target {n}"), true));
        assert_eq!(ANSWERS.with(|cache| cache.borrow().entries.len()), ENTRIES);
    }
}
