//! The part of an entry that all events of a call site have in common.

use fapilog_plugin::{
    call_site::Descriptor,
    event::{Event, Location},
    field_group::FieldGroup,
    level::{Category, Level},
    text::{fixed::FixedText, number::put_u64},
    value::Kind,
};

use crate::encode::{
    EncodeOptions,
    value::{put_line, put_text},
};

/// The most arguments that are written without a check of the number of fields.
const ARGUMENTS_MAX: usize = 256;

/// The fields at the front of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryHead<'a> {
    pub(super) level: Level,
    pub(super) severity: u8,
    pub(super) category: Category,
    pub(super) target: &'a str,
    pub(super) location: Option<Location>,
}

impl<'a> EntryHead<'a> {
    pub(super) fn of_event(event: &Event<'a>) -> Self {
        Self {
            level: event.level(),
            severity: event.severity(),
            category: event.category(),
            target: event.target(),
            location: event.location(),
        }
    }

    fn of_site(descriptor: &'static Descriptor) -> Self {
        let (level, site) = (descriptor.level(), descriptor.site());
        Self {
            level,
            severity: level.severity(),
            category: level.category(),
            target: site.target(),
            location: (!descriptor.is_dynamic()).then(|| Location::of(site)),
        }
    }

    pub(super) fn put(&self, options: &EncodeOptions, out: &mut Vec<u8>) {
        put_line(out, b"PRIORITY=", |out| put_u64(out, options.priorities.of(self.level).number().into()));
        out.extend_from_slice(&options.front);
        put_line(out, b"LEVEL=", |out| out.extend_from_slice(self.level.name().as_bytes()));
        put_line(out, b"SEVERITY=", |out| put_u64(out, self.severity.into()));
        put_line(out, b"CATEGORY=", |out| out.extend_from_slice(self.category.name().as_bytes()));
        put_text(out, b"TARGET=", self.target);
        if let Some(location) = self.location.filter(|location| !location.file.is_empty()) {
            put_text(out, b"CODE_FILE=", location.file);
            put_line(out, b"CODE_LINE=", |out| put_u64(out, location.line.into()));
            put_text(out, b"CODE_FUNC=", location.module);
        }
    }
}

/// An argument of a call site, with the name of its field.
#[derive(Debug)]
pub(super) struct SiteArgument {
    /// With `=` behind it.
    pub(super) name: Box<[u8]>,
    pub(super) kind: &'static Kind,
    pub(super) root_offset: usize,
}

/// The common part of the entries of a call site.
#[derive(Debug)]
pub(super) struct SiteEntry {
    pub(super) head: FixedText,
    /// The field of the message, if the message does not change.
    pub(super) message: Option<FixedText>,
    pub(super) arguments: Box<[SiteArgument]>,
    /// Whether the arguments of the site are written one by one: no two have one key, and none is more than a field.
    is_plain: bool,
}

impl SiteEntry {
    #[cold]
    pub(super) fn new(options: &EncodeOptions, descriptor: &'static Descriptor) -> Self {
        let mut text = Vec::new();
        EntryHead::of_site(descriptor).put(options, &mut text);
        options.put_fixed_id(&mut text);
        let head = FixedText::new(&text);
        Self {
            head,
            message: fixed_message(descriptor),
            arguments: arguments(options, descriptor),
            is_plain: is_plain(options, descriptor),
        }
    }

    /// Whether an event has the head and the arguments of its site. It may have a scope, and shared context.
    #[inline]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        let level = event.descriptor().level();
        self.is_plain
            && event.is_plain_in_scope()
            && !event.is_cut()
            && event.level() == level
            && event.severity() == level.severity()
            && event.category() == level.category()
    }
}

fn fixed_message(descriptor: &Descriptor) -> Option<FixedText> {
    let message = descriptor.site().message();
    let is_fixed = !message.is_empty() && descriptor.message_template().is_none();
    is_fixed.then(|| {
        let mut text = Vec::new();
        put_text(&mut text, b"MESSAGE=", message);
        FixedText::new(&text)
    })
}

fn arguments(options: &EncodeOptions, descriptor: &'static Descriptor) -> Box<[SiteArgument]> {
    let keyed = descriptor.fields().iter().filter(|field| field.name.group.is_keyed());
    let argument = keyed.map(|field| {
        let mut name = Vec::new();
        options.names.put(field.name.group, field.name.name, &mut name);
        name.push(b'=');
        SiteArgument { name: name.into(), kind: field.kind, root_offset: field.root_offset }
    });
    argument.collect()
}

fn is_plain(options: &EncodeOptions, descriptor: &Descriptor) -> bool {
    let fields = descriptor.fields();
    let is_alone = |place: usize| {
        let name = fields.get(place).map(|field| field.name);
        fields.iter().take(place).all(|earlier| Some(earlier.name) != name)
    };
    let is_field = |group: FieldGroup, name: &str| match group {
        FieldGroup::Message => true,
        group => group.is_keyed() && !options.is_message_id(group, name),
    };
    !descriptor.is_dynamic()
        && fields.len() <= ARGUMENTS_MAX
        && (0..fields.len()).all(is_alone)
        && fields.iter().all(|field| is_field(field.name.group, field.name.name))
}
