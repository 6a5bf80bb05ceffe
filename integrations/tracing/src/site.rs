//! Places of the program: each call site of tracing has one of ours, made by its first event or span.

use std::{cell::Cell, sync::OnceLock};

use fapilog::{
    Level,
    adapter::{AdapterSite, field_of_key},
    event::FieldGroup,
    plugin::undivided,
};
use tracing_core::{Metadata, field::Field};

/// The places that a thread finds at once. A power of two.
const CACHE_LEN: usize = 128;
/// The lists of places. A power of two.
const LISTS: usize = 1_024;
/// The names of fields in the message of an event that has none.
const NAMES_MAX: usize = 8;

/// The first places of lists, by the address of their metadata. These are static: an address is a place's for ever.
///
/// A list is read without a lock, and grows at its end. Nothing is allocated while it does, for the program's allocator may log, and no fork
/// divides it.
static SITES: [OnceLock<&'static Site>; LISTS] = [const { OnceLock::new() }; LISTS];

thread_local! {
    static CACHE: [Cell<Option<&'static Site>>; CACHE_LEN] = const { [const { Cell::new(None) }; CACHE_LEN] };
}

/// A call site of tracing.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) adapter: &'static AdapterSite,
    /// Whether its events are records of the `log` crate, which `tracing-log` has brought.
    pub(crate) is_log: bool,
    /// The event's name, if the call has one, or else the names of its fields: for events without a message.
    pub(crate) names: Box<str>,
    /// By a field's index.
    places: Box<[FieldPlace]>,
    next: OnceLock<&'static Self>,
}

/// The part of an event that a field of tracing becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldPlace {
    Field(FieldGroup, &'static str),
    /// A property of a record of the `log` crate.
    OfLog(LogProperty),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogProperty {
    Target,
    File,
    Line,
    /// That of the module, which the target names.
    Module,
}

impl Site {
    /// The place that this metadata describes.
    #[inline]
    pub(crate) fn of(metadata: &'static Metadata<'static>) -> &'static Self {
        let cached = CACHE.try_with(|cache| {
            let slot = cache.get(hash_of::<CACHE_LEN>(metadata))?;
            let known = slot.get().filter(|site| std::ptr::eq(site.metadata, metadata));
            known.or_else(|| {
                slot.set(Some(Self::find_or_add(metadata)));
                slot.get()
            })
        });
        cached.ok().flatten().unwrap_or_else(|| Self::find_or_add(metadata))
    }

    #[cold]
    fn find_or_add(metadata: &'static Metadata<'static>) -> &'static Self {
        Self::known(metadata).unwrap_or_else(|| Self::add(Box::leak(Box::new(Self::new(metadata)))))
    }

    fn known(metadata: &'static Metadata<'static>) -> Option<&'static Self> {
        let first = SITES.get(hash_of::<LISTS>(metadata))?.get().copied();
        std::iter::successors(first, |site| site.next.get().copied()).find(|site| std::ptr::eq(site.metadata, metadata))
    }

    /// Adds a place to its list, or finds the one that another thread has added meanwhile.
    fn add(new: &'static Self) -> &'static Self {
        let mut end = SITES.get(hash_of::<LISTS>(new.metadata));
        while let Some(place) = end {
            if undivided(|| place.set(new)).is_ok() {
                break;
            }
            let Some(known) = place.get() else { break };
            if std::ptr::eq(known.metadata, new.metadata) {
                return known;
            }
            end = Some(&known.next);
        }
        new
    }

    fn new(metadata: &'static Metadata<'static>) -> Self {
        let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        let adapter = AdapterSite::leak(level_of(*metadata.level()), metadata.target(), file, line);
        let is_log = metadata.is_event() && metadata.name() == "log event" && metadata.target() == "log";
        let places = metadata.fields().iter().map(|field| FieldPlace::of(field.name(), metadata.is_event(), is_log));
        let names = names_of(metadata).into();
        Self { metadata, adapter, is_log, names, places: places.collect(), next: OnceLock::new() }
    }

    /// The place of a field, which is one of this site's.
    #[inline]
    pub(crate) fn place(&self, field: &Field) -> FieldPlace {
        let by_name = || FieldPlace::of(field.name(), self.metadata.is_event(), self.is_log);
        self.places.get(field.index()).copied().unwrap_or_else(by_name)
    }
}

impl FieldPlace {
    fn of(name: &'static str, is_event: bool, is_log: bool) -> Self {
        let name = name.strip_prefix("r#").unwrap_or(name);
        if is_event && name == "message" {
            return Self::Field(FieldGroup::Message, "");
        }
        match name.strip_prefix("log.") {
            Some("target") if is_log => return Self::OfLog(LogProperty::Target),
            Some("file") if is_log => return Self::OfLog(LogProperty::File),
            Some("line") if is_log => return Self::OfLog(LogProperty::Line),
            Some("module_path") if is_log => return Self::OfLog(LogProperty::Module),
            _ => {}
        }
        let (group, name) = field_of_key(name);
        Self::Field(group, name)
    }
}

/// fapilog's level of the same meaning.
pub(crate) fn level_of(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warning,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}

/// `tracing` names an event by its file and line, unless the call has a name for it.
fn names_of(metadata: &'static Metadata<'static>) -> String {
    let has_own_name = !metadata.name().starts_with("event ");
    let plain = |field: Field| field.name().strip_prefix("r#").unwrap_or(field.name());
    let fields = || metadata.fields().iter().map(plain).filter(|name| *name != "message");
    let mut names: Vec<_> = fields().take(NAMES_MAX).collect();
    if has_own_name || names.is_empty() {
        return metadata.name().to_owned();
    }
    if fields().nth(NAMES_MAX).is_some() {
        names.push("...");
    }
    names.join(", ")
}

/// Fibonacci hashing: the upper bits of a product depend on all bits of the address. `LEN` is a power of two.
#[inline]
fn hash_of<const LEN: usize>(metadata: &'static Metadata<'static>) -> usize {
    let address = std::ptr::from_ref(metadata).addr() as u64;
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - LEN.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &'static str) -> FieldPlace {
        FieldPlace::of(name, true, false)
    }

    #[test]
    fn a_raw_identifier_has_its_plain_name() {
        assert_eq!(place("r#type"), FieldPlace::Field(FieldGroup::Context, "type"));
    }

    #[test]
    fn the_message_is_an_events_message_and_a_spans_field() {
        assert_eq!(place("message"), FieldPlace::Field(FieldGroup::Message, ""));
        assert_eq!(FieldPlace::of("message", false, false), FieldPlace::Field(FieldGroup::Context, "message"));
    }
}
