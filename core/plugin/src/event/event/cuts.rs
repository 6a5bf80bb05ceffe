//! The fields of an event that were cut.

use bumpalo::collections::Vec as BumpVec;
use fapilog_record::{
    dynamic::{DynamicFields, MarkedField},
    field_group::FieldGroup,
    head::Head,
    value::ValueRef,
};

use crate::event::{Event, FieldRef};

/// Parts without keys that may be cut.
const SINGLE_GROUPS: [FieldGroup; 3] = [FieldGroup::Message, FieldGroup::Target, FieldGroup::CorrelationId];

/// A field of a part with keys, as far as cuts go.
struct CutCandidate<'batch> {
    group: FieldGroup,
    name: &'batch str,
    /// The lowest rank under a key counts. A plugin's mark is for the field that counts.
    rank: u64,
    is_cut: bool,
    is_mark: bool,
}

impl<'batch> Event<'batch> {
    /// Marks a field as cut: its value was too long, and some of it is missing. The name of a message is `""`.
    ///
    /// ```
    /// use fapilog_plugin::{event::Batch, field_group::FieldGroup, value::ValueRef};
    ///
    /// fn shorten(batch: &mut Batch<'_>) {
    ///     for event in batch.events_mut() {
    ///         if let Some(ValueRef::Text(text)) = event.field(FieldGroup::Context, "body")
    ///             && let Some((end, _)) = text.char_indices().nth(80)
    ///         {
    ///             event.set_field(FieldGroup::Context, "body", ValueRef::Text(&text[..end]));
    ///             event.mark_field_cut(FieldGroup::Context, "body");
    ///         }
    ///     }
    /// }
    /// # let _ = shorten;
    /// ```
    pub fn mark_field_cut(&mut self, group: FieldGroup, name: &'batch str) {
        self.mark_cut();
        self.append(cut_mark(group, name));
    }

    /// The fields that were cut, each once: the message (under the name `""`) and other single parts first, then those under
    /// keys. An event that [is cut](Self::is_cut) may also miss fields altogether.
    ///
    /// ```
    /// use fapilog_plugin::event::Event;
    ///
    /// fn put_cut_fields(event: &Event<'_>, out: &mut String) {
    ///     for (group, name) in event.cut_fields() {
    ///         out.push_str(&format!(" cut:{}.{name}", group.name()));
    ///     }
    /// }
    /// # let _ = put_cut_fields;
    /// ```
    #[must_use]
    pub fn cut_fields(&self) -> &'batch [(FieldGroup, &'batch str)] {
        if !self.is_cut() {
            return &[];
        }
        let mut fields = BumpVec::new_in(self.arena);
        fields.extend(SINGLE_GROUPS.into_iter().filter(|group| self.is_single_cut(*group)).map(|group| (group, "")));
        let mut candidates = BumpVec::new_in(self.arena);
        candidates.extend(self.cut_candidates().filter(|candidate| candidate.group.is_keyed()));
        put_cut(&mut candidates, &mut fields);
        fields.into_bump_slice()
    }

    /// Whether the value that counts in a part that holds one was cut.
    fn is_single_cut(&self, group: FieldGroup) -> bool {
        if self.marks().any(|(marked, _)| marked == group) {
            return true;
        }
        let is_changed = self.added.iter().any(|field| field.group == group);
        let of_group = |field: &MarkedField<'_>| field.group == group;
        let own = self.own_marked().filter(of_group).last();
        !is_changed && own.or_else(|| self.scope_marked().filter(of_group).last()).is_some_and(|field| field.is_cut)
    }

    /// The marks that plugins have left.
    fn marks(&self) -> impl Iterator<Item = (FieldGroup, &'batch str)> + '_ {
        self.added.iter().filter(|field| field.group == FieldGroup::CutMark).filter_map(|field| match field.value {
            ValueRef::U64(group) => Some((FieldGroup::from_byte(u8::try_from(group).ok()?)?, field.name)),
            _ => None,
        })
    }

    /// All fields with their ranks, and the marks: see `ranked_fields`.
    fn cut_candidates(&self) -> impl Iterator<Item = CutCandidate<'batch>> + '_ {
        const SCOPE: u64 = 1 << 32;
        const ADDED: u64 = 2 << 32;
        let of = |rank, field: MarkedField<'batch>| CutCandidate {
            group: field.group,
            name: field.key,
            rank,
            is_cut: field.is_cut,
            is_mark: false,
        };
        let own = self.own_marked().zip(0..).map(move |(field, place)| of(place, field));
        let scope = self.scope_marked().zip(1..).map(move |(field, place)| of(SCOPE + (SCOPE - 1 - place), field));
        let added = self.added.iter().chain(self.shared).zip(ADDED..).map(|(field, rank)| CutCandidate {
            group: field.group,
            name: field.name,
            rank,
            is_cut: false,
            is_mark: false,
        });
        let marks =
            self.marks().map(|(group, name)| CutCandidate { group, name, rank: u64::MAX, is_cut: true, is_mark: true });
        own.chain(scope).chain(added).chain(marks)
    }

    /// The fields of the call itself, with their marks; none of an event whose fields were made anew.
    fn own_marked(&self) -> impl Iterator<Item = MarkedField<'batch>> + '_ {
        let described = if self.is_rewritten { &[] } else { self.descriptor.fields() };
        let record = self.own_bytes();
        let mut cut = self.descriptor.cut_fields(record).peekable();
        let described = described.iter().map(move |field| MarkedField {
            group: field.name.group,
            key: field.name.name,
            value: ValueRef::None,
            is_cut: cut.next_if(|cut| std::ptr::eq(*cut, field)).is_some(),
        });
        let is_read = self.is_dynamic && !self.is_rewritten;
        let dynamic = if is_read { record.get(Head::BYTES + 2..) } else { None };
        described.chain(marked_fields(dynamic.unwrap_or_default()))
    }

    fn scope_marked(&self) -> impl Iterator<Item = MarkedField<'batch>> + use<'batch> {
        marked_fields(if self.is_rewritten { &[] } else { self.scope_bytes() })
    }
}

/// The mark on a field, for the fields that plugins add.
pub(super) fn cut_mark(group: FieldGroup, name: &str) -> FieldRef<'_> {
    FieldRef { group: FieldGroup::CutMark, name, value: ValueRef::U64(group.to_byte().into()) }
}

fn marked_fields(bytes: &[u8]) -> impl Iterator<Item = MarkedField<'_>> {
    let mut fields = DynamicFields::new(bytes);
    std::iter::from_fn(move || fields.next_marked())
}

/// Appends the candidates that count and were cut. Takes time that does not grow with the square of their number.
fn put_cut<'batch>(candidates: &mut [CutCandidate<'batch>], fields: &mut BumpVec<'batch, (FieldGroup, &'batch str)>) {
    candidates.sort_unstable_by_key(|one| (one.group.to_byte(), one.name, one.rank));
    let of_a_key = candidates.chunk_by(|one, other| one.group == other.group && one.name == other.name);
    for of_a_key in of_a_key {
        // A mark alone is of a field that is gone.
        let Some(counting) = of_a_key.first().filter(|first| !first.is_mark) else { continue };
        if counting.is_cut || of_a_key.last().is_some_and(|last| last.is_mark) {
            fields.push((counting.group, counting.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_record::{
        arguments::{Arg, End},
        writer::{record_bytes, write_record},
    };

    use super::*;
    use crate::testing::{TestBatches, test_event};

    type Two<'a> = (Arg<'a, &'a str>, (Arg<'a, &'a str>, End));

    /// An event of a call site with the fields `a` and `b`, of which `b` was cut.
    fn cut_record() -> Vec<u8> {
        let (short, long) = ("short", "x".repeat(100));
        let arguments: Two<'_> = (Arg(&short), (Arg(&long.as_str()), End));
        let mut slot = vec![0; record_bytes(&arguments, 0) - 50];
        let written = write_record(&mut slot, 0, &arguments, &[]).unwrap();
        slot.truncate(written.used_bytes);
        slot
    }

    #[test]
    fn arguments_that_were_cut_are_named_and_stay_so_when_fields_are_made_anew() {
        let record = cut_record();
        let named = TestBatches::new().record::<Two<'_>, _>(&record, |batch| {
            let mut event = batch.events()[0].clone();
            let before = event.cut_fields();
            event.set_field(FieldGroup::Context, "b", ValueRef::Text("***"));
            let changed = event.cut_fields();
            event.rewrite_fields(|field| (field.name != "b").then_some(field));
            (
                before.to_vec() == [(FieldGroup::Context, "b")],
                before == changed,
                event.cut_fields().len(),
                event.is_cut(),
            )
        });
        assert_eq!(named, Some((true, true, 0, true)));
    }

    #[test]
    fn a_plugins_marks_name_each_field_once() {
        let logged = test_event("m").field(FieldGroup::Context, "a", "a").field(FieldGroup::Tags, "a", "b");
        TestBatches::new().events(&[logged], |batch| {
            let event = &mut batch.events_mut()[0];
            assert_eq!(event.cut_fields(), []);
            for _ in 0..2 {
                event.mark_field_cut(FieldGroup::Tags, "a");
                event.mark_field_cut(FieldGroup::Message, "");
            }
            event.mark_field_cut(FieldGroup::Context, "not there");
            assert_eq!(event.cut_fields(), [(FieldGroup::Message, ""), (FieldGroup::Tags, "a")]);
            assert_eq!(event.fields().count(), 2);
        });
    }

    #[test]
    fn an_event_that_is_marked_as_a_whole_names_no_field() {
        TestBatches::new().events(&[test_event("m")], |batch| {
            let event = &mut batch.events_mut()[0];
            event.mark_cut();
            assert_eq!((event.is_cut(), event.cut_fields()), (true, [].as_slice()));
        });
    }
}
