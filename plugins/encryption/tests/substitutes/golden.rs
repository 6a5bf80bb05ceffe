//! Texts that an earlier build has written, and a second reader.

use super::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/substitutes").join(name)
}

/// A copy of the golden store, whose modes git does not keep.
fn golden_store(directory: &Path) -> KeyStore {
    let store = KeyStore::open(directory.join("subjects")).unwrap();
    for entry in fs::read_dir(golden("subjects")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), store.directory().join(entry.file_name())).unwrap();
    }
    store
}

fn golden_keys() -> DecryptionKeys {
    let identity: Identity = fs::read_to_string(golden("identity.txt")).unwrap().parse().unwrap();
    let key: KeyEncryptionKey = fs::read_to_string(golden("key.txt")).unwrap().parse().unwrap();
    DecryptionKeys::new().identity(identity).key(key)
}

#[test]
fn texts_of_an_earlier_build_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let keys = golden_keys().key_store(golden_store(directory.path()));
    let (clear, summary) = unseal(&fs::read(golden("sealed.jsonl")).unwrap(), keys);
    assert_eq!(String::from_utf8(clear).unwrap(), fs::read_to_string(golden("clear.jsonl")).unwrap());
    assert_eq!((summary.unsealed, summary.no_key, summary.damaged), (14, 2, 2));
    // A token is the same in each build.
    let key = fs::read_to_string(golden("key.txt")).unwrap().parse().unwrap();
    let token = put(&Tokenize::with(&key).unwrap(), EMAIL, None);
    assert!(fs::read_to_string(golden("sealed.jsonl")).unwrap().contains(&token));
}

#[test]
fn an_independent_reader_has_the_same_values_and_the_same_reasons() {
    let has_package =
        Command::new("python3").args(["-c", "from cryptography.hazmat.primitives.ciphers.aead import AESSIV"]).output();
    if !has_package.is_ok_and(|output| output.status.success()) {
        assert!(env::var_os("NO_SKIPPED_TESTS").is_none(), "unseal.py cannot run");
        eprintln!("NOT TESTED against unseal.py: python3 with the package cryptography is absent");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = golden_store(directory.path());
    let by_python = || {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unseal.py");
        let mut command = Command::new("python3");
        command.arg("-B").arg(program).args([golden("sealed.jsonl"), golden("identity.txt"), golden("key.txt")]);
        let output = command.arg(store.directory()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let of_rust = || {
        let (clear, summary) =
            unseal(&fs::read(golden("sealed.jsonl")).unwrap(), golden_keys().key_store(store.clone()));
        let reasons =
            [("damaged", summary.damaged), ("no key at hand", summary.no_key), ("shredded", summary.shredded)];
        let reasons = reasons.into_iter().filter(|(_, count)| *count > 0);
        (String::from_utf8(clear).unwrap(), reasons.map(|(reason, count)| format!("{reason}: {count}\n")).collect())
    };
    assert_eq!(by_python(), of_rust());
    let key: KeyEncryptionKey = fs::read_to_string(golden("key.txt")).unwrap().parse().unwrap();
    assert!(SubjectKeys::open(store.clone(), [key]).unwrap().shred("customer 4711").unwrap());
    let shredded: (String, String) = of_rust();
    assert!(shredded.1.contains("shredded: 6\n"), "{}", shredded.1);
    assert_eq!(by_python(), shredded);
}

#[test]
fn write_golden_files_if_asked_to() {
    if env::var_os("WRITE_GOLDEN").is_none() {
        return;
    }
    fs::create_dir_all(golden("")).unwrap();
    let (identity, key) = (Identity::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
    fs::write(golden("identity.txt"), format!("{}\n", *identity.to_secret_text())).unwrap();
    fs::write(golden("key.txt"), format!("{}\n", *key.to_secret_text())).unwrap();
    let _ = fs::remove_dir_all(golden("subjects"));
    let store = KeyStore::open(golden("subjects")).unwrap();
    let subjects = Arc::new(SubjectKeys::open(store, [key.clone()]).unwrap());
    let to = |builder: fapilog_encryption::EncryptionBuilder| Seal::to(builder.build().unwrap());
    let recipient = to(Encryption::builder().recipient(identity.recipient()));
    let both = to(Encryption::builder().recipient(Identity::generate().unwrap().recipient()).key(key.clone()));
    let stranger = to(Encryption::builder().key(KeyEncryptionKey::generate().unwrap()));
    let of_subject = Seal::by_subject(Arc::clone(&subjects));
    let subject = Some("customer 4711");
    let damaged = put(&Tokenize::with(&key).unwrap(), "damaged", None);
    let texts = [
        (put(&recipient, EMAIL, None), EMAIL.to_owned()),
        (put(&recipient, NAME, None), NAME.replace('"', "\\\"")),
        (put(&both, "two\nlines", None), "two\\nlines".to_owned()),
        (put(&of_subject, EMAIL, subject), EMAIL.to_owned()),
        (put(&of_subject, "", subject), String::new()),
        (put(&Tokenize::with(&key).unwrap(), EMAIL, None), EMAIL.to_owned()),
        (put(&Tokenize::by_subject(subjects), "Zoë", subject), "Zoë".to_owned()),
        (put(&stranger, EMAIL, None), String::new()),
        (damaged.replace(&damaged[22..24], "00"), String::new()),
    ];
    let line = |text: &str| format!("{{\"message\":\"mail to {text}: sent\",\"context\":{{\"email\":\"{text}\"}}}}\n");
    let sealed: String = texts.iter().map(|(text, _)| line(text)).collect();
    fs::write(golden("sealed.jsonl"), sealed).unwrap();
    let is_left = |at: usize| at >= 7;
    let clear = texts.iter().enumerate().map(|(at, (text, clear))| line(if is_left(at) { text } else { clear }));
    fs::write(golden("clear.jsonl"), clear.collect::<String>()).unwrap();
    fs::set_permissions(golden("subjects"), fs::Permissions::from_mode(0o755)).unwrap();
}
