//! The URL of a receiver.

use std::{fmt, path::PathBuf};

use fapilog_plugin::{problem::Problem, settings::Endpoint};

/// The schemes of network transports. That of Unix sockets is `unix`.
const SCHEMES: [&str; 3] = ["udp", "tcp", "tls"];
/// The scheme of Unix sockets.
pub(crate) const UNIX: &str = "unix://";
/// The length of a path in `sockaddr_un`, without its end.
const UNIX_PATH_MAX: usize = 107;

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyslogAddress {
    Udp(Endpoint),
    Tcp(Endpoint),
    Tls(Endpoint),
    Unix(UnixName),
}

/// The name of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnixName {
    Path(PathBuf),
    /// In the abstract namespace of Linux, without the NUL in front.
    Abstract(String),
}

impl SyslogAddress {
    /// Reads a URL. The path of a problem is empty.
    pub(crate) fn parse(url: &str, allow_plaintext_hosts: &[String]) -> Result<Self, Problem> {
        if let Some(name) = url.strip_prefix(UNIX) {
            return unix_name(name).map(Self::Unix).ok_or_else(|| {
                let allowed =
                    "a Unix socket is unix:///PATH or, for an abstract name, unix://@NAME, of 107 bytes at most";
                Problem::new("", format!("{url:?}"), allowed)
            });
        }
        let endpoint = Endpoint::parse(url, &SCHEMES, allow_plaintext_hosts).map_err(with_unix)?;
        if endpoint.path_and_query() != "/" {
            let allowed = "it must be a scheme, a host and a port, such as tls://logs.example.com:6514, without a path";
            return Err(Problem::new("", format!("{url:?}"), allowed));
        }
        Ok(match endpoint.scheme() {
            "udp" => Self::Udp(endpoint),
            "tcp" => Self::Tcp(endpoint),
            _ => Self::Tls(endpoint),
        })
    }

    pub(crate) fn is_udp(&self) -> bool {
        matches!(self, Self::Udp(_))
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

/// The schemes that are allowed include `unix`.
fn with_unix(mut problem: Problem) -> Problem {
    let schemes = "udp://, tcp://, tls://";
    problem.allowed = problem.allowed.replace(schemes, "udp://, tcp://, tls:// or unix://");
    problem
}

fn unix_name(text: &str) -> Option<UnixName> {
    let has_length = (2..=UNIX_PATH_MAX).contains(&text.len());
    let text = Some(text).filter(|text| has_length && !text.contains('\0'))?;
    match text.strip_prefix('@') {
        Some(name) => Some(UnixName::Abstract(name.to_owned())),
        None => text.starts_with('/').then(|| UnixName::Path(text.into())),
    }
}

/// The URL.
impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(endpoint) | Self::Tcp(endpoint) | Self::Tls(endpoint) => {
                f.write_str(endpoint.to_string().trim_end_matches('/'))
            }
            Self::Unix(UnixName::Path(path)) => write!(f, "{UNIX}{}", path.display()),
            Self::Unix(UnixName::Abstract(name)) => write!(f, "{UNIX}@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<SyslogAddress, Problem> {
        SyslogAddress::parse(url, &["logs.example.com".to_owned()])
    }

    #[test]
    fn each_scheme_is_a_transport() {
        assert!(matches!(parsed("udp://127.0.0.1"), Ok(SyslogAddress::Udp(_))));
        assert!(matches!(parsed("tcp://[::1]:601"), Ok(SyslogAddress::Tcp(_))));
        assert!(matches!(parsed("tls://far.example.com:6514"), Ok(SyslogAddress::Tls(_))));
        assert_eq!(parsed("unix:///dev/log"), Ok(SyslogAddress::Unix(UnixName::Path("/dev/log".into()))));
        assert_eq!(parsed("unix://@log"), Ok(SyslogAddress::Unix(UnixName::Abstract("log".to_owned()))));
    }

    #[test]
    fn a_host_elsewhere_is_reached_without_tls_only_if_it_is_named() {
        for url in ["udp://logs.example.com:514", "tcp://logs.example.com"] {
            assert!(parsed(url).is_ok(), "{url}");
        }
        for url in ["udp://other.example.com:514", "tcp://10.0.0.1"] {
            let problem = parsed(url).unwrap_err();
            assert!(problem.allowed.contains("allow_plaintext_hosts"), "{problem}");
        }
    }

    #[test]
    fn a_url_that_is_none_is_a_problem_that_shows_what_is_allowed() {
        for (url, part) in [
            ("syslog://a", "udp://, tcp://, tls:// or unix://"),
            ("tls://logs.example.com/path", "without a path"),
            ("unix://dev/log", "unix:///PATH"),
            ("unix://@", "unix://@NAME"),
        ] {
            let problem = parsed(url).unwrap_err();
            assert!(problem.allowed.contains(part), "{url}: {problem}");
        }
    }

    #[test]
    fn a_destination_is_displayed_as_its_url() {
        for url in ["udp://127.0.0.1:514", "tls://logs.example.com", "unix:///dev/log", "unix://@log"] {
            assert_eq!(parsed(url).unwrap().to_string(), url);
        }
    }
}
