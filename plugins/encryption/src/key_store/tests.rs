//! Key files in a directory.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::{Identity, KeyEncryptionKey, encryption::KeyHolders, wrap::OpenedWrap};

fn day(text: &str) -> UtcDay {
    text.parse().unwrap()
}

fn names(store: &KeyStore) -> Vec<String> {
    let entries = fs::read_dir(store.directory()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn holders(identity: &Identity) -> KeyHolders {
    KeyHolders { recipients: vec![identity.recipient()], keys: Vec::new() }
}

#[test]
fn a_new_store_and_its_files_are_for_their_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let identity = Identity::generate().unwrap();
    DayKeys::new(store.clone(), holders(&identity)).key_of(day("2026-11-30")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(store.directory()), 0o700);
    let [name] = names(&store).try_into().unwrap();
    assert!(name.starts_with("day-2026-11-30-") && name.ends_with(".key"), "{name}");
    assert_eq!(mode(&store.directory().join(name)), 0o600);
}

#[test]
fn a_store_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let error = KeyStore::open(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("has mode 0750; it must be a directory of mode 0700"), "{error}");
    let error = KeyStore::open(directory.path().join("absent/keys")).unwrap_err();
    assert!(error.to_string().starts_with("cannot create "), "{error}");
}

#[test]
fn a_day_has_one_key_in_a_run_of_the_program_and_another_in_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let identity = Identity::generate().unwrap();
    for _run in 0..2 {
        let keys = DayKeys::new(store.clone(), holders(&identity));
        let first = keys.key_of(day("2026-11-30")).unwrap();
        let next = keys.key_of(day("2026-12-01")).unwrap();
        assert_ne!(first.id, next.id);
        assert_eq!(keys.key_of(day("2026-11-30")).unwrap().id, first.id);
    }
    assert_eq!(store.days().unwrap(), [day("2026-11-30"), day("2026-12-01")]);
    assert_eq!(names(&store).len(), 4);
}

#[test]
fn a_key_file_opens_for_its_holders_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let (identity, key) = (Identity::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
    let both = KeyHolders { recipients: vec![identity.recipient()], keys: vec![key.clone()] };
    let made = DayKeys::new(store.clone(), both).key_of(day("2026-11-30")).unwrap();
    let FoundKey::File(file, _) = store.find_day_key(day("2026-11-30"), &made.id).unwrap() else { panic!("absent") };
    let (OpenedWrap::Key(one), OpenedWrap::Key(two)) = (file.open(&[identity], &[]), file.open(&[], &[key])) else {
        panic!("it does not open")
    };
    assert_eq!(one.bytes(), two.bytes());
    let strangers = (Identity::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
    assert!(matches!(file.open(&[strangers.0], &[strangers.1]), OpenedWrap::NoKey));
}

#[test]
fn a_shredded_day_leaves_marks_and_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let keys = DayKeys::new(store.clone(), holders(&Identity::generate().unwrap()));
    let [old, other] = ["2026-11-28", "2026-11-29"].map(|text| keys.key_of(day(text)).unwrap());
    let shredded = store.shred_day_at(day("2026-11-28"), day("2026-11-30")).unwrap();
    assert_eq!(shredded, ShreddedDay { day: day("2026-11-28"), keys: 1 });
    assert!(matches!(store.find_day_key(day("2026-11-28"), &old.id).unwrap(), FoundKey::Shredded));
    assert!(matches!(store.find_day_key(day("2026-11-29"), &other.id).unwrap(), FoundKey::File(..)));
    assert!(matches!(store.find_day_key(day("2026-11-28"), &[0; 16]).unwrap(), FoundKey::Absent));
    assert_eq!(store.days().unwrap(), [day("2026-11-29")]);
    let again = store.shred_day_at(day("2026-11-28"), day("2026-11-30")).unwrap();
    assert_eq!(again.keys, 0);
}

#[test]
fn a_writer_uses_no_key_that_was_erased() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let keys = DayKeys::new(store.clone(), holders(&Identity::generate().unwrap()));
    let erased = keys.key_of(day("2026-11-28")).unwrap();
    store.shred_day_at(day("2026-11-28"), day("2026-11-30")).unwrap();
    assert_ne!(keys.key_of(day("2026-11-28")).unwrap().id, erased.id);
}

#[test]
fn a_shredding_that_a_crash_has_interrupted_counts_and_is_completed_by_the_next_call() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let keys = DayKeys::new(store.clone(), holders(&Identity::generate().unwrap()));
    let old = keys.key_of(day("2026-11-28")).unwrap();
    let stem = KeyStore::day_stem(day("2026-11-28"), &old.id);
    key_file::write_mark(&store.path(&stem, SHREDDED_SUFFIX)).unwrap();
    assert!(matches!(store.find_day_key(day("2026-11-28"), &old.id).unwrap(), FoundKey::Shredded));
    assert_eq!(store.shred_day_at(day("2026-11-28"), day("2026-11-30")).unwrap().keys, 1);
    assert_eq!(names(&store), [format!("{stem}.shredded")]);
}

#[test]
fn a_day_that_is_not_over_is_not_shredded() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let today = UtcDay::of_time(SystemTime::now());
    let error = store.shred_day(today).unwrap_err();
    assert!(matches!(error, KeyStoreError::DayInUse { day, .. } if day == today), "{error}");
    assert_eq!(store.shred_days_before(today).unwrap(), []);
}

#[test]
fn a_file_that_is_no_key_file_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let stem = KeyStore::day_stem(day("2026-11-28"), &[1; 16]);
    fs::write(store.path(&stem, KEY_SUFFIX), "text").unwrap();
    let error = store.find_day_key(day("2026-11-28"), &[1; 16]).map(drop).unwrap_err();
    assert!(matches!(error, KeyStoreError::BadFile { .. }), "{error}");
}

#[test]
fn a_link_in_place_of_a_key_file_or_a_mark_is_refused_and_its_target_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let target = directory.path().join("target");
    fs::write(&target, "of another user").unwrap();
    let (past, today) = (day("2026-11-28"), day("2026-11-30"));
    let path = |suffix| store.path(&KeyStore::day_stem(past, &[1; 16]), suffix);
    symlink(&target, path(KEY_SUFFIX)).unwrap();
    let error = store.find_day_key(past, &[1; 16]).map(drop).unwrap_err();
    assert!(matches!(error, KeyStoreError::Io { operation: "read", .. }), "{error}");
    let error = store.shred_day_at(past, today).unwrap_err();
    assert!(matches!(error, KeyStoreError::Io { operation: "overwrite", .. }), "{error}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "of another user");

    fs::remove_file(path(SHREDDED_SUFFIX)).unwrap();
    symlink(directory.path().join("new"), path(SHREDDED_SUFFIX)).unwrap();
    assert!(store.shred_day_at(past, today).is_err());
    assert!(!directory.path().join("new").exists());
}

#[test]
fn a_pipe_and_a_file_without_end_in_place_of_a_key_file_are_errors_and_no_wait() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let stem = |id: u8| KeyStore::day_stem(day("2026-11-28"), &[id; 16]);
    let pipe = std::process::Command::new("mkfifo").arg(store.path(&stem(1), KEY_SUFFIX)).status().unwrap();
    assert!(pipe.success());
    let error = store.find_day_key(day("2026-11-28"), &[1; 16]).map(drop).unwrap_err();
    assert!(matches!(error, KeyStoreError::Io { .. }), "{error}");
    // A file with a hole, which takes no room.
    fs::File::create(store.path(&stem(2), KEY_SUFFIX)).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(store.find_day_key(day("2026-11-28"), &[2; 16]), Ok(FoundKey::Shredded)));
    let file = fs::OpenOptions::new().write(true).open(store.path(&stem(2), KEY_SUFFIX)).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"text", 0).unwrap();
    let error = store.find_day_key(day("2026-11-28"), &[2; 16]).map(drop).unwrap_err();
    assert!(matches!(error, KeyStoreError::BadFile { .. }), "{error}");
}

#[test]
fn a_key_that_was_overwritten_counts_as_erased_without_its_mark() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let keys = DayKeys::new(store.clone(), holders(&Identity::generate().unwrap()));
    let old = keys.key_of(day("2026-11-28")).unwrap();
    let path = store.path(&KeyStore::day_stem(day("2026-11-28"), &old.id), KEY_SUFFIX);
    fs::write(&path, vec![0; fs::metadata(&path).unwrap().len() as usize]).unwrap();
    assert!(matches!(store.find_day_key(day("2026-11-28"), &old.id), Ok(FoundKey::Shredded)));
    assert_ne!(keys.key_of(day("2026-11-28")).unwrap().id, old.id);
}

#[test]
fn days_before_a_later_day_than_today_are_not_shredded_and_none_of_them_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let keys = DayKeys::new(store.clone(), holders(&Identity::generate().unwrap()));
    let today = UtcDay::of_time(SystemTime::now());
    for day in [day("2026-01-01"), today] {
        keys.key_of(day).unwrap();
    }
    let tomorrow = UtcDay::of_number(today.number() + 1).unwrap();
    let error = store.shred_days_before(tomorrow).unwrap_err();
    assert!(matches!(error, KeyStoreError::DayInUse { .. }), "{error}");
    assert_eq!(store.days().unwrap().len(), 2);
}

#[test]
fn a_store_of_another_user_gets_no_keys() {
    let path = Path::new("/keys");
    assert!(check_owner_is(path, 7, 7).is_ok());
    for (owner, user) in [(7, 8), (0, 7), (7, 0)] {
        let error = check_owner_is(path, owner, user).unwrap_err().to_string();
        let expected =
            format!("key store /keys belongs to user {owner}; the program runs as user {user}, to whom it must belong");
        assert_eq!(error, expected);
    }
}

#[test]
fn a_check_of_a_store_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    KeyStore::check(&path).unwrap();
    assert!(!path.exists());
    assert!(matches!(KeyStore::check(&path.join("keys")), Err(KeyStoreError::Io { operation: "create", .. })));
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(KeyStore::check(&path), Err(KeyStoreError::Mode { .. })));
}
