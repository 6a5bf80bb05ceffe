//! The bytes of a secret.

use std::{fmt, str::Utf8Error};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::REDACTED;

/// The bytes of a secret: wiped when dropped, and shown nowhere.
///
/// `Debug` and `Display` are `[redacted]`. There is no `Clone`: a copy is made by [`duplicate`](Self::duplicate), so that
/// each is seen in the code. Two secrets are compared in a time that depends on their lengths only.
///
/// ```
/// use fapilog_plugin::settings::SecretBytes;
///
/// let key = SecretBytes::new(b"open sesame".to_vec());
/// assert_eq!(format!("{key} {key:?}"), "[redacted] [redacted]");
/// assert_eq!(key.expose(), b"open sesame");
/// ```
pub struct SecretBytes(Zeroizing<Box<[u8]>>);

impl SecretBytes {
    /// Takes the bytes over; no other copy of them is made. Room behind the end of a vector is wiped, too.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() == bytes.capacity() { Self::exact(bytes) } else { Self::copy_of(&bytes) }
    }

    /// A vector without room behind its end becomes a box where it is.
    fn exact(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Zeroizing::new(std::mem::take(&mut *bytes).into_boxed_slice()))
    }

    /// A copy of these bytes, which stay where they are.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes. A copy of them is not wiped: pass them on as they are.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text.
    ///
    /// # Errors
    /// When they are no UTF-8. The error has a position and no bytes.
    pub fn expose_text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes. [`SecretRef::read`](super::SecretRef::read) returns none such.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Another copy, which is wiped on its own.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(&self.0)
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretBytes {
    fn from(text: &str) -> Self {
        Self::copy_of(text.as_bytes())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// In constant time for secrets of one length. The length itself is no secret.
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere_and_exposed_where_asked() {
        let secret = SecretBytes::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "[redacted] [redacted] [redacted]");
        assert_eq!((secret.expose(), secret.expose_text()), (&b"hunter2"[..], Ok("hunter2")));
        assert!(SecretBytes::new([0xff]).expose_text().is_err());
    }

    #[test]
    fn secrets_are_equal_by_their_bytes() {
        let (one, other) = (SecretBytes::new("hunter2"), SecretBytes::new("hunter3"));
        assert_eq!(one, one.duplicate());
        assert_ne!(one, other);
        assert_ne!(one, SecretBytes::new("hunter22"));
    }

    #[test]
    fn a_vector_with_room_behind_its_end_keeps_its_bytes() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"hunter2");
        assert_eq!(SecretBytes::new(bytes).expose(), b"hunter2");
    }
}
