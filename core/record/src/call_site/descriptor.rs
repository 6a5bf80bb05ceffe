//! Descriptors of call sites.

use std::sync::OnceLock;

use crate::{
    arguments::Shape,
    call_site::{CallSite, FieldName, LiteralTemplate},
    field_group::FieldGroup,
    head::Head,
    level::Level,
    value::Kind,
};

/// Id in the place of a call site's, in a record that describes itself.
pub const DYNAMIC_ID: u32 = 0;

/// Description of a call site's records for readers: names, kinds and places of the arguments. It holds no code.
#[derive(Debug)]
pub struct Descriptor {
    pub(super) id: u32,
    level: Level,
    site: &'static CallSite,
    fields: Box<[DescribedField]>,
    has_own_severity: bool,
    template: Option<LiteralTemplate>,
    /// The one registered before it.
    pub(super) older: Option<&'static Descriptor>,
}

/// An argument in a record.
#[derive(Debug, Clone, Copy)]
pub struct DescribedField {
    /// Part of the event and key.
    pub name: FieldName,
    /// The type of its bytes.
    pub kind: &'static Kind,
    /// Where they are, from the start of the root.
    pub root_offset: usize,
}

impl DescribedField {
    /// Whether its values were redacted by the call, or consist of such: see [`Kind::is_redacted`].
    #[inline]
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.kind.is_redacted()
    }
}

impl Descriptor {
    /// Without an id yet.
    pub(super) fn new(site: &'static CallSite, shape: &'static Shape) -> Self {
        let mut root_offset = 0;
        let fields = site.fields.iter().zip(shape.kinds()).map(|(&name, kind)| {
            let field = DescribedField { name, kind, root_offset };
            root_offset += kind.wire_bytes();
            field
        });
        let fields: Box<[DescribedField]> = fields.collect();
        let has_own_severity =
            fields.iter().any(|field| matches!(field.name.group, FieldGroup::Category | FieldGroup::Severity));
        let template = site.has_placeholders.then(|| LiteralTemplate::new(site.message));
        Self { id: DYNAMIC_ID, level: site.level, site, fields, has_own_severity, template, older: None }
    }

    /// The number in the process, from 1, without gaps. The number 0 stands for [events without a call
    /// site](Self::is_dynamic). A plugin keeps values by call site in a `fapilog_plugin::per_call_site::PerCallSite`.
    #[inline]
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it stands for all events without a call site: the program made them at run time, and they describe
    /// themselves.
    #[inline]
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.id == DYNAMIC_ID
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

    /// The template that its message is; `None` for a message without placeholders.
    #[inline]
    #[must_use]
    pub fn message_template(&self) -> Option<&LiteralTemplate> {
        self.template.as_ref()
    }

    /// Its arguments, in the order of the call.
    #[must_use]
    pub fn fields(&self) -> &[DescribedField] {
        &self.fields
    }

    /// The arguments that were cut, of a [record](crate#layout-of-a-record) of this call site whose head is marked.
    pub fn cut_fields<'a>(&'a self, record: &'a [u8]) -> impl Iterator<Item = &'a DescribedField> + use<'a> {
        let root_bytes = self.fields.last().map_or(0, |field| field.root_offset + field.kind.wire_bytes());
        let mask = record.get(Head::BYTES + root_bytes..).unwrap_or_default();
        let masked = self.fields.iter().filter(|field| field.kind.has_tail()).enumerate();
        masked
            .filter(|(bit, _)| mask.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1))
            .map(|(_, field)| field)
    }

    /// Whether an argument is the event's category or severity: a reader applies it to the event.
    #[inline(always)]
    pub fn has_own_severity(&self) -> bool {
        self.has_own_severity
    }

    /// The descriptor of all records that describe themselves.
    pub fn dynamic() -> &'static Self {
        static SITE: CallSite = CallSite::new(Level::Info, "", "", "", 0, &[]);
        static DESCRIPTOR: OnceLock<Descriptor> = OnceLock::new();
        DESCRIPTOR.get_or_init(|| Self {
            id: DYNAMIC_ID,
            level: SITE.level,
            site: &SITE,
            fields: Box::default(),
            has_own_severity: false,
            template: None,
            older: None,
        })
    }
}
