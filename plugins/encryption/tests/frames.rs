//! Frames: what is written is read back, and nothing else is.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod support;

use std::collections::BTreeSet;

use fapilog::format;
use fapilog_encryption::{
    DecryptError, DecryptExit, DecryptionKeys, Decryptor, EncryptError, Encryption, FrameCompression, Identity,
    KeyEncryptionKey,
};
use fapilog_plugin::{error::PluginError, formatter::Formatter};
use proptest::prelude::*;
use support::{decrypt, format, frames, holds, keys, pair, plain, records, with_batch};

#[test]
fn a_batch_is_one_frame_that_reads_back() {
    let (identity, encryption) = pair();
    let [frame] = frames(&encryption, &[&["one", "two"]]).try_into().unwrap();
    let [read] = decrypt(&frame, keys(&identity)).try_into().unwrap();
    let read = read.unwrap();
    assert_eq!(read.records, plain(&["one", "two"]));
    assert_eq!((read.offset, read.frame_bytes, read.record_count, read.block), (0, frame.len() as u64, 2, 0));
}

#[test]
fn a_frame_ends_in_a_line_feed_and_an_empty_batch_is_no_frame() {
    let (_, encryption) = pair();
    let mut formatter = encryption.around(format::Minimal::new());
    assert_eq!(format(&mut formatter, &[]), b"");
    assert_eq!(format(&mut formatter, &["one"]).last(), Some(&b'\n'));
    assert!(formatter.writes_lines());
}

#[test]
fn records_read_back_with_and_without_compression() {
    let identity = Identity::generate().unwrap();
    let long = "again and ".repeat(1000);
    for compression in
        [FrameCompression::None, FrameCompression::Zstd { level: 1 }, FrameCompression::Zstd { level: 19 }]
    {
        let builder = Encryption::builder().recipient(identity.recipient()).compression(compression);
        let frame = frames(&builder.build().unwrap(), &[&[long.as_str()]]).concat();
        assert_eq!(frame.len() > long.len(), compression == FrameCompression::None, "{compression:?}");
        assert_eq!(records(&frame, keys(&identity)), plain(&[&long]));
    }
}

#[test]
fn a_batch_that_is_too_long_for_a_frame_is_parted() {
    let (identity, encryption) = pair();
    let long = "x".repeat(5 << 20);
    let frame = frames(&encryption, &[&[&long, "short", &long]]).concat();
    let read: Vec<_> = Decryptor::new(&*frame, keys(&identity)).map(Result::unwrap).collect();
    assert_eq!(read.iter().map(|frame| frame.record_count).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(records(&frame, keys(&identity)), plain(&[&long, "short", &long]));
}

#[test]
fn each_of_several_recipients_and_the_holder_of_a_key_can_read() {
    let (one, two) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let key = KeyEncryptionKey::generate().unwrap();
    let builder = Encryption::builder().recipient(one.recipient()).recipient(two.recipient()).key(key.clone());
    let frame = frames(&builder.build().unwrap(), &[&["text"]]).concat();
    for keys in [keys(&one), keys(&two), DecryptionKeys::new().key(key)] {
        assert_eq!(records(&frame, keys), plain(&["text"]));
    }
}

#[test]
fn another_key_opens_nothing_and_the_error_has_the_place() {
    let (_, encryption) = pair();
    let bytes = frames(&encryption, &[&["one"], &["two"]]);
    let stranger =
        DecryptionKeys::new().identity(Identity::generate().unwrap()).key(KeyEncryptionKey::generate().unwrap());
    let errors: Vec<DecryptError> = decrypt(&bytes.concat(), stranger).into_iter().map(Result::unwrap_err).collect();
    let [DecryptError::NoKey { offset: 0, .. }, DecryptError::NoKey { offset, .. }] = errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!(offset, bytes[0].len() as u64);
}

#[test]
fn a_change_of_any_byte_is_detected_and_the_next_frame_is_read() {
    let (identity, key) = (Identity::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
    let encryption = Encryption::builder().recipient(identity.recipient()).key(key.clone()).build().unwrap();
    let mut formatter = encryption.around(format::Minimal::new());
    let (first, second) = (format(&mut formatter, &["first"]), format(&mut formatter, &["second"]));
    let by_key = DecryptionKeys::new().key(key);
    for at in 0..first.len() {
        // Every bit of the lengths and ids, one of each other byte.
        for bit in if at < 48 { 0..8 } else { at % 8..at % 8 + 1 } {
            let mut bytes = first.clone();
            bytes[at] ^= 1 << bit;
            bytes.extend_from_slice(&second);
            // An agreement on a key is slow without optimization.
            let keys = if at % 8 == 0 { keys(&identity) } else { by_key.clone() };
            let read = decrypt(&bytes, keys);
            let good: Vec<_> = read.iter().filter_map(|frame| frame.as_ref().ok()).collect();
            assert_eq!(good.len(), 1, "byte {at}, bit {bit}: {read:?}");
            assert_eq!(good[0].records, plain(&["second"]));
            let error = read.first().unwrap().as_ref().unwrap_err();
            assert_eq!(error.offset(), 0, "byte {at}, bit {bit}: {error}");
        }
    }
}

#[test]
fn a_torn_last_frame_is_reported_wherever_it_is_torn() {
    let (identity, encryption) = pair();
    let [first, second] = frames(&encryption, &[&["first"], &["second"]]).try_into().unwrap();
    for length in 1..second.len() {
        let bytes = [&first[..], &second[..length]].concat();
        let read = decrypt(&bytes, keys(&identity));
        assert_eq!(read[0].as_ref().unwrap().records, plain(&["first"]));
        let expected = (first.len() as u64, length as u64);
        let Err(DecryptError::Truncated { offset, bytes }) = read[1] else { panic!("{length}: {:?}", read[1]) };
        assert_eq!((offset, bytes, read.len()), (expected.0, expected.1, 2));
    }
}

#[test]
fn a_torn_frame_that_a_line_feed_ends_costs_itself_only() {
    let (identity, encryption) = pair();
    let [first, second] = frames(&encryption, &[&["first"], &["second"]]).try_into().unwrap();
    // The line feed is the last byte of a frame: without that byte alone, it makes the frame whole again.
    for length in 1..first.len() - 1 {
        let bytes = [&first[..length], b"\n", &second].concat();
        let read = decrypt(&bytes, keys(&identity));
        assert_eq!(read.iter().filter(|frame| frame.is_ok()).count(), 1, "{length}: {read:?}");
        assert_eq!(records(&bytes, keys(&identity)), plain(&["second"]));
        assert!(read.iter().all(|frame| !matches!(frame, Err(DecryptError::Truncated { .. }))), "{length}: {read:?}");
    }
}

#[test]
fn frames_of_several_writers_read_back_in_any_order() {
    let (identity, encryption) = pair();
    let mut all = frames(&encryption, &[&["a"], &["b"]]);
    all.extend(frames(&encryption, &[&["c"], &["d"]]));
    all.reverse();
    let read: Vec<_> = decrypt(&all.concat(), keys(&identity)).into_iter().map(Result::unwrap).collect();
    assert_eq!(read.iter().map(|frame| frame.block).collect::<Vec<_>>(), [1, 0, 1, 0]);
    assert_eq!(read[0].data_key, read[1].data_key);
    assert_ne!(read[1].data_key, read[2].data_key);
    assert_eq!(records(&all.concat(), keys(&identity)), plain(&["d", "c", "b", "a"]));
}

#[test]
fn plaintext_of_before_the_encryption_is_reported_once_and_skipped() {
    let (identity, encryption) = pair();
    let bytes = [b"INFO plain\nINFO text\n".to_vec(), frames(&encryption, &[&["one"]]).concat()].concat();
    let mut out = Vec::new();
    let summary = Decryptor::new(&*bytes, keys(&identity)).copy_to(&mut out).unwrap();
    assert_eq!(out, plain(&["one"]));
    assert!(matches!(summary.errors[..], [DecryptError::NotEncrypted { offset: 0, bytes: 21 }]), "{summary:?}");
    assert_eq!((summary.frames, summary.records, summary.exit()), (1, 1, DecryptExit::NotEncrypted));
}

#[test]
fn a_frame_of_a_later_version_is_no_damage() {
    let (identity, encryption) = pair();
    let [mut first, second] = frames(&encryption, &[&["first"], &["second"]]).try_into().unwrap();
    first[8] = 2;
    let read = decrypt(&[first, second].concat(), keys(&identity));
    assert!(matches!(read[0], Err(DecryptError::UnknownVersion { version: 2, .. })), "{read:?}");
    assert_eq!(read[1].as_ref().unwrap().records, plain(&["second"]));
}

#[test]
fn a_data_key_is_replaced_after_so_many_frames_and_each_opens_for_the_reader() {
    let identity = Identity::generate().unwrap();
    let builder = Encryption::builder().recipient(identity.recipient());
    let encryption = builder.rotate_after_frames(2).build().unwrap();
    let bytes = frames(&encryption, &[&["1"], &["2"], &["3"], &["4"], &["5"]]).concat();
    let read: Vec<_> = decrypt(&bytes, keys(&identity)).into_iter().map(Result::unwrap).collect();
    assert_eq!(read.iter().map(|frame| frame.block).collect::<Vec<_>>(), [0, 1, 0, 1, 0]);
    assert_eq!(read.iter().map(|frame| &frame.data_key).collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn a_data_key_is_replaced_after_so_many_bytes() {
    let identity = Identity::generate().unwrap();
    let builder = Encryption::builder().recipient(identity.recipient()).rotate_after_bytes(1);
    let bytes = frames(&builder.build().unwrap(), &[&["1"], &["2"]]).concat();
    let read: Vec<_> = decrypt(&bytes, keys(&identity)).into_iter().map(Result::unwrap).collect();
    assert_ne!(read[0].data_key, read[1].data_key);
}

#[test]
fn after_a_change_of_keys_a_reader_with_both_reads_old_and_new_frames() {
    let (old, new) = (KeyEncryptionKey::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
    let of = |key: &KeyEncryptionKey, text| {
        frames(&Encryption::builder().key(key.clone()).build().unwrap(), &[&[text]]).concat()
    };
    let bytes = [of(&old, "old"), of(&new, "new")].concat();
    let both = DecryptionKeys::new().key(new.clone()).key(old);
    assert_eq!(records(&bytes, both), plain(&["old", "new"]));
    let new_only = decrypt(&bytes, DecryptionKeys::new().key(new));
    assert!(matches!(new_only[0], Err(DecryptError::NoKey { .. })));
    assert_eq!(new_only[1].as_ref().unwrap().records, plain(&["new"]));
}

#[test]
fn an_encryption_that_nobody_could_decrypt_is_refused() {
    assert!(matches!(Encryption::builder().build(), Err(EncryptError::NoKeyHolder)));
    let recipient = Identity::generate().unwrap().recipient();
    let many = (0..65).fold(Encryption::builder(), |builder, _| builder.recipient(recipient));
    assert!(matches!(many.build(), Err(EncryptError::TooManyKeyHolders { count: 65, .. })));
}

#[test]
fn an_exit_code_is_that_of_the_gravest_error() {
    let (identity, encryption) = pair();
    let [first, second] = frames(&encryption, &[&["first"], &["second"]]).try_into().unwrap();
    let mut damaged = first.clone();
    damaged[first.len() - 9] ^= 1;
    let exit = |bytes: &[u8]| Decryptor::new(bytes, keys(&identity)).copy_to(Vec::new()).unwrap().exit();
    assert_eq!(exit(&first), DecryptExit::Success);
    assert_eq!(exit(&first[..first.len() - 1]), DecryptExit::Truncated);
    assert_eq!(exit(&[&damaged[..], &second[..9]].concat()), DecryptExit::Damaged);
    assert_eq!(DecryptExit::Damaged.code(), 15);
}

#[test]
fn an_exit_code_is_that_of_the_gravest_error_also_behind_the_errors_that_are_kept() {
    let (identity, encryption) = pair();
    let [first, mut damaged] = frames(&encryption, &[&["first"], &["second"]]).try_into().unwrap();
    let at = damaged.len() - 9;
    damaged[at] ^= 1;
    // Each frame of a later version is an error, less grave than damage.
    let mut later = first[..60].to_vec();
    later[8] = 2;
    let bytes = [later.repeat(1000), damaged].concat();
    let summary = Decryptor::new(&*bytes, keys(&identity)).copy_to(Vec::new()).unwrap();
    assert_eq!((summary.errors.len(), summary.error_count), (1000, 1001));
    assert_eq!(summary.exit(), DecryptExit::Damaged);
}

#[test]
fn the_work_on_frames_that_overlap_is_linear_in_the_length_of_the_stream() {
    let key = KeyEncryptionKey::generate().unwrap();
    let encryption = Encryption::builder().key(key.clone()).compression(FrameCompression::None).build().unwrap();
    let [frame, next] = frames(&encryption, &[&["text"], &["next"]]).try_into().unwrap();
    // Frames that begin in every hundred bytes, and end all together: by the right key, with a wrong tag. They have a terabyte together.
    let bytes = 16 << 20;
    let header = usize::from(u16::from_be_bytes([frame[10], frame[11]]));
    let mut stream = Vec::new();
    while stream.len() + header + 17 < bytes {
        let mut front = frame[..header].to_vec();
        let sealed = (bytes - stream.len() - header - 1) as u32;
        front[12..16].copy_from_slice(&sealed.to_be_bytes());
        front[16..20].copy_from_slice(&(sealed - 16).to_be_bytes());
        stream.extend(front);
    }
    stream.resize(bytes - 1, b'x');
    stream.push(b'\n');
    stream.extend(next);
    let read = decrypt(&stream, DecryptionKeys::new().key(key));
    let [errors @ .., last] = &read[..] else { panic!("no frame") };
    assert!(errors.iter().all(|error| matches!(error, Err(DecryptError::Damaged { .. }))));
    assert!(errors.len() < 1000, "{}", errors.len());
    assert_eq!(last.as_ref().unwrap().records, plain(&["next"]));
}

#[test]
fn a_list_of_more_wraps_than_a_writer_makes_is_refused_before_any_is_opened() {
    let (identity, encryption) = pair();
    let frame = frames(&encryption, &[&["text"]]).concat();
    let header = usize::from(u16::from_be_bytes([frame[10], frame[11]]));
    let with_wraps = |count: u16| {
        let wraps = frame[50..header].repeat(usize::from(count));
        let length = (50 + wraps.len()) as u16;
        [&frame[..10], &length.to_be_bytes()[..], &frame[12..48], &count.to_be_bytes(), &wraps, &frame[header..]]
            .concat()
    };
    let error_of = |bytes: &[u8]| decrypt(bytes, keys(&identity)).remove(0).unwrap_err();
    // The tag is wrong, as the header has changed.
    assert!(matches!(error_of(&with_wraps(64)), DecryptError::Damaged { .. }));
    let stranger = keys(&Identity::generate().unwrap());
    let read = decrypt(&with_wraps(64), stranger.clone()).remove(0);
    assert!(matches!(read, Err(DecryptError::NoKey { .. })), "{read:?}");
    let read = decrypt(&with_wraps(65), stranger).remove(0);
    assert!(matches!(read, Err(DecryptError::Damaged { .. })), "{read:?}");
}

#[test]
fn a_failure_of_the_inner_formatter_leaves_nothing_behind() {
    struct Panics;
    impl Formatter for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }
        fn format(&mut self, _: &fapilog_plugin::event::Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
            out.extend_from_slice(b"half of a secret");
            panic!("half way");
        }
    }
    let mut formatter = pair().1.around(Panics);
    let mut out = b"before".to_vec();
    let formatting = || with_batch(&["x"], |batch| formatter.format(batch, &mut out));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(formatting)).is_err());
    assert_eq!(out, b"before");
}

/// An encryption by a key, and the keys of its readers.
fn shared_key() -> (DecryptionKeys, Encryption) {
    let key = KeyEncryptionKey::generate().unwrap();
    (DecryptionKeys::new().key(key.clone()), Encryption::builder().key(key).build().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_two_frames_share_a_data_key_and_a_block(
        writers in 1_usize..4,
        frames in 1_u64..40,
        limit in 1_u64..9,
    ) {
        let key = KeyEncryptionKey::generate().unwrap();
        let encryption = Encryption::builder()
            .key(key.clone())
            .rotate_after_frames(limit)
            .build()
            .unwrap();
        let mut formatters: Vec<_> = (0..writers).map(|_| encryption.around(format::Minimal::new())).collect();
        let mut bytes = Vec::new();
        for frame in 0..frames {
            let writer = frame as usize % writers;
            bytes.extend(format(&mut formatters[writer], &["x"]));
        }
        let read: Vec<_> = decrypt(&bytes, DecryptionKeys::new().key(key)).into_iter().map(Result::unwrap).collect();
        let nonces: BTreeSet<_> = read.iter().map(|frame| (frame.data_key.clone(), frame.block)).collect();
        prop_assert_eq!(nonces.len() as u64, frames);
        prop_assert!(nonces.iter().all(|(_, block)| *block < limit));
    }

    #[test]
    fn any_messages_read_back_and_none_stands_in_the_frame(messages in prop::collection::vec("[ -~]{12,80}", 1..20)) {
        let (keys, encryption) = shared_key();
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        let bytes = frames(&encryption, &[&messages]).concat();
        prop_assert_eq!(records(&bytes, keys), plain(&messages));
        prop_assert!(messages.iter().all(|message| !holds(&bytes, message)));
    }

    #[test]
    fn no_bytes_make_the_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..200) {
        let (keys, encryption) = shared_key();
        let frame = frames(&encryption, &[&["text"]]).concat();
        let stream = [&frame[..cut.min(frame.len())], &bytes, &frame].concat();
        let read = decrypt(&stream, keys);
        prop_assert!(read.last().is_some_and(Result::is_ok), "{:?}", read);
        // Each byte is in one frame, or skipped by one error.
        let mut place = 0;
        for item in &read {
            let (offset, length) = match item {
                Ok(frame) => (frame.offset, frame.frame_bytes),
                Err(error) => (error.offset(), error.skipped_bytes()),
            };
            prop_assert_eq!(offset, place);
            place += length;
        }
        prop_assert_eq!(place, stream.len() as u64);
    }
}
