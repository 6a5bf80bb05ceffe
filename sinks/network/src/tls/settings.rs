//! The TLS settings of a sink.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use fapilog_plugin::{named_enum, problem::Problem, settings::SecretRef};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

use super::{LoadedConfig, Tls, certificates::CertificateFiles};

named_enum! {
    /// A version of TLS.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum TlsVersion {
        /// TLS 1.2 (RFC 5246).
        #[default]
        V1_2 = "1.2",
        /// TLS 1.3 (RFC 8446).
        V1_3 = "1.3",
    }
}

/// The setting `tls` of a network sink.
///
/// ```
/// use fapilog_sink_network::tls::TlsSettings;
///
/// let settings: TlsSettings = serde_json::from_str(r#"{
///     "ca_file": "/etc/ssl/collector-ca.pem",
///     "client_certificate": "/etc/ssl/app.pem",
///     "client_key": { "file": "/run/secrets/app.key" },
///     "min_version": "1.3"
/// }"#)?;
/// assert!(settings.client_key.is_some());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsSettings {
    /// A PEM file with the certificates of authorities: they alone are trusted then. Without it, those of the system are.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate that the sink shows to the server, and the chain behind it.
    pub client_certificate: Option<PathBuf>,
    /// The private key of that certificate, as PEM (PKCS 8, PKCS 1 or SEC 1).
    pub client_key: Option<SecretRef>,
    /// The name that the server's certificate must have, if it is another than that of the host.
    pub server_name: Option<String>,
    /// The lowest version that is accepted.
    pub min_version: TlsVersion,
}

impl TlsSettings {
    /// Reads the files and the key.
    ///
    /// # Errors
    /// All invalid settings, and files that cannot be read, with paths relative to the setting `tls`.
    pub fn load(&self) -> Result<Tls, Vec<Problem>> {
        let problems = self.check();
        if !problems.is_empty() {
            return Err(problems);
        }
        let files = CertificateFiles::new(self.clone());
        let stamps = files.stamps();
        let config = files.config().map_err(|problem| vec![problem])?;
        Ok(Tls {
            files: Arc::new(files),
            server_name: self.server_name.clone(),
            loaded: Arc::new(Mutex::new(LoadedConfig { config: Arc::new(config), stamps })),
        })
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&self.client_certificate, &self.client_key) {
            (Some(certificate), None) => {
                let value = certificate.display().to_string();
                problems.push(Problem::new("client_certificate", value, "it needs a client_key").beside("client_key"));
            }
            (None, Some(key)) => {
                let allowed = "it needs a client_certificate";
                problems.push(Problem::new("client_key", key, allowed).beside("client_certificate"));
            }
            _ => {}
        }
        if let Some(name) = &self.server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            problems.push(Problem::new(
                "server_name",
                format!("{name:?}"),
                "it must be the name of a host, or an address",
            ));
        }
        problems
    }
}
