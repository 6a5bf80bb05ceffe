//! Keys of maps.

use std::{borrow::Cow, rc::Rc, sync::Arc};

use crate::value::sealed::SealedKey;

/// The key of a map that is logged: text, or what has a short text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map that is logged",
    label = "not the key of a logged map",
    note = "keys are text (`str`, `String`, `Cow<str>`), integers, `bool`, `char` and `Uuid`, and enums that derive `fapilog::event::Value` and have no fields",
    note = "write `?map` to log the map by its Debug"
)]
pub trait Key: SealedKey {
    /// Shows the text.
    #[doc(hidden)]
    fn with_text<R>(&self, look: impl FnOnce(&str) -> R) -> R;
}

macro_rules! keys {
    ($([$($generics:tt)*] $type:ty: |$this:ident, $look:ident| $show:expr;)*) => {$(
        impl<$($generics)*> SealedKey for $type {}

        impl<$($generics)*> Key for $type {
            #[inline]
            fn with_text<R>(&self, $look: impl FnOnce(&str) -> R) -> R {
                let $this = self;
                $show
            }
        }
    )*};
}

keys! {
    [] str: |this, look| look(this);
    [] String: |this, look| look(this);
    [] Cow<'_, str>: |this, look| look(this);
    [] bool: |this, look| look(if *this { "true" } else { "false" });
    [] char: |this, look| look(this.encode_utf8(&mut [0; 4]));
    [] uuid::Uuid: |this, look| look(this.hyphenated().encode_lower(&mut [0; 36]));
    [K: Key + ?Sized] &K: |this, look| (**this).with_text(look);
    [K: Key + ?Sized] Box<K>: |this, look| (**this).with_text(look);
    [K: Key + ?Sized] Rc<K>: |this, look| (**this).with_text(look);
    [K: Key + ?Sized] Arc<K>: |this, look| (**this).with_text(look);
}

macro_rules! integer_keys {
    ($($type:ty)*) => { keys! { $([] $type: |this, look| look(itoa::Buffer::new().format(*this));)* } };
}

integer_keys!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
