//! Where in a program an event is logged, and what is known of it before it is.

mod adapter_places;
mod adapter_site;
mod by_level;
mod descriptor;
mod kept;
mod literal_template;
mod registry;
mod variant;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

pub use self::adapter_site::AdapterSite;
pub use self::by_level::CallSiteByLevel;
pub use self::descriptor::{DYNAMIC_ID, DescribedField, Descriptor};
pub use self::literal_template::{LiteralPart, LiteralTemplate};
pub use self::registry::{DescriptorCache, RegistryHeld, hold_registry};
use crate::{
    arguments::{Arguments, Shape},
    call_site::{registry::Registration, variant::SiteVariant},
    field_group::FieldGroup,
    level::Level,
};

/// A place in a program that logs: everything about its events that is known when the program is compiled.
///
/// Made by the macros, as a `static`.
pub struct CallSite {
    level: Level,
    /// Whether the message has placeholders.
    has_placeholders: bool,
    message: &'static str,
    target: &'static str,
    file: &'static str,
    line: u32,
    fields: &'static [FieldName],
    /// Its descriptors: one, or in generic code one for each shape that the arguments take there. The first stands in
    /// place, so that a call finds it without another cache line.
    first: SiteVariant,
    /// The last result about its target's level: the id of the directives, and below it, in eight bits, the threshold.
    remembered: AtomicU64,
}

/// The name of a field, and the part of the event it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldName {
    /// The part of the event.
    pub group: FieldGroup,
    /// The key.
    pub name: &'static str,
}

impl FieldName {
    /// A field `name` in `group`.
    #[must_use]
    pub const fn new(group: FieldGroup, name: &'static str) -> Self {
        Self { group, name }
    }
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
        Self {
            level,
            has_placeholders: false,
            message,
            target,
            file,
            line,
            fields,
            first: SiteVariant::EMPTY,
            remembered: AtomicU64::new(0),
        }
    }

    /// The same call site, whose message is a [template](LiteralTemplate).
    #[must_use]
    pub const fn with_placeholders(mut self) -> Self {
        self.has_placeholders = true;
        self
    }

    /// The level of its events.
    #[inline(always)]
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The message of its events, unless a field is; of a [template](Descriptor::message_template), as it was written.
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
    pub fn threshold(&self, directives_id: u64) -> Option<u8> {
        // Relaxed: the word contains everything, and orders nothing.
        let word = self.remembered.load(Ordering::Relaxed);
        (word >> 8 == directives_id).then_some(word as u8)
    }

    /// Remembers it. Ids beyond 2^56 are not remembered, and never reached.
    pub fn remember_threshold(&self, directives_id: u64, threshold: u8) {
        // Relaxed: see `threshold`.
        self.remembered.store(directives_id << 8 | u64::from(threshold), Ordering::Relaxed);
    }

    /// The id of the descriptor for arguments of type `A`: registered at the first call, remembered after it.
    #[inline(always)]
    pub fn descriptor_id<A: Arguments>(&'static self) -> u32 {
        self.descriptor_id_of(A::SHAPE)
    }

    #[inline(always)]
    fn descriptor_id_of(&'static self, shape: &'static Shape) -> u32 {
        // In code that is not generic, the first is the only one.
        self.first.id_of(shape).unwrap_or_else(|| self.find_or_register(shape))
    }

    #[cold]
    #[inline(never)]
    fn find_or_register(&'static self, shape: &'static Shape) -> u32 {
        match self.first.find(shape) {
            Ok(id) => id,
            Err(_) => Registration::new(self, shape).register(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_remembered_for_the_directives_that_it_was_asked_for() {
        let site = CallSite::new(Level::Info, "", "target", "file", 1, &[]);
        assert_eq!(site.threshold(7), None);
        for threshold in [0, u8::MAX] {
            site.remember_threshold(7, threshold);
            assert_eq!((site.threshold(7), site.threshold(8)), (Some(threshold), None));
        }
    }
}
