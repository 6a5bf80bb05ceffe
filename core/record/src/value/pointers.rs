//! Values in something that holds them: pointers, wrappers of numbers, atomics.

use std::{
    borrow::Cow,
    num::{NonZero, Saturating, Wrapping},
    rc::Rc,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
            AtomicU64, AtomicUsize, Ordering,
        },
    },
};

use crate::{
    self_typed::SelfTypedWriter,
    value::{Kind, Value, sealed::Sealed},
    writer::SlotWriter,
};

/// Types that are logged as the value they hold. Its place is found without code of the user's.
macro_rules! holders {
    ($([$($generics:tt)*] $type:ty as $held:ty: |$this:ident| $value:expr;)*) => {$(
        impl<$($generics)*> Sealed for $type {}

        impl<$($generics)*> Value for $type {
            type Wire = <$held as Value>::Wire;
            const KIND: Kind = <$held>::KIND;

            #[inline(always)]
            fn tail_bytes(&self) -> usize {
                let $this = self;
                $value.tail_bytes()
            }

            #[inline(always)]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> Self::Wire {
                let $this = self;
                $value.archive(writer)
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                let $this = self;
                $value.put_self_typed(out);
            }
        }
    )*};
}

holders! {
    [T: Value + ?Sized] &T as T: |this| (**this);
    [T: Value + ?Sized] &mut T as T: |this| (**this);
    [T: Value + ?Sized] Box<T> as T: |this| (**this);
    [T: Value + ?Sized] Rc<T> as T: |this| (**this);
    [T: Value + ?Sized] Arc<T> as T: |this| (**this);
    // `Clone`, so that what it owns is a `T` too.
    [T: Value + Clone] Cow<'_, T> as T: |this| (**this);
    [T: Value + Clone] Cow<'_, [T]> as [T]: |this| (**this);
    [T: Value] Wrapping<T> as T: |this| this.0;
    [T: Value] Saturating<T> as T: |this| this.0;
}

/// Types that are logged as a number that they give out.
macro_rules! numbers_in {
    ($($type:ty as $number:ty: |$this:ident| $value:expr;)*) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = <$number as Value>::Wire;
            const KIND: Kind = <$number>::KIND;

            #[inline(always)]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> Self::Wire {
                let $this = self;
                $value.archive(writer)
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                let $this = self;
                $value.put_self_typed(out);
            }
        }
    )*};
}

macro_rules! non_zero {
    ($($number:ty)*) => { numbers_in! { $(NonZero<$number> as $number: |this| this.get();)* } };
}

non_zero!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// An atomic is loaded when it is archived, once. Its wire form has the same length, whatever the number.
macro_rules! atomics {
    ($($type:ty as $number:ty,)*) => {
        // Relaxed: the number is all that is read; nothing is read on its account.
        numbers_in! { $($type as $number: |this| this.load(Ordering::Relaxed);)* }
    };
}

atomics! {
    AtomicBool as bool,
    AtomicI8 as i8, AtomicI16 as i16, AtomicI32 as i32, AtomicI64 as i64, AtomicIsize as isize,
    AtomicU8 as u8, AtomicU16 as u16, AtomicU32 as u32, AtomicU64 as u64, AtomicUsize as usize,
}

/// Nothing is no value, as `None` is none. It has a byte, so that as many of them as a record has are no more than its bytes.
macro_rules! nothing {
    ($type:ty) => {
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; 1];
            const KIND: Kind = Kind::Unit;

            #[inline(always)]
            fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 1] {
                [0]
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.none();
            }
        }
    };
}

nothing!(());
