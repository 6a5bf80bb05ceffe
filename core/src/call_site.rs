//! Where in a program an event is logged, and what is known of it before it is.

use std::{
    fmt,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    event::Bucket,
    level::Level,
    record::{Arguments, Shape},
    value::Kind,
};

/// One place in a program that logs: everything about its events that is known when the program is compiled.
///
/// Made by the macros, as a `static`.
pub struct CallSite {
    level: Level,
    message: &'static str,
    target: &'static str,
    file: &'static str,
    line: u32,
    fields: &'static [FieldName],
    /// Its descriptors: one, or in generic code one for each shape that the arguments take there.
    variants: OnceLock<&'static Variant>,
    /// What was last found of its target's level: the id of the directives, and below it, in eight bits, the threshold.
    remembered: AtomicU64,
}

/// The name of a field, and the part of the event it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldName {
    /// The part of the event.
    pub bucket: Bucket,
    /// The key.
    pub name: &'static str,
}

impl FieldName {
    /// A field `name` in `bucket`.
    #[must_use]
    pub const fn new(bucket: Bucket, name: &'static str) -> Self {
        Self { bucket, name }
    }
}

struct Variant {
    shape: &'static Shape,
    id: u32,
    next: OnceLock<&'static Variant>,
}

impl CallSite {
    /// A call site with a message that does not change (or none, `""`, if a field is the message).
    #[must_use]
    pub const fn new(
        level: Level,
        message: &'static str,
        target: &'static str,
        file: &'static str,
        line: u32,
        fields: &'static [FieldName],
    ) -> Self {
        Self { level, message, target, file, line, fields, variants: OnceLock::new(), remembered: AtomicU64::new(0) }
    }

    /// The level of its events.
    #[inline(always)]
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The message of its events, unless a field is.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        self.message
    }

    /// The module it is in.
    #[must_use]
    pub const fn target(&self) -> &'static str {
        self.target
    }

    /// The file it is in.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// The line it is in, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The threshold that these directives have for the site's target, if it is remembered.
    #[inline]
    pub(crate) fn threshold(&self, directives_id: u64) -> Option<u8> {
        // Relaxed: the word says all there is to say.
        let word = self.remembered.load(Ordering::Relaxed);
        (word >> 8 == directives_id).then_some(word as u8)
    }

    /// Remembers it. Ids beyond 2^56 are not remembered, and never reached.
    pub(crate) fn remember_threshold(&self, directives_id: u64, threshold: u8) {
        // Relaxed: see `threshold`.
        self.remembered.store(directives_id << 8 | u64::from(threshold), Ordering::Relaxed);
    }

    /// The id of the descriptor for arguments of type `A`: registered at the first call, remembered after it.
    #[inline(always)]
    pub(crate) fn descriptor_id<A: Arguments>(&'static self) -> u32 {
        // Compared by address: see `Shape`. In code that is not generic, the first is the only one.
        match self.variants.get() {
            Some(variant) if std::ptr::eq(variant.shape, A::SHAPE) => variant.id,
            _ => self.find_or_register(A::SHAPE),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_or_register(&'static self, shape: &'static Shape) -> u32 {
        match self.find(shape) {
            Ok(variant) => variant.id,
            Err(_) => self.register(shape),
        }
    }

    /// The variant of this shape; if there is none, the place for it.
    fn find(&'static self, shape: &'static Shape) -> Result<&'static Variant, &'static OnceLock<&'static Variant>> {
        let mut slot = &self.variants;
        while let Some(variant) = slot.get() {
            if std::ptr::eq(variant.shape, shape) {
                return Ok(variant);
            }
            slot = &variant.next;
        }
        Err(slot)
    }

    /// Everything is written under the registry's lock, the call site's own cells included: a fork waits for that lock,
    /// so a child finds nothing half done.
    fn register(&'static self, shape: &'static Shape) -> u32 {
        let mut descriptors = lock_registry();
        let slot = match self.find(shape) {
            // Another thread was here first.
            Ok(variant) => return variant.id,
            Err(slot) => slot,
        };
        // Ids count from one: zero marks a dynamic record.
        let id = u32::try_from(descriptors.len() + 1).unwrap_or(DYNAMIC_ID);
        descriptors.push(Box::leak(Box::new(Descriptor::new(id, self, shape))));
        let variant = Box::leak(Box::new(Variant { shape, id, next: OnceLock::new() }));
        // Empty, since nobody else writes it while we hold the lock.
        let _ = slot.set(variant);
        id
    }
}

impl fmt::Debug for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSite")
            .field("level", &self.level)
            .field("message", &self.message)
            .field("target", &self.target)
            .field("file", &self.file)
            .field("line", &self.line)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// The tag of a record that describes itself.
pub(crate) const DYNAMIC_ID: u32 = 0;

/// What a reader needs to know of a call site's records: names, kinds and places of the arguments. Never code.
#[derive(Debug)]
pub struct Descriptor {
    id: u32,
    level: Level,
    site: &'static CallSite,
    fields: Box<[DescribedField]>,
    grades_itself: bool,
}

/// One argument, as a reader knows it.
#[derive(Debug, Clone, Copy)]
pub struct DescribedField {
    /// Part of the event and key.
    pub name: FieldName,
    /// What its bytes are.
    pub kind: &'static Kind,
    /// Where they are, from the start of the root.
    pub root_offset: usize,
}

impl Descriptor {
    fn new(id: u32, site: &'static CallSite, shape: &'static Shape) -> Self {
        let mut root_offset = 0;
        let fields = site.fields.iter().zip(shape.kinds()).map(|(&name, kind)| {
            let field = DescribedField { name, kind, root_offset };
            root_offset += kind.wire_bytes();
            field
        });
        let fields: Box<[DescribedField]> = fields.collect();
        let grades_itself = fields.iter().any(|field| matches!(field.name.bucket, Bucket::Category | Bucket::Severity));
        Self { id, level: site.level, site, fields, grades_itself }
    }

    /// Its number in the process, from 1, without gaps: what a formatter may keep things under. 0 stands for events
    /// that describe themselves.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The call site.
    #[must_use]
    pub fn site(&self) -> &'static CallSite {
        self.site
    }

    /// The call site's level.
    #[inline]
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Its arguments, in the order of the call.
    #[must_use]
    pub fn fields(&self) -> &[DescribedField] {
        &self.fields
    }

    /// Whether an argument is the event's category or severity.
    #[inline(always)]
    pub(crate) fn grades_itself(&self) -> bool {
        self.grades_itself
    }

    /// What stands for the call site of a record that describes itself.
    pub(crate) fn dynamic() -> &'static Self {
        static SITE: CallSite = CallSite::new(Level::Info, "", "", "", 0, &[]);
        static DESCRIPTOR: OnceLock<Descriptor> = OnceLock::new();
        DESCRIPTOR.get_or_init(|| Self {
            id: DYNAMIC_ID,
            level: SITE.level,
            site: &SITE,
            fields: Box::default(),
            grades_itself: false,
        })
    }
}

/// All descriptors of the process, by id less one. It only grows, by one for each call site that is ever reached (in
/// generic code, for each shape).
static REGISTRY: Mutex<Vec<&'static Descriptor>> = Mutex::new(Vec::new());

fn lock_registry() -> std::sync::MutexGuard<'static, Vec<&'static Descriptor>> {
    REGISTRY.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The registry, held still over a fork: a child inherits it unlocked and whole.
#[derive(Debug)]
pub(crate) struct RegistryHeld {
    _guard: std::sync::MutexGuard<'static, Vec<&'static Descriptor>>,
}

/// Holds the registry still.
pub(crate) fn hold_registry() -> RegistryHeld {
    RegistryHeld { _guard: lock_registry() }
}

/// One drain's copy of the registry: looked up without a lock, brought up to date when it meets an id that it lacks.
#[derive(Debug)]
pub(crate) struct DescriptorCache {
    known: Vec<&'static Descriptor>,
    dynamic: &'static Descriptor,
}

impl DescriptorCache {
    pub(crate) fn new() -> Self {
        Self { known: Vec::new(), dynamic: Descriptor::dynamic() }
    }

    /// `None` for an id that was never given out.
    #[inline(always)]
    pub(crate) fn get(&mut self, id: u32) -> Option<&'static Descriptor> {
        let Some(index) = (id as usize).checked_sub(1) else { return Some(self.dynamic) };
        match self.known.get(index) {
            Some(descriptor) => Some(descriptor),
            None => self.update(index),
        }
    }

    #[cold]
    fn update(&mut self, index: usize) -> Option<&'static Descriptor> {
        let descriptors = lock_registry();
        self.known.extend(descriptors.get(self.known.len()..)?);
        self.known.get(index).copied()
    }
}
