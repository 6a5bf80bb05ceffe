//! Keys as text: Bech32m, with a prefix for each kind of key. The checksum finds up to four wrong characters for certain.

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret_key::{KEY_BYTES, SecretKey};

/// The prefix of a recipient: a public key.
pub(crate) const RECIPIENT: &str = "fapilog";
/// The prefix of an identity: a private key.
pub(crate) const IDENTITY: &str = "fapilog-identity-";
/// The prefix of a key-encryption key.
pub(crate) const KEY: &str = "fapilog-key-";

/// Why a text is no key. It holds no part of the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// It has no checksum, or the wrong one: characters are missing or wrong.
    #[error("the text is no key: a character of it is missing or wrong")]
    Checksum,
    /// It is a key of another kind.
    #[error("the text is a key of another kind; it must begin with {expected:?}")]
    Kind {
        /// The first characters of the right kind.
        expected: &'static str,
    },
    /// It has another number of bytes.
    #[error("the key has {bytes} bytes; it must have 32")]
    Length {
        /// The number of bytes.
        bytes: usize,
    },
}

/// The text of a key, in lower case.
pub(crate) fn write(prefix: &'static str, key: &[u8; KEY_BYTES]) -> String {
    // Neither can fail: the prefixes are valid, and 32 bytes are far below the limit.
    let text = Hrp::parse(prefix).map(|prefix| bech32::encode::<Bech32m>(prefix, key));
    text.ok().and_then(Result::ok).unwrap_or_default()
}

/// Reads the text of a key, in lower or upper case, with white space around it.
pub(crate) fn read(prefix: &'static str, begins: &'static str, text: &str) -> Result<SecretKey, KeyTextError> {
    let checked = CheckedHrpstring::new::<Bech32m>(text.trim()).map_err(|_| KeyTextError::Checksum)?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return Err(KeyTextError::Kind { expected: begins });
    }
    // Longer texts than 1023 characters have no valid checksum, so the buffer never grows, which would leave copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    bytes.extend(checked.byte_iter());
    SecretKey::from_slice(&bytes).ok_or(KeyTextError::Length { bytes: bytes.len() })
}
