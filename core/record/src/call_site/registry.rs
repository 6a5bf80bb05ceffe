//! All descriptors of the process.
//!
//! Nothing is allocated or freed while the lock is held: the program's allocator may log, and the call that it makes then
//! may be the first of its own call site.

use std::{
    iter,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    arguments::Shape,
    call_site::{CallSite, DYNAMIC_ID, Descriptor, variant::SiteVariant},
};

/// It only grows, by one for each call site that is ever reached (in generic code, for each shape).
static REGISTRY: Mutex<DescriptorList> = Mutex::new(DescriptorList { newest: None });

/// A list, each descriptor with the one before it: a vector would have to grow under the lock.
#[derive(Debug)]
struct DescriptorList {
    newest: Option<&'static Descriptor>,
}

fn lock_registry() -> MutexGuard<'static, DescriptorList> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The registry, held still over a fork: a child inherits it unlocked and whole.
#[derive(Debug)]
pub struct RegistryHeld {
    _lock: MutexGuard<'static, DescriptorList>,
}

/// Holds the registry still.
pub fn hold_registry() -> RegistryHeld {
    RegistryHeld { _lock: lock_registry() }
}

/// Runs `work` under the registry's lock, for which a fork waits. It allocates nothing.
pub(super) fn undivided<R>(work: impl FnOnce() -> R) -> R {
    let _held = lock_registry();
    work()
}

/// All that one more descriptor takes, made ahead of the lock.
pub(super) struct Registration {
    site: &'static CallSite,
    shape: &'static Shape,
    descriptor: Box<Descriptor>,
    spare: Box<SiteVariant>,
}

impl Registration {
    pub(super) fn new(site: &'static CallSite, shape: &'static Shape) -> Self {
        Self { site, shape, descriptor: Box::new(Descriptor::new(site, shape)), spare: Box::new(SiteVariant::EMPTY) }
    }

    /// Registers the descriptor, unless another thread was first. Returns its id.
    ///
    /// Everything is written under the lock, the call site's own cells included: a fork waits for it, so a child finds
    /// nothing half done.
    pub(super) fn register(self) -> u32 {
        let Self { site, shape, mut descriptor, spare } = self;
        // Behind the boxes, so that the lock is released before they are freed, if they are not needed.
        let mut registry = lock_registry();
        let vacancy = match site.first.find(shape) {
            Ok(id) => return id,
            Err(vacancy) => vacancy,
        };
        // Ids count from one: zero marks a dynamic record.
        let Some(id) = registry.newest.map_or(DYNAMIC_ID, Descriptor::id).checked_add(1) else { return DYNAMIC_ID };
        descriptor.id = id;
        descriptor.older = registry.newest;
        registry.newest = Some(Box::leak(descriptor));
        vacancy.fill(shape, id, spare);
        id
    }
}

/// A drain's copy of the registry: looked up without a lock, brought up to date when it meets an id that it lacks.
#[derive(Debug)]
pub struct DescriptorCache {
    /// By id less one.
    known: Vec<&'static Descriptor>,
    dynamic: &'static Descriptor,
}

impl Default for DescriptorCache {
    fn default() -> Self {
        Self::new()
    }
}

impl DescriptorCache {
    /// An empty copy.
    pub fn new() -> Self {
        Self { known: Vec::new(), dynamic: Descriptor::dynamic() }
    }

    /// `None` for an id that was never given out.
    #[inline(always)]
    pub fn get(&mut self, id: u32) -> Option<&'static Descriptor> {
        let Some(index) = (id as usize).checked_sub(1) else { return Some(self.dynamic) };
        match self.known.get(index) {
            Some(descriptor) => Some(descriptor),
            None => self.update(index),
        }
    }

    #[cold]
    fn update(&mut self, index: usize) -> Option<&'static Descriptor> {
        let newest = lock_registry().newest;
        let known = self.known.len();
        let is_new = |descriptor: &&Descriptor| descriptor.id() as usize > known;
        self.known.extend(iter::successors(newest, |descriptor| descriptor.older).take_while(is_new));
        if let Some(new) = self.known.get_mut(known..) {
            // They came newest first.
            new.reverse();
        }
        self.known.get(index).copied()
    }
}
