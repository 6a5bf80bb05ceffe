//! Files that an earlier build has written, and a second reader: `decrypt.py`, which was written by docs/encryption-format.md.
//!
//! The second reader needs `python3` with the package `cryptography`, and the package `zstandard` or the program `zstd`. Without them
//! its tests do nothing, unless `NO_SKIPPED_TESTS` is set.
//!
//! `WRITE_GOLDEN=1 cargo test -p fapilog-encryption --test golden write` writes the files anew, with new keys.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of this program is test code")]

mod support;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use fapilog_encryption::{
    DecryptionKeys, Encryption, EncryptionBuilder, FrameCompression, Identity, KeyEncryptionKey, KeyStore,
};
use support::{DAY, decrypt, frames, keys, plain, records};

const BATCHES: &[&[&str]] =
    &[&["first", "second"], &["a longer one, a longer one, a longer one, a longer one, a longer one"]];

/// The golden logs.
const LOGS: [&str; 4] = ["recipient", "zstd", "key", "day"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn all_plain() -> Vec<u8> {
    BATCHES.iter().flat_map(|messages| plain(messages)).collect()
}

/// The keys of the golden files, with a copy of their store, whose modes git does not keep.
struct GoldenKeys {
    directory: tempfile::TempDir,
    store: KeyStore,
}

impl GoldenKeys {
    fn read() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = KeyStore::open(directory.path().join("keys")).unwrap();
        for entry in fs::read_dir(golden("keys")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), store.directory().join(entry.file_name())).unwrap();
        }
        Self { directory, store }
    }

    fn keys(&self) -> DecryptionKeys {
        let identity: Identity = fs::read_to_string(golden("identity.txt")).unwrap().parse().unwrap();
        let key: KeyEncryptionKey = fs::read_to_string(golden("key.txt")).unwrap().parse().unwrap();
        keys(&identity).key(key).key_store(self.store.clone())
    }
}

#[test]
fn frames_of_an_earlier_build_are_read() {
    let golden_keys = GoldenKeys::read();
    for log in LOGS {
        let bytes = fs::read(golden(log).with_extension("log")).unwrap();
        assert_eq!(records(&bytes, golden_keys.keys()), all_plain(), "{log}");
    }
}

/// The output of `decrypt.py` on stdout and stderr, or `None` without Python and its packages.
fn by_python(log: &Path, store: &Path) -> Option<(Vec<u8>, String)> {
    let has_packages = "import cryptography, shutil, importlib.util as u, sys\n\
        sys.exit(0 if u.find_spec('zstandard') or shutil.which('zstd') else 'no package zstandard and no program zstd')";
    let check = Command::new("python3").args(["-c", has_packages]).output();
    let missing = match &check {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(format!("python3: {error}")),
    };
    if let Some(missing) = missing {
        assert!(env::var_os("NO_SKIPPED_TESTS").is_none(), "decrypt.py cannot run: {missing}");
        eprintln!("NOT TESTED against decrypt.py: {missing}");
        return None;
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decrypt.py");
    let output = Command::new("python3")
        .arg("-B")
        .arg(program)
        .arg(log)
        .args([golden("identity.txt"), golden("key.txt")])
        .arg(store)
        .output()
        .unwrap();
    Some((output.stdout, String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn an_independent_reader_reads_the_golden_files() {
    let golden_keys = GoldenKeys::read();
    for log in LOGS {
        let path = golden(log).with_extension("log");
        let Some((stdout, stderr)) = by_python(&path, golden_keys.store.directory()) else { return };
        assert_eq!(
            (String::from_utf8(stdout).unwrap(), stderr),
            (String::from_utf8(all_plain()).unwrap(), String::new())
        );
    }
}

/// Both readers find the same records, and the same number of places that they cannot read.
#[track_caller]
fn assert_readers_agree(bytes: &[u8], golden_keys: &GoldenKeys) {
    let path = golden_keys.directory.path().join("log");
    fs::write(&path, bytes).unwrap();
    let Some((stdout, stderr)) = by_python(&path, golden_keys.store.directory()) else { return };
    assert_eq!(records(bytes, golden_keys.keys()), stdout, "{stderr}");
    let errors = decrypt(bytes, golden_keys.keys()).into_iter().filter_map(Result::err);
    let offsets: Vec<String> = errors.map(|error| format!("byte {}", error.offset())).collect();
    let of_python: Vec<&str> = stderr.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(offsets, of_python, "{stderr}");
}

#[test]
fn both_readers_agree_on_damaged_frames_a_torn_one_and_bytes_that_are_none() {
    let golden_keys = GoldenKeys::read();
    let [one, two] = ["key", "day"].map(|log| fs::read(golden(log).with_extension("log")).unwrap());
    let all = [&one[..], b"plain\n", &two, &one].concat();
    assert_readers_agree(&all, &golden_keys);
    assert_readers_agree(all.get(..all.len() - 5).unwrap(), &golden_keys);
    for at in (0..one.len()).step_by(47) {
        let mut damaged = all.clone();
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 0x10;
        }
        assert_readers_agree(&damaged, &golden_keys);
    }
}

#[test]
fn both_readers_agree_on_a_day_whose_key_was_erased() {
    let golden_keys = GoldenKeys::read();
    assert_eq!(golden_keys.store.shred_day(DAY.parse().unwrap()).unwrap().keys, 1);
    assert_readers_agree(&fs::read(golden("day.log")).unwrap(), &golden_keys);
    let read = decrypt(&fs::read(golden("day.log")).unwrap(), golden_keys.keys());
    assert!(read.iter().all(Result::is_err), "{read:?}");
}

#[test]
fn write_golden_files_if_asked_to() {
    if env::var_os("WRITE_GOLDEN").is_none() {
        return;
    }
    let (identity, key) = (Identity::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
    fs::write(golden("identity.txt"), format!("{}\n", *identity.to_secret_text())).unwrap();
    fs::write(golden("key.txt"), format!("{}\n", *key.to_secret_text())).unwrap();
    let _ = fs::remove_dir_all(golden("keys"));
    let store = KeyStore::open(golden("keys")).unwrap();
    let write = |log: &str, builder: EncryptionBuilder, compression| {
        let encryption: Encryption = builder.compression(compression).build().unwrap();
        fs::write(golden(log).with_extension("log"), frames(&encryption, BATCHES).concat()).unwrap();
    };
    let recipient = || Encryption::builder().recipient(identity.recipient());
    write("recipient", recipient(), FrameCompression::None);
    write("zstd", recipient(), FrameCompression::Zstd { level: 1 });
    write("key", Encryption::builder().key(key.clone()), FrameCompression::None);
    write("day", recipient().key(key.clone()).shred_by_day(store), FrameCompression::None);
    fs::set_permissions(golden("keys"), fs::Permissions::from_mode(0o755)).unwrap();
    let written = fs::read_dir(golden("keys")).unwrap().count();
    assert!(written == 1, "{written}");
}
