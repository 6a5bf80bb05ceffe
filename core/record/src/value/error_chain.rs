//! Errors with the chain of their sources: one text, and where in it each source begins.

use std::{
    error::Error,
    fmt::{self, Write},
};

use crate::{
    self_typed::SelfTypedWriter,
    user_code::write_error_chain,
    value::{
        Kind, Value,
        error_form::ErrorForm,
        reference::bytes,
        rendered::{Rendered, render},
        sealed::Sealed,
    },
    writer::SlotWriter,
};

/// How many sources of an error have their place in its wire form. Further ones stay joined to the last of them.
const PLACED_SOURCES_MAX: usize = 6;

/// The wire form: a span, and the places of the sources.
pub(super) const ERROR_TEXT_BYTES: usize = 8 + 2 * PLACED_SOURCES_MAX;

/// The text between an error and its source.
const SEPARATOR: &str = ": ";

/// Renders an error and the chain of its sources, `outer: inner: innermost`.
///
/// `Form` is inferred: see [`ErrorForm`].
#[must_use]
pub fn error_chain<T: ErrorForm<Form> + ?Sized, Form>(error: &T) -> T::Text {
    error.error_text()
}

/// Renders the error that user code hands out.
pub(super) fn render_chain<'a, E: Error + ?Sized + 'a>(error: impl FnOnce() -> &'a E) -> ErrorText {
    let mut starts = [0; PLACED_SOURCES_MAX];
    let mut errors = 0_usize;
    let rendered = render(|out| {
        let mut out = CountedWrite { out, bytes: 0 };
        write_error_chain(error(), &mut out, |out| {
            // The first is the error itself. A text has 64 KiB at most, so the start of what is behind a start fits.
            let place = errors.checked_sub(1).and_then(|source| starts.get_mut(source));
            if let (Some(place), Ok(start)) = (place, u16::try_from(out.bytes)) {
                *place = start;
            }
            errors += 1;
        })
    });
    ErrorText { rendered, starts }
}

/// Counts the bytes that are written.
struct CountedWrite<'a> {
    out: &'a mut dyn Write,
    bytes: usize,
}

impl Write for CountedWrite<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.bytes = self.bytes.saturating_add(piece.len());
        self.out.write_str(piece)
    }
}

/// The text of an error with its sources.
#[derive(Debug)]
pub struct ErrorText {
    rendered: Rendered,
    starts: [u16; PLACED_SOURCES_MAX],
}

impl Sealed for ErrorText {}

impl Value for ErrorText {
    type Wire = [u8; ERROR_TEXT_BYTES];
    const KIND: Kind = Kind::ErrorText;

    #[inline]
    fn tail_bytes(&self) -> usize {
        self.rendered.tail_bytes()
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; ERROR_TEXT_BYTES] {
        let span = self.rendered.archive(writer);
        let starts = self.starts.iter().flat_map(|start| start.to_le_bytes());
        let mut wire = span.into_iter().chain(starts);
        std::array::from_fn(|_| wire.next().unwrap_or_default())
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        self.rendered.put_self_typed(out);
    }
}

/// The texts of an error and of its sources, outermost first.
///
/// The first six sources come one by one, any others with the sixth, as `sixth: seventh`. A text that was cut ends early.
#[derive(Debug, Clone)]
pub struct ErrorChain<'a> {
    /// `None`: nothing is left.
    tail: Option<&'a str>,
    /// Where the tail begins in the whole text.
    tail_start: usize,
    starts: [u16; PLACED_SOURCES_MAX],
    next: usize,
}

impl<'a> ErrorChain<'a> {
    /// The chain of an error whose wire form, of [`Kind::ErrorText`], is at `offset` of `record`, and whose text, or the
    /// front of it, is `text`. Bytes that are no such form give one text.
    pub fn new(record: &[u8], offset: usize, text: &'a str) -> Self {
        let places = bytes::<ERROR_TEXT_BYTES>(record, offset).unwrap_or([0; ERROR_TEXT_BYTES]);
        let (pairs, _) = places.as_chunks::<2>();
        // Behind the span.
        let mut pairs = pairs.iter().skip(4).map(|pair| u16::from_le_bytes(*pair));
        let starts = std::array::from_fn(|_| pairs.next().unwrap_or(0));
        Self { tail: Some(text), tail_start: 0, starts, next: 0 }
    }

    /// How many bytes the next text has, if the separator and another text are behind it.
    fn next_bytes(&self, tail: &str) -> Option<usize> {
        let start = usize::from(*self.starts.get(self.next)?);
        let end = start.checked_sub(SEPARATOR.len())?.checked_sub(self.tail_start)?;
        tail.get(end..)?.starts_with(SEPARATOR).then_some(end)
    }
}

impl<'a> Iterator for ErrorChain<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let tail = self.tail.take()?;
        let Some(end) = self.next_bytes(tail) else { return Some(tail) };
        self.tail = tail.get(end + SEPARATOR.len()..);
        self.tail_start += end + SEPARATOR.len();
        self.next += 1;
        tail.get(..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arguments::{Arg, Arguments, End},
        head::Head,
        value::{self, ValueRef},
        writer::{record_bytes, write_record},
    };

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Linked {
        text: String,
        #[source]
        source: Option<Box<Linked>>,
    }

    fn chain(texts: &[&str]) -> Linked {
        let (first, sources) = texts.split_first().unwrap();
        let source = (!sources.is_empty()).then(|| Box::new(chain(sources)));
        Linked { text: (*first).to_owned(), source }
    }

    fn recorded(error: &Linked, record_max_bytes: usize) -> Vec<u8> {
        let text = error_chain(error);
        let arguments = (Arg(&text), End);
        let mut record = vec![0; record_bytes(&arguments, 0).min(record_max_bytes)];
        write_record(&mut record, 0, &arguments, &[]).unwrap();
        record
    }

    fn text_in(record: &[u8]) -> &str {
        let ValueRef::Text(text) = value::read(record, Head::BYTES, &Kind::ErrorText) else { panic!("no text") };
        text
    }

    fn chain_in(record: &[u8]) -> Vec<&str> {
        ErrorChain::new(record, Head::BYTES, text_in(record)).collect()
    }

    #[test]
    fn an_error_is_one_text_that_comes_apart_at_its_sources() {
        let texts = ["cannot open: the book", "", "permission: denied"];
        let record = recorded(&chain(&texts), usize::MAX);
        assert_eq!(text_in(&record), "cannot open: the book: : permission: denied");
        assert_eq!(chain_in(&record), texts);
        assert_eq!(chain_in(&recorded(&chain(&["alone"]), usize::MAX)), ["alone"]);
    }

    #[test]
    fn sources_beyond_the_sixth_stay_joined_to_it() {
        let record = recorded(&chain(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]), usize::MAX);
        assert_eq!(chain_in(&record), ["a", "b", "c", "d", "e", "f", "g: h: i"]);
    }

    #[test]
    fn a_chain_that_was_cut_ends_where_its_text_ends() {
        let whole = recorded(&chain(&["abc", "def", "ghi"]), usize::MAX);
        // Three texts and two separators, and a mask of one byte.
        for left in 0..12 {
            let record = recorded(&chain(&["abc", "def", "ghi"]), whole.len() - 13 + 1 + left);
            assert_eq!(chain_in(&record).join(": "), "abc: def: ghi"[..left], "{left} bytes");
        }
    }

    #[test]
    fn the_wire_form_is_a_span_and_the_places_of_six_sources() {
        let record = recorded(&chain(&["ab", "c", "d"]), usize::MAX);
        let mut expected = vec![28, 0, 0, 0, 8, 0, 0, 0, 4, 0, 7, 0];
        expected.extend([0; 8]);
        expected.extend(b"ab: c: d");
        assert_eq!(record[Head::BYTES..], expected);
        assert_eq!(<(Arg<'_, ErrorText>, End)>::ROOT_BYTES, Kind::ErrorText.wire_bytes());
    }

    #[test]
    fn places_that_make_no_sense_give_the_text_as_it_is() {
        for starts in [[1, 0, 0, 0, 0, 0], [9, 3, 0, 0, 0, 0], [u16::MAX; 6], [2, 4, 6, 8, 10, 12]] {
            let mut record = vec![0; 8];
            record.extend(starts.iter().flat_map(|start: &u16| start.to_le_bytes()));
            let texts: Vec<&str> = ErrorChain::new(&record, 0, "größe: überall").collect();
            assert_eq!(texts.join(": "), "größe: überall");
        }
        assert_eq!(ErrorChain::new(&[], 7, "text").collect::<Vec<_>>(), ["text"]);
    }
}
