//! Text.

use std::borrow::Cow;

use crate::{
    value::{Kind, Value, sealed::Sealed},
    writer::SlotWriter,
};

macro_rules! as_str {
    ($($type:ty),*) => {$(
        impl Sealed for $type {}

        impl Value for $type {
            type Wire = [u8; 8];
            const KIND: Kind = Kind::Text;

            #[inline(always)]
            fn tail_bytes(&self) -> usize {
                self.len()
            }

            #[inline(always)]
            fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
                writer.put_text(self)
            }
        }
    )*};
}

as_str!(str, String, Cow<'_, str>, Box<str>, std::sync::Arc<str>);
