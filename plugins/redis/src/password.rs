//! The password of a connection.

use std::time::{Duration, Instant};

use fapilog_plugin::settings::{SecretBytes, SecretError, SecretRef};

/// The shortest time from one reading to the next. A secret may come from a program that takes long.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A password, which is read again after the server has refused it: it may have been renewed.
pub(crate) struct RedisPassword {
    reference: SecretRef,
    secret: SecretBytes,
    is_suspect: bool,
    read_at: Instant,
}

impl RedisPassword {
    pub(crate) fn read(reference: &SecretRef) -> Result<Self, SecretError> {
        let secret = reference.read()?;
        Ok(Self { reference: reference.clone(), secret, is_suspect: false, read_at: Instant::now() })
    }

    /// The server has refused it.
    pub(crate) fn suspect(&mut self) {
        self.is_suspect = true;
    }

    /// Reads it again, if the server has refused it. A secret that is unreadable for a moment leaves the former one in use.
    pub(crate) fn renew(&mut self) {
        if self.is_suspect && self.read_at.elapsed() >= READ_AGAIN_AFTER {
            self.read_at = Instant::now();
            if let Ok(secret) = self.reference.read() {
                self.secret = secret;
            }
            self.is_suspect = false;
        }
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.secret.expose()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_password_that_was_refused_is_read_again_after_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        let write = |text: &str| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("first");
        let mut password = RedisPassword::read(&SecretRef::file(&file)).unwrap();
        write("second");
        let mut exposed = |is_suspect: bool, is_old: bool| {
            if is_suspect {
                password.suspect();
            }
            if is_old {
                password.read_at = Instant::now().checked_sub(READ_AGAIN_AFTER).unwrap();
            }
            password.renew();
            String::from_utf8(password.expose().to_vec()).unwrap()
        };
        assert_eq!(exposed(false, true), "first");
        assert_eq!(exposed(true, true), "second");
        fs::remove_file(&file).unwrap();
        assert_eq!(exposed(true, true), "second");
    }
}
