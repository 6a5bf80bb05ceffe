//! Connections to servers on loopback.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod dial;
mod server;
mod tls;

use std::time::{Duration, Instant};

use fapilog_plugin::settings::Endpoint;
use fapilog_sink_network::{
    ConnectError, address::AddressPolicy, connection::NetworkConnection, dial::Dialer, tls::Tls,
};

/// Time for what must succeed.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url, &["tcp", "tls"], &["169.254.169.254".to_owned()]).unwrap()
}

fn dial_tls(port: u16, tls: &Tls, deadline: Instant) -> Result<NetworkConnection, ConnectError> {
    let endpoint = endpoint(&format!("tls://localhost:{port}"));
    Dialer::new(&endpoint, 0, AddressPolicy::default()).tls(tls.clone()).dial(deadline)
}
