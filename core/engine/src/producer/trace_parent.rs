//! The header `traceparent` of W3C Trace Context: <https://www.w3.org/TR/trace-context-2/>.

use std::{fmt, str::FromStr};

use fapilog_plugin::uuid_v7::random_part;
use fapilog_record::{field_group::FieldGroup, value::ValueRef};
use thiserror::Error;

use crate::producer::Scope;

/// The length of version 00: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
const TEXT_BYTES: usize = 55;
/// The flags that the specification names: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b01;
const RANDOM: u8 = 0b10;

/// The place of some work in a distributed trace: the header `traceparent` of W3C Trace Context.
///
/// ```
/// use fapilog_engine::producer::{Scope, TraceParent};
///
/// let caller: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// let own = caller.child();
/// assert_eq!(own.trace_id(), caller.trace_id());
///
/// let _entered = Scope::new().trace_parent(&own).enter(); // events have trace_id and span_id
/// let header = own.to_string();                           // for calls of other services
/// # assert_eq!(header.len(), 55);
/// # Ok::<(), fapilog_engine::producer::TraceParentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceParentError {
    /// It has not the length or the dashes of its version.
    #[error(
        "a traceparent of {bytes} bytes is invalid; allowed are 55 bytes, `00-`, 32 hexadecimal digits, `-`, 16, `-`, 2; a later version \
         may have more behind a dash"
    )]
    Form {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It has other characters than hexadecimal digits in lower case.
    #[error("the {part} of a traceparent is invalid; allowed are hexadecimal digits in lower case")]
    Digits {
        /// The part: `version`, `trace id`, `parent id`, `flags`.
        part: &'static str,
    },
    /// The version is `ff`, which the specification forbids.
    #[error("the version ff of a traceparent is invalid; allowed are 00 to fe")]
    Version,
    /// An id has only zeros, which stands for no id.
    #[error("the {part} of a traceparent is all zeros; allowed is any other")]
    Zero {
        /// The part: `trace id` or `parent id`.
        part: &'static str,
    },
}

impl TraceParent {
    /// The trace of these ids. `None` if one of them is all zeros.
    #[must_use]
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) -> Option<Self> {
        let is_valid = trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, flags: if is_sampled { SAMPLED } else { 0 } })
    }

    /// The first span of a new trace.
    #[must_use]
    pub fn start(is_sampled: bool) -> Self {
        let flags = RANDOM | if is_sampled { SAMPLED } else { 0 };
        Self { trace_id: random_id(), span_id: random_id(), flags }
    }

    /// A new span of the same trace, whose parent is this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random_id(), ..*self }
    }

    /// The id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The id of the span: of the caller's in a header that came with a request.
    #[must_use]
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The flags that the specification names.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// The trace id as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id_text(&self) -> impl AsRef<str> + use<> {
        HexText::<32>::of(&self.trace_id)
    }

    /// The span id as 16 hexadecimal digits.
    #[must_use]
    pub fn span_id_text(&self) -> impl AsRef<str> + use<> {
        HexText::<16>::of(&self.span_id)
    }
}

/// Hexadecimal digits, without an allocation.
struct HexText<const N: usize>([u8; N]);

impl<const N: usize> HexText<N> {
    fn of(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 0xf)).copied().unwrap_or(b'0');
        let mut digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
        Self(std::array::from_fn(|_| digits.next().unwrap_or(b'0')))
    }
}

impl<const N: usize> AsRef<str> for HexText<N> {
    fn as_ref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A random id that is not all zeros.
fn random_id<const N: usize>() -> [u8; N] {
    // From the back: where a counter stands in for randomness, it counts there.
    let mut random = random_part().into_iter().chain(random_part()).rev();
    let id = std::array::from_fn(|_| random.next().unwrap_or(1));
    if id == [0; N] { [1; N] } else { id }
}

/// Digits of a part, two for each byte.
fn hex<const N: usize>(digits: &[u8], part: &'static str) -> Result<[u8; N], TraceParentError> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, _) = digits.as_chunks::<2>();
    let mut bytes = pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?));
    let mut is_valid = true;
    let read = std::array::from_fn(|_| {
        bytes.next().flatten().unwrap_or_else(|| {
            is_valid = false;
            0
        })
    });
    if is_valid { Ok(read) } else { Err(TraceParentError::Digits { part }) }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Reads the header as the specification has it: a version after 00 may have more behind these four fields, and flags that the
    /// specification does not name are dropped.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let form = || TraceParentError::Form { bytes: text.len() };
        let (known, more) = text.as_bytes().split_at_checked(TEXT_BYTES).ok_or_else(form)?;
        let [v0, v1, b'-', trace @ .., b'-', f0, f1] = known else { return Err(form()) };
        let (trace_id, span_id) = trace.split_at_checked(32).ok_or_else(form)?;
        let [b'-', span_id @ ..] = span_id else { return Err(form()) };
        let [version] = hex::<1>(&[*v0, *v1], "version")?;
        if version == u8::MAX {
            return Err(TraceParentError::Version);
        }
        let is_end = if version == 0 { more.is_empty() } else { more.is_empty() || more.starts_with(b"-") };
        if !is_end {
            return Err(form());
        }
        let (trace_id, span_id) = (hex(trace_id, "trace id")?, hex(span_id, "parent id")?);
        let [flags] = hex::<1>(&[*f0, *f1], "flags")?;
        let zero = |part| TraceParentError::Zero { part };
        if trace_id == [0; 16] {
            return Err(zero("trace id"));
        }
        if span_id == [0; 8] {
            return Err(zero("parent id"));
        }
        Ok(Self { trace_id, span_id, flags: flags & KNOWN_FLAGS })
    }
}

impl fmt::Display for TraceParent {
    /// The header, in version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id_text().as_ref(), self.span_id_text().as_ref(), self.flags)
    }
}

impl Scope {
    /// Binds events to a trace: `trace_id` and `span_id` in their context, named as in OpenTelemetry, and the trace id as their
    /// correlation id.
    #[must_use]
    pub fn trace_parent(self, trace: &TraceParent) -> Self {
        let (trace_id, span_id) = (trace.trace_id_text(), trace.span_id_text());
        self.correlation_id(trace_id.as_ref())
            .field(FieldGroup::Context, "trace_id", ValueRef::Text(trace_id.as_ref()))
            .field(FieldGroup::Context, "span_id", ValueRef::Text(span_id.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(text: &str) -> Result<TraceParent, TraceParentError> {
        text.parse()
    }

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let trace = read(EXAMPLE).unwrap();
        assert_eq!(trace.trace_id_text().as_ref(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.span_id_text().as_ref(), "00f067aa0ba902b7");
        assert!(trace.is_sampled());
        assert_eq!(trace.to_string(), EXAMPLE);
    }

    #[test]
    fn a_text_that_the_specification_forbids_is_refused_with_its_reason() {
        let form = |text: &str| (text.to_owned(), TraceParentError::Form { bytes: text.len() });
        let cases = [
            form(""),
            form("00"),
            form(&format!("{EXAMPLE}-more")),
            form(&format!("{EXAMPLE} ")),
            form("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            form("00-4bf92f3577b34da6a3ce929d0e0e4736000f067aa0ba902b7-01"),
            form("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more"),
            (EXAMPLE.replace("00-4b", "ff-4b"), TraceParentError::Version),
            (EXAMPLE.replace("00-4b", "0x-4b"), TraceParentError::Digits { part: "version" }),
            (EXAMPLE.replace("4bf9", "4BF9"), TraceParentError::Digits { part: "trace id" }),
            (EXAMPLE.replace("00f0", "00g0"), TraceParentError::Digits { part: "parent id" }),
            (EXAMPLE.replace("-01", "-+1"), TraceParentError::Digits { part: "flags" }),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), TraceParentError::Zero { part: "trace id" }),
            (
                format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16)),
                TraceParentError::Zero { part: "parent id" },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(read(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_later_version_may_have_more_fields_and_flags() {
        let later = read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-the-future-brings").unwrap();
        assert_eq!(later.to_string(), EXAMPLE.replace("-01", "-03"));
        assert_eq!(read(&EXAMPLE.replace("00-4b", "cc-4b")).unwrap(), read(EXAMPLE).unwrap());
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let (start, unsampled) = (TraceParent::start(true), TraceParent::start(false));
        assert!(start.is_sampled() && !unsampled.is_sampled() && start.trace_id() != unsampled.trace_id());
        let child = start.child();
        assert_eq!((child.trace_id(), child.flags()), (start.trace_id(), start.flags()));
        assert_ne!(child.span_id(), start.span_id());
    }

    #[test]
    fn ids_of_zeros_are_no_trace() {
        assert_eq!(TraceParent::new([0; 16], [1; 8], true), None);
        assert_eq!(TraceParent::new([1; 16], [0; 8], true), None);
        assert!(TraceParent::new([1; 16], [1; 8], true).is_some_and(|trace| trace.is_sampled()));
    }

    #[test]
    fn a_scope_of_a_trace_has_its_ids() {
        let scope = Scope::new().trace_parent(&read(EXAMPLE).unwrap());
        assert_eq!(scope.correlation(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }

    proptest! {
        #[test]
        fn each_trace_is_read_back_as_it_was_written(trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) {
            if let Some(trace) = TraceParent::new(trace_id, span_id, is_sampled) {
                prop_assert_eq!(read(&trace.to_string()), Ok(trace));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,70}", bytes in "[0-9a-f-]{50,60}") {
            for text in [text, bytes] {
                if let Ok(trace) = read(&text) {
                    prop_assert_eq!(&trace.to_string()[3..52], &text[3..52]);
                }
            }
        }
    }
}
