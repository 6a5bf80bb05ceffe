//! Encryption of stored records for fapilog: a formatter around another, so that every file, spill and sink holds ciphertext only.
//!
//! | type | use |
//! |---|---|
//! | [`Encryption`] | how records are encrypted, and for whom; makes formatters ([`Encrypted`]) around others |
//! | [`Recipient`], [`Identity`] | a key pair: the writer has the public key, the reader the private one |
//! | [`KeyEncryptionKey`] | a key that writer and reader share |
//! | [`KeyStore`] | a directory of keys that can be erased |
//! | [`SubjectKeys`] | encrypts single values, such as a field's text, under the key of a person, which can be erased |
//! | [`Decryptor`] | reads frames, and reports those that are damaged |
//! | [`Seal`], [`Tokenize`] | substitutes for a redactor: texts in the place of sensitive values, at random or the same for equal values |
//! | [`Unsealer`] | puts the values back in the place of these texts |
//!
//! Settings name the formatter `encrypted`, and as actions of a redactor the substitutes `seal` and `tokenize`. docs/encryption.md describes the use, and docs/encryption-format.md the bytes.

mod bytes;
mod data_key;
mod decrypt;
mod derive;
mod encryption;
mod error;
mod formatter;
mod frame;
mod key_encryption_key;
mod key_ring;
mod key_store;
mod key_text;
mod recipient;
mod registration;
mod secret_key;
mod substitute;
mod wrap;

pub use crate::{
    decrypt::{DecryptError, DecryptExit, DecryptSummary, DecryptedFrame, DecryptionKeys, Decryptor},
    encryption::{Encryption, EncryptionBuilder, EncryptionFailures, FrameCompression},
    error::{EncryptError, KeyStoreError},
    formatter::Encrypted,
    key_encryption_key::KeyEncryptionKey,
    key_store::{KeyStore, ShreddedDay, SubjectError, SubjectKeys, UtcDay, UtcDayError},
    key_text::KeyTextError,
    recipient::{Identity, Recipient},
    registration::register,
    substitute::{Seal, SubstituteFailures, Tokenize, UnsealError, UnsealSummary, Unsealer},
};

/// Compiles and runs the code on the crate's pages of the book.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/encryption.md")]
    mod encryption {}
    #[doc = include_str!("../../../docs/encryption-format.md")]
    mod encryption_format {}
}
