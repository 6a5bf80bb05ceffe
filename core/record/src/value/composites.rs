//! Maps, tuples and collections: values whose parts may be of several kinds, or are not side by side in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::{
    self_typed::{SelfTypedWriter, measured},
    value::{Key, Kind, Value, ValueRef, scratch::LONGER_THAN_A_RECORD, sealed::Sealed},
    writer::SlotWriter,
};

/// The length in the tail of a value of [`Kind::SelfTyped`].
#[doc(hidden)]
#[inline]
pub fn self_typed_bytes<T: Value + ?Sized>(value: &T) -> usize {
    let written = measured(value);
    // It is marked as cut by the path of records that are.
    if written.is_cut { LONGER_THAN_A_RECORD } else { written.used_bytes }
}

macro_rules! self_typed {
    ($([$($generics:tt)*] $type:ty: |$this:ident, $out:ident| $put:expr;)*) => {$(
        impl<$($generics)*> Sealed for $type {}

        impl<$($generics)*> Value for $type {
            type Wire = [u8; 8];
            const KIND: Kind = Kind::SelfTyped;

            #[inline]
            fn tail_bytes(&self) -> usize {
                self_typed_bytes(self)
            }

            #[inline]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
                writer.put_self_typed(self)
            }

            #[inline]
            fn put_self_typed(&self, $out: &mut SelfTypedWriter<'_>) {
                let $this = self;
                $put
            }
        }
    )*};
}

fn put_map<'m, K: Key + 'm, V: Value + 'm>(out: &mut SelfTypedWriter<'_>, map: impl Iterator<Item = (&'m K, &'m V)>) {
    let mut open = out.begin_map();
    for (key, value) in map {
        out.entry(&mut open, |out| {
            key.with_text(|text| out.key(text));
            value.put_self_typed(out);
        });
    }
    out.end(open);
}

fn put_elements<'e, T: Value + 'e>(out: &mut SelfTypedWriter<'_>, elements: impl Iterator<Item = &'e T>) {
    out.sequence(|sequence| elements.for_each(|element| sequence.element(element)));
}

// None of their iterators calls code of the user's.
self_typed! {
    [K: Key, V: Value] BTreeMap<K, V>: |this, out| put_map(out, this.iter());
    [K: Key, V: Value, S] HashMap<K, V, S>: |this, out| put_map(out, this.iter());
    [T: Value] BTreeSet<T>: |this, out| put_elements(out, this.iter());
    [T: Value, S] HashSet<T, S>: |this, out| put_elements(out, this.iter());
    [T: Value] VecDeque<T>: |this, out| put_elements(out, this.iter());
    // A value that a plugin, an adapter or a test has looked at.
    [] ValueRef<'_>: |this, out| out.value_ref(*this);
}

macro_rules! tuples {
    ($(($($element:ident),*))*) => {$(
        self_typed! {
            [$($element: Value),*] ($($element,)*): |this, out| {
                #[allow(non_snake_case, reason = "each variable has the name of its type")]
                let ($($element,)*) = this;
                out.sequence(|sequence| {
                    $(sequence.element($element);)*
                });
            };
        }
    )*};
}

tuples! {
    (A)
    (A, B)
    (A, B, C)
    (A, B, C, D)
    (A, B, C, D, E)
    (A, B, C, D, E, F)
    (A, B, C, D, E, F, G)
    (A, B, C, D, E, F, G, H)
    (A, B, C, D, E, F, G, H, I)
    (A, B, C, D, E, F, G, H, I, J)
    (A, B, C, D, E, F, G, H, I, J, K)
    (A, B, C, D, E, F, G, H, I, J, K, L)
}
