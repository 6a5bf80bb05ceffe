//! The shapes that a call site's arguments take, each with its descriptor's id.

use std::{
    ptr::{self, null_mut},
    sync::{
        OnceLock,
        atomic::{AtomicPtr, AtomicU32, Ordering},
    },
};

use crate::{arguments::Shape, call_site::DYNAMIC_ID};

/// A shape of a call site's arguments, or the place for it. Written once, under the registry's lock.
pub(super) struct SiteVariant {
    /// Null while the place is empty. Only compared, never followed: see [`Shape`].
    shape: AtomicPtr<Shape>,
    id: AtomicU32,
    next: OnceLock<&'static SiteVariant>,
}

/// Where a call site has room for one more shape.
pub(super) enum Vacancy {
    /// In this place, which is empty.
    In(&'static SiteVariant),
    /// Behind this one, which is the last.
    Behind(&'static SiteVariant),
}

impl SiteVariant {
    /// A place for the first shape.
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is meant to be a place of its own")]
    pub(super) const EMPTY: Self =
        Self { shape: AtomicPtr::new(null_mut()), id: AtomicU32::new(DYNAMIC_ID), next: OnceLock::new() };

    /// The id, if this is the shape's.
    #[inline(always)]
    pub(super) fn id_of(&self, shape: &'static Shape) -> Option<u32> {
        // Acquire: pairs with the store in `fill`, so that the id is there too.
        let is_its = ptr::eq(self.shape.load(Ordering::Acquire), shape);
        // Relaxed: ordered by the load above.
        is_its.then(|| self.id.load(Ordering::Relaxed))
    }

    /// The id of this shape, in this place or in one behind; if there is none, where it goes.
    pub(super) fn find(&'static self, shape: &'static Shape) -> Result<u32, Vacancy> {
        let mut place = self;
        loop {
            if let Some(id) = place.id_of(shape) {
                return Ok(id);
            }
            // Acquire: pairs with the store in `fill`.
            if place.shape.load(Ordering::Acquire).is_null() {
                return Err(Vacancy::In(place));
            }
            match place.next.get() {
                Some(next) => place = next,
                None => return Err(Vacancy::Behind(place)),
            }
        }
    }

    fn fill(&self, shape: &'static Shape, id: u32) {
        // Relaxed: published by the store below.
        self.id.store(id, Ordering::Relaxed);
        // Release: pairs with the load in `id_of`.
        self.shape.store(ptr::from_ref(shape).cast_mut(), Ordering::Release);
    }
}

impl Vacancy {
    /// Under the registry's lock: no other thread fills it meanwhile. `spare` is used if a new place is needed.
    pub(super) fn fill(self, shape: &'static Shape, id: u32, spare: Box<SiteVariant>) {
        match self {
            Self::In(place) => place.fill(shape, id),
            Self::Behind(last) => {
                spare.fill(shape, id);
                // It was empty under this very lock.
                let _ = last.next.set(Box::leak(spare));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::arguments::{Arguments, End};

    const PLACES: usize = if cfg!(miri) { 40 } else { 10_000 };

    /// The id, as soon as the shape is there.
    fn wait_for_id(place: &SiteVariant, shape: &'static Shape, deadline: Instant) -> u32 {
        for attempt in 1_u64.. {
            if let Some(id) = place.id_of(shape) {
                return id;
            }
            assert!(!attempt.is_multiple_of(1 << 20) || Instant::now() < deadline, "the place is never filled");
        }
        unreachable!("more attempts than a u64 counts");
    }

    /// Processors have the two stores next to each other, so that a wrong order hardly ever shows. Under miri it does, with any
    /// seed.
    #[test]
    fn a_reader_that_finds_a_shape_finds_its_id_too() {
        // The same address for both threads: each use of the constant may have an address of its own.
        let shape = End::SHAPE;
        let places: Vec<SiteVariant> = (0..PLACES).map(|_| SiteVariant::EMPTY).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        thread::scope(|scope| {
            scope.spawn(|| (1..).zip(&places).for_each(|(id, place)| place.fill(shape, id)));
            for (id, place) in (1..).zip(&places) {
                assert_eq!(wait_for_id(place, shape, deadline), id);
            }
        });
    }
}
