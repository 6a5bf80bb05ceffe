//! Keys of subjects: of the persons, or accounts, that values are about.

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use fapilog_plugin::threads::lock;
use ring::hmac;
use thiserror::Error;

use super::{
    FoundKey, KEY_SUFFIX, KeyFile, KeyFileKind, KeyStore, SHREDDED_SUFFIX, is_there, key_file, sync_directory,
};
use crate::{
    bytes::ByteReader,
    encryption::KeyHolders,
    error::{EncryptError, KeyStoreError},
    key_encryption_key::KeyEncryptionKey,
    secret_key::{AesKey, NONCE_BYTES, SecretKey, Wiped, random},
    substitute::token_key::TokenKey,
    wrap::{KeyId, OpenedWrap},
};

/// The first characters of a sealed value.
const TOKEN_BEGINS: &str = "sealed1:";
const VALUE_LABEL: &[u8] = b"fapilog subject value v1";
/// The stem of the file with the key that makes ids of subjects.
const INDEX_STEM: &str = "subjects";
/// The first characters of the files of a subject.
const SUBJECT_BEGINS: &str = "subject-";
/// The file that a process locks while it erases keys of subjects.
const LOCK_FILE: &str = "subjects.lock";
/// How often a key is looked for anew, because another process has erased the one that was there.
const ATTEMPTS: usize = 5;
/// Subjects whose keys are kept in memory.
const SUBJECTS_KEPT: usize = 10_000;

/// The id of a subject: a keyed hash of its name.
type SubjectId = [u8; 16];

/// Encrypts short values, each under the key of the subject that it is about. Erasing a subject's key makes its values
/// unreadable wherever they are, in files, archives and destinations, and leaves their bytes as they are.
///
/// A sealed value is text: `sealed1:` and Base64. Sealed values of one subject have the same id in front, so that they can be
/// found together; the id does not reveal the subject without the store and its key. The same value sealed twice gives two texts.
///
/// ```
/// use fapilog_encryption::{KeyEncryptionKey, KeyStore, SubjectError, SubjectKeys};
///
/// # let directory = tempfile::tempdir()?;
/// let store = KeyStore::open(directory.path().join("subjects"))?;
/// let keys = SubjectKeys::open(store, [KeyEncryptionKey::generate()?])?;
/// let sealed = keys.seal("customer 4711", "Rosa Pardo")?;
/// assert!(sealed.starts_with("sealed1:"));
/// assert_eq!(keys.unseal(&sealed)?, "Rosa Pardo");
///
/// assert!(keys.shred("customer 4711")?);
/// assert!(matches!(keys.unseal(&sealed), Err(SubjectError::Shredded)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SubjectKeys {
    store: KeyStore,
    holders: KeyHolders,
    /// All that may open files of the store.
    keys: Vec<KeyEncryptionKey>,
    index: Wiped<hmac::Key>,
    kept: Mutex<HashMap<SubjectId, Arc<SubjectKey>>>,
}

pub(crate) struct SubjectKey {
    pub(crate) id: KeyId,
    cipher: AesKey,
    /// The key of its tokens.
    pub(crate) tokens: TokenKey,
    /// The mark that it was erased.
    mark: PathBuf,
}

/// Why a sealed value cannot be opened. It holds no part of the value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The text is no sealed value.
    #[error("the text is no sealed value, which begins with \"sealed1:\"")]
    NotSealed,
    /// It was changed.
    #[error("the sealed value is damaged")]
    Damaged,
    /// The subject's key was erased.
    #[error("the key of the value's subject was erased")]
    Shredded,
    /// This store has no key of the value's subject.
    #[error("the key store has no key of the value's subject")]
    NoKey,
    /// The key store cannot be used.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
}

/// A sealed value in its parts.
struct SealedValue {
    subject: SubjectId,
    key: KeyId,
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

impl SubjectKeys {
    /// Opens the keys of a store. The first of `keys` wraps new keys; the others open those of before a change of keys.
    ///
    /// # Errors
    /// If there is no key, the store cannot be used, or it belongs to other keys.
    pub fn open(store: KeyStore, keys: impl IntoIterator<Item = KeyEncryptionKey>) -> Result<Self, KeyStoreError> {
        let (keys, holders) = keys_and_holders(keys)?;
        let (_, index) = find_or_make(&store, INDEX_STEM, KeyFileKind::SubjectIndex, &holders, &keys)?;
        Ok(Self::of(store, holders, keys, &index))
    }

    /// As [`open`](Self::open), for a reader: nothing is written into a store that has no keys of subjects.
    ///
    /// # Errors
    /// If there is no key, the store cannot be used or has no keys of subjects, or it belongs to other keys.
    pub fn open_existing(
        store: KeyStore,
        keys: impl IntoIterator<Item = KeyEncryptionKey>,
    ) -> Result<Self, KeyStoreError> {
        let (keys, holders) = keys_and_holders(keys)?;
        match store.find(INDEX_STEM, KeyFileKind::SubjectIndex)? {
            FoundKey::File(file, path) => {
                let index = open(&file, path, &keys)?;
                Ok(Self::of(store, holders, keys, &index))
            }
            FoundKey::Shredded | FoundKey::Absent => {
                let path = store.path(INDEX_STEM, KEY_SUFFIX);
                Err(KeyStoreError::io("read", &path)(io::ErrorKind::NotFound.into()))
            }
        }
    }

    fn of(store: KeyStore, holders: KeyHolders, keys: Vec<KeyEncryptionKey>, index: &SecretKey) -> Self {
        let index = Wiped::new(hmac::Key::new(hmac::HMAC_SHA256, index.bytes()));
        Self { store, holders, keys, index, kept: Mutex::default() }
    }

    /// Encrypts a value under the key of its subject, which is made if there is none.
    ///
    /// # Errors
    /// If the subject's key cannot be had. There is no value without encryption.
    pub fn seal(&self, subject: &str, value: &str) -> Result<String, KeyStoreError> {
        let id = self.id_of(subject);
        let key = self.key_of(id)?;
        let nonce = random()?;
        let mut bytes = zeroize::Zeroizing::new(value.as_bytes().to_vec());
        let tag = key.cipher.seal(nonce, &associated(&id, &key.id), &mut bytes)?;
        let token = [&id[..], &key.id, &nonce, &bytes, &tag].concat();
        Ok(format!("{TOKEN_BEGINS}{}", BASE64URL_NOPAD.encode(&token)))
    }

    /// Decrypts a sealed value.
    ///
    /// # Errors
    /// If the text is no sealed value, or was changed, or its subject's key was erased or is not in the store.
    pub fn unseal(&self, sealed: &str) -> Result<String, SubjectError> {
        let SealedValue { subject, key, nonce, mut sealed } = read(sealed)?;
        let cipher = self.existing_key(subject, &key)?;
        let value = cipher.open(nonce, &associated(&subject, &key), &mut sealed).ok_or(SubjectError::Damaged)?;
        String::from_utf8(value.to_vec()).map_err(|_| SubjectError::Damaged)
    }

    /// Erases the key of a subject: its values can never be decrypted again, by anybody. Returns whether there was one. A value
    /// that is sealed later has a new key. Other processes that use the store use the new key from then on.
    ///
    /// # Errors
    /// If the key cannot be erased.
    pub fn shred(&self, subject: &str) -> Result<bool, KeyStoreError> {
        let id = self.id_of(subject);
        let mut kept = lock(&self.kept);
        kept.remove(&id);
        self.erase(&id, |_| Ok(true))
    }

    /// Erases the key file of a subject if its key is one of these, or was overwritten by an erasure that a crash has interrupted. Processes
    /// erase one by one: a second one would erase the key that another process has made in place of the first.
    fn erase(
        &self,
        id: &SubjectId,
        is_meant: impl Fn(&KeyId) -> Result<bool, KeyStoreError>,
    ) -> Result<bool, KeyStoreError> {
        let _lock = self.lock()?;
        match self.store.find(&stem(id), KeyFileKind::Subject)? {
            FoundKey::File(file, path) if is_meant(&file.id)? => {
                self.store.erase(&path, &self.mark(id, &file.id))?;
                Ok(true)
            }
            FoundKey::Shredded => {
                // Its mark is there: it was written first.
                key_file::erase(&self.store.path(&stem(id), KEY_SUFFIX))?;
                sync_directory(self.store.directory())?;
                Ok(true)
            }
            FoundKey::File(..) | FoundKey::Absent => Ok(false),
        }
    }

    fn id_of(&self, subject: &str) -> SubjectId {
        let tag = hmac::sign(&self.index, subject.as_bytes());
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The mark that a key of a subject was erased.
    fn mark(&self, subject: &SubjectId, key: &KeyId) -> PathBuf {
        self.store.path(&format!("{}-{}", stem(subject), HEXLOWER.encode(key)), SHREDDED_SUFFIX)
    }

    /// The key to seal with.
    fn key_of(&self, id: SubjectId) -> Result<Arc<SubjectKey>, KeyStoreError> {
        let mut kept = lock(&self.kept);
        // Another process may have erased it.
        if let Some(key) = kept.get(&id)
            && !is_there(&key.mark)?
        {
            return Ok(Arc::clone(key));
        }
        let (own_id, key) = self.find_or_make_key(&id)?;
        let (cipher, tokens) = (key.cipher()?, TokenKey::derived(&key)?);
        let key = Arc::new(SubjectKey { id: own_id, cipher, tokens, mark: self.mark(&id, &own_id) });
        if kept.len() >= SUBJECTS_KEPT {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&key));
        Ok(key)
    }

    /// The key of a subject, which is made if there is none.
    fn find_or_make_key(&self, id: &SubjectId) -> Result<(KeyId, SecretKey), KeyStoreError> {
        let mut outcome = self.find_or_make_key_once(id);
        for _ in 1..ATTEMPTS {
            if let Ok(Some(found)) = outcome {
                return Ok(found);
            }
            // Another process may be erasing the key, whose file is read by halves meanwhile.
            drop(self.lock()?);
            outcome = self.find_or_make_key_once(id);
        }
        outcome?.ok_or_else(|| KeyStoreError::BadFile { path: self.store.path(&stem(id), KEY_SUFFIX) })
    }

    /// `None` if another process erases the key meanwhile. A key whose erasure a crash has interrupted is erased first.
    fn find_or_make_key_once(&self, id: &SubjectId) -> Result<Option<(KeyId, SecretKey)>, KeyStoreError> {
        let stem = stem(id);
        let is_erased = match self.store.find(&stem, KeyFileKind::Subject)? {
            FoundKey::File(file, _) => is_there(&self.mark(id, &file.id))?,
            FoundKey::Shredded => true,
            FoundKey::Absent => false,
        };
        if is_erased {
            self.erase(id, |key| is_there(&self.mark(id, key)))?;
        }
        find_or_make_once(&self.store, &stem, KeyFileKind::Subject, &self.holders, &self.keys)
    }

    /// Waits until no process erases keys of subjects, and keeps others from it until the file is dropped.
    fn lock(&self) -> Result<fs::File, KeyStoreError> {
        key_file::lock(&self.store.path(LOCK_FILE, ""))
    }

    /// The id of a subject, and its key to make tokens with.
    pub(crate) fn key_of_tokens(&self, subject: &str) -> Result<(SubjectId, Arc<SubjectKey>), KeyStoreError> {
        let id = self.id_of(subject);
        Ok((id, self.key_of(id)?))
    }

    /// The key of the tokens of a subject's key.
    pub(crate) fn existing_key_of_tokens(&self, subject: SubjectId, key: &KeyId) -> Result<TokenKey, SubjectError> {
        Ok(TokenKey::derived(&self.existing_secret(subject, key)?).map_err(KeyStoreError::from)?)
    }

    /// The key that sealed a value.
    fn existing_key(&self, subject: SubjectId, key: &KeyId) -> Result<AesKey, SubjectError> {
        Ok(self.existing_secret(subject, key)?.cipher().map_err(KeyStoreError::from)?)
    }

    fn existing_secret(&self, subject: SubjectId, key: &KeyId) -> Result<SecretKey, SubjectError> {
        let mark = self.mark(&subject, key);
        if is_there(&mark)? {
            return Err(SubjectError::Shredded);
        }
        match self.stored_secret(&subject, key) {
            // It was erased meanwhile: its file may be read by halves, or not at all.
            Err(_) | Ok(None) if is_there(&mark)? => Err(SubjectError::Shredded),
            found => found?.ok_or(SubjectError::NoKey),
        }
    }

    /// The key in the file of a subject, if it is this one.
    fn stored_secret(&self, subject: &SubjectId, key: &KeyId) -> Result<Option<SecretKey>, SubjectError> {
        match self.store.find(&stem(subject), KeyFileKind::Subject)? {
            FoundKey::File(file, path) if file.id == *key => Ok(Some(open(&file, path, &self.keys)?)),
            FoundKey::Shredded => Err(SubjectError::Shredded),
            _ => Ok(None),
        }
    }
}

/// All keys, and the first as the holder of new ones.
fn keys_and_holders(
    keys: impl IntoIterator<Item = KeyEncryptionKey>,
) -> Result<(Vec<KeyEncryptionKey>, KeyHolders), KeyStoreError> {
    let keys: Vec<KeyEncryptionKey> = keys.into_iter().collect();
    let Some(first) = keys.first().cloned() else { return Err(EncryptError::NoKeyHolder.into()) };
    Ok((keys, KeyHolders { recipients: Vec::new(), keys: vec![first] }))
}

fn stem(id: &SubjectId) -> String {
    format!("{SUBJECT_BEGINS}{}", HEXLOWER.encode(id))
}

fn associated(subject: &SubjectId, key: &KeyId) -> Vec<u8> {
    [VALUE_LABEL, subject, key].concat()
}

fn read(sealed: &str) -> Result<SealedValue, SubjectError> {
    let token = sealed.strip_prefix(TOKEN_BEGINS).and_then(|token| BASE64URL_NOPAD.decode(token.as_bytes()).ok());
    token.and_then(|token| parts_of(&token)).ok_or(SubjectError::NotSealed)
}

fn parts_of(token: &[u8]) -> Option<SealedValue> {
    let mut reader = ByteReader::new(token);
    let (subject, key, nonce) = (reader.array()?, reader.array()?, reader.array()?);
    Some(SealedValue { subject, key, nonce, sealed: reader.remaining().to_vec() })
}

/// The key of a file, which is made if it is not there, with its id.
fn find_or_make(
    store: &KeyStore,
    stem: &str,
    kind: KeyFileKind,
    holders: &KeyHolders,
    keys: &[KeyEncryptionKey],
) -> Result<(KeyId, SecretKey), KeyStoreError> {
    let found = find_or_make_once(store, stem, kind, holders, keys)?;
    found.ok_or_else(|| KeyStoreError::BadFile { path: store.path(stem, KEY_SUFFIX) })
}

/// As [`find_or_make`]; `None` if another process erases the key meanwhile.
fn find_or_make_once(
    store: &KeyStore,
    stem: &str,
    kind: KeyFileKind,
    holders: &KeyHolders,
    keys: &[KeyEncryptionKey],
) -> Result<Option<(KeyId, SecretKey)>, KeyStoreError> {
    if let Some(found) = find_key(store, stem, kind, keys)? {
        return Ok(Some(found));
    }
    let path = store.path(stem, KEY_SUFFIX);
    if kind == KeyFileKind::SubjectIndex && has_subjects(store)? {
        // Another process may have made both meanwhile.
        let found = find_key(store, stem, kind, keys)?;
        return found.map(Some).ok_or(KeyStoreError::NoSubjectIndex { path });
    }
    let (key, id) = (SecretKey::random()?, random()?);
    if KeyFile::new(kind, id, &key, holders)?.store(store, &path)? {
        return Ok(Some((id, key)));
    }
    // Another process was faster.
    find_key(store, stem, kind, keys)
}

fn find_key(
    store: &KeyStore,
    stem: &str,
    kind: KeyFileKind,
    keys: &[KeyEncryptionKey],
) -> Result<Option<(KeyId, SecretKey)>, KeyStoreError> {
    match store.find(stem, kind)? {
        FoundKey::File(file, path) => Ok(Some((file.id, open(&file, path, keys)?))),
        FoundKey::Shredded | FoundKey::Absent => Ok(None),
    }
}

/// Whether the store has files of subjects.
fn has_subjects(store: &KeyStore) -> Result<bool, KeyStoreError> {
    let read = KeyStoreError::io("read", store.directory());
    let is_of_subject = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with(SUBJECT_BEGINS);
    let mut entries = fs::read_dir(store.directory()).map_err(read)?;
    Ok(entries.any(|entry| entry.is_ok_and(is_of_subject)))
}

fn open(file: &KeyFile, path: PathBuf, keys: &[KeyEncryptionKey]) -> Result<SecretKey, KeyStoreError> {
    match file.open(&[], keys) {
        OpenedWrap::Key(key) => Ok(key),
        OpenedWrap::NoKey => Err(KeyStoreError::NoKey { path }),
        OpenedWrap::Damaged => Err(KeyStoreError::BadFile { path }),
    }
}

impl fmt::Debug for SubjectKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKeys").field("store", &self.store).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(directory: &tempfile::TempDir) -> KeyStore {
        KeyStore::open(directory.path().join("subjects")).unwrap()
    }

    #[test]
    fn values_of_a_subject_share_an_id_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SubjectKeys::open(store(&directory), [KeyEncryptionKey::generate().unwrap()]).unwrap();
        let [one, two, other] = ["a", "a", "b"].map(|subject| read(&keys.seal(subject, "value").unwrap()).unwrap());
        assert_eq!((one.subject, one.key), (two.subject, two.key));
        assert_ne!((one.nonce, &one.sealed), (two.nonce, &two.sealed));
        assert_ne!(one.subject, other.subject);
    }

    #[test]
    fn values_are_opened_after_a_restart_and_after_a_change_of_keys() {
        let directory = tempfile::tempdir().unwrap();
        let (old, new) = (KeyEncryptionKey::generate().unwrap(), KeyEncryptionKey::generate().unwrap());
        let sealed = SubjectKeys::open(store(&directory), [old.clone()]).unwrap().seal("a", "Zoë").unwrap();
        let both = SubjectKeys::open(store(&directory), [new.clone(), old]).unwrap();
        assert_eq!(both.unseal(&sealed).unwrap(), "Zoë");
        let id = read(&sealed).unwrap().subject;
        assert_eq!(read(&both.seal("a", "x").unwrap()).unwrap().subject, id, "the id of a subject stays");
        let error = SubjectKeys::open(store(&directory), [new]).unwrap_err();
        assert!(matches!(error, KeyStoreError::NoKey { .. }), "{error}");
    }

    #[test]
    fn an_erased_key_opens_nothing_and_later_values_have_another() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyEncryptionKey::generate().unwrap();
        let keys = SubjectKeys::open(store(&directory), [key.clone()]).unwrap();
        let other_process = SubjectKeys::open(store(&directory), [key]).unwrap();
        let [old, other] = ["a", "b"].map(|subject| keys.seal(subject, "value").unwrap());
        assert_eq!(other_process.unseal(&other_process.seal("a", "value").unwrap()).unwrap(), "value");
        assert!(keys.shred("a").unwrap());
        assert!(!keys.shred("a").unwrap());
        for keys in [keys, other_process] {
            assert!(matches!(keys.unseal(&old), Err(SubjectError::Shredded)));
            assert_eq!(keys.unseal(&other).unwrap(), "value");
            let new = keys.seal("a", "value").unwrap();
            assert_eq!(keys.unseal(&new).unwrap(), "value");
        }
    }

    #[test]
    fn a_reader_opens_the_keys_that_are_there_and_makes_none() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyEncryptionKey::generate().unwrap();
        let error = SubjectKeys::open_existing(store(&directory), [key.clone()]).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot read ") && error.to_string().ends_with("subjects.key"),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(store(&directory).directory()).unwrap().count(), 0);
        let sealed = SubjectKeys::open(store(&directory), [key.clone()]).unwrap().seal("a", "value").unwrap();
        assert_eq!(SubjectKeys::open_existing(store(&directory), [key]).unwrap().unseal(&sealed).unwrap(), "value");
        let other = KeyEncryptionKey::generate().unwrap();
        let error = SubjectKeys::open_existing(store(&directory), [other]).unwrap_err();
        assert!(matches!(error, KeyStoreError::NoKey { .. }), "{error}");
    }

    #[test]
    fn an_erasure_that_a_crash_has_interrupted_counts() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SubjectKeys::open(store(&directory), [KeyEncryptionKey::generate().unwrap()]).unwrap();
        let sealed = keys.seal("a", "value").unwrap();
        let SealedValue { subject, key, .. } = read(&sealed).unwrap();
        std::fs::write(keys.mark(&subject, &key), "").unwrap();
        lock(&keys.kept).clear();
        assert!(matches!(keys.unseal(&sealed), Err(SubjectError::Shredded)));
        let new = keys.seal("a", "value").unwrap();
        assert_ne!(read(&new).unwrap().key, key);
        assert_eq!(keys.unseal(&new).unwrap(), "value");
    }

    /// A value, and its key's file as a crash between the overwriting of the key and the removal of the file leaves it.
    fn overwritten(keys: &SubjectKeys, subject: &str) -> (String, PathBuf) {
        let sealed = keys.seal(subject, "value").unwrap();
        let SealedValue { subject, key, .. } = read(&sealed).unwrap();
        let path = keys.store.path(&stem(&subject), KEY_SUFFIX);
        fs::write(keys.mark(&subject, &key), "").unwrap();
        fs::write(&path, vec![0; fs::metadata(&path).unwrap().len() as usize]).unwrap();
        (sealed, path)
    }

    #[test]
    fn an_erasure_that_a_crash_has_interrupted_before_the_removal_stands_in_nobodys_way() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SubjectKeys::open(store(&directory), [KeyEncryptionKey::generate().unwrap()]).unwrap();
        let (sealed, path) = overwritten(&keys, "a");
        assert!(matches!(keys.unseal(&sealed), Err(SubjectError::Shredded)));
        let new = keys.seal("a", "value").unwrap();
        assert_eq!(keys.unseal(&new).unwrap(), "value");
        assert!(matches!(keys.unseal(&sealed), Err(SubjectError::Shredded)));

        let (_, other) = overwritten(&keys, "b");
        assert!(keys.shred("b").unwrap(), "the erasure is completed");
        assert!(!other.exists() && path.exists());
        assert!(!keys.shred("b").unwrap());
    }

    #[test]
    fn an_erasure_that_is_completed_late_erases_no_newer_key() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SubjectKeys::open(store(&directory), [KeyEncryptionKey::generate().unwrap()]).unwrap();
        let old = read(&keys.seal("a", "value").unwrap()).unwrap();
        keys.shred("a").unwrap();
        let new = keys.seal("a", "value").unwrap();
        // Another process has found the mark of the old key, and its file, before both changes.
        assert!(!keys.erase(&old.subject, |key| Ok(*key == old.key)).unwrap());
        lock(&keys.kept).clear();
        assert_eq!(keys.unseal(&new).unwrap(), "value");
    }

    #[test]
    fn processes_that_seal_and_shred_at_the_same_time_leave_no_value_without_a_key_or_a_mark() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyEncryptionKey::generate().unwrap();
        let processes: Vec<SubjectKeys> =
            (0..4).map(|_| SubjectKeys::open(store(&directory), [key.clone()]).unwrap()).collect();
        let sealed: Vec<String> = std::thread::scope(|scope| {
            let work = |keys: &SubjectKeys| -> Vec<String> {
                let values = (0..20).map(|_| {
                    let value = keys.seal("a", "value").unwrap();
                    keys.shred("a").unwrap();
                    value
                });
                values.collect()
            };
            let running: Vec<_> = processes.iter().map(|keys| scope.spawn(move || work(keys))).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        for value in sealed {
            let opened = processes[0].unseal(&value);
            assert!(matches!(opened, Err(SubjectError::Shredded)), "{opened:?}");
        }
    }

    #[test]
    fn a_store_that_has_lost_the_key_of_ids_is_refused_while_it_has_keys_of_subjects() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyEncryptionKey::generate().unwrap();
        let keys = SubjectKeys::open(store(&directory), [key.clone()]).unwrap();
        let index = keys.store.path(INDEX_STEM, KEY_SUFFIX);
        fs::remove_file(&index).unwrap();
        SubjectKeys::open(store(&directory), [key.clone()]).unwrap();
        keys.seal("a", "value").unwrap();
        fs::remove_file(&index).unwrap();
        let error = SubjectKeys::open(store(&directory), [key]).unwrap_err();
        assert!(matches!(&error, KeyStoreError::NoSubjectIndex { path } if *path == index), "{error}");
        assert!(!index.exists());
    }

    #[test]
    fn a_value_that_was_changed_or_is_none_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SubjectKeys::open(store(&directory), [KeyEncryptionKey::generate().unwrap()]).unwrap();
        let sealed = keys.seal("a", "value").unwrap();
        let token = BASE64URL_NOPAD.decode(sealed.strip_prefix(TOKEN_BEGINS).unwrap().as_bytes()).unwrap();
        for at in 0..token.len() {
            let mut changed = token.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1;
            }
            let changed = format!("{TOKEN_BEGINS}{}", BASE64URL_NOPAD.encode(&changed));
            match keys.unseal(&changed) {
                Err(SubjectError::NoKey) => assert!(at < 32, "byte {at}"),
                Err(SubjectError::Damaged) => assert!(at >= 32, "byte {at}"),
                other => panic!("byte {at}: {other:?}"),
            }
        }
        for text in ["", "value", "sealed1:", "sealed1:AAAA", "sealed1:?"] {
            assert!(matches!(keys.unseal(text), Err(SubjectError::NotSealed)), "{text}");
        }
    }

    #[test]
    fn neither_subject_nor_value_stands_in_the_token_or_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SubjectKeys::open(store(&directory), [KeyEncryptionKey::generate().unwrap()]).unwrap();
        let token = read(&keys.seal("customer-4711", "a planted value").unwrap()).unwrap().sealed;
        assert!(!token.windows(7).any(|window| window == b"planted"));
        for entry in std::fs::read_dir(keys.store.directory()).unwrap() {
            let entry = entry.unwrap();
            assert!(!entry.file_name().to_string_lossy().contains("4711"));
            assert!(!std::fs::read(entry.path()).unwrap().windows(4).any(|window| window == b"4711"));
        }
    }
}
