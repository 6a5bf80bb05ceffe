//! Frames of encrypted records, and keys as text.

use fapilog_encryption::{DecryptionKeys, Decryptor, Identity, KeyEncryptionKey, Recipient};

const IDENTITY: &str = include_str!("../../../plugins/encryption/tests/golden/identity.txt");
const KEY: &str = include_str!("../../../plugins/encryption/tests/golden/key.txt");
const LOGS: [&[u8]; 3] = [
    include_bytes!("../../../plugins/encryption/tests/golden/recipient.log"),
    include_bytes!("../../../plugins/encryption/tests/golden/zstd.log"),
    include_bytes!("../../../plugins/encryption/tests/golden/key.log"),
];

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
