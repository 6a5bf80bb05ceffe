//! Assurances of a sink about the events that it delivers: for checks of compliance.

use std::{path::PathBuf, time::Duration};

/// Where a sink puts events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SinkPlace {
    /// The sink does not state it.
    #[default]
    Unknown,
    /// Files in a directory of this machine.
    File {
        /// The directory.
        directory: PathBuf,
    },
    /// A stream, such as standard output: another program reads it, and keeps the events or does not.
    Stream,
    /// The memory of the process. The events are gone when it ends.
    Memory,
    /// Nowhere: the sink discards them.
    Nowhere,
    /// Another sink or another program on this machine.
    Local,
    /// Another machine.
    Network {
        /// Its name or address.
        host: String,
        /// Whether the connection is encrypted, and the sink checks the machine's certificate.
        is_encrypted: bool,
    },
}

/// Assurances of a sink about the events that it delivers. Checks of [compliance](crate::compliance) read it.
///
/// A sink states only what it does itself, whatever its destination does. A sink that wraps another one passes on what that one assures, and
/// adds its own.
///
/// ```
/// use std::time::Duration;
/// use fapilog_plugin::sink::{Assurances, SinkPlace};
///
/// let day = Duration::from_secs(86_400);
/// let place = SinkPlace::File { directory: "/var/log/shop".into() };
/// let assurances = Assurances::unknown().place(place).durable(true).mode(0o640).kept_at_least(365 * day);
/// assert!(assurances.is_durable && !assurances.is_tamper_evident);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[must_use]
pub struct Assurances {
    /// Where the events go.
    pub place: SinkPlace,
    /// Whether an event is on stable storage before it counts as delivered.
    pub is_durable: bool,
    /// Whether stored events are encrypted.
    pub is_stored_encrypted: bool,
    /// Whether a change, a removal or a reordering of stored events can be detected later.
    pub is_tamper_evident: bool,
    /// The permissions of the files that the sink creates, such as `0o640`.
    pub mode: Option<u32>,
    /// The age that each event reaches before the sink removes it. Zero: the sink assures nothing. [`Duration::MAX`]: it removes
    /// nothing.
    pub kept_at_least: Duration,
    /// The age at which the sink has removed each event, as long as the program runs. `None`: it does not assure that.
    pub kept_at_most: Option<Duration>,
    /// The other machine that gets a copy of what the sink stores on this one.
    pub copied_to: Option<String>,
}

impl Assurances {
    /// Nothing is known of the sink.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Sets where the events go.
    pub fn place(mut self, place: SinkPlace) -> Self {
        self.place = place;
        self
    }

    /// Sets whether an event is on stable storage before it counts as delivered.
    pub fn durable(mut self, is_durable: bool) -> Self {
        self.is_durable = is_durable;
        self
    }

    /// Sets whether stored events are encrypted.
    pub fn stored_encrypted(mut self, is_encrypted: bool) -> Self {
        self.is_stored_encrypted = is_encrypted;
        self
    }

    /// Sets whether a change of stored events can be detected later.
    pub fn tamper_evident(mut self, is_tamper_evident: bool) -> Self {
        self.is_tamper_evident = is_tamper_evident;
        self
    }

    /// Sets the permissions of the files that the sink creates.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets the age that each event reaches before the sink removes it; [`Duration::MAX`] if it removes nothing.
    pub fn kept_at_least(mut self, age: Duration) -> Self {
        self.kept_at_least = age;
        self
    }

    /// Sets the age at which the sink has removed each event.
    pub fn kept_at_most(mut self, age: Duration) -> Self {
        self.kept_at_most = Some(age);
        self
    }

    /// Sets the other machine that gets a copy.
    pub fn copied_to(mut self, host: impl Into<String>) -> Self {
        self.copied_to = Some(host.into());
        self
    }

    /// The other machine that gets the events, or a copy of them.
    #[must_use]
    pub fn other_machine(&self) -> Option<&str> {
        match &self.place {
            SinkPlace::Network { host, .. } if !is_loopback(host) => Some(host),
            _ => self.copied_to.as_deref(),
        }
    }

    /// Whether events are stored in files of this machine.
    #[must_use]
    pub fn is_in_files(&self) -> bool {
        matches!(self.place, SinkPlace::File { .. })
    }
}

/// Whether a host is this machine: `localhost`, or an address such as `127.0.0.1` or `::1`, with a port or without.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    use std::net::{IpAddr, SocketAddr};
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    let is_name = |text: &str| text.eq_ignore_ascii_case("localhost");
    let address = host.parse::<SocketAddr>().map(|address| address.ip());
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.ok().or_else(|| bare.parse::<IpAddr>().ok()).or_else(|| name.parse::<IpAddr>().ok());
    is_name(name) || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(host: &str) -> Assurances {
        Assurances::unknown().place(SinkPlace::Network { host: host.to_owned(), is_encrypted: true })
    }

    #[test]
    fn loopback_is_no_other_machine() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.9.1:514", "::1", "[::1]:6514", "[::1]"] {
            assert!(is_loopback(host), "{host}");
            assert_eq!(network(host).other_machine(), None, "{host}");
        }
        for host in
            ["logs.example.org", "logs.example.org:443", "10.0.0.1", "[fe80::1]:1", "", ":", "localhost.evil.org"]
        {
            assert!(!is_loopback(host), "{host}");
            assert_eq!(network(host).other_machine(), Some(host), "{host}");
        }
    }

    #[test]
    fn a_copy_on_another_machine_counts_for_a_file() {
        let file = Assurances::unknown().place(SinkPlace::File { directory: "/var/log".into() });
        assert_eq!((file.other_machine(), file.is_in_files()), (None, true));
        assert_eq!(file.copied_to("vault").other_machine(), Some("vault"));
    }

    #[test]
    fn an_unknown_sink_assures_nothing() {
        let unknown = Assurances::unknown();
        assert!(!(unknown.is_durable || unknown.is_stored_encrypted || unknown.is_tamper_evident));
        assert_eq!(
            (unknown.place, unknown.kept_at_least, unknown.kept_at_most),
            (SinkPlace::Unknown, Duration::ZERO, None)
        );
    }
}
