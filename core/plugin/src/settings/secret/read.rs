//! Reads the secret behind a reference.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::{SecretBytes, SecretError, SecretRef, command::output_of, reference::SecretSource, unread::is_check};

/// The most bytes of a variable, a file or an output.
pub(super) const BYTES_MAX: usize = 64 << 10;

impl SecretRef {
    /// Reads the secret: each call anew, so that a reload finds a new one. A program that is run may take 10 s.
    ///
    /// A secret has 64 KiB at most. A line feed at the end of a file or of an output is removed, and no second.
    ///
    /// # Errors
    /// During a check of settings, such as `Settings::check` and `fapilog check`, which reads no secrets. When there is no secret, when other users can read its file, or when its text is not of the encoding that the settings
    /// name.
    pub fn read(&self) -> Result<SecretBytes, SecretError> {
        let mut text = match self.source() {
            SecretSource::Bytes(secret) => return self.of_code(secret),
            _ if is_check() => return Err(SecretError::Unread { reference: self.to_string() }),
            SecretSource::Env(name) => self.of_environment(name)?,
            SecretSource::File(path) => without_line_feed(self.of_file(path)?),
            SecretSource::Command(words) => without_line_feed(output_of(self, words)?),
        };
        if text.len() > BYTES_MAX {
            return Err(self.too_long());
        }
        text = self
            .text_encoding()
            .decode(text)
            .ok_or_else(|| SecretError::NotEncoded { reference: self.to_string(), encoding: self.text_encoding() })?;
        // A vector may have room behind its end: the copy has none, and both are wiped.
        self.not_empty(SecretBytes::copy_of(&text))
    }

    fn of_code(&self, secret: &SecretBytes) -> Result<SecretBytes, SecretError> {
        self.not_empty(secret.duplicate())
    }

    fn not_empty(&self, secret: SecretBytes) -> Result<SecretBytes, SecretError> {
        if secret.is_empty() { Err(SecretError::Empty { reference: self.to_string() }) } else { Ok(secret) }
    }

    pub(super) fn too_long(&self) -> SecretError {
        SecretError::TooLong { reference: self.to_string(), bytes_max: BYTES_MAX }
    }

    fn of_environment(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        // The environment of the process keeps its copy: only the program could remove that.
        let value = env::var_os(name).ok_or_else(|| SecretError::NotSet { reference: self.to_string() })?;
        Ok(Zeroizing::new(value.into_encoded_bytes()))
    }

    fn of_file(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let file = open(path).map_err(|error| self.unreadable(error))?;
        self.check_file(&file)?;
        let mut text = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
        let limit = text.capacity() as u64;
        file.take(limit).read_to_end(&mut text).map_err(|error| self.unreadable(error))?;
        Ok(text)
    }

    /// Checks the file that is open, so that no other can take its place between the check and the reading.
    fn check_file(&self, file: &File) -> Result<(), SecretError> {
        let metadata = file.metadata().map_err(|error| self.unreadable(error))?;
        if !metadata.is_file() {
            return Err(SecretError::NotAFile { reference: self.to_string() });
        }
        let mode = metadata.mode() & 0o777;
        let wanted = mode & !forbidden_bits(metadata.uid(), geteuid().as_raw());
        if mode != wanted && !self.allows_readable_by_others() {
            return Err(SecretError::ReadableByOthers { reference: self.to_string(), mode, wanted });
        }
        Ok(())
    }

    fn unreadable(&self, error: io::Error) -> SecretError {
        SecretError::Unreadable { reference: self.to_string(), error }
    }
}

/// The bits of a mode that let others read or change a file of this owner. The program's own file is for its user only, as ssh
/// and PostgreSQL have it. A file of root or of another user reaches the program through its group, so that may read it.
fn forbidden_bits(owner: u32, user: u32) -> u32 {
    let is_own = owner != 0 && owner == user;
    if is_own { 0o077 } else { 0o027 }
}

/// Opens the file without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

fn without_line_feed(mut text: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if text.ends_with(b"\n") {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::settings::SecretEncoding;

    /// A file with this content and mode, for as long as the directory lives.
    fn file(directory: &tempfile::TempDir, content: impl AsRef<[u8]>, mode: u32) -> SecretRef {
        let path = directory.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        SecretRef::file(path)
    }

    fn in_directory() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_file_gives_its_content_without_one_line_feed() {
        let directory = in_directory();
        for (content, secret) in [("hunter2", "hunter2"), ("hunter2\n", "hunter2"), ("hunter2\n\n", "hunter2\n")] {
            assert_eq!(file(&directory, content, 0o600).read().unwrap().expose_text(), Ok(secret));
        }
    }

    #[test]
    fn a_variable_gives_its_value_and_its_absence_is_an_error() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(SecretRef::env("PATH").read().unwrap().expose_text(), Ok(path.as_str()));
        let error = SecretRef::env("FAPILOG_TEST_NO_SUCH_KEY").read().unwrap_err();
        assert!(matches!(error, SecretError::NotSet { .. }), "{error}");
        assert_eq!(error.to_string(), "${FAPILOG_TEST_NO_SUCH_KEY} names a variable that is not set");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_unless_the_settings_allow_it() {
        let directory = in_directory();
        for mode in [0o644, 0o604, 0o622, 0o606] {
            let reference = file(&directory, "hunter2", mode);
            let error = reference.read().unwrap_err();
            assert!(matches!(error, SecretError::ReadableByOthers { mode: found, .. } if found == mode), "{error}");
            assert!(error.to_string().contains(&format!("has mode {mode:o}")), "{error}");
            assert_eq!(reference.allow_readable_by_others(true).read().unwrap().expose(), b"hunter2");
        }
        assert_eq!(file(&directory, "hunter2", 0o400).read().unwrap().expose(), b"hunter2");
    }

    #[test]
    fn a_group_may_read_the_files_of_others_and_not_the_programs_own() {
        let (root, user, other) = (0, 1000, 1001);
        assert_eq!(forbidden_bits(user, user), 0o077);
        for (owner, user) in [(root, user), (other, user), (root, root)] {
            assert_eq!(forbidden_bits(owner, user), 0o027, "{owner}, {user}");
        }
    }

    #[test]
    fn a_path_that_is_no_file_is_an_error_and_no_wait() {
        let directory = in_directory();
        let error = SecretRef::file(directory.path()).read().unwrap_err();
        assert!(matches!(error, SecretError::NotAFile { .. }), "{error}");
        let pipe = directory.path().join("pipe");
        let path = std::ffi::CString::new(pipe.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the path ends in a zero.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        let error = SecretRef::file(&pipe).read().unwrap_err();
        assert!(matches!(error, SecretError::NotAFile { .. }), "{error}");
        let error = SecretRef::file(directory.path().join("none")).read().unwrap_err();
        assert!(matches!(&error, SecretError::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn an_empty_secret_is_an_error() {
        let directory = in_directory();
        for content in ["", "\n"] {
            let error = file(&directory, content, 0o600).read().unwrap_err();
            assert!(matches!(error, SecretError::Empty { .. }), "{error}");
        }
        assert!(matches!(SecretRef::bytes("").read().unwrap_err(), SecretError::Empty { .. }));
        assert!(matches!(SecretRef::command("true", [""; 0]).read().unwrap_err(), SecretError::Empty { .. }));
    }

    #[test]
    fn a_secret_has_64_kib_at_most() {
        let directory = in_directory();
        let longest = "x".repeat(BYTES_MAX);
        assert_eq!(file(&directory, &longest, 0o600).read().unwrap().len(), BYTES_MAX);
        assert_eq!(file(&directory, format!("{longest}\n"), 0o600).read().unwrap().len(), BYTES_MAX);
        for content in [format!("{longest}x"), longest.repeat(2)] {
            let error = file(&directory, content, 0o600).read().unwrap_err();
            assert!(matches!(error, SecretError::TooLong { bytes_max: BYTES_MAX, .. }), "{error}");
        }
    }

    #[test]
    fn the_encoding_is_that_of_the_settings() {
        let directory = in_directory();
        let hex = file(&directory, "68756e74657232\n", 0o600).encoding(SecretEncoding::Hex);
        assert_eq!(hex.read().unwrap().expose(), b"hunter2");
        let base64 = file(&directory, "aHVudGVyMg==\n", 0o600).encoding(SecretEncoding::Base64);
        assert_eq!(base64.read().unwrap().expose(), b"hunter2");
    }

    #[test]
    fn a_text_of_another_encoding_is_refused_and_not_repeated() {
        let directory = in_directory();
        for encoding in [SecretEncoding::Hex, SecretEncoding::Base64] {
            let error = file(&directory, "hunter 2", 0o600).encoding(encoding).read().unwrap_err();
            assert!(matches!(error, SecretError::NotEncoded { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
        }
    }

    #[test]
    fn a_problem_names_the_setting_the_reference_and_the_reason() {
        let problem = SecretRef::file("/none").read().unwrap_err().problem("key");
        let text = "key is file /none; cannot be read: No such file or directory (os error 2)";
        assert_eq!(problem.to_string(), text);
        assert_eq!(problem.cause.unwrap().error().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn an_error_has_the_cause_once() {
        for absent in [SecretRef::file("/none"), SecretRef::command("/none", [""])] {
            let mut text = String::new();
            fapilog_record::user_code::write_error_chain(&absent.read().unwrap_err(), &mut text, |_| ()).unwrap();
            assert_eq!(text.matches("No such file or directory").count(), 1, "{text}");
        }
    }

    #[test]
    fn the_reference_of_a_secret_of_code_is_redacted() {
        let reference = SecretRef::bytes("hunter2");
        assert_eq!(format!("{reference} {reference:?}"), "[redacted] SecretRef([redacted])");
        assert_eq!(reference.clone().read().unwrap().expose(), b"hunter2");
        assert_ne!(reference, SecretRef::bytes("hunter3"));
    }
}
