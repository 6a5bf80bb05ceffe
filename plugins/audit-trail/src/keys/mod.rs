//! Keys of a trail: the key of its checkpoints, and the keys of its chain.
//!
//! | key | holder | file |
//! |---|---|---|
//! | signing key | the program that writes the trail | the setting `signing_key` |
//! | verifying key | everybody | its text is public |
//! | first chain key | the auditor, and nobody else | made once, moved away from the machine |
//! | current chain key | the program | beside the trail; replaced at each checkpoint |

mod chain;
mod error;
mod key_files;
mod signing;

pub(crate) use self::key_files::{read_own_secret, write_new};
pub use self::{
    chain::ChainKey,
    error::KeyError,
    key_files::{KeyFiles, generate_keys, read_chain_key, read_signing_key, read_verifying_key},
    signing::{SIGNATURE_BYTES, SigningKey, VerifyingKey},
};
