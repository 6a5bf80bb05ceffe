//! Credentials, as headers.

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use fapilog_plugin::{
    problem::Problem,
    settings::{SecretBytes, SecretError, SecretRef},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use zeroize::Zeroizing;

use crate::settings::{AuthSettings, header_value};

/// The shortest time from one reading of a secret to the next. A secret may come from a program that takes long.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The header with the credentials. After an answer of 401 or 403 the secret is read again: it may have been renewed.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    settings: AuthSettings,
    header: Option<(HeaderName, HeaderValue)>,
    is_suspect: bool,
    read_at: Instant,
}

impl Credentials {
    /// Reads the secret. Problems have paths relative to the settings of the sink.
    pub(crate) fn read(settings: &AuthSettings) -> Result<Self, Vec<Problem>> {
        let below = |problem: Problem| problem.below("auth");
        let problems = settings.check();
        if !problems.is_empty() {
            return Err(problems.into_iter().map(below).collect());
        }
        let header = header_of(settings).map_err(|error| vec![below(error.problem())])?;
        Ok(Self { settings: settings.clone(), header, is_suspect: false, read_at: Instant::now() })
    }

    /// Sets the header.
    pub(crate) fn apply(&mut self, headers: &mut HeaderMap) {
        if self.is_suspect && self.read_at.elapsed() >= READ_AGAIN_AFTER {
            self.read_at = Instant::now();
            // A secret that is unreadable for a moment leaves the former one in use: the destination decides.
            if let Ok(header) = header_of(&self.settings) {
                self.header = header;
            }
            self.is_suspect = false;
        }
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// The destination has refused them.
    pub(crate) fn suspect(&mut self) {
        self.is_suspect = true;
    }
}

/// Why there is no header.
enum CredentialsError {
    Unreadable { setting: &'static str, error: SecretError },
    NoHeader { setting: &'static str, reference: String },
}

impl CredentialsError {
    fn problem(self) -> Problem {
        match self {
            Self::Unreadable { setting, error } => error.problem(setting),
            Self::NoHeader { setting, reference } => {
                Problem::new(setting, reference, "it must lead to one line of visible ASCII characters")
            }
        }
    }
}

fn header_of(settings: &AuthSettings) -> Result<Option<(HeaderName, HeaderValue)>, CredentialsError> {
    if let Some(token) = &settings.bearer {
        let value = value_of("bearer", "Bearer ", token, read("bearer", token)?.expose())?;
        return Ok(Some((header::AUTHORIZATION, value)));
    }
    if let Some(basic) = &settings.basic {
        let password = read("basic.password", &basic.password)?;
        let pair = Zeroizing::new([basic.user.as_bytes(), b":", password.expose()].concat());
        let encoded = Zeroizing::new(BASE64.encode(&pair));
        let value = value_of("basic.password", "Basic ", &basic.password, encoded.as_bytes())?;
        return Ok(Some((header::AUTHORIZATION, value)));
    }
    if let Some(other) = &settings.header {
        let secret = read("header.value", &other.value)?;
        let value = value_of("header.value", &other.prefix, &other.value, secret.expose())?;
        // The name was checked.
        return Ok(other.name.parse().ok().map(|name: HeaderName| (name, value)));
    }
    Ok(None)
}

fn read(setting: &'static str, reference: &SecretRef) -> Result<SecretBytes, CredentialsError> {
    reference.read().map_err(|error| CredentialsError::Unreadable { setting, error })
}

/// The value of a header. It is a copy that the header's type does not wipe; it marks it as sensitive, so that no `Debug` shows it.
fn value_of(
    setting: &'static str,
    prefix: &str,
    reference: &SecretRef,
    secret: &[u8],
) -> Result<HeaderValue, CredentialsError> {
    let text = Zeroizing::new([prefix.as_bytes(), secret].concat());
    let mut value =
        header_value(&text).ok_or_else(|| CredentialsError::NoHeader { setting, reference: reference.to_string() })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(settings: &AuthSettings) -> (String, String) {
        let mut headers = HeaderMap::new();
        Credentials::read(settings).unwrap().apply(&mut headers);
        let (name, value) = headers.iter().next().unwrap();
        assert!(value.is_sensitive());
        (name.to_string(), value.to_str().unwrap().to_owned())
    }

    fn secret(text: &str) -> SecretRef {
        SecretRef::bytes(text.as_bytes().to_vec())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn each_kind_of_credentials_is_a_header() {
        let bearer = AuthSettings::bearer(secret("t0k3n"));
        assert_eq!(header(&bearer), pair("authorization", "Bearer t0k3n"));
        // The example of RFC 7617.
        let basic = AuthSettings::basic("Aladdin", secret("open sesame"));
        assert_eq!(header(&basic), pair("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        let other = AuthSettings::header("X-Api-Key", "", secret("k3y"));
        assert_eq!(header(&other), pair("x-api-key", "k3y"));
    }

    #[test]
    fn a_secret_that_is_no_header_is_refused_and_not_shown() {
        for text in ["two\nlines", "caf\u{e9}", "\u{7f}"] {
            let problem = Credentials::read(&AuthSettings::bearer(secret(text))).unwrap_err().remove(0);
            assert_eq!(problem.path, "auth.bearer");
            assert!(!problem.to_string().contains(text), "{problem}");
        }
    }

    #[test]
    fn a_secret_that_was_refused_is_read_again_after_a_time() {
        let file = std::env::temp_dir().join(format!("fapilog-credentials-{}", std::process::id()));
        let write = |text: &str| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        write("first");
        let mut credentials = Credentials::read(&AuthSettings::bearer(SecretRef::file(&file))).unwrap();
        let value = |credentials: &mut Credentials| {
            let mut headers = HeaderMap::new();
            credentials.apply(&mut headers);
            headers[header::AUTHORIZATION].to_str().unwrap().to_owned()
        };
        write("second");
        credentials.read_at -= READ_AGAIN_AFTER;
        assert_eq!(value(&mut credentials), "Bearer first");
        credentials.suspect();
        assert_eq!(value(&mut credentials), "Bearer second");
        std::fs::remove_file(&file).unwrap();
        credentials.suspect();
        credentials.read_at -= READ_AGAIN_AFTER;
        assert_eq!(value(&mut credentials), "Bearer second");
    }

    #[test]
    fn two_kinds_of_credentials_are_refused() {
        let mut auth = AuthSettings::bearer(secret("a"));
        auth.basic = AuthSettings::basic("b", secret("c")).basic;
        let problem = Credentials::read(&auth).unwrap_err().remove(0);
        let expected = "auth is 2 kinds; a request has one kind of credentials: bearer, basic, or header";
        assert_eq!(problem.to_string(), expected);
    }
}
