//! Calls of code that is not ours: a plugin, a callback, a `Display`. No panic of it comes through.

use std::{
    error::Error,
    fmt::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::text::{
    bounded::BoundedText,
    quoted::{QUOTED_MAX_BYTES, QuotedText},
};

/// The call panicked. The panic hook has run; the payload is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Calls `work` and catches its panic.
///
/// Unwind safety: `work` may leave its own state half done. A plugin that is called again after a panic must cope with
/// that itself; the caller restores what is the library's.
///
/// # Errors
/// [`Panicked`] when it panicked.
pub fn catch_panic<R>(work: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        // The payload's drop is user code too, and may panic in turn.
        drop_catching_panics(payload);
        Panicked
    })
}

/// Drops a value whose drop may panic.
#[expect(
    clippy::mem_forget,
    reason = "a payload of a drop's panic may panic when it is dropped, and so on without end"
)]
pub fn drop_catching_panics<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        std::mem::forget(payload);
    }
}

/// The most text of an error with its sources, in bytes: more than a report shows.
const ERROR_TEXT_MAX_BYTES: usize = 2 * QUOTED_MAX_BYTES;
/// The most sources of an error: a longer chain is a circle.
const SOURCES_MAX: usize = 64;
/// The text of an error whose `Display` fails or panics.
const NOT_SHOWN: &str = "an error that cannot be shown";

/// The text of an error and its sources, `"outer: inner: innermost"`, as reports show it. The error is dropped. Its
/// `Display`, its `source` and its drop may panic.
pub fn error_text<E: Error>(error: E) -> QuotedText {
    QuotedText::new(plain_error_text(error).0)
}

/// As [`error_text`], without quotes and escapes, and twice as long at most: for a caller that changes the text before it is quoted. And
/// whether it was cut: a redactor does not recognize half of a secret at its end.
pub fn plain_error_text<E: Error>(error: E) -> (String, bool) {
    let mut text = BoundedText::new(ERROR_TEXT_MAX_BYTES);
    let mut last_start = 0;
    let written = catch_panic(|| write_error_chain(&error, &mut text, |text| last_start = text.as_str().len()));
    // A text that is merely long stays as far as there is room.
    let is_cut = text.is_cut();
    let mut text = text.into_string();
    if !is_cut && written != Ok(Ok(())) {
        text.truncate(last_start);
        text.push_str(NOT_SHOWN);
    }
    drop_catching_panics(error);
    (text, is_cut)
}

/// Writes an error and its sources, `outer: inner: innermost`, 64 sources at most. `at_error` is called before each of
/// them is written.
pub fn write_error_chain<W: Write + ?Sized>(
    error: &(impl Error + ?Sized),
    out: &mut W,
    mut at_error: impl FnMut(&mut W),
) -> fmt::Result {
    at_error(out);
    write!(out, "{error}")?;
    let mut source = error.source();
    for _ in 0..SOURCES_MAX {
        let Some(inner) = source else { break };
        out.write_str(": ")?;
        at_error(out);
        write!(out, "{inner}")?;
        source = inner.source();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error whose `Display` and `source` do as the test wants.
    #[derive(Debug)]
    struct Odd {
        show: fn(&mut fmt::Formatter<'_>) -> fmt::Result,
        is_circle: bool,
    }

    impl fmt::Display for Odd {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.show)(f)
        }
    }

    impl Error for Odd {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.is_circle.then_some(self)
        }
    }

    /// An error whose text and source are well-behaved, with an odd source.
    #[derive(Debug, thiserror::Error)]
    #[error("the plugin failed")]
    struct Outer(#[source] Odd);

    fn odd(show: fn(&mut fmt::Formatter<'_>) -> fmt::Result) -> Outer {
        Outer(Odd { show, is_circle: false })
    }

    fn shown(error: impl Error) -> String {
        error_text(error).into_string()
    }

    #[test]
    fn the_text_of_an_error_names_its_sources() {
        assert_eq!(shown(odd(|f| f.write_str("no such place"))), r#""the plugin failed: no such place""#);
    }

    #[test]
    fn the_text_of_an_error_ends_at_a_source_that_panics_or_fails() {
        let expected = r#""the plugin failed: an error that cannot be shown""#;
        assert_eq!(shown(odd(|f| f.write_str("half a").and(Err(fmt::Error)))), expected);
        assert_eq!(shown(odd(|f| f.write_str("half a").map(|()| panic!("on purpose")))), expected);
    }

    #[test]
    fn an_error_that_is_its_own_source_has_a_text_of_finite_length() {
        let circle = Odd { show: |f| f.write_str("o"), is_circle: true };
        assert_eq!(shown(circle), format!("\"{}\"", ["o"; SOURCES_MAX + 1].join(": ")));
    }

    #[test]
    fn a_long_error_is_cut_between_two_characters() {
        // An odd number of bytes comes before characters of two.
        let text = shown(odd(|f| f.write_str("x").and_then(|()| f.write_str(&"ü".repeat(ERROR_TEXT_MAX_BYTES)))));
        assert!(text.ends_with("ü\"...") && text.len() <= QUOTED_MAX_BYTES + 5, "{}", text.len());
    }

    #[test]
    fn an_error_that_ignores_the_limit_has_a_text_within_the_limit() {
        let text = shown(odd(|f| {
            (0..1000).for_each(|_| _ = f.write_str(&"y".repeat(1000)));
            Ok(())
        }));
        assert_eq!(text.len(), QUOTED_MAX_BYTES + 5);
    }

    #[test]
    fn a_panic_whose_payload_panics_when_it_is_dropped_is_caught() {
        struct Payload(u32);
        impl Drop for Payload {
            fn drop(&mut self) {
                std::panic::panic_any(Payload(self.0 + 1));
            }
        }
        assert_eq!(catch_panic(|| std::panic::panic_any(Payload(0))), Err::<(), _>(Panicked));
    }
}
