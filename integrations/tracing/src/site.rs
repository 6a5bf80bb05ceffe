//! Places of the program: each call site of tracing has one of ours, made by its first event or span.

mod log_record;

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use fapilog::{Level, adapter::AdapterSite, event::FieldGroup};
use tracing_core::{Metadata, field::Field};

pub(crate) use self::log_record::{LogPlace, LogSite};

/// The places that a thread finds without a lock.
const CACHE_LEN: usize = 128;

/// All places of the process, by the address of their metadata. These are static: an address is a place's for ever.
static SITES: RwLock<Option<HashMap<usize, &'static Site>>> = RwLock::new(None);

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
    /// By a field's index.
    places: Box<[FieldPlace]>,
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
            let slot = cache.get(slot_of(metadata))?;
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
        let address = address_of(metadata);
        let known = SITES
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .and_then(|sites| sites.get(&address).copied());
        known.unwrap_or_else(|| {
            let mut sites = SITES.write().unwrap_or_else(PoisonError::into_inner);
            sites.get_or_insert_default().entry(address).or_insert_with(|| Box::leak(Box::new(Self::new(metadata))))
        })
    }

    fn new(metadata: &'static Metadata<'static>) -> Self {
        let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        let adapter = AdapterSite::leak(level_of(*metadata.level()), metadata.target(), file, line);
        let is_log = metadata.is_event() && metadata.name() == "log event" && metadata.target() == "log";
        let places = metadata.fields().iter().map(|field| FieldPlace::of(field.name(), metadata.is_event(), is_log));
        Self { metadata, adapter, is_log, places: places.collect() }
    }

    /// The place of a field, which is one of this site's.
    #[inline]
    pub(crate) fn place(&self, field: &Field) -> FieldPlace {
        let by_name = || FieldPlace::of(field.name(), self.metadata.is_event(), self.is_log);
        self.places.get(field.index()).copied().unwrap_or_else(by_name)
    }
}

impl FieldPlace {
    /// `tags.name`, `metrics.name` and `context.name` name their group. All others are of the context, under their whole name.
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
        match name.split_once('.') {
            Some(("tags", name)) if !name.is_empty() => Self::Field(FieldGroup::Tags, name),
            Some(("metrics", name)) if !name.is_empty() => Self::Field(FieldGroup::Metrics, name),
            Some(("context", name)) if !name.is_empty() => Self::Field(FieldGroup::Context, name),
            _ => Self::Field(FieldGroup::Context, name),
        }
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

fn address_of(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

/// Fibonacci hashing: the upper bits of a product depend on all bits of the address.
#[inline]
fn slot_of(metadata: &'static Metadata<'static>) -> usize {
    const SHIFT: u32 = u64::BITS - CACHE_LEN.ilog2();
    ((address_of(metadata) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> SHIFT) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &'static str) -> FieldPlace {
        FieldPlace::of(name, true, false)
    }

    #[test]
    fn a_prefix_names_the_group_and_other_dots_belong_to_the_name() {
        use FieldGroup::{Context, Metrics, Tags};
        let expected = [
            ("user", Context, "user"),
            ("tags.region", Tags, "region"),
            ("metrics.latency_ms", Metrics, "latency_ms"),
            ("context.user", Context, "user"),
            ("otel.kind", Context, "otel.kind"),
            ("tags.a.b", Tags, "a.b"),
            ("tags", Context, "tags"),
            ("tags.", Context, "tags."),
            ("log.target", Context, "log.target"),
        ];
        for (field, group, name) in expected {
            assert_eq!(place(field), FieldPlace::Field(group, name), "{field}");
        }
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
