//! The fields of an event, and the value that counts where a key comes more than once.

use bumpalo::collections::Vec as BumpVec;
use fapilog_record::{
    dynamic::DynamicFields,
    field_group::FieldGroup,
    head::Head,
    value::{self, ValueRef},
};

use crate::event::{Event, FieldRef};

impl<'batch> Event<'batch> {
    /// All fields under keys: the call's arguments first, then the scope's, outermost first, then what plugins added.
    ///
    /// A key may come more than once; [`field`](Self::field) returns the value that counts.
    pub fn fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        self.all_fields().filter(|field| field.group.is_keyed())
    }

    /// The value under a key, if there is one: that of the call's own argument before that of an inner scope, that
    /// before an outer one's, and that before what a plugin added.
    #[must_use]
    pub fn field(&self, group: FieldGroup, name: &str) -> Option<ValueRef<'batch>> {
        let is_wanted = |field: &FieldRef<'_>| field.group == group && field.name == name;
        (self.own_fields_of(group).find(is_wanted))
            .or_else(|| self.scope_fields().filter(is_wanted).last())
            .or_else(|| self.added.iter().chain(self.shared).copied().find(is_wanted))
            .map(|field| field.value)
    }

    /// The value of an argument that the event's [descriptor](Self::descriptor) describes, by the offset and the kind of its
    /// [`DescribedField`](fapilog_record::call_site::DescribedField): a read at a fixed place, without a search. Place and
    /// kind of another call site yield some value, never undefined behaviour.
    ///
    /// An event that [`rewrite_fields`](Self::rewrite_fields) has changed still has the former arguments there: see
    /// [`is_plain`](Self::is_plain).
    #[inline]
    #[must_use]
    pub fn argument(&self, root_offset: usize, kind: &'static value::Kind) -> ValueRef<'batch> {
        value::read(self.own_bytes(), Head::BYTES + root_offset, kind)
    }

    /// The value that counts in a part that holds one: what a plugin has changed it to, else the call's own, else that of
    /// the innermost scope.
    pub(super) fn single(&self, group: FieldGroup) -> Option<ValueRef<'batch>> {
        let is_it = |field: &FieldRef<'_>| field.group == group;
        (self.added.iter().rev().copied().find(is_it))
            .or_else(|| self.own_fields_of(group).last())
            .or_else(|| self.scope_fields().filter(is_it).last())
            .map(|field| field.value)
    }

    /// All fields of a group, each with its rank: of several under one key, that of the lowest rank counts. The call's own come first,
    /// the first before others; then the scope's, the last before others; then what plugins added.
    fn ranked_fields(&self, group: FieldGroup) -> impl Iterator<Item = (u64, FieldRef<'batch>)> + '_ {
        const SCOPE: u64 = 1 << 32;
        const ADDED: u64 = 2 << 32;
        // A record has fewer fields than bytes, which are 2^30 at most.
        let is_of_group = move |field: &FieldRef<'_>| field.group == group;
        let own = self.own_fields_of(group).zip(0..).map(|(field, place)| (place, field));
        let scope = self.scope_fields().filter(is_of_group).zip(1..);
        let scope = scope.map(|(field, place)| (SCOPE + (SCOPE - 1 - place), field));
        let added = self.added.iter().chain(self.shared).copied().filter(is_of_group).zip(ADDED..);
        let added = added.map(|(field, place)| (place, field));
        own.chain(scope).chain(added)
    }

    /// The fields of a group, as formatters write them: each key once, at its first place, with the value that counts.
    ///
    /// ```
    /// use fapilog_plugin::{event::Event, field_group::FieldGroup};
    ///
    /// fn put_tags(event: &Event<'_>, out: &mut String) {
    ///     for field in event.counted_fields(FieldGroup::Tags) {
    ///         out.push_str(&format!(" {}={}", field.name, field.value));
    ///     }
    /// }
    /// # let _ = put_tags;
    /// ```
    #[must_use]
    pub fn counted_fields(&self, group: FieldGroup) -> &'batch [FieldRef<'batch>] {
        /// Up to so many, comparing each with each is quicker than sorting.
        const FEW: usize = 32;
        let mut fields = BumpVec::new_in(self.arena);
        fields.extend(self.ranked_fields(group));
        if fields.is_empty() {
            return &[];
        }
        if fields.len() > FEW {
            return self.counted_of_many(fields);
        }
        let mut counted: BumpVec<'batch, (u64, FieldRef<'batch>)> = BumpVec::with_capacity_in(fields.len(), self.arena);
        for (rank, field) in fields {
            match counted.iter_mut().find(|(_, known)| known.name == field.name) {
                None => counted.push((rank, field)),
                Some(known) if rank < known.0 => *known = (rank, field),
                Some(_) => {}
            }
        }
        self.arena.alloc_slice_fill_iter(counted.into_iter().map(|(_, field)| field))
    }

    /// Takes time that does not grow with the square of their number: ten thousand fields do not stop the drain.
    #[cold]
    fn counted_of_many(&self, fields: BumpVec<'batch, (u64, FieldRef<'batch>)>) -> &'batch [FieldRef<'batch>] {
        let mut placed = BumpVec::with_capacity_in(fields.len(), self.arena);
        placed.extend(fields.into_iter().enumerate().map(|(place, (rank, field))| (place, rank, field)));
        placed.sort_unstable_by(|(_, rank, field), (_, other_rank, other)| {
            field.name.cmp(other.name).then(rank.cmp(other_rank))
        });
        // The first of each key counts; it has the place of the first that was met.
        placed.dedup_by(|later, kept| {
            let is_same = later.2.name == kept.2.name;
            if is_same {
                kept.0 = kept.0.min(later.0);
            }
            is_same
        });
        placed.sort_unstable_by_key(|(place, ..)| *place);
        self.arena.alloc_slice_fill_iter(placed.into_iter().map(|(_, _, field)| field))
    }

    fn all_fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        self.own_fields().chain(self.scope_fields()).chain(self.added.iter().chain(self.shared).copied())
    }

    pub(super) fn own_fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        self.own_fields_where(|_| true)
    }

    /// Those of a group alone: values of others are not read.
    fn own_fields_of(&self, group: FieldGroup) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        self.own_fields_where(move |own| own == group)
    }

    #[inline]
    fn own_fields_where(
        &self,
        is_wanted: impl Fn(FieldGroup) -> bool + Copy + 'batch,
    ) -> impl Iterator<Item = FieldRef<'batch>> + '_ {
        let described = if self.is_rewritten { &[] } else { self.descriptor.fields() };
        let described = described.iter().filter(move |field| is_wanted(field.name.group)).map(|field| FieldRef {
            group: field.name.group,
            name: field.name.name,
            value: self.argument(field.root_offset, field.kind),
        });
        // Behind the head, level and category.
        let dynamic =
            if self.is_dynamic && !self.is_rewritten { self.own_bytes().get(Head::BYTES + 2..) } else { None };
        let dynamic = dynamic_fields(dynamic.unwrap_or_default());
        described.chain(dynamic.filter(move |field| is_wanted(field.group)))
    }

    pub(super) fn scope_fields(&self) -> impl Iterator<Item = FieldRef<'batch>> + use<'batch> {
        dynamic_fields(if self.is_rewritten { &[] } else { self.scope_bytes() })
    }

    /// The bytes of the call itself, with the head.
    pub(super) fn own_bytes(&self) -> &'batch [u8] {
        self.record.get(..self.scope_start as usize).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn scope_bytes(&self) -> &'batch [u8] {
        self.record.get(self.scope_start as usize..).unwrap_or_default()
    }
}

fn dynamic_fields(bytes: &[u8]) -> impl Iterator<Item = FieldRef<'_>> {
    DynamicFields::new(bytes).map(|(group, name, value)| FieldRef { group, name, value })
}
