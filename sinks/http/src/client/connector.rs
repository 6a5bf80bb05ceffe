//! NetworkConnector for the HTTP library, by the crate that all network sinks share.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog_plugin::{settings::Endpoint, threads::lock};
use fapilog_sink_network::{address::AddressPolicy, dial::Dialer, tls::Tls};
use http::Uri;
use ureq::{
    config::Config,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, LazyBuffers, NextTimeout},
    },
};

use crate::client::transport::NetworkTransport;

/// Makes connections to the one destination of a client.
#[derive(Debug, Clone)]
pub(super) struct NetworkConnector {
    dialer: Arc<Mutex<Dialer>>,
    connect_timeout: Duration,
    made: Arc<AtomicU64>,
}

impl NetworkConnector {
    pub(super) fn new(endpoint: &Endpoint, policy: AddressPolicy, tls: Option<Tls>, connect_timeout: Duration) -> Self {
        let default_port = if endpoint.is_tls() { 443 } else { 80 };
        let dialer = Dialer::new(endpoint, default_port, policy);
        let dialer = if let Some(tls) = tls { dialer.tls(tls) } else { dialer };
        Self { dialer: Arc::new(Mutex::new(dialer)), connect_timeout, made: Arc::default() }
    }

    /// The number of connections so far. A request that leaves it as it was went out on one that was kept.
    pub(super) fn made(&self) -> u64 {
        // Relaxed: the client's thread alone counts and reads; pairs with `made`.
        self.made.load(Ordering::Relaxed)
    }
}

impl Connector for NetworkConnector {
    type Out = NetworkTransport;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<NetworkTransport>, ureq::Error> {
        let left = if details.timeout.after.is_not_happening() { self.connect_timeout } else { *details.timeout.after };
        let deadline = Instant::now() + left.min(self.connect_timeout);
        let connection = lock(&self.dialer).dial(deadline).map_err(|error| ureq::Error::Other(error.into()))?;
        // Relaxed: the client's thread alone counts and reads; pairs with `made`.
        self.made.fetch_add(1, Ordering::Relaxed);
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(NetworkTransport::new(connection, buffers)))
    }
}

/// The dialer resolves names itself, and looks at the addresses: the HTTP library gets an address that nobody uses.
#[derive(Debug)]
pub(super) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(addresses)
    }
}
