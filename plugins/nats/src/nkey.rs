//! Keys of NATS (nkeys), and credentials files.
//!
//! A key is Ed25519. Its text is base 32 of one or two bytes with its type, 32 bytes, and their CRC-16 (XMODEM), the low byte first.
//! <https://github.com/nats-io/nkeys>

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

const SEED: u8 = 18 << 3;
const USER: u8 = 20 << 3;

/// Why a text is no key of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidKey(pub(crate) &'static str);

/// The key of a user.
pub(crate) struct UserKey(SigningKey);

impl UserKey {
    /// Reads a seed, such as `SUA…`.
    pub(crate) fn from_seed(text: &[u8]) -> Result<Self, InvalidKey> {
        let raw = BASE32_NOPAD.decode(text.trim_ascii()).map_err(|_| InvalidKey("it must be a seed in base 32"))?;
        let raw = Zeroizing::new(raw);
        let (data, sum) = raw.split_last_chunk::<2>().ok_or(InvalidKey("it is too short for a seed"))?;
        if crc16(data) != u16::from_le_bytes(*sum) {
            return Err(InvalidKey("its check sum is another: a character is wrong"));
        }
        let Some((&[first, second], seed)) = data.split_first_chunk::<2>() else {
            return Err(InvalidKey("it is too short for a seed"));
        };
        let kind = (first & 0b111) << 5 | second >> 3;
        if first & 0b1111_1000 != SEED || kind != USER {
            return Err(InvalidKey("it must be the seed of a user, which begins with SU"));
        }
        let seed: &[u8; 32] = seed.try_into().map_err(|_| InvalidKey("it has another length than a seed"))?;
        Ok(Self(SigningKey::from_bytes(seed)))
    }

    /// The public key, such as `UDX…`.
    pub(crate) fn public_text(&self) -> String {
        let mut raw = vec![USER];
        raw.extend_from_slice(self.0.verifying_key().as_bytes());
        let sum = crc16(&raw);
        raw.extend_from_slice(&sum.to_le_bytes());
        BASE32_NOPAD.encode(&raw)
    }

    /// The signature of the server's nonce, as `CONNECT` has it.
    pub(crate) fn sign(&self, nonce: &str) -> String {
        BASE64URL_NOPAD.encode(&self.0.sign(nonce.as_bytes()).to_bytes())
    }
}

/// CRC-16 with the polynomial 0x1021 and the initial value 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 })
    })
}

/// Reads a credentials file: the user's JWT and the seed of its key, each between lines of dashes.
pub(crate) fn read_credentials(text: &str) -> Result<(&str, UserKey), InvalidKey> {
    let jwt = block(text, "NATS USER JWT").ok_or(InvalidKey("it has no block NATS USER JWT"))?;
    if !jwt.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=')) {
        return Err(InvalidKey("its block NATS USER JWT is no JWT"));
    }
    let seed = block(text, "USER NKEY SEED").ok_or(InvalidKey("it has no block USER NKEY SEED"))?;
    Ok((jwt, UserKey::from_seed(seed.as_bytes())?))
}

/// The line behind `-----BEGIN label-----`.
fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.trim_matches('-').strip_prefix("BEGIN ") == Some(label) && line.starts_with("---"))?;
    lines.find(|line| !line.is_empty()).filter(|line| !line.starts_with("---"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pair of the NATS documentation, made by the tool nk.
    const SEED_TEXT: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC_TEXT: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    #[test]
    fn a_seed_leads_to_the_public_key_that_the_tool_of_nats_makes() {
        let key = UserKey::from_seed(SEED_TEXT.as_bytes()).map_err(|error| error.0).unwrap();
        assert_eq!(key.public_text(), PUBLIC_TEXT);
    }

    #[test]
    fn a_seed_with_a_wrong_character_or_of_another_type_is_refused() {
        for text in [
            "",
            "SU",
            "hello",
            &SEED_TEXT.to_lowercase(),
            &SEED_TEXT.replace("SSL", "SSM"),
            &SEED_TEXT[..40],
            PUBLIC_TEXT,
        ] {
            assert!(UserKey::from_seed(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_check_sum_is_that_of_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn a_credentials_file_has_a_jwt_and_a_seed() {
        let text = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.abc_-\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n\
             -----BEGIN USER NKEY SEED-----\r\n{SEED_TEXT}\r\n------END USER NKEY SEED------\n"
        );
        let (jwt, key) = read_credentials(&text).map_err(|error| error.0).unwrap();
        assert_eq!((jwt, key.public_text().len()), ("eyJ0.eyJq.abc_-", 56));
        for broken in
            [text.replace("USER JWT", "JWT"), text.replace("SEED", "KEY"), text.replace("eyJ0.", "a b"), String::new()]
        {
            assert!(read_credentials(&broken).is_err(), "{broken}");
        }
    }
}
