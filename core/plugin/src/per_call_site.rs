//! Tables of values by call site, and by logger name.

use std::fmt;

use fapilog_record::call_site::Descriptor;

use crate::event::Source;

/// A value for each call site: a plugin's answer to a question whose answer is the same for every event of the call site.
///
/// The table is a vector by [`Descriptor::id`], so a lookup is a bounds check and a load. A value is made on demand. The
/// table grows to the largest id that it has met, which the number of call sites in the program bounds.
///
/// All events without a call site share one descriptor, and with it one entry. A value that depends on the event's target
/// or fields does not hold for them: [`Descriptor::is_dynamic`] is true for their descriptor.
///
/// ```
/// use fapilog_plugin::{error::PluginError, event::Batch, per_call_site::PerCallSite, processor::Processor};
///
/// /// Keeps the events of call sites with an argument `user_id`.
/// #[derive(Default)]
/// struct OnlyUsers {
///     has_user: PerCallSite<bool>,
/// }
///
/// impl Processor for OnlyUsers {
///     fn name(&self) -> &'static str {
///         "only_users"
///     }
///
///     fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
///         batch.retain(|event| {
///             let descriptor = event.descriptor();
///             let has_user = || descriptor.fields().iter().any(|field| field.name.name == "user_id");
///             *self.has_user.get_or_insert_with(descriptor, has_user)
///         });
///         Ok(())
///     }
/// }
/// # let _ = OnlyUsers::default();
/// ```
#[derive(Clone)]
pub struct PerCallSite<T> {
    values: IdTable<T>,
}

/// A value for each logger name: as [`PerCallSite`], by [`Source::id`].
///
/// ```
/// use fapilog_plugin::{event::Event, per_call_site::PerSource};
///
/// fn put_source(names: &mut PerSource<String>, event: &Event<'_>, out: &mut Vec<u8>) {
///     let name = names.get_or_insert_with(event.source(), || format!("{:?}", event.source().name()));
///     out.extend_from_slice(name.as_bytes());
/// }
/// # let _ = put_source;
/// ```
#[derive(Clone)]
pub struct PerSource<T> {
    values: IdTable<T>,
}

/// Values by an id that counts from zero without gaps.
#[derive(Clone)]
struct IdTable<T> {
    values: Vec<Option<T>>,
}

impl<T> PerCallSite<T> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: IdTable::new() }
    }

    /// The value of a call site, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, descriptor: &Descriptor) -> Option<&T> {
        self.values.get(descriptor.id())
    }

    /// The value of a call site, if there is one, for changes.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, descriptor: &Descriptor) -> Option<&mut T> {
        self.values.get_mut(descriptor.id())
    }

    /// The value of a call site; `make` makes it if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, descriptor: &'static Descriptor, make: impl FnOnce() -> T) -> &mut T {
        self.values.get_or_insert_with(descriptor.id(), make)
    }

    /// Sets the value of a call site. Returns the former one.
    pub fn insert(&mut self, descriptor: &'static Descriptor, value: T) -> Option<T> {
        self.values.insert(descriptor.id(), value)
    }

    /// Removes all values; the memory stays.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

impl<T> Default for PerCallSite<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The values by id.
impl<T: fmt::Debug> fmt::Debug for PerCallSite<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

impl<T> PerSource<T> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: IdTable::new() }
    }

    /// The value of a logger name, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, source: &Source) -> Option<&T> {
        self.values.get(source.id())
    }

    /// The value of a logger name, if there is one, for changes.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, source: &Source) -> Option<&mut T> {
        self.values.get_mut(source.id())
    }

    /// The value of a logger name; `make` makes it if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, source: &Source, make: impl FnOnce() -> T) -> &mut T {
        self.values.get_or_insert_with(source.id(), make)
    }

    /// Sets the value of a logger name. Returns the former one.
    pub fn insert(&mut self, source: &Source, value: T) -> Option<T> {
        self.values.insert(source.id(), value)
    }

    /// Removes all values; the memory stays.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

impl<T> Default for PerSource<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The values by id.
impl<T: fmt::Debug> fmt::Debug for PerSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

impl<T> IdTable<T> {
    const fn new() -> Self {
        Self { values: Vec::new() }
    }

    #[inline]
    fn get(&self, id: u32) -> Option<&T> {
        self.values.get(id as usize)?.as_ref()
    }

    #[inline]
    fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.values.get_mut(id as usize)?.as_mut()
    }

    #[inline]
    fn get_or_insert_with(&mut self, id: u32, make: impl FnOnce() -> T) -> &mut T {
        // Two lookups: the borrow of a value that is returned would forbid the insertion.
        if self.get(id).is_none() {
            self.make(id, make);
        }
        match self.get_mut(id) {
            Some(value) => value,
            None => unreachable!("the value of {id} was inserted above"),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&mut self, id: u32, make: impl FnOnce() -> T) {
        let value = make();
        self.insert(id, value);
    }

    fn insert(&mut self, id: u32, value: T) -> Option<T> {
        let index = id as usize;
        if self.values.len() <= index {
            self.values.resize_with(index + 1, || None);
        }
        self.values.get_mut(index)?.replace(value)
    }

    fn clear(&mut self) {
        self.values.clear();
    }
}

impl<T: fmt::Debug> fmt::Debug for IdTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.values.iter().enumerate().filter_map(|(id, value)| Some((id, value.as_ref()?)));
        f.debug_map().entries(known).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestBatches;

    /// The descriptor of a new call site.
    fn descriptor() -> &'static Descriptor {
        TestBatches::new().batch(&[1], |batch| batch.events()[0].descriptor())
    }

    #[test]
    fn a_value_is_made_once_for_each_call_site() {
        let (first, second) = (descriptor(), descriptor());
        let mut table = PerCallSite::new();
        assert_eq!(*table.get_or_insert_with(second, || 2), 2);
        assert_eq!(*table.get_or_insert_with(first, || 1), 1);
        *table.get_or_insert_with(second, || unreachable!("it is known")) += 1;
        assert_eq!((table.get(first), table.get(second)), (Some(&1), Some(&3)));
        assert_eq!(table.insert(first, 7), Some(1));
        assert_eq!(table.get_mut(first), Some(&mut 7));
    }

    #[test]
    fn a_call_site_without_a_value_has_none() {
        let (first, second, third) = (descriptor(), descriptor(), descriptor());
        let mut table = PerCallSite::new();
        assert_eq!(table.get(second), None);
        assert_eq!(table.insert(second, 'b'), None);
        assert!(table.get(first).is_none() && table.get(third).is_none());
        assert_eq!(format!("{table:?}"), format!("{{{}: 'b'}}", second.id()));
        table.clear();
        assert_eq!(table.get_mut(second), None);
    }

    #[test]
    fn the_table_grows_to_the_largest_id_and_no_further() {
        let descriptor = descriptor();
        let mut table = PerCallSite::new();
        for _ in 0..3 {
            table.get_or_insert_with(descriptor, || ());
        }
        assert_eq!(table.values.values.len(), descriptor.id() as usize + 1);
    }

    #[test]
    fn a_value_is_made_once_for_each_logger_name() {
        let mut table = PerSource::new();
        TestBatches::new().sources(2).batch(&[1, 2, 3, 4], |batch| {
            for event in batch.events() {
                *table.get_or_insert_with(event.source(), || 0) += 1;
            }
            assert_eq!(batch.events().iter().filter_map(|event| table.get(event.source())).sum::<i32>(), 8);
        });
    }

    #[test]
    fn a_logger_name_without_a_value_has_none() {
        let mut table = PerSource::new();
        TestBatches::new().sources(2).batch(&[1, 2], |batch| {
            let (first, second) = (batch.events()[0].source(), batch.events()[1].source());
            assert_eq!(table.insert(first, 'a'), None);
            assert_eq!(table.get_mut(first), Some(&mut 'a'));
            assert_eq!(table.get(second), None);
            assert_eq!(format!("{table:?}"), format!("{{{}: 'a'}}", first.id()));
            table.clear();
            assert_eq!(table.get(first), None);
        });
    }
}
