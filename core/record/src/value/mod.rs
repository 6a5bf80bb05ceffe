//! Values: the arguments of a log call, and how they are archived.
//!
//! An argument is archived at the call, by the thread that logs, in a *wire form*: little-endian bytes of a fixed
//! length, without padding, alignment or niches. A value without a fixed length (text, bytes, sequences) has a *span* as its
//! wire form, which points at its bytes in the record's tail. The layout is ours and does not depend on rkyv's format
//! features; the table is in [`Kind`], and a golden-bytes test holds it still.

mod composites;
mod compound;
mod error_chain;
mod error_form;
mod exposing;
mod key;
mod kind;
mod numbers;
mod owned;
mod pii;
mod pointers;
mod prepared;
mod pseudonym_key;
mod redacted;
mod reference;
pub(crate) mod rendered;
pub(crate) mod scratch;
mod serialized;
mod texts;
mod times;
mod wire;

#[doc(hidden)]
pub use composites::self_typed_bytes;
pub use error_chain::ErrorChain;
#[doc(hidden)]
pub use error_chain::{ErrorText, error_chain};
#[doc(hidden)]
pub use error_form::{ErrorForm, put_error};
pub use key::Key;
pub use kind::Kind;
pub use owned::OwnedValue;
pub use pii::{Pii, pseudonym};
pub use prepared::{Prepared, Render, rendered};
#[doc(hidden)]
pub use prepared::{put_debug, put_display};
pub use pseudonym_key::{PseudonymKeyError, remove_pseudonym_key, set_pseudonym_key};
pub use redacted::{REDACTED, Secret};
#[doc(hidden)]
pub use redacted::{Redacted, unread};
pub use reference::{MapRef, SequenceRef, ValueRef};
pub use reference::{read, text};
#[doc(hidden)]
pub use rendered::{DebugText, Rendered, debug, display, pretty_debug};
pub use serialized::serialized;
pub use wire::{OptionWire, Wire};

use crate::{self_typed::SelfTypedWriter, writer::SlotWriter};

/// An argument of a log call. Implemented for the types the macros accept, and sealed: the reader must know every kind.
///
/// A struct or an enum of your own derives it. Anything else is logged by its text: `field = %value` for `Display`, `?value`
/// for `Debug`, `#error` for an error with its chain of sources; or by its `Serialize`, with [`serialized`](fn@serialized).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a log field as it is",
    label = "not a field value",
    note = "write `%value` to log it by its Display, `?value` by its Debug, or `#value` to log an error with its sources",
    note = "a struct or an enum of your own is a value if it has `#[derive(fapilog::event::Value)]`; if parts of it are rendered, write `fapilog::event::rendered(&value)`",
    note = "`fapilog::event::serialized(&value)` logs it by its `serde::Serialize`"
)]
pub trait Value: sealed::Sealed {
    /// The bytes that stand for it in the record's root.
    type Wire: Wire;
    /// The kind of these bytes, for readers.
    const KIND: Kind;
    /// The kind of a sequence of such values, for readers.
    #[doc(hidden)]
    const SEQUENCE_KIND: Kind = Kind::Sequence(&Self::KIND);

    /// How many bytes it takes in the record's tail.
    #[inline(always)]
    fn tail_bytes(&self) -> usize {
        0
    }

    /// Writes its tail, if it has one, and returns its wire form.
    fn archive(&self, writer: &mut SlotWriter<'_>) -> Self::Wire;

    /// Writes a sequence of such values to the tail and returns its span.
    #[doc(hidden)]
    #[inline]
    fn archive_sequence(sequence: &[Self], writer: &mut SlotWriter<'_>) -> [u8; 8]
    where
        Self: Sized,
    {
        writer.put_sequence(sequence)
    }

    /// Writes it with its type in front: a part of a tuple, a map or a struct. A type that is never a part of another need
    /// not do that.
    #[doc(hidden)]
    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        out.none();
    }

    /// Writes a sequence of such values with its type in front.
    #[doc(hidden)]
    #[inline]
    fn put_self_typed_sequence(sequence: &[Self], out: &mut SelfTypedWriter<'_>)
    where
        Self: Sized,
    {
        out.sequence(|elements| sequence.iter().for_each(|value| elements.element(value)));
    }
}

/// The seal of [`Value`].
#[doc(hidden)]
pub mod sealed {
    /// Only this crate and its derive implement [`Value`](super::Value).
    pub trait Sealed {}

    /// Only this crate and its derive implement [`Key`](super::Key).
    pub trait SealedKey {}
}
