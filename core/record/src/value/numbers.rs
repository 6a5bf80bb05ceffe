//! Numbers, `bool` and `char`.

use crate::{
    self_typed::{SelfTypedWriter, types},
    value::{Kind, Value, sealed::Sealed},
    writer::SlotWriter,
};

macro_rules! numbers {
    ($($type:ty => $kind:ident as $wide:ty: $wide_type:ident),* $(,)?) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; size_of::<$type>()];
            const KIND: Kind = Kind::$kind;

            #[inline(always)]
            fn archive(&self, _: &mut SlotWriter<'_>) -> Self::Wire {
                self.to_le_bytes()
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.fixed(types::$wide_type, &<$wide>::from(*self).to_le_bytes());
            }
        }
    )*};
}

numbers! {
    i8 => I8 as i64: I64, i16 => I16 as i64: I64, i32 => I32 as i64: I64, i64 => I64 as i64: I64,
    i128 => I128 as i128: I128,
    u16 => U16 as u64: U64, u32 => U32 as u64: U64, u64 => U64 as u64: U64,
    u128 => U128 as u128: U128,
    f32 => F32 as f32: F32, f64 => F64 as f64: F64,
}

impl Sealed for u8 {}

impl Value for u8 {
    type Wire = [u8; 1];
    const KIND: Kind = Kind::U8;
    const SEQUENCE_KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 1] {
        [*self]
    }

    #[inline]
    fn archive_sequence(sequence: &[u8], writer: &mut SlotWriter<'_>) -> [u8; 8] {
        writer.put_bytes(sequence)
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        u64::from(*self).put_self_typed(out);
    }

    #[inline]
    fn put_self_typed_sequence(sequence: &[u8], out: &mut SelfTypedWriter<'_>) {
        out.bytes(sequence);
    }
}

// `isize` and `usize` travel as 64 bits: a reader may be of another width.
impl Sealed for isize {}

impl Value for isize {
    type Wire = [u8; 8];
    const KIND: Kind = Kind::I64;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 8] {
        (*self as i64).to_le_bytes()
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        (*self as i64).put_self_typed(out);
    }
}

impl Sealed for usize {}

impl Value for usize {
    type Wire = [u8; 8];
    const KIND: Kind = Kind::U64;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 8] {
        (*self as u64).to_le_bytes()
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        (*self as u64).put_self_typed(out);
    }
}

impl Sealed for bool {}

impl Value for bool {
    type Wire = [u8; 1];
    const KIND: Kind = Kind::Bool;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 1] {
        [u8::from(*self)]
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        out.bool(*self);
    }
}

impl Sealed for char {}

impl Value for char {
    type Wire = [u8; 4];
    const KIND: Kind = Kind::Char;

    #[inline(always)]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 4] {
        u32::from(*self).to_le_bytes()
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        out.fixed(types::CHAR, &u32::from(*self).to_le_bytes());
    }
}
