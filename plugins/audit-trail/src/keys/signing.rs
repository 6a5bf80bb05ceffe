//! Ed25519 keys of signed notes, in the texts that Go's `sumdb/note` and <https://c2sp.org/signed-note> have.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::keys::KeyError;

/// The length of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// The number of Ed25519 in a key of a signed note.
const ED25519: u8 = 1;
const SIGNING_FORM: &str = "\"PRIVATE+KEY+NAME+HASH+KEY\"";
const VERIFYING_FORM: &str = "\"NAME+HASH+KEY\"";

/// A key that signs checkpoints.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifying: VerifyingKey,
}

/// A key that verifies checkpoints. It is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    hash: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

impl SigningKey {
    /// A key of the system's randomness.
    ///
    /// # Errors
    /// When the name is none of a key, or the system has no randomness.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::Random(error.into()))?;
        Self::from_seed(name, &seed)
    }

    /// The key of this seed, after RFC 8032.
    ///
    /// # Errors
    /// When the name is none of a key.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let is_allowed = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '+';
        if name.is_empty() || name.len() > 255 || !name.chars().all(is_allowed) {
            return Err(KeyError::Name { name: name.to_owned() });
        }
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifying = VerifyingKey::new(name, key.verifying_key());
        Ok(Self { key, verifying })
    }

    /// The key that verifies its signatures.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    pub(crate) fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.key.sign(text).to_bytes()
    }

    /// The text of a key file: `PRIVATE+KEY+NAME+HASH+KEY`.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([ED25519; 33]);
        let seed = Zeroizing::new(self.key.to_bytes());
        if let Some(place) = bytes.get_mut(1..) {
            place.copy_from_slice(&*seed);
        }
        let key = Zeroizing::new(BASE64.encode(&*bytes));
        let (name, hash) = (&self.verifying.name, u32::from_be_bytes(self.verifying.hash));
        Zeroizing::new(format!("PRIVATE+KEY+{name}+{hash:08x}+{}\n", *key))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// When it has another form, or its hash is another's.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { wanted: "signing key", form: SIGNING_FORM };
        let key = text.trim_end().strip_prefix("PRIVATE+KEY+").ok_or_else(malformed)?;
        let (name, hash, bytes) = split_key(key).ok_or_else(malformed)?;
        let key = Self::from_seed(name, &bytes)?;
        (key.verifying.hash == hash).then_some(key).ok_or_else(malformed)
    }
}

/// Its public part alone.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifying", &self.verifying.short_name()).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Self {
        let hashed = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes());
        let whole: [u8; 32] = hashed.finalize().into();
        let [a, b, c, d, ..] = whole;
        Self { name: name.to_owned(), hash: [a, b, c, d], key }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of a hash of name and key, by which a signature names its key.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        self.hash
    }

    /// Name and hash: `example.com/audit+7bfcb5a2`.
    #[must_use]
    pub fn short_name(&self) -> String {
        format!("{}+{:08x}", self.name, u32::from_be_bytes(self.hash))
    }

    pub(crate) fn verifies(&self, text: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.key.verify_strict(text, &Signature::from_bytes(signature)).is_ok()
    }

    /// Its text: `NAME+HASH+KEY`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        format!("{}+{}", self.short_name(), BASE64.encode(&bytes))
    }

    /// Reads its text.
    ///
    /// # Errors
    /// When it has another form, or its hash is another's.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { wanted: "verifying key", form: VERIFYING_FORM };
        let (name, hash, bytes) = split_key(text.trim_end()).ok_or_else(malformed)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| malformed())?;
        let key = Self::new(name, key);
        (key.hash == hash && !name.is_empty()).then_some(key).ok_or_else(malformed)
    }
}

/// Name, hash and key.
type KeyParts<'a> = (&'a str, [u8; 4], Zeroizing<[u8; 32]>);

/// Splits `NAME+HASH+KEY`. A name has no `+`; Base64 may have some.
fn split_key(text: &str) -> Option<KeyParts<'_>> {
    let mut parts = text.splitn(3, '+');
    let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
    let hash = u32::from_str_radix(hash, 16).ok().filter(|_| hash.len() == 8)?;
    let bytes = Zeroizing::new(BASE64.decode(key.as_bytes()).ok()?);
    let (kind, key) = bytes.split_first()?;
    let key = <[u8; 32]>::try_from(key).ok()?;
    (*kind == ED25519).then(|| (name, hash.to_be_bytes(), Zeroizing::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's package `golang.org/x/mod/sumdb/note`.
    const GO_SIGNING: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_VERIFYING: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn keys_of_go_are_read_and_belong_together() {
        let signing = SigningKey::from_text(GO_SIGNING).unwrap();
        assert_eq!(signing.verifying_key().to_text(), GO_VERIFYING);
        assert_eq!(VerifyingKey::from_text(GO_VERIFYING).unwrap(), *signing.verifying_key());
        assert_eq!(signing.to_text().trim_end(), GO_SIGNING);
    }

    #[test]
    fn a_signature_verifies_by_its_key_and_for_its_text_only() {
        let key = SigningKey::generate("example.com/a").unwrap();
        let signature = key.sign(b"text");
        assert!(key.verifying_key().verifies(b"text", &signature));
        assert!(!key.verifying_key().verifies(b"texT", &signature));
        assert!(!SigningKey::generate("example.com/a").unwrap().verifying_key().verifies(b"text", &signature));
    }

    #[test]
    fn names_that_a_note_cannot_have_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b"] {
            assert!(matches!(SigningKey::generate(name), Err(KeyError::Name { .. })), "{name:?}");
        }
    }

    #[test]
    fn nothing_of_a_signing_key_is_in_its_debug_text() {
        let key = SigningKey::from_text(GO_SIGNING).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey { verifying: \"PeterNeumann+c74f20a3\", .. }");
    }
}
