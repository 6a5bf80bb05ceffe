//! Frames of encrypted records, keys as text, and texts that stand for values.

use fapilog_encryption::{DecryptionKeys, Decryptor, Identity, KeyEncryptionKey, Recipient, Unsealer};

const IDENTITY: &str = include_str!("../../../plugins/encryption/tests/golden/identity.txt");
const KEY: &str = include_str!("../../../plugins/encryption/tests/golden/key.txt");
const LOGS: [&[u8]; 3] = [
    include_bytes!("../../../plugins/encryption/tests/golden/recipient.log"),
    include_bytes!("../../../plugins/encryption/tests/golden/zstd.log"),
    include_bytes!("../../../plugins/encryption/tests/golden/key.log"),
];

const VALUES_IDENTITY: &str = include_str!("../../../plugins/encryption/tests/golden/substitutes/identity.txt");
const VALUES_KEY: &str = include_str!("../../../plugins/encryption/tests/golden/substitutes/key.txt");
const VALUES: &str = include_str!("../../../plugins/encryption/tests/golden/substitutes/sealed.jsonl");

/// Only texts of a holder of the keys give values, all else stays, and JSON stays JSON.
pub(crate) fn values(input: &[u8]) {
    let identity: Identity = VALUES_IDENTITY.parse().unwrap_or_else(|error| panic!("{error}"));
    let key: KeyEncryptionKey = VALUES_KEY.parse().unwrap_or_else(|error| panic!("{error}"));
    let unsealer = Unsealer::new(DecryptionKeys::new().identity(identity).key(key));
    let mut out = Vec::new();
    let summary = unsealer.unwrap_or_else(|error| panic!("{error}")).unseal_line(input, &mut out);
    if summary.unsealed == 0 {
        assert_eq!(out, input, "a line without a value stays");
    }
    let text = String::from_utf8_lossy(input);
    let genuine: usize = golden_ciphertexts().map(|known| text.matches(known).count()).sum();
    assert!(summary.unsealed as usize <= genuine, "a value was forged");
    if serde_json::from_slice::<serde_json::Value>(input).is_ok() {
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok(), "JSON stays JSON");
    }
}

/// The ciphertext of each golden line: the last part of its text. A wrap in front of it may be changed, as long as another one opens.
fn golden_ciphertexts() -> impl Iterator<Item = &'static str> {
    VALUES.lines().filter_map(|line| line.split("\"email\":\"").nth(1)?.split('"').next()?.split(':').next_back())
}

/// Each byte is in one frame or skipped by one error, and only frames of a holder of the keys give records.
pub(crate) fn frames(input: &[u8]) {
    key_texts(input);
    let mut place = 0;
    for item in decryptor(input) {
        let (offset, bytes) = match item {
            Ok(frame) => {
                assert!(is_known(&frame.records), "a frame was forged: {frame:?}");
                (frame.offset, frame.frame_bytes)
            }
            Err(error) => (error.offset(), error.skipped_bytes()),
        };
        assert_eq!(offset, place, "the next place");
        assert!(bytes > 0, "the reader goes on");
        place += bytes;
    }
    assert_eq!(place, input.len() as u64, "every byte is accounted for");
}

/// Whether a frame of the logs has these records. Those are decrypted anew: a static of the process is not worth it.
fn is_known(records: &[u8]) -> bool {
    LOGS.iter().flat_map(|log| decryptor(log)).flatten().any(|frame| frame.records == records)
}

fn decryptor(bytes: &[u8]) -> Decryptor<&[u8]> {
    let identity: Identity = IDENTITY.parse().unwrap_or_else(|error| panic!("{error}"));
    let key: KeyEncryptionKey = KEY.parse().unwrap_or_else(|error| panic!("{error}"));
    Decryptor::new(bytes, DecryptionKeys::new().identity(identity).key(key))
}

/// A text that is a key is written as it was read.
fn key_texts(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(recipient) = text.parse::<Recipient>() {
        assert_eq!(recipient.to_string(), text.trim().to_lowercase());
    }
    if let Ok(identity) = text.parse::<Identity>() {
        assert_eq!(*identity.to_secret_text(), text.trim().to_lowercase());
    }
    if let Ok(key) = text.parse::<KeyEncryptionKey>() {
        assert_eq!(key.to_secret_text().parse::<KeyEncryptionKey>().map(|read| read.id()), Ok(key.id()));
    }
}
