//! The substitute `tokenize`: a text that is the same for the same value, and that the holder of the key can decrypt.

use std::{fmt, sync::Arc};

use fapilog_plugin::{
    error::PluginError,
    substitute::{SensitiveValue, Substitute},
};

use super::{
    failures::{SubstituteError, SubstituteFailureCounters, SubstituteFailures},
    seal::named,
    text::{TOKEN_BEGINS, append_encrypted, subject_key_text},
    token_key::{SIV_BYTES, TokenKey},
};
use crate::{
    error::EncryptError, key_encryption_key::KeyEncryptionKey, key_store::SubjectKeys, key_text, recipient::ShortId,
    wrap::KeyId,
};

const LABEL: &[u8] = b"fapilog token v1";
const SUBJECT_LABEL: &[u8] = b"fapilog subject token v1";

/// The associated data of a token under a key that the program has.
pub(super) fn associated(key: &ShortId) -> Vec<u8> {
    [LABEL, key].concat()
}

/// The associated data of a token under the key of a subject.
pub(super) fn subject_associated(subject: &[u8; 16], key: &KeyId) -> Vec<u8> {
    [SUBJECT_LABEL, subject, key].concat()
}

/// The key of tokens that belongs to a key of the program.
pub(super) fn token_key(key: &KeyEncryptionKey) -> Result<TokenKey, EncryptError> {
    let secret = key_text::read(key_text::KEY, key_text::KEY, &key.to_secret_text());
    TokenKey::derived(&secret.map_err(|_| EncryptError::Cipher)?)
}

/// Encrypts single values of events so that equal values have equal texts, and lines can be joined by them. The holder of the key
/// can decrypt. Clones share keys and counters.
///
/// It hides neither which values are equal, nor how often each occurs, nor how long they are.
///
/// ```
/// use fapilog::redact::{DataClass, SensitiveValue, Substitute};
/// use fapilog_encryption::{DecryptionKeys, KeyEncryptionKey, Tokenize, Unsealer};
///
/// let key = KeyEncryptionKey::generate()?; // in a program: from its secrets
/// let tokenize = Tokenize::with(&key)?;
/// let value = SensitiveValue::new(DataClass::Email, "context.email", "ada@example.com");
/// let (mut one, mut two) = (String::new(), String::new());
/// tokenize.substitute(&value, &mut one)?;
/// tokenize.substitute(&value, &mut two)?;
/// assert!(one == two && one.starts_with(&format!("tok1:{}:", key.id())));
/// assert_eq!(Unsealer::new(DecryptionKeys::new().key(key))?.unseal(&one)?, "ada@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tokenize(Arc<TokenizePlan>);

struct TokenizePlan {
    keys: TokenKeys,
    failures: SubstituteFailureCounters,
}

enum TokenKeys {
    Shared {
        key: TokenKey,
        /// `tok1:`, the id of the key, `:`.
        front: String,
        associated: Vec<u8>,
    },
    BySubject(Arc<SubjectKeys>),
}

impl Tokenize {
    /// Makes all tokens by one key, whatever subjects events name. A program that has another key later makes other tokens; a reader
    /// has both keys.
    ///
    /// # Errors
    /// If the cipher refuses the key, which it does not.
    pub fn with(key: &KeyEncryptionKey) -> Result<Self, EncryptError> {
        let front = format!("{TOKEN_BEGINS}{}:", key.id());
        Ok(Self::of(TokenKeys::Shared { key: token_key(key)?, front, associated: associated(&key.short_id()) }))
    }

    /// Makes the tokens of each subject by a key of its own, which can be erased: equal values have equal texts within the events of a
    /// subject. A value of an event that names no subject is masked.
    #[must_use]
    pub fn by_subject(subjects: impl Into<Arc<SubjectKeys>>) -> Self {
        Self::of(TokenKeys::BySubject(subjects.into()))
    }

    fn of(keys: TokenKeys) -> Self {
        Self(Arc::new(TokenizePlan { keys, failures: SubstituteFailureCounters::default() }))
    }

    /// The values that have no token.
    #[must_use]
    pub fn failures(&self) -> SubstituteFailures {
        self.0.failures.read()
    }
}

impl TokenKeys {
    fn tokenize(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), SubstituteError> {
        match self {
            Self::Shared { key, front, associated } => {
                out.push_str(front);
                append_token(key, associated, value.text, out)?;
            }
            Self::BySubject(subjects) => {
                let (subject, key) = subjects.key_of_tokens(named(value).ok_or(SubstituteError::NoSubject)?)?;
                out.push_str(TOKEN_BEGINS);
                out.push_str(&subject_key_text(&subject, &key.id));
                out.push(':');
                append_token(&key.tokens, &subject_associated(&subject, &key.id), value.text, out)?;
            }
        }
        Ok(())
    }
}

fn append_token(key: &TokenKey, associated: &[u8], value: &str, out: &mut String) -> Result<(), EncryptError> {
    append_encrypted(value, [SIV_BYTES, 0], out, |bytes| key.seal(associated, bytes))
}

/// Whatever is appended by a call that fails is removed by the redactor.
impl Substitute for Tokenize {
    fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError> {
        self.0.keys.tokenize(value, out).map_err(|error| self.0.failures.counted(error))
    }
}

impl fmt::Debug for Tokenize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects = match &self.0.keys {
            TokenKeys::BySubject(subjects) => Some(subjects),
            TokenKeys::Shared { .. } => None,
        };
        f.debug_struct("Tokenize").field("subjects", &subjects).finish_non_exhaustive()
    }
}
