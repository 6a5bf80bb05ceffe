//! Arguments that are logged by their text. `Display` and `Debug` are user code: see [`scratch`](super::scratch).

use std::fmt::{self, Write};

use crate::{
    self_typed::SelfTypedWriter,
    text::bounded::front,
    user_code::catch_panic,
    value::{
        Kind, Value,
        scratch::{LONGER_THAN_A_RECORD, PieceWriter, ScratchPiece},
        sealed::Sealed,
    },
    writer::SlotWriter,
};

/// The text of one argument.
#[derive(Debug)]
pub struct Rendered {
    text: ScratchPiece,
    /// There was more than one argument may have.
    is_cut: bool,
}

/// Renders by `Display`.
#[must_use]
pub fn display<T: fmt::Display + ?Sized>(value: &T) -> Rendered {
    render(|out| write!(out, "{value}"))
}

/// Renders by `Debug`.
#[must_use]
pub fn debug<T: fmt::Debug + ?Sized>(value: &T) -> DebugText {
    DebugText(render(|out| write!(out, "{value:?}")))
}

/// Renders by `Debug`, over several lines.
#[must_use]
pub fn pretty_debug<T: fmt::Debug + ?Sized>(value: &T) -> DebugText {
    DebugText(render(|out| write!(out, "{value:#?}")))
}

pub(super) fn render(text: impl FnOnce(&mut dyn Write) -> fmt::Result) -> Rendered {
    let (text, is_cut) = ScratchPiece::make(|writer, is_refused| {
        let mut out = RenderedText { writer, is_cut: false };
        write_unless_refused(is_refused, text, &mut out);
        out.is_cut
    });
    Rendered { text, is_cut }
}

/// Runs a user's `fmt` and catches its panic. Half a text is a text: what was written before the panic stays.
/// Writes the text, or that it is refused.
pub(crate) fn write_unless_refused(
    is_refused: bool,
    text: impl FnOnce(&mut dyn Write) -> fmt::Result,
    out: &mut dyn Write,
) {
    if is_refused {
        let _ = out.write_str("<a value that logs itself>");
    } else {
        format_catching_panics(text, out);
    }
}

pub(super) fn format_catching_panics(text: impl FnOnce(&mut dyn Write) -> fmt::Result, out: &mut dyn Write) {
    // An error without a panic is the limit, or a `Display` that gives up: the text so far stays.
    if catch_panic(|| text(out)).is_err() {
        let _ = out.write_str("<panicked while it was formatted>");
    }
}

/// A text of a limited length: a longer one is cut between two characters.
struct RenderedText<'a> {
    writer: &'a mut PieceWriter,
    is_cut: bool,
}

impl Write for RenderedText<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let fits = front(piece, self.writer.room_bytes());
        if self.writer.put(fits.as_bytes()) && fits.len() == piece.len() {
            return Ok(());
        }
        self.is_cut = true;
        Err(fmt::Error)
    }
}

impl Sealed for Rendered {}

impl Value for Rendered {
    type Wire = [u8; 8];
    const KIND: Kind = Kind::Text;

    #[inline]
    fn tail_bytes(&self) -> usize {
        if self.is_cut { LONGER_THAN_A_RECORD } else { self.text.len() }
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        if self.is_cut {
            writer.mark_cut();
        }
        // Bytes of a text are cut between two characters.
        self.text.with_bytes(|text| writer.put_bytes(text))
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        if self.is_cut {
            out.mark_cut();
        }
        self.text.with_bytes(|text| out.text_bytes(text));
    }
}

/// The text of an argument that was rendered by `Debug`.
#[derive(Debug)]
pub struct DebugText(Rendered);

impl Sealed for DebugText {}

impl Value for DebugText {
    type Wire = [u8; 8];
    const KIND: Kind = Kind::DebugText;

    #[inline]
    fn tail_bytes(&self) -> usize {
        self.0.tail_bytes()
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        self.0.archive(writer)
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        self.0.put_self_typed(out);
    }
}
