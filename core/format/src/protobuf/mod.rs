//! Protobuf: messages behind their lengths.

mod scope;
mod site;
mod tag;
#[cfg(test)]
mod tests;
mod value;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    formatter::Formatter,
    per_call_site::{PerCallSite, PerSource},
};
use fapilog_record::{field_group::FieldGroup, text::fixed::FixedText};

use crate::{
    protobuf::{
        scope::ScopeParts,
        site::{SiteBytes, put_message, put_place, put_traits},
        value::put_entry,
    },
    protobuf_wire::{put_bytes, put_field, put_sized},
    template::{IdText, ScopeText, ScopeTexts, SharedText},
};

/// Bytes that are reserved for the length of an event: events of 128 to 16,383 bytes have a length of two.
const LENGTH_BYTES: usize = 2;

const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// Renders events as protobuf: messages `fapilog.v1.Event`, each behind its length as a varint.
///
/// The schema, `core/format/proto/event.proto`, is on the page `docs/protobuf.md`. Every value is as it was logged, with its
/// type: bytes that are not UTF-8 are bytes, and need no mark.
///
/// It [writes no lines](Formatter::writes_lines), and a sink cannot find the ends of its records in the bytes. Records are no lines
/// for a program that reads a file, either: a message that a crash has cut is the end of a file for a reader.
#[doc(alias = "ProtobufFormatter")]
#[derive(Debug, Default)]
pub struct Protobuf {
    has_place: bool,
    sites: PerCallSite<SiteBytes>,
    /// The names of sources, with tag and length.
    sources: PerSource<FixedText>,
    shared: SharedText,
    scopes: ScopeTexts,
    ids: IdText,
}

impl Protobuf {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether events have the place of the log call, `call_site`: the file and the line. An event without a call site has none.
    /// Default: no.
    #[must_use]
    pub fn call_site(self, is_wanted: bool) -> Self {
        Self { has_place: is_wanted, sites: PerCallSite::new(), ..self }
    }

    fn put_event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Self { has_place, sites, sources, shared, scopes, ids } = self;
        shared.cache(event.shared_context(), put_shared);
        let source = sources.get_or_insert_with(event.source(), || source_bytes(event.source().name()));
        let site = sites.get_or_insert_with(event.descriptor(), || SiteBytes::new(event.descriptor(), *has_place));
        let scope = if site.fits(event) { scopes.of(&mut ScopeParts, event) } else { None };
        let scope = scope.filter(|scope| scope.is_free(&site.names, event));
        put_sized::<LENGTH_BYTES>(out, |out| {
            let [a, b, c, d, e, f, g, h] = event.timestamp().unix_nanos().to_le_bytes();
            out.extend_from_slice(&[tag::TIME, a, b, c, d, e, f, g, h]);
            source.put(out);
            out.push(tag::EVENT_ID);
            put_sized::<1>(out, |out| ids.put(event, out));
            match scope {
                Some(scope) => put_plain(site, event, scope, shared, out),
                None => put_parts(event, *has_place, out),
            }
            if event.is_cut() {
                put_cuts(event, out);
            }
        });
    }
}

/// The parts of an event that has its call site's arguments, the fields of its scope and the shared context, and nothing else.
#[inline(always)]
fn put_plain(site: &SiteBytes, event: &Event<'_>, scope: &ScopeText, shared: &SharedText, out: &mut Vec<u8>) {
    site.head.put(out);
    if let Some(message) = &site.message {
        put_message(message.value(event), out);
    }
    site.fields.iter().for_each(|field| field.put(event, out));
    if !event.scope().is_empty() {
        scope.correlation_id().put(out);
        GROUPS.into_iter().filter_map(|group| scope.fields(group)).for_each(|fields| fields.put(out));
    }
    if !event.shared_context().is_empty() {
        shared.text().put(out);
    }
}

/// The parts of any event.
fn put_parts(event: &Event<'_>, has_place: bool, out: &mut Vec<u8>) {
    put_traits(event.level(), event.severity(), event.category(), event.target(), out);
    if let Some(location) = event.location().filter(|_| has_place) {
        put_place(location, out);
    }
    put_message(event.message(), out);
    if let Some(id) = event.correlation_id() {
        put_field(out, tag::CORRELATION_ID, id.as_bytes());
    }
    for group in GROUPS {
        event.counted_fields(group).iter().for_each(|field| put_keyed(field, out));
    }
}

fn put_keyed(field: &FieldRef<'_>, out: &mut Vec<u8>) {
    out.push(tag::of_group(field.group));
    put_entry(out, field.name, field.value);
}

fn put_shared(fields: &[FieldRef<'_>], out: &mut Vec<u8>) {
    fields.iter().for_each(|field| put_keyed(field, out));
}

#[cold]
fn put_cuts(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[tag::TRUNCATED, 1]);
    for (group, name) in event.cut_fields() {
        out.push(tag::TRUNCATED_FIELDS);
        put_sized::<1>(out, |out| {
            out.extend_from_slice(group.name().as_bytes());
            if group.is_keyed() {
                out.push(b'.');
                out.extend_from_slice(name.as_bytes());
            }
        });
    }
}

#[cold]
fn source_bytes(name: &str) -> FixedText {
    let mut bytes = vec![tag::SOURCE];
    put_bytes(&mut bytes, name.as_bytes());
    FixedText::new(&bytes)
}

impl Formatter for Protobuf {
    fn name(&self) -> &'static str {
        "protobuf"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.shared.clear();
        for event in batch.events() {
            self.put_event(event, out);
        }
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        false
    }
}
