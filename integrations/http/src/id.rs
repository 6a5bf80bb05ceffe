//! The id of a request: from its headers, or a new one.

use fapilog::scope::TraceParent;

use crate::new_id::NewId;

/// The longest id that is taken over, in characters.
const ID_MAX_CHARS: usize = 128;

/// A place that the id of a request may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdSource {
    /// The header that [`RequestLogBuilder::id_header`](crate::RequestLogBuilder::id_header) names, `x-request-id` by default: 1
    /// to 128 letters of ASCII, digits, `.`, `_` and `-`.
    RequestId,
    /// The trace id of the header `traceparent` (W3C Trace Context): 32 hexadecimal digits.
    Traceparent,
}

/// The reason why an id that came with a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdFlaw {
    /// It is longer than 128 characters.
    TooLong,
    /// It has no character.
    Empty,
    /// It has characters other than letters of ASCII, digits, `.`, `_` and `-`.
    Characters,
    /// It is no `traceparent` of W3C Trace Context.
    Traceparent,
}

impl IdFlaw {
    /// The value of the tag `invalid_request_id`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Empty => "empty",
            Self::Characters => "characters",
            Self::Traceparent => "traceparent",
        }
    }
}

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedId<'a> {
    text: ChosenId<'a>,
    flaw: Option<IdFlaw>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ChosenId<'a> {
    Given(&'a str),
    New(NewId),
}

impl<'a> AcceptedId<'a> {
    /// The id of the first source that has a valid one, else a new UUID of version 7.
    pub(crate) fn choose(sources: &[IdSource], header: impl Fn(IdSource) -> Option<&'a [u8]>) -> Self {
        let mut flaw = None;
        for source in sources {
            let Some(value) = header(*source) else { continue };
            match source.read(value) {
                Ok(text) => return Self { text: ChosenId::Given(text), flaw },
                Err(found) => flaw = flaw.or(Some(found)),
            }
        }
        Self { text: ChosenId::New(NewId::generate()), flaw }
    }

    /// The id that a layer around this one has accepted.
    #[must_use]
    pub const fn inherited(id: &'a str) -> Self {
        Self { text: ChosenId::Given(id), flaw: None }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.text {
            ChosenId::Given(text) => text,
            ChosenId::New(id) => id.as_str(),
        }
    }

    /// Whether it was made for this request.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self.text, ChosenId::New(_))
    }

    /// The reason why the first id that came with the request was not taken; `None` where it was taken, or there was none.
    #[must_use]
    pub const fn flaw(&self) -> Option<IdFlaw> {
        self.flaw
    }
}

impl IdSource {
    /// The id in a header of this source.
    fn read(self, value: &[u8]) -> Result<&str, IdFlaw> {
        match self {
            Self::RequestId => checked_id(value),
            Self::Traceparent => trace_id_of(value).ok_or(IdFlaw::Traceparent),
        }
    }
}

fn checked_id(value: &[u8]) -> Result<&str, IdFlaw> {
    if value.is_empty() {
        return Err(IdFlaw::Empty);
    }
    if value.len() > ID_MAX_CHARS {
        return Err(IdFlaw::TooLong);
    }
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !value.iter().all(is_allowed) {
        return Err(IdFlaw::Characters);
    }
    std::str::from_utf8(value).map_err(|_| IdFlaw::Characters)
}

/// A header `traceparent`.
pub(crate) fn read_traceparent(value: &[u8]) -> Option<TraceParent> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The trace id of a header `traceparent`, as [`TraceParent`] reads it.
fn trace_id_of(value: &[u8]) -> Option<&str> {
    read_traceparent(value)?;
    let text = std::str::from_utf8(value).ok()?;
    // Behind the version and its dash.
    text.get(3..35)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const BOTH: [IdSource; 2] = [IdSource::RequestId, IdSource::Traceparent];

    fn choose<'a>(sources: &[IdSource], id: Option<&'a [u8]>, traceparent: Option<&'a [u8]>) -> AcceptedId<'a> {
        AcceptedId::choose(sources, |source| match source {
            IdSource::RequestId => id,
            IdSource::Traceparent => traceparent,
        })
    }

    #[test]
    fn an_id_of_allowed_characters_is_taken_over() {
        let longest = "x".repeat(128);
        for id in ["7", "7F3a._-", longest.as_str()] {
            let accepted = choose(&BOTH, Some(id.as_bytes()), None);
            assert_eq!((accepted.as_str(), accepted.is_new(), accepted.flaw()), (id, false, None));
        }
    }

    #[test]
    fn any_other_id_gives_way_to_a_new_one_with_its_flaw() {
        let too_long = "x".repeat(129);
        let cases = [
            ("", IdFlaw::Empty),
            (too_long.as_str(), IdFlaw::TooLong),
            ("a b", IdFlaw::Characters),
            ("a\nb", IdFlaw::Characters),
            ("größe", IdFlaw::Characters),
        ];
        for (id, flaw) in cases {
            let accepted = choose(&BOTH, Some(id.as_bytes()), None);
            assert!(accepted.is_new(), "{id}");
            assert_eq!(accepted.flaw(), Some(flaw));
            assert_eq!((accepted.as_str().len(), &accepted.as_str()[14..15]), (36, "7"));
        }
    }

    #[test]
    fn a_request_without_an_id_gets_a_new_one_without_a_flaw() {
        let accepted = choose(&BOTH, None, None);
        assert_eq!((accepted.is_new(), accepted.flaw()), (true, None));
    }

    #[test]
    fn the_order_of_the_sources_is_their_precedence() {
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |sources: &[IdSource]| choose(sources, Some(b"7f3a"), Some(TRACEPARENT)).as_str().to_owned();
        assert_eq!(of(&BOTH), "7f3a");
        assert_eq!(of(&[IdSource::Traceparent, IdSource::RequestId]), trace_id);
        assert_eq!(of(&[IdSource::Traceparent]), trace_id);
        assert!(choose(&[], Some(b"7f3a"), Some(TRACEPARENT)).is_new());
    }

    #[test]
    fn an_invalid_id_gives_way_to_the_next_source_and_is_flagged() {
        let accepted = choose(&BOTH, Some(b"a b"), Some(TRACEPARENT));
        assert_eq!(accepted.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(accepted.flaw(), Some(IdFlaw::Characters));
    }

    #[test]
    fn a_traceparent_is_taken_as_the_specification_has_it() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let valid = ["00-{}-00f067aa0ba902b7-01", "cc-{}-00f067aa0ba902b7-01", "cc-{}-00f067aa0ba902b7-01-more"];
        for form in valid {
            assert_eq!(trace_id_of(form.replace("{}", trace).as_bytes()), Some(trace), "{form}");
        }
        let invalid = [
            "00-{}-00f067aa0ba902b7-01-more",
            "ff-{}-00f067aa0ba902b7-01",
            "00-{}-0000000000000000-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-{}-00f067aa0ba902b7",
            "0-{}-00f067aa0ba902b7-01",
            "00-{}-00f067aa0ba902b7-0x",
            "",
        ];
        for form in invalid {
            assert_eq!(trace_id_of(form.replace("{}", trace).as_bytes()), None, "{form}");
        }
    }
}
