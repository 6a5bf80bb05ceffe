//! What a reader needs to know of a call site.

use std::sync::OnceLock;

use crate::{
    arguments::Shape,
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::Kind,
};

/// The tag of a record that describes itself.
pub const DYNAMIC_ID: u32 = 0;

/// What a reader needs to know of a call site's records: names, kinds and places of the arguments. Never code.
#[derive(Debug)]
pub struct Descriptor {
    pub(super) id: u32,
    level: Level,
    site: &'static CallSite,
    fields: Box<[DescribedField]>,
    grades_itself: bool,
    /// The one registered before it.
    pub(super) older: Option<&'static Descriptor>,
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
    /// Without an id yet.
    pub(super) fn new(site: &'static CallSite, shape: &'static Shape) -> Self {
        let mut root_offset = 0;
        let fields = site.fields.iter().zip(shape.kinds()).map(|(&name, kind)| {
            let field = DescribedField { name, kind, root_offset };
            root_offset += kind.wire_bytes();
            field
        });
        let fields: Box<[DescribedField]> = fields.collect();
        let grades_itself =
            fields.iter().any(|field| matches!(field.name.group, FieldGroup::Category | FieldGroup::Severity));
        Self { id: DYNAMIC_ID, level: site.level, site, fields, grades_itself, older: None }
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
    pub fn grades_itself(&self) -> bool {
        self.grades_itself
    }

    /// What stands for the call site of a record that describes itself.
    pub fn dynamic() -> &'static Self {
        static SITE: CallSite = CallSite::new(Level::Info, "", "", "", 0, &[]);
        static DESCRIPTOR: OnceLock<Descriptor> = OnceLock::new();
        DESCRIPTOR.get_or_init(|| Self {
            id: DYNAMIC_ID,
            level: SITE.level,
            site: &SITE,
            fields: Box::default(),
            grades_itself: false,
            older: None,
        })
    }
}
