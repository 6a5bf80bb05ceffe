//! Options and sequences.

use crate::{
    self_typed::SelfTypedWriter,
    value::{Kind, OptionWire, Value, sealed::Sealed},
    writer::SlotWriter,
};

impl<T: Value> Sealed for Option<T> {}

impl<T: Value> Value for Option<T> {
    type Wire = OptionWire<T::Wire>;
    const KIND: Kind = Kind::Option(&T::KIND);

    #[inline(always)]
    fn tail_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::tail_bytes)
    }

    #[inline(always)]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> Self::Wire {
        OptionWire::new(self.as_ref().map(|value| value.archive(writer)))
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        match self {
            Some(value) => value.put_self_typed(out),
            None => out.none(),
        }
    }
}

impl<T: Value> Sealed for [T] {}

impl<T: Value> Value for [T] {
    type Wire = [u8; 8];
    const KIND: Kind = T::SEQUENCE_KIND;

    #[inline]
    fn tail_bytes(&self) -> usize {
        // The bytes of a span for each element; an element without a tail adds nothing to them.
        let elements = self.len().saturating_mul(T::KIND.wire_bytes());
        self.iter().fold(elements, |sum, element| sum.saturating_add(element.tail_bytes()))
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        T::archive_sequence(self, writer)
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        T::put_self_typed_sequence(self, out);
    }
}

macro_rules! as_slice {
    ($(($($generics:tt)*) $type:ty),*) => {$(
        impl<T: Value, $($generics)*> Sealed for $type {}

        impl<T: Value, $($generics)*> Value for $type {
            type Wire = [u8; 8];
            const KIND: Kind = T::SEQUENCE_KIND;

            #[inline]
            fn tail_bytes(&self) -> usize {
                self.as_slice().tail_bytes()
            }

            #[inline]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
                T::archive_sequence(self, writer)
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                T::put_self_typed_sequence(self, out);
            }
        }
    )*};
}

as_slice!(() Vec<T>, (const N: usize) [T; N]);
