//! Credentials of requests.

use fapilog_plugin::{problem::Problem, settings::SecretRef};
use serde::{Deserialize, Serialize};

use crate::settings::{OWN_HEADER_RULE, is_own_header};

/// The setting `auth`: one of three ways, or none. Secrets are references.
///
/// ```
/// use fapilog_sink_http::settings::AuthSettings;
///
/// let bearer: AuthSettings = serde_json::from_str(r#"{ "bearer": "${LOG_TOKEN}" }"#)?;
/// let basic: AuthSettings =
///     serde_json::from_str(r#"{ "basic": { "user": "shop", "password": { "file": "/run/secrets/logs" } } }"#)?;
/// let header: AuthSettings =
///     serde_json::from_str(r#"{ "header": { "name": "x-api-key", "value": "${LOG_KEY}" } }"#)?;
/// for auth in [bearer, basic, header] {
///     assert!(auth.check().is_empty());
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthSettings {
    /// `authorization: Bearer <secret>`.
    pub bearer: Option<SecretRef>,
    /// `authorization: Basic <user:password>`.
    pub basic: Option<BasicAuth>,
    /// Any other header with a secret.
    pub header: Option<HeaderAuth>,
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BasicAuth {
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretRef,
}

/// A header whose value is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HeaderAuth {
    /// The header.
    pub name: String,
    /// Its value, or what stands behind `prefix`.
    pub value: SecretRef,
    /// Text in front of the secret, such as `"Splunk "`.
    #[serde(default)]
    pub prefix: String,
}

impl AuthSettings {
    /// A bearer token.
    #[must_use]
    pub fn bearer(token: SecretRef) -> Self {
        Self { bearer: Some(token), ..Self::default() }
    }

    /// A user and a password.
    #[must_use]
    pub fn basic(user: impl Into<String>, password: SecretRef) -> Self {
        Self { basic: Some(BasicAuth { user: user.into(), password }), ..Self::default() }
    }

    /// A header whose value is `prefix` and the secret behind it.
    #[must_use]
    pub fn header(name: impl Into<String>, prefix: impl Into<String>, value: SecretRef) -> Self {
        let header = HeaderAuth { name: name.into(), value, prefix: prefix.into() };
        Self { header: Some(header), ..Self::default() }
    }

    /// Whether there are no credentials.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Invalid settings, with paths relative to the setting `auth`.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let ways = [self.bearer.is_some(), self.basic.is_some(), self.header.is_some()];
        let mut problems = Vec::new();
        let given = ways.iter().filter(|way| **way).count();
        if given > 1 {
            let allowed = "a request has one kind of credentials: bearer, basic, or header";
            problems.push(Problem::new("", format!("{given} kinds"), allowed));
        }
        if let Some(basic) = &self.basic
            && (basic.user.contains(':') || basic.user.chars().any(char::is_control))
        {
            let allowed = "a user has no colon and no control characters (RFC 7617)";
            problems.push(Problem::new("basic.user", format!("{:?}", basic.user), allowed));
        }
        if let Some(header) = &self.header {
            let problem = |allowed| Problem::new("header.name", format!("{:?}", header.name), allowed);
            match header.name.parse() {
                Ok(name) if is_own_header(&name) => problems.push(problem(OWN_HEADER_RULE)),
                Ok(_) => {}
                Err(_) => problems.push(problem("it must be the name of a header")),
            }
        }
        problems
    }
}
