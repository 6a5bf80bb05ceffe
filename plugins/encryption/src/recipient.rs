//! Key pairs of X25519: the public key encrypts, the private key decrypts.

use std::{fmt, str::FromStr};

use ring::digest::{SHA256, digest};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::{
    derive::derive_key,
    error::EncryptError,
    key_text::{self, KeyTextError},
    secret_key::{KEY_BYTES, SecretKey},
};

/// The first 8 bytes of a hash of a key: they name it in a frame, and are no secret.
pub(crate) type ShortId = [u8; 8];

const WRAP_INFO: &[u8] = b"fapilog x25519 wrap v1";
const RECIPIENT_BEGINS: &str = "fapilog1";
const IDENTITY_BEGINS: &str = "fapilog-identity-1";

/// A public key of X25519: the holder of the [`Identity`] that belongs to it can decrypt. It is no secret.
///
/// ```
/// use fapilog_encryption::{Identity, Recipient};
///
/// let identity = Identity::generate()?;
/// let recipient: Recipient = identity.recipient().to_string().parse()?;
/// assert_eq!(recipient, identity.recipient());
/// assert!(recipient.to_string().starts_with("fapilog1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient([u8; KEY_BYTES]);

impl Recipient {
    /// The id that frames have of it.
    pub(crate) fn id(&self) -> ShortId {
        let mut id = ShortId::default();
        let hash = digest(&SHA256, &self.0);
        id.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        id
    }

    /// A fresh public key, and the key that the holder of the identity derives from it.
    pub(crate) fn agree(&self) -> Result<([u8; KEY_BYTES], SecretKey), EncryptError> {
        let mut random = SecretKey::random()?;
        let ephemeral = StaticSecret::from(std::mem::take(random.bytes_mut()));
        let public = PublicKey::from(&ephemeral).to_bytes();
        let weak = || EncryptError::WeakRecipient { recipient: self.to_string() };
        let key = wrap_key(&ephemeral, &self.0, &public, &self.0)?.ok_or_else(weak)?;
        Ok((public, key))
    }
}

/// The key that wraps, of one side's private key and the other's public key. `None` if all private keys would give the same.
fn wrap_key(
    private: &StaticSecret,
    other: &[u8; KEY_BYTES],
    ephemeral: &[u8; KEY_BYTES],
    recipient: &[u8; KEY_BYTES],
) -> Result<Option<SecretKey>, EncryptError> {
    let shared = private.diffie_hellman(&PublicKey::from(*other));
    if !shared.was_contributory() {
        return Ok(None);
    }
    let salt = [*ephemeral, *recipient].concat();
    derive_key(shared.as_bytes(), &salt, WRAP_INFO).map(Some)
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text::write(key_text::RECIPIENT, &self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl FromStr for Recipient {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let key = key_text::read(key_text::RECIPIENT, RECIPIENT_BEGINS, text)?;
        Ok(Self(*key.bytes()))
    }
}

/// A private key of X25519: it decrypts the frames of its [`Recipient`]. Zeroed when it is dropped, and never in `Debug` output.
#[derive(Clone)]
pub struct Identity {
    /// On the heap, so that a move, as of a vector that grows, leaves no copy behind.
    private: Box<StaticSecret>,
    recipient: Recipient,
}

impl Identity {
    /// A new key pair, at random.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, EncryptError> {
        Ok(Self::of(SecretKey::random()?))
    }

    fn of(mut key: SecretKey) -> Self {
        let private = Box::new(StaticSecret::from(std::mem::take(key.bytes_mut())));
        let recipient = Recipient(PublicKey::from(&*private).to_bytes());
        Self { private, recipient }
    }

    /// The public key.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    /// The private key as text, `fapilog-identity-1...`: to be kept where only the readers of the log have access.
    #[must_use]
    pub fn to_secret_text(&self) -> zeroize::Zeroizing<String> {
        key_text::write(key_text::IDENTITY, self.private.as_bytes())
    }

    /// The key that the holder of an ephemeral private key has derived.
    pub(crate) fn agree(&self, ephemeral: &[u8; KEY_BYTES]) -> Option<SecretKey> {
        wrap_key(&self.private, ephemeral, ephemeral, &self.recipient.0).ok().flatten()
    }
}

impl FromStr for Identity {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        key_text::read(key_text::IDENTITY, IDENTITY_BEGINS, text).map(Self::of)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_derive_the_same_key_and_another_identity_does_not() {
        let identity = Identity::generate().unwrap();
        let (ephemeral, key) = identity.recipient().agree().unwrap();
        assert_eq!(identity.agree(&ephemeral).unwrap().bytes(), key.bytes());
        assert_ne!(Identity::generate().unwrap().agree(&ephemeral).unwrap().bytes(), key.bytes());
    }

    #[test]
    fn a_move_of_an_identity_moves_no_bytes_of_its_private_key() {
        let identity = Identity::generate().unwrap();
        let place = identity.private.as_bytes().as_ptr();
        let mut identities = vec![identity];
        identities.reserve(1000);
        assert_eq!(identities.pop().unwrap().private.as_bytes().as_ptr(), place);
    }

    #[test]
    fn a_public_key_that_agrees_on_zeros_is_refused() {
        let error = Recipient([0; KEY_BYTES]).agree().unwrap_err();
        assert!(error.to_string().starts_with("recipient fapilog1qqqqqq"), "{error}");
        assert!(Identity::generate().unwrap().agree(&[0; KEY_BYTES]).is_none());
    }

    #[test]
    fn an_identity_reads_back_from_its_text_and_debug_output_has_the_public_key_only() {
        let identity = Identity::generate().unwrap();
        let text = identity.to_secret_text();
        let read: Identity = format!(" {}\n", *text).parse().unwrap();
        assert_eq!(read.recipient(), identity.recipient());
        assert_eq!(text.to_uppercase().parse::<Identity>().unwrap().recipient(), identity.recipient());
        assert_eq!(
            format!("{identity:?}"),
            format!("Identity {{ recipient: Recipient({}), .. }}", identity.recipient())
        );
    }

    #[test]
    fn a_wrong_character_another_kind_and_another_length_are_refused() {
        let identity = Identity::generate().unwrap();
        let recipient = identity.recipient().to_string();
        let other = if recipient.ends_with('q') { "p" } else { "q" };
        let misspelt = format!("{}{other}", &recipient[..recipient.len() - 1]);
        assert_eq!(misspelt.parse::<Recipient>(), Err(KeyTextError::Checksum));
        assert_eq!(identity.to_secret_text().parse::<Recipient>(), Err(KeyTextError::Kind { expected: "fapilog1" }));
        let short = bech32::encode::<bech32::Bech32m>(bech32::Hrp::parse("fapilog").unwrap(), &[1; 31]).unwrap();
        assert_eq!(short.parse::<Recipient>(), Err(KeyTextError::Length { bytes: 31 }));
        assert_eq!("".parse::<Recipient>(), Err(KeyTextError::Checksum));
    }
}
