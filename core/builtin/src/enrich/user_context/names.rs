//! The names of the fields that identify a user.

use std::collections::HashMap;

use fapilog_plugin::event::FieldRef;
use fapilog_record::field_group::FieldGroup;

/// The fields, each with its other names.
const STANDARD: [(&str, &[&str]); 4] = [
    (USER_ID, &["userId", "user.id", "uid", "enduser.id"]),
    (SESSION_ID, &["sessionId", "session.id"]),
    ("tenant_id", &["tenantId", "tenant.id"]),
    ("roles", &["user_roles", "userRoles", "user.roles"]),
];
pub(super) const USER_ID: &str = "user_id";
pub(super) const SESSION_ID: &str = "session_id";

/// The names of the fields.
pub(super) fn standard_fields() -> impl Iterator<Item = &'static str> {
    STANDARD.iter().map(|(field, _)| *field)
}

/// The groups whose fields have names.
const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// Fields by each of their names.
#[derive(Debug, Clone)]
pub(super) struct UserNames {
    fields: Vec<UserField>,
    places: HashMap<String, NamePlace>,
}

#[derive(Debug, Clone)]
struct UserField {
    name: String,
    has_pseudonym: bool,
}

/// The place of a name in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamePlace {
    field: usize,
    /// 0: it is the field's name. The lowest that an event has counts.
    rank: usize,
}

impl NamePlace {
    pub(super) fn is_alias(self) -> bool {
        self.rank > 0
    }
}

impl UserNames {
    pub(super) fn standard() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self::new(STANDARD.map(|(field, names)| (field.to_owned(), owned(names))))
    }

    /// The first place of a name counts.
    pub(super) fn new(rows: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        let mut new = Self { fields: Vec::new(), places: HashMap::new() };
        for (field, names) in rows {
            let row = new.fields.len();
            for (rank, name) in std::iter::once(field.clone()).chain(names).enumerate() {
                new.places.entry(name).or_insert(NamePlace { field: row, rank });
            }
            new.fields.push(UserField { name: field, has_pseudonym: false });
        }
        new
    }

    pub(super) fn set_pseudonym(&mut self, name: &str) {
        self.fields.iter_mut().filter(|field| field.name == name).for_each(|field| field.has_pseudonym = true);
    }

    pub(super) fn place(&self, name: &str) -> Option<NamePlace> {
        self.places.get(name).copied()
    }

    /// The name of the field.
    pub(super) fn field(&self, place: NamePlace) -> &str {
        self.fields.get(place.field).map_or("", |field| &field.name)
    }

    pub(super) fn has_pseudonym(&self, place: NamePlace) -> bool {
        self.fields.get(place.field).is_some_and(|field| field.has_pseudonym)
    }

    /// Whether a field of this name changes.
    pub(super) fn changes(&self, name: &str) -> bool {
        self.place(name).is_some_and(|place| place.is_alias() || self.has_pseudonym(place))
    }

    pub(super) fn changes_any<'a>(&self, mut fields: impl Iterator<Item = FieldRef<'a>>) -> bool {
        fields.any(|field| field.group.is_keyed() && self.changes(field.name))
    }
}

/// For each group, and each field of the table, the lowest rank of the names that an event has.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldPlaces {
    ranks: [Vec<usize>; GROUPS.len()],
}

impl FieldPlaces {
    pub(super) fn find<'a>(&mut self, names: &UserNames, fields: impl Iterator<Item = FieldRef<'a>>) {
        for ranks in &mut self.ranks {
            ranks.clear();
            ranks.resize(names.fields.len(), usize::MAX);
        }
        for field in fields {
            if let Some(place) = names.place(field.name)
                && let Some(rank) = self.rank_mut(place, field.group)
            {
                *rank = place.rank.min(*rank);
            }
        }
    }

    /// Whether no name in front of this one is in the event, in this group.
    pub(super) fn is_counted(&self, place: NamePlace, group: FieldGroup) -> bool {
        let ranks = index_of(group).and_then(|index| self.ranks.get(index));
        ranks.and_then(|ranks| ranks.get(place.field)).is_none_or(|rank| *rank == place.rank)
    }

    fn rank_mut(&mut self, place: NamePlace, group: FieldGroup) -> Option<&mut usize> {
        self.ranks.get_mut(index_of(group)?)?.get_mut(place.field)
    }
}

fn index_of(group: FieldGroup) -> Option<usize> {
    GROUPS.iter().position(|known| *known == group)
}
