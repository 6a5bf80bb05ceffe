//! The DSN of a project: its endpoint, and the public key.

use fapilog_plugin::settings::SecretBytes;

/// The name of the sender.
pub(crate) const CLIENT: &str = concat!("fapilog/", env!("CARGO_PKG_VERSION"));

/// A DSN in its parts: `https://key@host/path/project`.
pub(crate) struct SentryDsn {
    /// The endpoint of envelopes, without the key.
    pub(crate) url: String,
    /// The value of the header `x-sentry-auth`.
    pub(crate) auth: SecretBytes,
}

impl SentryDsn {
    /// Reads a DSN. `None`: it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, behind) = text.split_once("://")?;
        let (keys, place) = behind.split_once('@')?;
        // The secret key behind the colon is of old SDKs.
        let key = keys.split(':').next()?;
        let (host_and_path, project) = place.trim_end_matches('/').rsplit_once('/')?;
        let (host, path) = host_and_path.split_at(host_and_path.find('/').unwrap_or(host_and_path.len()));
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_project = !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_digit());
        if !is_key || !is_project || host.is_empty() || place.contains(['@', '?', '#']) {
            return None;
        }
        let url = format!("{scheme}://{host}{path}/api/{project}/envelope/");
        let front = b"Sentry sentry_version=7, sentry_client=";
        let auth = SecretBytes::new([front, CLIENT.as_bytes(), b", sentry_key=", key.as_bytes()].concat());
        Some(Self { url, auth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_has_an_endpoint_and_a_key() {
        let url = |text| SentryDsn::parse(text).map(|dsn| dsn.url);
        let hosted = "https://k3y@o1.ingest.example.com/42";
        assert_eq!(url(hosted).as_deref(), Some("https://o1.ingest.example.com/api/42/envelope/"));
        let below = url("http://k3y:old@127.0.0.1:9000/sentry/7/");
        assert_eq!(below.as_deref(), Some("http://127.0.0.1:9000/sentry/api/7/envelope/"));
        let expected = format!("Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key=k3y");
        assert_eq!(SentryDsn::parse(hosted).unwrap().auth.expose(), expected.as_bytes());
    }

    #[test]
    fn a_text_that_is_no_dsn_is_none() {
        for text in [
            "",
            "k3y",
            "https://host/1",
            "https://@host/1",
            "https://k3y@host",
            "https://k3y@host/shop",
            "https://k@y@host/1",
        ] {
            assert!(SentryDsn::parse(text).is_none(), "{text}");
        }
    }
}
