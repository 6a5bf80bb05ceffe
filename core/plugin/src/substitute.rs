//! Texts that stand for sensitive data: tokens, ciphertexts.

use crate::{data_class::DataClass, error::PluginError};

/// A sensitive value of an event, for which another text is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SensitiveValue<'a> {
    /// The class of data.
    pub class: DataClass,
    /// Where it was found: `context.email`, `message`.
    pub path: &'a str,
    /// The value as text.
    pub text: &'a str,
    /// The person or thing that the event is about, if the redactor knows the field that names it.
    pub subject: Option<&'a str>,
}

impl<'a> SensitiveValue<'a> {
    /// A value of an event that is about nobody.
    #[must_use]
    pub fn new(class: DataClass, path: &'a str, text: &'a str) -> Self {
        Self { class, path, text, subject: None }
    }

    /// About this person or thing.
    #[must_use]
    pub fn of_subject(self, subject: Option<&'a str>) -> Self {
        Self { subject, ..self }
    }
}

/// Makes the text that stands for sensitive data.
///
/// It is called on the drain, once for each value, from the threads of all shards: it must not wait.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use fapilog_plugin::{data_class::DataClass, error::PluginError, substitute::{SensitiveValue, Substitute}};
///
/// /// Numbers values. A real one would keep which value has which number, in a safe place.
/// #[derive(Default)]
/// struct Numbers(AtomicU64);
///
/// impl Substitute for Numbers {
///     fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError> {
///         out.push_str(&format!("{}-{}", value.class, self.0.fetch_add(1, Ordering::Relaxed)));
///         Ok(())
///     }
/// }
///
/// let mut out = String::new();
/// Numbers::default().substitute(&SensitiveValue::new(DataClass::Email, "context.email", "ada@example.com"), &mut out)?;
/// assert_eq!(out, "email-0");
/// # Ok::<(), PluginError>(())
/// ```
pub trait Substitute: Send + Sync {
    /// Appends the text that stands for the value.
    ///
    /// # Errors
    /// When there is none. The redactor masks the value then, whatever was appended, and counts that.
    fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError>;
}
