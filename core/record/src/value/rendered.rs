//! Arguments that are logged by their text.
//!
//! `Display` and `Debug` are user code: they may log themselves, panic, or never end. So they run before anything of
//! ours is open, into a buffer of the thread, and what is archived is the text that came out. The buffer is a stack:
//! an argument rendered while another is being rendered (because its `Display` logs) goes on top and is removed again.
//! An argument that finds the buffer in use (it grows, and the program's allocator logs) is rendered into memory of its own.

use std::{
    cell::RefCell,
    fmt::{self, Write},
    marker::PhantomData,
};

use crate::{
    text::bounded::{BoundedText, push_bounded},
    user_code::catch_panic,
    value::{Kind, Value, sealed::Sealed},
    writer::SlotWriter,
};

/// The most text that one argument is rendered to, in bytes; the tail is cut. A record holds no more.
const RENDERED_MAX_BYTES: usize = 64 * 1024;

/// The length of a text that was cut when it was rendered: its record is cut too, wherever there is room.
const LONGER_THAN_A_RECORD: usize = 1 << 30;

/// How many arguments may be being rendered at once, each inside the one before it, before one is refused: a `Display`
/// that logs itself would go on until the stack ends.
const NESTING_MAX: usize = 8;

/// The buffer that keeps its memory from one log call to the next.
const KEPT_BYTES: usize = 4 * RENDERED_MAX_BYTES;

#[derive(Debug)]
struct Scratch {
    text: String,
    nesting: usize,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { text: String::new(), nesting: 0 }) };
}

/// The text of one argument. It lives on the thread's scratch stack until it is dropped.
#[derive(Debug)]
pub struct Rendered {
    place: RenderedPlace,
    /// There was more than one argument may have.
    is_cut: bool,
    /// The scratch belongs to this thread.
    not_send: PhantomData<*const ()>,
}

#[derive(Debug)]
enum RenderedPlace {
    Scratch {
        start: usize,
        end: usize,
    },
    /// The thread's scratch is in use, or gone with the thread.
    Own(String),
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
    let start = with_scratch(|scratch| {
        scratch.nesting += 1;
        (scratch.text.len(), scratch.nesting)
    });
    let (place, is_cut) = match start {
        Some((start, nesting)) => {
            let mut out = ScratchTail { start, is_cut: false };
            if nesting > NESTING_MAX {
                let _ = out.write_str("<a value that logs itself>");
            } else {
                format_catching_panics(text, &mut out);
            }
            (RenderedPlace::Scratch { start, end: leave_nesting(start) }, out.is_cut)
        }
        None => {
            let mut out = BoundedText::new(RENDERED_MAX_BYTES);
            format_catching_panics(text, &mut out);
            let is_cut = out.is_cut();
            (RenderedPlace::Own(out.into_string()), is_cut)
        }
    };
    Rendered { place, is_cut, not_send: PhantomData }
}

/// `None` where the scratch is in use or gone.
fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> Option<R> {
    SCRATCH.try_with(|scratch| scratch.try_borrow_mut().ok().map(|mut scratch| work(&mut scratch))).ok().flatten()
}

fn leave_nesting(start: usize) -> usize {
    let end = with_scratch(|scratch| {
        scratch.nesting -= 1;
        scratch.text.len()
    });
    end.unwrap_or(start)
}

/// Runs a user's `fmt` and catches its panic. Half a text is a text: what was written before the panic stays.
fn format_catching_panics(text: impl FnOnce(&mut dyn Write) -> fmt::Result, out: &mut dyn Write) {
    // An error without a panic is the limit, or a `Display` that gives up: the text so far stays.
    if catch_panic(|| text(out)).is_err() {
        let _ = out.write_str("<panicked while it was formatted>");
    }
}

/// Appends to the scratch, which is borrowed for the length of one piece only, so that a nested rendering finds it free.
struct ScratchTail {
    start: usize,
    is_cut: bool,
}

impl Write for ScratchTail {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let limit = self.start + RENDERED_MAX_BYTES;
        let outcome = with_scratch(|scratch| push_bounded(&mut scratch.text, piece, limit)).unwrap_or(Err(fmt::Error));
        self.is_cut |= outcome.is_err();
        outcome
    }
}

impl Drop for Rendered {
    fn drop(&mut self) {
        let RenderedPlace::Scratch { start, .. } = self.place else { return };
        let outgrown = with_scratch(|scratch| {
            scratch.text.truncate(start);
            let is_outgrown = scratch.text.is_empty() && scratch.text.capacity() > KEPT_BYTES;
            is_outgrown.then(|| std::mem::take(&mut scratch.text))
        });
        // Freed when the scratch is free again: the program's allocator may log.
        drop(outgrown);
    }
}

impl Sealed for Rendered {}

impl Value for Rendered {
    type Wire = [u8; 8];
    const KIND: Kind = Kind::Text;

    #[inline]
    fn tail_bytes(&self) -> usize {
        if self.is_cut {
            return LONGER_THAN_A_RECORD;
        }
        match &self.place {
            RenderedPlace::Scratch { start, end } => end - start,
            RenderedPlace::Own(text) => text.len(),
        }
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        if self.is_cut {
            writer.mark_cut();
        }
        match &self.place {
            RenderedPlace::Scratch { start, end } => {
                // Nothing that could log runs meanwhile, so it is not in use.
                let text = |scratch: &mut Scratch| writer.put_text(scratch.text.get(*start..*end).unwrap_or_default());
                with_scratch(text).unwrap_or_default()
            }
            RenderedPlace::Own(text) => writer.put_text(text),
        }
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
}
