//! Fields that events have in common with others: of the producer, of a scope, and shared context.

use fapilog_plugin::{
    event::{Event, FieldRef, InstanceId},
    field_group::FieldGroup,
    text::{fixed::FixedText, number::put_u64},
    value::ValueRef,
};

use crate::encode::{
    EncodeOptions, GROUPS,
    value::{put_field, put_line, put_text},
};

/// The fields of the last producer: its thread, and the front of event ids.
#[derive(Debug, Default)]
pub(super) struct ProducerFields {
    cached: Option<(InstanceId, u32)>,
    text: FixedText,
}

impl ProducerFields {
    /// Appends the thread and the id of an event.
    #[inline]
    pub(super) fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let id = event.id();
        if self.cached != Some((id.instance, id.producer)) {
            self.cache(event);
        }
        self.text.put(out);
        put_u64(out, id.sequence);
        out.push(b'\n');
    }

    #[cold]
    fn cache(&mut self, event: &Event<'_>) {
        let (id, thread) = (event.id(), event.producer().thread_id());
        let mut text = Vec::new();
        if thread > 0 {
            put_line(&mut text, b"TID=", |out| put_u64(out, thread));
        }
        text.extend_from_slice(format!("EVENT_ID={}-{}-", id.instance, id.producer).as_bytes());
        self.text.set(&text);
        self.cached = Some((id.instance, id.producer));
    }
}

/// The context that events of a batch share: rendered once.
#[derive(Debug, Default)]
pub(super) struct SharedContextFields {
    /// Address and length of the slice. The address is valid within a batch.
    cached: (usize, usize),
    text: Vec<u8>,
    has_message_id: bool,
}

impl SharedContextFields {
    pub(super) fn clear(&mut self) {
        self.cached = (0, 0);
    }

    /// The fields of an event's shared context. `None` if one of them is the id of the message.
    #[inline]
    pub(super) fn of(&mut self, options: &EncodeOptions, event: &Event<'_>) -> Option<&[u8]> {
        let fields = event.shared_context();
        if fields.is_empty() {
            return Some(&[]);
        }
        let wanted = (fields.as_ptr().addr(), fields.len());
        if wanted != self.cached {
            self.render(options, fields);
            self.cached = wanted;
        }
        (!self.has_message_id).then_some(&self.text)
    }

    fn render(&mut self, options: &EncodeOptions, fields: &[FieldRef<'_>]) {
        self.text.clear();
        self.has_message_id = fields.iter().any(|field| options.is_message_id(field.group, field.name));
        let mut name = Vec::new();
        for field in fields {
            put_named(options, field, &mut name, &mut self.text);
        }
    }
}

/// The most fields of a scope that is rendered once.
const SCOPE_FIELDS_MAX: usize = 32;

/// The fields of the last scope: events of a scope come in runs.
#[derive(Debug, Default)]
pub(super) struct ScopeFields {
    scope: Vec<u8>,
    correlation_id: Vec<u8>,
    text: Vec<u8>,
    /// Whether the scope has only fields that can be rendered once.
    is_whole: bool,
    /// The last call site, and whether no argument of it has the key of a field of the scope.
    free_site: Option<(u32, bool)>,
}

/// The rendered fields of a scope.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RenderedScope<'a> {
    pub(super) correlation_id: &'a [u8],
    pub(super) fields: &'a [u8],
}

impl ScopeFields {
    /// The fields of an event's scope. `None` if they cannot stand beside the arguments of the event as they are.
    #[inline]
    pub(super) fn of(&mut self, options: &EncodeOptions, event: &Event<'_>) -> Option<RenderedScope<'_>> {
        if event.scope().is_empty() {
            return Some(RenderedScope::default());
        }
        if self.scope != event.scope().as_bytes() {
            self.render(options, event);
        }
        let site = event.descriptor().id();
        let is_free = match self.free_site {
            Some((known, is_free)) if known == site => is_free,
            _ => {
                let is_free = is_free_of_arguments(event);
                self.free_site = Some((site, is_free));
                is_free
            }
        };
        (self.is_whole && is_free).then_some(RenderedScope { correlation_id: &self.correlation_id, fields: &self.text })
    }

    #[cold]
    fn render(&mut self, options: &EncodeOptions, event: &Event<'_>) {
        // Behind a panic, half a text is that of no scope.
        self.scope.clear();
        self.correlation_id.clear();
        self.text.clear();
        self.free_site = None;
        let fields: Vec<FieldRef<'_>> = event.scope().fields().take(SCOPE_FIELDS_MAX + 1).collect();
        let is_correlation_id = |field: &&FieldRef<'_>| field.group == FieldGroup::CorrelationId;
        let is_usual = |field: &FieldRef<'_>| {
            is_correlation_id(&field) || field.group.is_keyed() && !options.is_message_id(field.group, field.name)
        };
        self.is_whole = fields.len() <= SCOPE_FIELDS_MAX && fields.iter().all(is_usual);
        // The last one counts, and one that is no text is none.
        if let Some(ValueRef::Text(id)) = fields.iter().rfind(is_correlation_id).map(|field| field.value) {
            put_text(&mut self.correlation_id, b"CORRELATION_ID=", id);
        }
        let mut name = Vec::new();
        for group in GROUPS {
            put_counting(options, fields.iter().filter(|field| field.group == group), &mut name, &mut self.text);
        }
        self.scope.extend_from_slice(event.scope().as_bytes());
    }
}

/// Appends the fields of a group of a scope: each key at its first place, with its last value.
fn put_counting<'a, 'b: 'a>(
    options: &EncodeOptions,
    fields: impl DoubleEndedIterator<Item = &'a FieldRef<'b>> + Clone,
    name: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    for (place, field) in fields.clone().enumerate() {
        let is_first = fields.clone().take(place).all(|earlier| earlier.name != field.name);
        let last = fields.clone().rfind(|later| later.name == field.name);
        if let Some(last) = last.filter(|_| is_first) {
            put_named(options, last, name, out);
        }
    }
}

/// Appends a field. `name` is memory for its name.
pub(super) fn put_named(options: &EncodeOptions, field: &FieldRef<'_>, name: &mut Vec<u8>, out: &mut Vec<u8>) {
    name.clear();
    options.names.put(field.group, field.name, name);
    name.push(b'=');
    put_field(out, name, field.value);
}

fn is_free_of_arguments(event: &Event<'_>) -> bool {
    let arguments = event.descriptor().fields();
    let is_argument = |field: &FieldRef<'_>| {
        arguments.iter().any(|argument| argument.name.group == field.group && argument.name.name == field.name)
    };
    !event.scope().fields().any(|field| is_argument(&field))
}
