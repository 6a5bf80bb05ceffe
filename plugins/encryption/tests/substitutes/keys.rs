//! Keys of texts: their replacement, their erasure, and texts that do not belong to them.

use super::*;

fn is_refused(substitute: &dyn Substitute, subject: Option<&str>) -> bool {
    let value = SensitiveValue::new(DataClass::Email, "context.email", EMAIL).of_subject(subject);
    substitute.substitute(&value, &mut String::new()).is_err()
}

#[test]
fn a_text_that_was_changed_gives_no_value() {
    let place = Place::new();
    let subjects = Arc::new(place.subjects());
    let recipient = Encryption::builder().recipient(place.identity.recipient()).build().unwrap();
    let substitutes: [(&dyn Substitute, Option<&str>); 4] = [
        (&Seal::to(recipient), None),
        (&Seal::by_subject(Arc::clone(&subjects)), Some("c1")),
        (&Tokenize::with(&place.key).unwrap(), None),
        (&Tokenize::by_subject(subjects), Some("c1")),
    ];
    let keys = DecryptionKeys::new().identity(place.identity.clone()).key(place.key.clone()).key_store(place.store());
    let mut unsealer = Unsealer::new(keys).unwrap();
    for (substitute, subject) in substitutes {
        let text = put(substitute, EMAIL, subject);
        assert_eq!(unsealer.unseal(&text).unwrap(), EMAIL);
        for at in 0..text.len() {
            for other in ["A", "b", "7", "_"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                let read = unsealer.unseal(&changed);
                assert!(changed == text || read.is_err(), "{changed}: {read:?}");
            }
            assert!(unsealer.unseal(&text[..at]).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn the_text_of_a_subject_does_not_open_under_the_ids_of_another() {
    let place = Place::new();
    let seal = Seal::by_subject(place.subjects());
    let [one, two] = ["c1", "c2"].map(|subject| put(&seal, EMAIL, Some(subject)));
    // The ids of one, and a byte of its nonce, in front of the ciphertext of the other, cut between two digits of Base64.
    let mixed = format!("{}{}", &one[..8 + 44], &two[8 + 44..]);
    let mut unsealer = Unsealer::new(DecryptionKeys::new().key(place.key.clone()).key_store(place.store())).unwrap();
    assert!(matches!(unsealer.unseal(&mixed), Err(UnsealError::Damaged)));
    let tokens = Tokenize::by_subject(place.subjects());
    let [one, two] = ["c1", "c2"].map(|subject| put(&tokens, EMAIL, Some(subject)));
    let mixed = format!("{}{}", &one[..5 + 43], &two[5 + 43..]);
    assert!(matches!(unsealer.unseal(&mixed), Err(UnsealError::Damaged)));
}

#[test]
fn shards_share_keys_that_are_replaced_in_time_and_use_no_number_twice() {
    let identity = Identity::generate().unwrap();
    let encryption = Encryption::builder().recipient(identity.recipient()).rotate_after_frames(10).build().unwrap();
    let seal = Seal::to(encryption);
    let texts: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| [(); 100].map(|()| put(&seal, EMAIL, None)))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut unsealer = Unsealer::new(DecryptionKeys::new().identity(identity)).unwrap();
    assert!(texts.iter().all(|text| unsealer.unseal(text).unwrap() == EMAIL));
    let numbers: HashSet<_> = texts.iter().map(|text| key_and_number(text)).collect();
    let keys: HashSet<_> = numbers.iter().map(|(key, _)| key).collect();
    assert_eq!((numbers.len(), keys.len()), (400, 40));
}

/// The id of a text's data key, and the number in front of its ciphertext.
fn key_and_number(text: &str) -> (String, Vec<u8>) {
    let parts: Vec<&str> = text.split(':').collect();
    let mut number = data_encoding::BASE64URL_NOPAD.decode(parts[3].as_bytes()).unwrap();
    number.truncate(8);
    (parts[1].to_owned(), number)
}

#[test]
fn a_forked_child_has_a_key_of_its_own() {
    let seal = Seal::to(Encryption::builder().key(KeyEncryptionKey::generate().unwrap()).build().unwrap());
    let of_parent = put(&seal, EMAIL, None);
    // SAFETY: the child calls nothing that another thread of the test could hold a lock of, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let has_another = put(&seal, EMAIL, None).get(8..30) != of_parent.get(8..30);
        // SAFETY: it ends the child at once.
        unsafe { libc::_exit(if has_another { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: the place of the status is valid.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child used the key of its parent");
    assert_eq!(put(&seal, EMAIL, None).get(8..30), of_parent.get(8..30));
}

#[test]
fn values_are_erased_with_the_key_of_their_day() {
    let place = Place::new();
    let builder = Encryption::builder().recipient(place.identity.recipient()).shred_by_day(place.store());
    let text = put(&Seal::to(builder.build().unwrap()), EMAIL, None);
    let keys = || DecryptionKeys::new().identity(place.identity.clone()).key_store(place.store());
    assert_eq!(Unsealer::new(keys()).unwrap().unseal(&text).unwrap(), EMAIL);
    // Today is not erased by `shred_day`: the mark is what counts.
    let file = fs::read_dir(place.path("subjects")).unwrap().next().unwrap().unwrap().path();
    fs::write(file.with_extension("shredded"), "").unwrap();
    assert!(matches!(Unsealer::new(keys()).unwrap().unseal(&text), Err(UnsealError::Shredded)));
}

#[test]
fn a_value_that_is_sealed_after_the_erasure_has_a_new_key() {
    let place = Place::new();
    for substitute in [&Seal::by_subject(place.subjects()) as &dyn Substitute, &Tokenize::by_subject(place.subjects())]
    {
        let old = put(substitute, EMAIL, Some("c1"));
        assert!(place.subjects().shred("c1").unwrap());
        let new = put(substitute, EMAIL, Some("c1"));
        let keys = DecryptionKeys::new().key(place.key.clone()).key_store(place.store());
        let mut unsealer = Unsealer::new(keys).unwrap();
        assert!(matches!(unsealer.unseal(&old), Err(UnsealError::Shredded)));
        assert_eq!(unsealer.unseal(&new).unwrap(), EMAIL);
    }
}

#[test]
fn no_debug_output_has_a_key_or_the_name_of_a_subject() {
    let place = Place::new();
    let seal = Seal::by_subject(place.subjects());
    put(&seal, EMAIL, Some("customer-4711"));
    let keys = DecryptionKeys::new().identity(place.identity.clone()).key(place.key.clone()).key_store(place.store());
    let shown = format!("{seal:?} {:?} {:?}", Tokenize::with(&place.key).unwrap(), Unsealer::new(keys).unwrap());
    assert!(!shown.contains("4711") && !shown.contains("-1"), "{shown}");
    assert!(is_refused(&seal, None) && !is_refused(&seal, Some("a")));
}

/// The age of a data key is the other limit: a test of its own waits for no clock.
#[test]
fn a_key_that_is_too_old_is_replaced() {
    let encryption = Encryption::builder().key(KeyEncryptionKey::generate().unwrap()).rotate_after(Duration::ZERO);
    let seal = Seal::to(encryption.build().unwrap());
    assert_ne!(put(&seal, EMAIL, None).get(8..30), put(&seal, EMAIL, None).get(8..30));
}
