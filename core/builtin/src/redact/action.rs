//! Actions: the texts in the place of sensitive data.

use std::{fmt, net::IpAddr, sync::Arc};

use fapilog_plugin::{
    error::PluginError,
    substitute::{SensitiveValue, Substitute},
};

use fapilog_record::keyed_hash::KeyedHash;

use crate::redact::partial;

/// The treatment of sensitive data by a redactor.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Action {
    /// The field is removed; within a text, the sensitive part is.
    Drop,
    /// The mask stands for it: `[redacted]`, unless the redactor has another.
    #[default]
    Mask,
    /// A part of it stays, by which a person recognizes it: the first six and the last four digits of a card number, the domain of an
    /// e-mail address, the last four characters of an IBAN. Credentials and security codes are masked as a whole.
    Partial,
    /// Its front stays: the network of an IP address (24 bits of version 4, 48 of version 6), the year of a date, the first two
    /// characters of a text. Credentials and security codes are masked as a whole, and of a card number the first six digits stay.
    Truncate,
    /// A keyed hash stands for it, with the id of the key: equal values have equal hashes, and without the key nobody can try values.
    Hash(Arc<KeyedHash>),
    /// A text that the program or a plugin makes: a token, a ciphertext.
    Substitute(Arc<dyn Substitute>),
}

impl Action {
    /// Appends what stands for `text`. Nothing, if it is dropped.
    pub(super) fn put(&self, value: &SensitiveValue<'_>, mask: &str, out: &mut String) -> Result<(), PluginError> {
        let SensitiveValue { class, text, .. } = *value;
        match self {
            Self::Drop => {}
            Self::Mask => out.push_str(mask),
            Self::Partial => partial::put_partial(class, text, mask, out),
            Self::Truncate => partial::put_front(class, text, mask, out),
            Self::Hash(hash) => hash.put(text, out),
            Self::Substitute(substitute) => return put_substitute(&**substitute, value, mask, out),
        }
        Ok(())
    }

    /// The address with its host's bits set to zero, where the action leaves that much.
    pub(super) fn network_of(&self, address: IpAddr) -> Option<IpAddr> {
        matches!(self, Self::Truncate | Self::Partial).then(|| partial::network_of(address))
    }

    /// Whether a part of the value stays.
    pub(super) fn shows_a_part(&self) -> bool {
        matches!(self, Self::Partial | Self::Truncate)
    }

    pub(super) fn is_drop(&self) -> bool {
        matches!(self, Self::Drop)
    }
}

/// A substitute that fails has put nothing.
fn put_substitute(
    substitute: &dyn Substitute,
    value: &SensitiveValue<'_>,
    mask: &str,
    out: &mut String,
) -> Result<(), PluginError> {
    let start = out.len();
    let put = substitute.substitute(value, out);
    if put.is_err() {
        out.truncate(start);
        out.push_str(mask);
    }
    put
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "Drop",
            Self::Mask => "Mask",
            Self::Partial => "Partial",
            Self::Truncate => "Truncate",
            Self::Hash(_) => "Hash",
            Self::Substitute(_) => "Substitute",
        })
    }
}
