//! TLS of the server, by rustls.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::ca::{IssuedCertificate, TestCa};

/// Whether a client must have a certificate of the authority.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ClientCertificate {
    NotAsked,
    Required,
}

pub(super) fn server_config(ca: &TestCa, server: &IssuedCertificate, client: ClientCertificate) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("versions of TLS");
    let builder = match client {
        ClientCertificate::NotAsked => builder.with_no_client_auth(),
        ClientCertificate::Required => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(ca.certificate_pem())).expect("the certificate of the CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier of clients"))
        }
    };
    let key = PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes()).expect("a private key");
    let mut config = builder.with_single_cert(vec![certificate(&server.certificate_pem)], key).expect("a certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate as PEM")
}
