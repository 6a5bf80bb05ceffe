//! The servers of a cluster: those of the settings, and those that `INFO` names.

use fapilog_plugin::{settings::Endpoint, uuid_v7::random_part};
use fapilog_sink_network::{address::AddressPolicy, dial::Dialer, tls::Tls};

use crate::settings::{NatsTarget, SCHEMES, url_of};

const PORT: u16 = 4222;
/// The most servers that `INFO` may add.
const DISCOVERED_MAX: usize = 64;
const URL_BYTES_MAX: usize = 300;

/// A server.
pub(crate) struct NatsServer {
    pub(crate) url: String,
    pub(crate) dialer: Dialer,
    pub(crate) is_tls: bool,
    is_discovered: bool,
}

/// Servers in the order in which they are connected to.
pub(crate) struct NatsServers {
    list: Vec<NatsServer>,
    next: usize,
    tls: Option<Tls>,
    policy: AddressPolicy,
    allow_plaintext_hosts: Vec<String>,
    discovers: bool,
    /// Whether the settings name the certificates of authorities.
    has_own_authority: bool,
}

impl NatsServers {
    /// It begins with any of them, so that the clients of a cluster are spread.
    pub(crate) fn new(target: &NatsTarget, tls: Option<Tls>) -> Self {
        let settings = &target.settings;
        let mut servers = Self {
            list: Vec::new(),
            next: 0,
            tls,
            policy: AddressPolicy::default().allow(settings.allow_addresses.iter().copied()),
            allow_plaintext_hosts: settings.allow_plaintext_hosts.clone(),
            discovers: settings.discover_servers,
            has_own_authority: settings.tls.as_ref().is_some_and(|tls| tls.ca_file.is_some()),
        };
        for endpoint in &target.endpoints {
            let server = servers.server(endpoint, false);
            servers.list.push(server);
        }
        let random = random_part().iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
        servers.next = random.checked_rem(servers.list.len()).unwrap_or(0);
        servers
    }

    fn server(&self, endpoint: &Endpoint, is_discovered: bool) -> NatsServer {
        let dialer = Dialer::new(endpoint, PORT, self.policy.clone());
        let dialer = match &self.tls {
            Some(tls) => dialer.tls(tls.clone()),
            None => dialer,
        };
        NatsServer { url: url_of(endpoint), dialer, is_tls: endpoint.is_tls(), is_discovered }
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// The server that is connected to next.
    pub(crate) fn current(&mut self) -> Option<&mut NatsServer> {
        self.list.get_mut(self.next)
    }

    /// The next connection is to another server, if there is another.
    pub(crate) fn advance(&mut self) {
        self.next = (self.next + 1).checked_rem(self.list.len()).unwrap_or(0);
    }

    /// Adds servers that `INFO` names, and removes those that a former `INFO` has named.
    ///
    /// A text without TLS may have been changed on its way. With TLS, its servers are used only where the certificates of a server of one's own
    /// are checked: any host has a certificate that the system trusts, and would get the password.
    pub(crate) fn discover(&mut self, addresses: &[String], is_tls: bool, came_by_tls: bool) {
        let is_trusted = came_by_tls || !is_tls || self.has_own_authority;
        if !self.discovers || addresses.is_empty() || !is_trusted {
            return;
        }
        let current = self.list.get(self.next).map(|server| server.url.clone()).unwrap_or_default();
        let scheme = if is_tls { "tls" } else { "nats" };
        let urls = addresses.iter().take(DISCOVERED_MAX).map(|address| format!("{scheme}://{address}"));
        let urls: Vec<_> = urls.filter(|url| url.len() <= URL_BYTES_MAX).collect();
        let endpoints = urls.iter().filter_map(|url| Endpoint::parse(url, &SCHEMES, &self.allow_plaintext_hosts).ok());
        let endpoints: Vec<_> = endpoints.filter(|endpoint| endpoint.path_and_query() == "/").collect();
        let named: Vec<_> = endpoints.iter().map(url_of).collect();
        self.list.retain(|server| !server.is_discovered || server.url == current || named.contains(&server.url));
        for (endpoint, url) in endpoints.iter().zip(&named) {
            if !self.list.iter().any(|server| server.url == *url) {
                let server = self.server(endpoint, true);
                self.list.push(server);
            }
        }
        self.next = self.list.iter().position(|server| server.url == current).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::NatsSettings;

    fn servers(urls: &[&str]) -> NatsServers {
        let servers = urls.iter().map(|url| (*url).to_owned()).collect();
        let settings = NatsSettings { servers, ..NatsSettings::default() };
        NatsServers::new(&NatsTarget::new(&settings).unwrap(), None)
    }

    fn urls(servers: &NatsServers) -> Vec<&str> {
        servers.list.iter().map(|server| server.url.as_str()).collect()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn servers_that_info_names_are_added_and_leave_with_the_next_info() {
        let mut servers = servers(&["nats://127.0.0.1"]);
        servers.discover(&texts(&["127.0.0.1:4223", "[::1]:4224", "127.0.0.1:4223"]), false, false);
        assert_eq!(urls(&servers), ["nats://127.0.0.1", "nats://127.0.0.1:4223", "nats://[::1]:4224"]);
        servers.discover(&texts(&["127.0.0.1:4225"]), false, false);
        assert_eq!(urls(&servers), ["nats://127.0.0.1", "nats://127.0.0.1:4225"]);
        servers.discover(&[], false, false);
        assert_eq!(servers.count(), 2);
    }

    #[test]
    fn a_server_elsewhere_without_tls_and_garbage_are_not_added() {
        let mut servers = servers(&["nats://127.0.0.1"]);
        let long = "x".repeat(400);
        servers.discover(&texts(&["10.0.0.1:4222", "", "a@b:1", "127.0.0.1:1/x", &long]), false, false);
        assert_eq!(servers.count(), 1);
        servers.discover(&(0..200).map(|port| format!("127.0.0.1:{}", 5000 + port)).collect::<Vec<_>>(), false, false);
        assert_eq!(servers.count(), 1 + DISCOVERED_MAX);
    }

    #[test]
    fn servers_of_an_info_that_came_without_tls_are_not_trusted() {
        let mut servers = servers(&["nats://127.0.0.1"]);
        servers.discover(&texts(&["evil.example.com:4222"]), true, false);
        assert_eq!(servers.count(), 1);
        servers.discover(&texts(&["nats-2.example.com:4222"]), true, true);
        assert_eq!(servers.count(), 2);
        servers.has_own_authority = true;
        servers.discover(&texts(&["nats-3.example.com:4222"]), true, false);
        assert_eq!(urls(&servers).last(), Some(&"tls://nats-3.example.com:4222"));
    }
}
