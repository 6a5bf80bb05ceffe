//! Certificates and keys in files.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use fapilog_plugin::{problem::Problem, settings::is_check};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use crate::tls::{TlsSettings, TlsVersion};

const BOTH_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const NEWEST_VERSION: &[&SupportedProtocolVersion] = &[&TLS13];

/// The longest PEM file. A bundle of all authorities that browsers trust has 220 KiB.
const PEM_BYTES_MAX: u64 = 16 << 20;

/// The files that the settings name.
pub(super) struct CertificateFiles {
    settings: TlsSettings,
}

/// A value that changes with the content of a file: inode, length, and the time of the last change of its content, with nanoseconds.
pub(super) type FileStamps = Vec<Option<(u64, u64, i64, i64)>>;

impl CertificateFiles {
    pub(super) fn new(settings: TlsSettings) -> Self {
        Self { settings }
    }

    pub(super) fn stamps(&self) -> FileStamps {
        let files = [&self.settings.ca_file, &self.settings.client_certificate];
        files.into_iter().flatten().map(|path| stamp(path)).collect()
    }

    /// Reads them. A problem's path is relative to the setting `tls`.
    pub(super) fn config(&self) -> Result<ClientConfig, Problem> {
        let versions = match self.settings.min_version {
            TlsVersion::V1_2 => BOTH_VERSIONS,
            TlsVersion::V1_3 => NEWEST_VERSION,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| Problem::new("min_version", self.settings.min_version, error.to_string()))?
            .with_root_certificates(self.roots()?);
        let Some((chain, key)) = self.client()? else { return Ok(builder.with_no_client_auth()) };
        builder.with_client_auth_cert(chain, key).map_err(|error| {
            let value = self.settings.client_key.as_ref().map(ToString::to_string).unwrap_or_default();
            Problem::new("client_key", value, format!("it must be the key of client_certificate: {error}"))
        })
    }

    /// None in a check of settings, which may run on another machine.
    fn roots(&self) -> Result<RootCertStore, Problem> {
        let mut roots = RootCertStore::empty();
        if is_check() {
            return Ok(roots);
        }
        match &self.settings.ca_file {
            Some(path) => {
                for certificate in certificates("ca_file", path)? {
                    roots.add(certificate).map_err(|error| invalid("ca_file", path, &error.to_string()))?;
                }
            }
            // Certificates of the system that rustls cannot read are left out, as other programs do.
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        if roots.is_empty() {
            let allowed =
                "the system has no certificates of authorities; name a file of them, or install ca-certificates";
            return Err(Problem::new("ca_file", "missing", allowed));
        }
        Ok(roots)
    }

    fn client(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Problem> {
        let (Some(path), Some(reference)) = (&self.settings.client_certificate, &self.settings.client_key) else {
            return Ok(None);
        };
        if is_check() {
            return Ok(None);
        }
        let chain = certificates("client_certificate", path)?;
        let secret = reference.read().map_err(|error| error.problem("client_key"))?;
        let key = PrivateKeyDer::from_pem_slice(secret.expose()).map_err(|_| {
            Problem::new("client_key", reference, "it must lead to a private key as PEM: PKCS 8, PKCS 1 or SEC 1")
        })?;
        Ok(Some((chain, key)))
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let pem = read_file(path).map_err(|error| {
        Problem::new(setting, path.display().to_string(), format!("it cannot be read: {error}")).caused_by(error)
    })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(invalid(setting, path, "it has none")),
        Err(error) => Err(invalid(setting, path, &error.to_string())),
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    if metadata.len() > PEM_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 16 MiB"));
    }
    fs::read(path)
}

fn invalid(setting: &str, path: &Path, reason: &str) -> Problem {
    let allowed = format!("it must be a PEM file of certificates: {reason}");
    Problem::new(setting, path.display().to_string(), allowed)
}
