//! Certificates for tests, made at run time.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

/// A certificate authority. Its files are in a temporary directory that is removed with it.
#[derive(Debug)]
pub struct TestCa {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

/// A certificate and its private key, as PEM and as files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedCertificate {
    /// The certificate as PEM.
    pub certificate_pem: String,
    /// The private key (PKCS #8) as PEM.
    pub key_pem: String,
    /// The file with the certificate.
    pub certificate_path: PathBuf,
    /// The file with the private key. It may be read by every user, as servers of tests run as other users.
    pub key_path: PathBuf,
}

impl TestCa {
    /// A new authority, which nobody trusts yet.
    #[must_use]
    pub fn new() -> Self {
        let mut params = params(&[], "fapilog test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let certificate_pem = params.self_signed(&key).expect("a certificate of the CA").pem();
        let folder = tempfile::Builder::new().prefix("fapilog-ca-").tempdir().expect("a temporary directory");
        let ca = Self { folder, issuer: Issuer::new(params, key), certificate_pem };
        make_readable(ca.directory(), 0o755);
        write(&ca.certificate_path(), &ca.certificate_pem);
        ca
    }

    /// The directory of all files of this authority.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's certificate as PEM: the one to trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The file with the authority's certificate.
    #[must_use]
    pub fn certificate_path(&self) -> PathBuf {
        self.directory().join("ca.pem")
    }

    /// A certificate for a server at `localhost`, `127.0.0.1` and `::1`.
    #[must_use]
    pub fn server(&self) -> IssuedCertificate {
        self.server_for(&["localhost", "127.0.0.1", "::1"])
    }

    /// A certificate for a server with these DNS names and IP addresses.
    #[must_use]
    pub fn server_for(&self, names: &[&str]) -> IssuedCertificate {
        self.issue("server", params(names, "fapilog test server"), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a server as `server` makes it, which expired in 2001.
    #[must_use]
    pub fn expired_server(&self) -> IssuedCertificate {
        let mut params = params(&["localhost", "127.0.0.1", "::1"], "fapilog test server");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.issue("expired", params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client, with its common name.
    #[must_use]
    pub fn client(&self, common_name: &str) -> IssuedCertificate {
        self.issue("client", params(&[], common_name), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, role: &str, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> IssuedCertificate {
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key");
        let certificate_pem = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let stem = self.unused_stem(role);
        let issued = IssuedCertificate {
            certificate_pem,
            key_pem: key.serialize_pem(),
            certificate_path: self.directory().join(format!("{stem}.pem")),
            key_path: self.directory().join(format!("{stem}-key.pem")),
        };
        write(&issued.certificate_path, &issued.certificate_pem);
        write(&issued.key_path, &issued.key_pem);
        issued
    }

    fn unused_stem(&self, role: &str) -> String {
        let mut stems = (1..).map(|number| format!("{role}-{number}"));
        let is_unused = |stem: &String| !self.directory().join(format!("{stem}.pem")).exists();
        stems.find(is_unused).unwrap_or_else(|| role.to_owned())
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of a certificate");
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn write(path: &Path, pem: &str) {
    fs::write(path, pem).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    make_readable(path, 0o644);
}

fn make_readable(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
