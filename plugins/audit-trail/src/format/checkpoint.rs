//! Checkpoints: signed notes about the tree, after <https://c2sp.org/tlog-checkpoint>.

use data_encoding::BASE64;
use thiserror::Error;

use crate::{
    keys::{SIGNATURE_BYTES, SigningKey, VerifyingKey},
    tree::TreeHash,
};

/// The first word of the extension line.
const EXTENSION: &str = "fapilog-trail/v1";

/// The most bytes of a note: room for 16 signatures of witnesses beside the trail's own.
pub(crate) const NOTE_BYTES_MAX: usize = 128 * 1024;

/// The state of a trail at some size, as its writer signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The trail's name in the world, such as `example.com/payments/audit`.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root of the tree.
    pub root: TreeHash,
    /// The extension line.
    pub extension: TrailExtension,
}

/// The extension line of a checkpoint: `fapilog-trail/v1 TRAIL-ID SEGMENT EPOCH TIME CHAIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailExtension {
    /// The trail's id, in hexadecimal digits in the line.
    pub trail_id: [u8; 16],
    /// The number of the file that the checkpoint was written to.
    pub segment: u64,
    /// The number of checkpoints before this one.
    pub epoch: u64,
    /// The time of writing, in nanoseconds since 1970-01-01T00:00:00Z.
    pub unix_nanos: u64,
    /// The chain value of the entry before the checkpoint, as Base64 in the line.
    pub chain: [u8; 32],
}

/// Why a note is no checkpoint of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The text has another form.
    #[error("it is no checkpoint of a trail")]
    Malformed,
    /// The key of the verifier has signed nothing in it.
    #[error("it has no signature by {wanted}")]
    UnknownKey {
        /// The verifier's key: its name and the hash of it.
        wanted: String,
    },
    /// A signature that names the verifier's key is not by it.
    #[error("its signature does not verify by {key}")]
    BadSignature {
        /// The verifier's key: its name and the hash of it.
        key: String,
    },
    /// The key has signed it for another log.
    #[error("its origin is {origin:?}, and the key is that of {wanted:?}")]
    OtherOrigin {
        /// The origin in the note.
        origin: String,
        /// The name of the verifier's key.
        wanted: String,
    },
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let TrailExtension { trail_id, segment, epoch, unix_nanos, chain } = self.extension;
        let trail_id = u128::from_be_bytes(trail_id);
        let (root, chain) = (BASE64.encode(&self.root), BASE64.encode(&chain));
        let (origin, size) = (&self.origin, self.size);
        format!("{origin}\n{size}\n{root}\n{EXTENSION} {trail_id:032x} {segment} {epoch} {unix_nanos} {chain}\n")
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = self.text();
        let verifying = key.verifying_key();
        let mut signature = verifying.hash().to_vec();
        signature.extend_from_slice(&key.sign(text.as_bytes()));
        format!("{text}\n\u{2014} {} {}\n", verifying.name(), BASE64.encode(&signature))
    }

    /// Reads a note, and verifies the signature of this key in it. Signatures by other keys, such as those of witnesses, are ignored.
    ///
    /// # Errors
    /// When the note is no checkpoint, or the signature is missing or wrong.
    pub fn verify(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let (text, signatures) = split_note(note).ok_or(CheckpointError::Malformed)?;
        let mut is_signed = false;
        for (name, hash, signature) in signatures {
            if name != key.name() || hash != key.hash() {
                continue;
            }
            let bytes = <&[u8; SIGNATURE_BYTES]>::try_from(&signature[..]).ok();
            if !bytes.is_some_and(|signature| key.verifies(text.as_bytes(), signature)) {
                return Err(CheckpointError::BadSignature { key: key.short_name() });
            }
            is_signed = true;
        }
        if !is_signed {
            return Err(CheckpointError::UnknownKey { wanted: key.short_name() });
        }
        Self::read_text(text).ok_or(CheckpointError::Malformed)
    }

    /// As [`verify`](Self::verify), and the origin is the name of the key: the checkpoint is one of the key's own trail.
    pub(crate) fn verify_own(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::verify(note, key)?;
        if checkpoint.origin == key.name() {
            return Ok(checkpoint);
        }
        Err(CheckpointError::OtherOrigin { origin: checkpoint.origin, wanted: key.name().to_owned() })
    }

    /// Reads the text of a note.
    fn read_text(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
        let size = number(lines.next()?)?;
        let root = hash(lines.next()?)?;
        let extension = TrailExtension::read(lines.next()?)?;
        lines.next().is_none().then_some(Self { origin, size, root, extension })
    }
}

impl TrailExtension {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next() != Some(EXTENSION) {
            return None;
        }
        let id = words.next().filter(|id| id.len() == 32 && id.bytes().all(is_lower_hex))?;
        let extension = Self {
            trail_id: u128::from_str_radix(id, 16).ok()?.to_be_bytes(),
            segment: number(words.next()?)?,
            epoch: number(words.next()?)?,
            unix_nanos: number(words.next()?)?,
            chain: hash(words.next()?)?,
        };
        words.next().is_none().then_some(extension)
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// A decimal number without a sign and without zeros in front.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in Base64.
pub(crate) fn hash(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

type NoteSignature<'a> = (&'a str, [u8; 4], Vec<u8>);

/// The text of a note, and the signatures behind it.
fn split_note(note: &str) -> Option<(&str, Vec<NoteSignature<'_>>)> {
    let is_allowed = |text: char| text == '\n' || text >= ' ';
    if note.len() > NOTE_BYTES_MAX || !note.chars().all(is_allowed) {
        return None;
    }
    let at = note.rfind("\n\n")?;
    let (text, signatures) = (note.get(..at + 1)?, note.get(at + 2..)?);
    let signatures = signatures.strip_suffix('\n')?.split('\n').map(signature).collect::<Option<Vec<_>>>()?;
    Some((text, signatures))
}

fn signature(line: &str) -> Option<NoteSignature<'_>> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = BASE64.decode(signature.as_bytes()).ok()?;
    let (hash, signature) = bytes.split_first_chunk::<4>()?;
    (!name.is_empty() && !signature.is_empty()).then(|| (name, *hash, signature.to_vec()))
}

/// Splits a text of several signed notes, one behind the other, as the file of an anchor has them. A note ends with its lines that begin
/// with an em dash; empty lines between two notes belong to none. The parts are not verified: see [`Checkpoint::verify`].
#[must_use]
pub fn split_notes(text: &str) -> Vec<&str> {
    let mut notes = Vec::new();
    let (mut start, mut at, mut in_signatures) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let is_signature = line.starts_with('\u{2014}');
        if in_signatures && !is_signature {
            notes.extend(text.get(start..at));
            start = at;
        }
        // A note does not begin with an empty line.
        if start == at && line == "\n" {
            start += line.len();
        }
        in_signatures = is_signature;
        at += line.len();
    }
    notes.extend(text.get(start..).filter(|last| !last.is_empty()));
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let extension =
            TrailExtension { trail_id: [0xab; 16], segment: 1, epoch: 2, unix_nanos: 3_000_000_000, chain: [4; 32] };
        Checkpoint { origin: "example.com/audit".to_owned(), size: 17, root: [5; 32], extension }
    }

    fn key() -> SigningKey {
        SigningKey::from_seed("example.com/audit", &[7; 32]).unwrap()
    }

    #[test]
    fn a_note_has_its_golden_text() {
        let text = "example.com/audit\n17\nBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\nfapilog-trail/v1 \
                    abababababababababababababababab 1 2 3000000000 BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=\n";
        let note = checkpoint().sign(&key());
        assert!(note.starts_with(&format!("{text}\n\u{2014} example.com/audit ")), "{note}");
        assert_eq!(Checkpoint::verify(&note, key().verifying_key()), Ok(checkpoint()));
    }

    #[test]
    fn a_change_of_any_byte_is_found() {
        let note = checkpoint().sign(&key());
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Checkpoint::verify(&changed, key().verifying_key()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_key_of_the_same_name_has_signed_nothing() {
        let other = SigningKey::from_seed("example.com/audit", &[8; 32]).unwrap();
        let note = checkpoint().sign(&other);
        let error = Checkpoint::verify(&note, key().verifying_key()).unwrap_err();
        assert!(matches!(error, CheckpointError::UnknownKey { .. }));
    }

    #[test]
    fn signatures_of_witnesses_are_ignored() {
        let mut note = checkpoint().sign(&key());
        note.push_str("\u{2014} witness.example AAAAAAAAAAA=\n");
        assert_eq!(Checkpoint::verify(&note, key().verifying_key()), Ok(checkpoint()));
    }

    #[test]
    fn notes_in_one_file_are_split_behind_their_signatures() {
        let (one, two) = (checkpoint().sign(&key()), Checkpoint { size: 18, ..checkpoint() }.sign(&key()));
        assert_eq!(split_notes(&format!("{one}{two}")), [one.as_str(), two.as_str()]);
        assert_eq!(split_notes(&format!("\n{one}\n\n{two}\n")), [one.as_str(), two.as_str()]);
        assert_eq!(split_notes(&format!("{one}half of")), [one.as_str(), "half of"]);
        assert!(split_notes("").is_empty() && split_notes("\n").is_empty());
    }
}
