//! User context enricher: the user, the session, the tenant.

mod names;
mod pseudonyms;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    event::{Batch, Event, EventScope, FieldRef},
    per_call_site::PerCallSite,
};
use fapilog_record::{
    call_site::{Descriptor, LiteralPart, LiteralTemplate},
    keyed_hash::KeyedHash,
};

use self::{
    names::{FieldPlaces, UserNames},
    pseudonyms::KnownPseudonyms,
};

/// Gives the fields that identify a user one name each, and replaces their values by pseudonyms, if it has a key.
///
/// A program binds the user of a request to its [scope](EventScope), and each library names the user differently. An event that has a
/// field by one of the names on the right gets it by the name on the left, in the same group, and the former field is removed:
///
/// | field | other names |
/// |---|---|
/// | `user_id` | `userId`, `user.id`, `uid`, `enduser.id` |
/// | `session_id` | `sessionId`, `session.id` |
/// | `tenant_id` | `tenantId`, `tenant.id` |
/// | `roles` | `user_roles`, `userRoles`, `user.roles` |
///
/// If an event has several of them, the first in the row counts. [`fields`](Self::fields) replaces the table.
///
/// # Pseudonyms
///
/// [`pseudonyms`](Self::pseudonyms) names the fields whose values are replaced by a [`KeyedHash`]: `hmac:ID:` and 32 digits. The
/// same value and key have the same pseudonym on each shard, in each process, and after a restart. A text that is a pseudonym already stays,
/// and so does an empty one. A message whose placeholders name such a field has the pseudonym, too; other texts of the event are not searched.
///
/// Redactors run behind enrichers and leave pseudonyms as they are. Their action `hash` makes the same text of a value, under the same key and id.
/// A container disables an enricher that fails or panics three times in a row, and never a redactor: a pseudonym that a law asks
/// for belongs to a redactor as well.
///
/// # Cost
///
/// An event without such a field costs a comparison or two. Another one is written field by field, at several times the cost. A value is hashed
/// once in a batch.
///
/// ```
/// use std::sync::Arc;
/// use fapilog_builtin::{enrich::UserContext, redact::KeyedHash};
///
/// let hash = KeyedHash::new("2026-11", b"a key of 16 bytes or more")?;
/// let users = UserContext::new().pseudonyms(["user_id", "session_id"], Arc::new(hash));
/// # let _ = users;
/// # Ok::<(), fapilog_builtin::redact::HashKeyError>(())
/// ```
#[doc(alias = "UserContextEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct UserContext {
    names: Arc<UserNames>,
    hash: Option<Arc<KeyedHash>>,
    /// Whether a call site has an argument that changes.
    by_call_site: PerCallSite<bool>,
    last_scope: LastUserScope,
    /// The counted fields of an event.
    places: FieldPlaces,
    /// The text of a pseudonym, while it is made.
    text: String,
}

/// The scope that was looked at last: events of one scope come in runs.
#[derive(Debug, Clone, Default)]
struct LastUserScope {
    bytes: Vec<u8>,
    /// Whether it has a field that changes.
    has_any: bool,
}

impl UserContext {
    /// The enricher with the names above, and without pseudonyms.
    pub fn new() -> Self {
        Self::of(UserNames::standard(), None)
    }

    /// Other fields, each with the other names that it may have, in the place of all above. No name may occur twice; of two, the first counts.
    pub fn fields<F, N>(self, fields: impl IntoIterator<Item = (F, N)>) -> Self
    where
        F: Into<String>,
        N: IntoIterator<Item: Into<String>>,
    {
        let fields =
            fields.into_iter().map(|(field, names)| (field.into(), names.into_iter().map(Into::into).collect()));
        Self::of(UserNames::new(fields), None)
    }

    /// The fields whose values are replaced by pseudonyms, and the key. A name that is none of the fields is ignored.
    pub fn pseudonyms<F: AsRef<str>>(self, fields: impl IntoIterator<Item = F>, hash: Arc<KeyedHash>) -> Self {
        let mut names = Arc::unwrap_or_clone(self.names);
        fields.into_iter().for_each(|field| names.set_pseudonym(field.as_ref()));
        Self::of(names, Some(hash))
    }

    fn of(names: UserNames, hash: Option<Arc<KeyedHash>>) -> Self {
        Self {
            names: Arc::new(names),
            hash,
            by_call_site: PerCallSite::new(),
            last_scope: LastUserScope::default(),
            places: FieldPlaces::default(),
            text: String::new(),
        }
    }
}

impl Default for UserContext {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for UserContext {
    fn name(&self) -> &'static str {
        "user_context"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let mut known = KnownPseudonyms::new(batch.arena());
        let mut last_shared: (&[FieldRef<'_>], bool) = (&[], false);
        for event in batch.events_mut().iter_mut().filter(|event| !event.is_internal()) {
            if !std::ptr::eq(last_shared.0, event.shared_context()) {
                last_shared = (event.shared_context(), self.names.changes_any(event.shared_context().iter().copied()));
            }
            if last_shared.1 || self.changes(event) {
                self.change(event, &mut known);
            }
        }
        Ok(())
    }
}

impl UserContext {
    /// Whether an event has a field that changes, apart from the shared context.
    fn changes(&mut self, event: &Event<'_>) -> bool {
        if !event.is_plain_in_scope() {
            return self.names.changes_any(event.fields());
        }
        self.changes_arguments(event.descriptor()) || self.changes_scope(event.scope())
    }

    fn changes_arguments(&mut self, descriptor: &'static Descriptor) -> bool {
        let names = &self.names;
        *self.by_call_site.get_or_insert_with(descriptor, || {
            descriptor.fields().iter().any(|field| field.name.group.is_keyed() && names.changes(field.name.name))
        })
    }

    fn changes_scope(&mut self, scope: EventScope<'_>) -> bool {
        if scope.is_empty() {
            return false;
        }
        let last = &mut self.last_scope;
        if last.bytes != scope.as_bytes() {
            last.bytes.clear();
            last.bytes.extend_from_slice(scope.as_bytes());
            last.has_any = self.names.changes_any(scope.fields());
        }
        last.has_any
    }

    fn change<'batch>(&mut self, event: &mut Event<'batch>, known: &mut KnownPseudonyms<'batch>) {
        let Self { names, hash, places, text, .. } = self;
        let names: &UserNames = names;
        places.find(names, event.fields());
        let hash = hash.as_deref();
        let is_renamed_in_message = event.message_literal().is_some()
            && event.descriptor().message_template().is_some_and(|template| renames_in(names, template));
        if is_renamed_in_message {
            // The message is filled by the names that the fields have, with the values that they get.
            event.rewrite_fields(|field| Some(with_value(field, names, hash, known, text)));
            event.set_message(event.message());
        }
        event.rewrite_fields(|field| match names.place(field.name) {
            None => Some(field),
            Some(place) if !places.is_counted(place, field.group) => None,
            Some(place) => {
                let field = with_value(field, names, hash, known, text);
                let name = if place.is_alias() { known.name(names.field(place)) } else { field.name };
                Some(FieldRef { name, ..field })
            }
        });
    }
}

/// Whether a placeholder names a field by another name than the one that it gets.
fn renames_in(names: &UserNames, template: &LiteralTemplate) -> bool {
    let is_renamed = |part: &LiteralPart| match *part {
        LiteralPart::Field(_, name) => names.place(name).is_some_and(|place| place.is_alias()),
        LiteralPart::Text(_) => false,
    };
    template.parts().iter().any(is_renamed)
}

/// The field with its pseudonym, if it gets one.
fn with_value<'batch>(
    field: FieldRef<'batch>,
    names: &UserNames,
    hash: Option<&KeyedHash>,
    known: &mut KnownPseudonyms<'batch>,
    text: &mut String,
) -> FieldRef<'batch> {
    let is_wanted = field.group.is_keyed() && names.place(field.name).is_some_and(|place| names.has_pseudonym(place));
    match hash.filter(|_| is_wanted) {
        Some(hash) => FieldRef { value: known.of(field.value, hash, text), ..field },
        None => field,
    }
}
