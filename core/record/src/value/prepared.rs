//! Values that user code writes before a log call begins: see [`scratch`](super::scratch).

use std::{
    error::Error,
    fmt::{self, Debug, Display, Write},
    rc::Rc,
    sync::Arc,
};

use crate::{
    self_typed::SelfTypedWriter,
    text::bounded::BoundedText,
    user_code::{Panicked, catch_panic, write_error_chain},
    value::{
        Kind, Value,
        rendered::format_catching_panics,
        scratch::{LONGER_THAN_A_RECORD, PIECE_MAX_BYTES, ScratchPiece},
        sealed::Sealed,
    },
    writer::SlotWriter,
};

/// A value that user code has written, in the memory of the thread: see [`serialized`](super::serialized()) and [`rendered`].
#[derive(Debug)]
pub struct Prepared {
    piece: ScratchPiece,
    is_cut: bool,
}

/// Makes a value by `write`, which runs user code. An error is the text that stands in the value's place, and so is
/// `panicked` if it panics.
pub(super) fn prepared(panicked: &str, write: impl FnOnce(&mut SelfTypedWriter<'_>) -> Result<(), String>) -> Prepared {
    let (piece, is_cut) = ScratchPiece::make(|writer, is_refused| {
        let error = if is_refused {
            "<a value that logs itself>".to_owned()
        } else {
            let mut out = SelfTypedWriter::piece(writer);
            match catch_panic(|| write(&mut out)) {
                Ok(Ok(())) => return out.finish().is_cut,
                Ok(Err(error)) => error,
                Err(Panicked) => panicked.to_owned(),
            }
        };
        writer.truncate(0);
        let mut out = SelfTypedWriter::piece(writer);
        out.text(&error);
        out.finish().is_cut
    });
    Prepared { piece, is_cut }
}

impl Sealed for Prepared {}

impl Value for Prepared {
    type Wire = [u8; 8];
    const KIND: Kind = Kind::SelfTyped;

    #[inline]
    fn tail_bytes(&self) -> usize {
        if self.is_cut { LONGER_THAN_A_RECORD } else { self.piece.len() }
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        if self.is_cut {
            writer.mark_cut();
        }
        self.piece.with_bytes(|value| writer.put_value_bytes(value))
    }

    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        if self.is_cut {
            out.mark_cut();
        }
        self.piece.with_bytes(|value| out.value_bytes(value));
    }
}

/// A type of which parts are logged by their `Display`, `Debug` or as errors: see [`rendered`]. `#[derive(Value)]` implements it
/// in the place of [`Value`] for types with such parts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be rendered as a value",
    label = "does not derive `Value` with rendered fields",
    note = "`#[derive(fapilog::event::Value)]` makes a type that can be rendered if a field has `display`, `debug`, `error` or `rendered`; without such a field it is a value as it is"
)]
pub trait Render {
    /// Writes it. Runs user code.
    #[doc(hidden)]
    fn render(&self, out: &mut SelfTypedWriter<'_>);
}

/// The value of a field that is made by a type with [rendered parts](Render). They are user code, so they run before the log call
/// begins.
#[must_use]
pub fn rendered<T: Render + ?Sized>(value: &T) -> Prepared {
    prepared("<panicked while it was rendered>", |out| {
        value.render(out);
        Ok(())
    })
}

macro_rules! holders {
    ($($type:ty),*) => {$(
        impl<T: Render + ?Sized> Render for $type {
            fn render(&self, out: &mut SelfTypedWriter<'_>) {
                (**self).render(out);
            }
        }
    )*};
}

holders!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: Render> Render for Option<T> {
    fn render(&self, out: &mut SelfTypedWriter<'_>) {
        match self {
            Some(value) => value.render(out),
            None => out.none(),
        }
    }
}

impl<T: Render> Render for [T] {
    fn render(&self, out: &mut SelfTypedWriter<'_>) {
        out.sequence(|elements| self.iter().for_each(|value| elements.element_with(|out| value.render(out))));
    }
}

impl<T: Render> Render for Vec<T> {
    fn render(&self, out: &mut SelfTypedWriter<'_>) {
        self.as_slice().render(out);
    }
}

impl<T: Render, const N: usize> Render for [T; N] {
    fn render(&self, out: &mut SelfTypedWriter<'_>) {
        self.as_slice().render(out);
    }
}

/// Writes a text that user code formats.
fn put_formatted(out: &mut SelfTypedWriter<'_>, format: impl FnOnce(&mut dyn Write) -> fmt::Result) {
    let mut text = BoundedText::new(PIECE_MAX_BYTES);
    format_catching_panics(format, &mut text);
    if text.is_cut() {
        out.mark_cut();
    }
    out.text(text.as_str());
}

/// Writes a value by its `Display`.
#[doc(hidden)]
pub fn put_display<T: Display + ?Sized>(out: &mut SelfTypedWriter<'_>, value: &T) {
    put_formatted(out, |text| write!(text, "{value}"));
}

/// Writes a value by its `Debug`.
#[doc(hidden)]
pub fn put_debug<T: Debug + ?Sized>(out: &mut SelfTypedWriter<'_>, value: &T) {
    put_formatted(out, |text| write!(text, "{value:?}"));
}

/// Writes an error with the chain of its sources.
pub(super) fn put_chain<'e, E: Error + ?Sized + 'e>(out: &mut SelfTypedWriter<'_>, error: impl FnOnce() -> &'e E) {
    put_formatted(out, |text| write_error_chain(error(), text, |_| {}));
}
