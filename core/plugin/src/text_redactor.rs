//! Redaction of texts that are in no event.

use std::{borrow::Cow, fmt, sync::Arc};

use fapilog_record::{user_code::catch_panic, value::REDACTED};

/// Removes sensitive data from texts that are in no event, and that may hold what a user logged or what a destination answered: the
/// errors of plugins and sinks in diagnostics, emergency lines and dead letters, and the names of loggers.
///
/// Any thread calls it, also one that must not wait. It fails closed: where the function panics, [`REDACTED`] stands for the whole text.
///
/// ```
/// use fapilog_plugin::text_redactor::TextRedactor;
///
/// let redactor = TextRedactor::new(|text| text.contains("hunter2").then(|| text.replace("hunter2", "***")));
/// assert_eq!(redactor.redact("password=hunter2"), "password=***");
/// assert_eq!(redactor.redact("no place"), "no place");
/// ```
#[derive(Clone)]
pub struct TextRedactor(Arc<RedactText>);

/// Returns the changed text, or `None` for a text that stays as it is.
type RedactText = dyn Fn(&str) -> Option<String> + Send + Sync;

impl TextRedactor {
    /// A redactor that calls `redact`, which returns the changed text, or `None` for a text that stays as it is.
    #[must_use]
    pub fn new(redact: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(redact))
    }

    /// The text without sensitive data.
    #[must_use]
    pub fn redact<'text>(&self, text: &'text str) -> Cow<'text, str> {
        match catch_panic(|| (self.0)(text)) {
            Ok(Some(changed)) => Cow::Owned(changed),
            Ok(None) => Cow::Borrowed(text),
            Err(_panicked) => Cow::Borrowed(REDACTED),
        }
    }

    /// Both, this one first.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        Self::new(move |text| {
            let first = self.redact(text);
            match other.redact(&first) {
                Cow::Owned(changed) => Some(changed),
                // A constant of `other` that stands for the whole text is another text, too.
                Cow::Borrowed(same) => (same != text).then(|| same.to_owned()),
            }
        })
    }
}

impl fmt::Debug for TextRedactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextRedactor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(word: &'static str) -> TextRedactor {
        TextRedactor::new(move |text| text.contains(word).then(|| text.replace(word, "*")))
    }

    #[test]
    fn a_panic_redacts_the_whole_text() {
        let redactor = TextRedactor::new(|_| panic!("planted"));
        assert_eq!(redactor.redact("password=hunter2"), REDACTED);
    }

    #[test]
    fn two_redactors_change_a_text_one_after_the_other() {
        let both = without("ada").then(without("bob"));
        assert_eq!(both.redact("ada, bob, eve"), "*, *, eve");
        assert_eq!(both.redact("ada"), "*");
        assert!(matches!(both.redact("eve"), Cow::Borrowed("eve")));
        let panics = without("ada").then(TextRedactor::new(|_| panic!("planted")));
        assert_eq!(panics.redact("eve"), REDACTED);
    }
}
