//! TLS of network sinks, by rustls: versions 1.2 and 1.3, the certificate of the server is always checked.
//!
//! No setting disables the check of certificates. A server with a certificate of its own authority is reached by `ca_file`.

mod certificates;
mod settings;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use fapilog_plugin::threads::lock;
use rustls::ClientConfig;

pub use settings::{TlsSettings, TlsVersion};

use crate::tls::certificates::{CertificateFiles, FileStamps};

/// Certificates and keys, ready for connections.
///
/// The files are looked at before each connection, and are read again when one of them has changed: a certificate that is renewed is used without
/// a restart. Files that cannot be read then leave the former ones in use.
#[derive(Clone)]
pub struct Tls {
    files: Arc<CertificateFiles>,
    server_name: Option<String>,
    loaded: Arc<Mutex<LoadedConfig>>,
}

/// The configuration of rustls, and the files as they were when it was made.
struct LoadedConfig {
    config: Arc<ClientConfig>,
    stamps: FileStamps,
}

impl Tls {
    /// The configuration of rustls, for a client library with a connection of its own.
    #[must_use]
    pub fn client_config(&self) -> Arc<ClientConfig> {
        let mut loaded = lock(&self.loaded);
        let stamps = self.files.stamps();
        if stamps != loaded.stamps {
            // Files that are in the middle of their renewal are read again at the next connection: a certificate comes before its key, whose
            // file has no stamp.
            if let Ok(config) = self.files.config() {
                *loaded = LoadedConfig { config: Arc::new(config), stamps };
            }
        }
        Arc::clone(&loaded.config)
    }

    /// The name that the certificate of the server must have, if it is not that of the host.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }
}

/// Without keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}
