//! Call sites of other logging libraries, which are described at run time.

use std::{
    borrow::Cow,
    fmt,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use crate::{
    arguments::Shape,
    call_site::{
        CallSite, FieldName,
        kept::{KeptItem, keep},
        registry,
    },
    fields::{FieldShape, Fields},
    level::Level,
};

/// The most lists of names and kinds that a site describes. Beyond it, events describe themselves.
const VARIANTS_MAX: usize = 64;
/// The most fields of such a list, and the most bytes of their names: what a site describes takes memory for ever.
const LIST_FIELDS_MAX: usize = 256;
const LIST_NAMES_MAX_BYTES: usize = 16 * 1024;
/// The most memory for the lists of all sites, roughly: names may be made at run time, for example of a request's parameters.
const LISTS_MAX_BYTES: usize = 64 << 20;
/// The memory for a field of a list beside its name, roughly: its shape, its place in the descriptor, the template of its key.
const LISTED_FIELD_BYTES: usize = 256;

/// The memory for the lists of all sites by now, roughly. It only grows.
static LISTED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// A place that logs through another library, made by the library's adapter, once for each place.
///
/// Level, target, file and line are the same for all its events. Names and types of fields come with each event; a list of
/// them that was seen before is found again, so that an event is as small as one of the macros, and formatters render its static
/// parts once. A site remembers 64 such lists, of 256 fields and 16 KiB of names each at most, and all sites together remember 64 MiB. Events
/// with other lists are logged as well, but they are longer, and do not know their file and line.
pub struct AdapterSite {
    /// The site without its fields: the place where the level of its target is remembered.
    gate: CallSite,
    /// The lists of fields, newest first.
    variants: AtomicPtr<FieldsVariant>,
}

/// The call site of one list of names and kinds.
pub(super) struct FieldsVariant {
    shapes: Box<[FieldShape]>,
    site: &'static CallSite,
    shape: &'static Shape,
    count: usize,
    older: Option<&'static FieldsVariant>,
}

impl AdapterSite {
    /// A site, for as long as the process lives: its memory is never freed. An adapter keeps it where it knows the place by. A file that
    /// is not known is empty, a line that is not known is 0.
    pub fn leak(
        level: Level,
        target: impl Into<Cow<'static, str>>,
        file: impl Into<Cow<'static, str>>,
        line: u32,
    ) -> &'static Self {
        let gate = CallSite::new(level, "", leak_text(target.into()), leak_text(file.into()), line, &[]);
        let site: &'static Self = Box::leak(Box::new(Self { gate, variants: AtomicPtr::new(null_mut()) }));
        keep(KeptItem::Site(site));
        site
    }

    /// The level of its events.
    #[must_use]
    pub fn level(&self) -> Level {
        self.gate.level()
    }

    /// The target of its events.
    #[must_use]
    pub fn target(&self) -> &'static str {
        self.gate.target()
    }

    /// The call site of its events, without their fields.
    #[inline(always)]
    #[must_use]
    pub fn gate(&'static self) -> &'static CallSite {
        &self.gate
    }

    /// The id of the descriptor for an event with these fields: registered by the first such event. `None` beyond 64 lists of
    /// names and kinds or 64 MiB of all sites, and for a list of more than 256 fields or 16 KiB of names.
    #[inline]
    #[must_use]
    pub fn descriptor_id(&'static self, fields: &Fields) -> Option<u32> {
        let variant = match self.find(fields) {
            Some(variant) => variant,
            None => self.add(fields)?,
        };
        Some(variant.site.descriptor_id_of(variant.shape))
    }

    fn newest(&self) -> Option<&'static FieldsVariant> {
        // Acquire: pairs with the store in `add`, so that the variant is written.
        let newest = self.variants.load(Ordering::Acquire);
        // SAFETY: null, or a variant that `add` has leaked: it lives for ever and is never written again.
        unsafe { newest.as_ref() }
    }

    #[inline]
    fn find(&self, fields: &Fields) -> Option<&'static FieldsVariant> {
        let mut variant = self.newest();
        while let Some(candidate) = variant {
            if fields.are_of(&candidate.shapes) {
                return Some(candidate);
            }
            variant = candidate.older;
        }
        None
    }

    /// Adds the variant, unless another thread was first.
    #[cold]
    fn add(&self, fields: &Fields) -> Option<&'static FieldsVariant> {
        // Made ahead of the lock, as a call site's descriptor is. A site that is full makes none.
        let count = self.newest().map_or(0, |newest| newest.count);
        let list_bytes = list_bytes(fields)?;
        if count >= VARIANTS_MAX || !has_room(list_bytes) {
            return None;
        }
        let mut new = Some(Box::new(FieldsVariant::new(&self.gate, fields)));
        // It borrows the box, so that nothing is freed under the lock.
        let found = registry::undivided(|| {
            if let Some(known) = self.find(fields) {
                return Some(known);
            }
            let older = self.newest();
            let count = older.map_or(1, |older| older.count + 1);
            if count > VARIANTS_MAX || !has_room(list_bytes) {
                return None;
            }
            let mut new = new.take()?;
            // Relaxed: see `has_room`.
            LISTED_BYTES.fetch_add(list_bytes, Ordering::Relaxed);
            new.older = older;
            new.count = count;
            let new: &'static FieldsVariant = Box::leak(new);
            // Release: pairs with the load in `newest`.
            self.variants.store(std::ptr::from_ref(new).cast_mut(), Ordering::Release);
            Some(new)
        });
        // Its names are never freed.
        new.into_iter().for_each(|superseded| keep(KeptItem::Superseded(superseded)));
        found
    }
}

impl FieldsVariant {
    /// A variant that is not linked yet.
    fn new(gate: &CallSite, fields: &Fields) -> Self {
        let shapes: Box<[FieldShape]> = fields.shapes().collect();
        let leak_name = |shape: &FieldShape| FieldName::new(shape.group, leak_text(shape.name.to_string().into()));
        let names: Vec<FieldName> = shapes.iter().map(leak_name).collect();
        let site = CallSite::new(gate.level, "", gate.target, gate.file, gate.line, names.leak());
        let shape = Shape::leak(shapes.iter().map(|shape| shape.kind.kind()));
        Self { shapes, site: Box::leak(Box::new(site)), shape, count: 0, older: None }
    }
}

/// The memory for a list of these names, roughly. `None` if it is too long.
fn list_bytes(fields: &Fields) -> Option<usize> {
    let names_bytes = fields.names_bytes();
    let is_short = fields.len() <= LIST_FIELDS_MAX && names_bytes <= LIST_NAMES_MAX_BYTES;
    // Names stand in the list, in the call site, and in the templates of formatters.
    is_short.then(|| LISTED_FIELD_BYTES * (1 + fields.len()) + 4 * names_bytes)
}

fn has_room(list_bytes: usize) -> bool {
    // Relaxed: the number changes under the registry's lock, under which the deciding call of this is.
    LISTED_BYTES.load(Ordering::Relaxed) + list_bytes <= LISTS_MAX_BYTES
}

fn leak_text(text: Cow<'static, str>) -> &'static str {
    match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => text.leak(),
    }
}

impl fmt::Debug for AdapterSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AdapterSite").field(&self.gate).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        call_site::{Descriptor, DescriptorCache},
        field_group::FieldGroup,
        value::ValueRef,
    };

    fn fields(names: &[&str], value: ValueRef<'_>) -> Fields {
        let mut fields = Fields::new();
        names.iter().for_each(|name| fields.put(FieldGroup::Context, name, value));
        fields
    }

    fn described(site: &'static AdapterSite, fields: &Fields) -> &'static Descriptor {
        DescriptorCache::new().get(site.descriptor_id(fields).unwrap()).unwrap()
    }

    #[test]
    fn a_list_of_names_and_kinds_that_was_seen_before_has_its_descriptor_again() {
        let site = AdapterSite::leak(Level::Warning, "target", "file.rs", 7);
        let ids = || {
            [
                site.descriptor_id(&fields(&["a", "b"], ValueRef::U64(1))),
                site.descriptor_id(&fields(&["a", "b"], ValueRef::Text("x"))),
                site.descriptor_id(&fields(&["b", "a"], ValueRef::U64(2))),
                site.descriptor_id(&fields(&["a"], ValueRef::U64(3))),
                site.descriptor_id(&fields(&[], ValueRef::None)),
            ]
        };
        let first = ids();
        assert_eq!(first, ids());
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len());
    }

    #[test]
    fn a_descriptor_has_the_place_of_the_site_and_the_names_of_the_fields() {
        let site = AdapterSite::leak(Level::Warning, String::from("target"), "file.rs", 7);
        let descriptor = described(site, &fields(&["one", "two"], ValueRef::F64(0.5)));
        let place = descriptor.site();
        assert_eq!((place.target(), place.file(), place.line()), ("target", "file.rs", 7));
        assert_eq!(descriptor.level(), Level::Warning);
        let names: Vec<_> = descriptor.fields().iter().map(|field| field.name.name).collect();
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn beyond_its_limit_a_site_describes_no_more_lists() {
        let site = AdapterSite::leak(Level::Info, "target", "", 0);
        let id_of = |n: usize| site.descriptor_id(&fields(&[&format!("field_{n}")], ValueRef::None));
        assert!((0..VARIANTS_MAX).all(|n| id_of(n).is_some()));
        assert_eq!(id_of(VARIANTS_MAX), None);
        assert!((0..VARIANTS_MAX).all(|n| id_of(n).is_some()));
    }

    #[test]
    fn a_list_that_is_too_long_is_not_described() {
        let site = AdapterSite::leak(Level::Info, "target", "", 0);
        let names: Vec<_> = (0..=LIST_FIELDS_MAX).map(|n| n.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert!(site.descriptor_id(&fields(&names[1..], ValueRef::None)).is_some());
        assert_eq!(site.descriptor_id(&fields(&names, ValueRef::None)), None);
        let long = "k".repeat(LIST_NAMES_MAX_BYTES);
        assert!(site.descriptor_id(&fields(&[&long], ValueRef::None)).is_some());
        assert_eq!(site.descriptor_id(&fields(&[&long, "k"], ValueRef::None)), None);
    }

    #[test]
    fn threads_that_bring_the_same_list_at_once_share_its_descriptor() {
        let site = AdapterSite::leak(Level::Info, "target", "", 0);
        let id_of = |n: usize| site.descriptor_id(&fields(&[&format!("field_{n}")], ValueRef::None));
        let ids = || (0..20).map(id_of).collect::<Vec<_>>();
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(ids);
            let other = scope.spawn(ids);
            (one.join().unwrap(), other.join().unwrap())
        });
        assert_eq!(one, other);
        assert_eq!(site.newest().unwrap().count, 20);
    }
}
