//! Addresses that network sinks connect to.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    problem::Problem,
    settings::{
        secret::{is_secret_parameter, redact_text},
        suggestion::suggestion,
    },
};

/// The schemes that are encrypted.
const TLS_SCHEMES: [&str; 11] =
    ["amqps", "grpcs", "https", "kafkas", "ldaps", "mqtts", "rediss", "smtps", "ssl", "tls", "wss"];

/// The setting that names hosts which are reached without TLS.
const ALLOWED_BY: &str = "allow_plaintext_hosts";

const HOST_RULE: &str = "a host is a name of letters, digits, - and _ in parts of 63 characters at most, or an address; other letters are written in punycode";

/// An address that a network sink connects to: a URL of a known scheme, without secrets, and with TLS.
///
/// Every network sink checks its address by this type, so that one rule holds for all: TLS is required unless the host is loopback or a
/// setting names it. The sink connects to [`host`](Self::host) and [`port`](Self::port), and does not parse the URL again.
///
/// ```
/// use fapilog_plugin::settings::Endpoint;
///
/// let schemes = ["https", "http"];
/// let endpoint = Endpoint::parse("https://logs.example.com/loki/api/v1/push", &schemes, &[])?;
/// assert!(endpoint.is_tls());
/// assert_eq!((endpoint.host(), endpoint.port(), endpoint.path_and_query()), ("logs.example.com", None, "/loki/api/v1/push"));
///
/// assert!(Endpoint::parse("http://127.0.0.1:3100/push", &schemes, &[]).is_ok());
/// let problem = Endpoint::parse("http://logs.example.com/push", &schemes, &[]).unwrap_err().below("url");
/// assert!(problem.to_string().contains("allow_plaintext_hosts"));
/// let allowed = ["logs.example.com".to_owned()];
/// assert!(Endpoint::parse("http://logs.example.com/push", &schemes, &allowed).is_ok());
/// # Ok::<(), fapilog_plugin::problem::Problem>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: String,
    host: EndpointHost,
    port: Option<u16>,
    path_and_query: String,
}

/// The host of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum EndpointHost {
    /// In lower case.
    Name(String),
    /// An address, with its text: without brackets.
    Address(IpAddr, String),
}

impl EndpointHost {
    fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Address(_, text) => text,
        }
    }
}

impl Endpoint {
    /// Reads a URL of one of the schemes. `allow_plaintext_hosts` is the setting of that name of the sink: names and addresses of hosts
    /// that it may reach without TLS, each written in full.
    ///
    /// # Errors
    /// When it is no URL of these schemes, when it has a user, a password or a secret parameter, and when it has no TLS and the host is
    /// neither loopback nor allowed. The path of the problem is empty: [`Problem::below`] gives it that of the setting.
    pub fn parse(url: &str, schemes: &[&str], allow_plaintext_hosts: &[String]) -> Result<Self, Problem> {
        let endpoint = Self::of_text(url, schemes).map_err(|refused| refused.problem(url))?;
        if endpoint.is_tls() || endpoint.is_loopback() || endpoint.is_among(allow_plaintext_hosts) {
            return Ok(endpoint);
        }
        let allowed = format!(
            "it must be encrypted: {}, unless the host is loopback or {ALLOWED_BY} names it",
            schemes.iter().filter(|scheme| is_tls_scheme(scheme)).copied().collect::<Vec<_>>().join(", ")
        );
        Err(Problem::new("", format!("{url:?}"), allowed).beside(ALLOWED_BY))
    }

    fn of_text(url: &str, schemes: &[&str]) -> Result<Self, Refused> {
        let (scheme, behind) = url.split_once("://").ok_or_else(|| Refused::scheme("", schemes))?;
        let scheme = scheme.to_ascii_lowercase();
        if !schemes.contains(&scheme.as_str()) {
            return Err(Refused::scheme(&scheme, schemes));
        }
        let (authority, path_and_query) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
        // Before the path is looked at: a password that is not encoded may have a `/`.
        if authority.contains('@') || has_password(url) {
            return Err(Refused::new("user and password stand in settings of their own, by reference: see secrets.md"));
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self { scheme, host, port, path_and_query: checked_path(path_and_query)? })
    }

    /// The scheme, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the scheme is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        is_tls_scheme(&self.scheme)
    }

    /// The host: a name in lower case, or an address, that of IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.text()
    }

    /// The port, if the URL has one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path with the query behind it; at least `/`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Whether the host is this machine: an address of 127.0.0.0/8, `::1`, or `localhost`. A name below `localhost` is none: resolvers that
    /// do not know it ask the name server, which may name any machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            EndpointHost::Address(address, _) => address.to_canonical().is_loopback(),
            EndpointHost::Name(name) => name == "localhost",
        }
    }

    fn is_among(&self, hosts: &[String]) -> bool {
        hosts.iter().any(|host| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            match &self.host {
                EndpointHost::Name(name) => name.eq_ignore_ascii_case(host),
                EndpointHost::Address(address, _) => host.parse() == Ok(*address),
            }
        })
    }
}

/// The URL, which has no secret.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            EndpointHost::Address(IpAddr::V6(_), text) => write!(f, "{}://[{text}]", self.scheme)?,
            host => write!(f, "{}://{}", self.scheme, host.text())?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path_and_query)
    }
}

/// The URL.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Why a text is no endpoint.
struct Refused {
    allowed: String,
    suggestion: Option<Box<str>>,
}

impl Refused {
    fn new(allowed: impl Into<String>) -> Self {
        Self { allowed: allowed.into(), suggestion: None }
    }

    fn scheme(scheme: &str, schemes: &[&str]) -> Self {
        let form = format!("it must be a URL that begins with {}", schemes.join("://, ") + "://");
        Self { allowed: form, suggestion: suggestion(scheme, schemes.iter().copied()) }
    }

    fn problem(self, url: &str) -> Problem {
        let mut problem = Problem::new("", format!("{url:?}"), self.allowed);
        problem.suggestion = self.suggestion;
        problem
    }
}

fn is_tls_scheme(scheme: &str) -> bool {
    TLS_SCHEMES.contains(&scheme) || scheme.ends_with("+tls") || scheme.ends_with("+ssl")
}

/// Whether something in front of an `@` would be hidden where the URL is shown.
fn has_password(url: &str) -> bool {
    let shown = redact_text(url);
    shown.contains("[redacted]@")
}

fn host_and_port(authority: &str) -> Result<(EndpointHost, Option<u16>), Refused> {
    let (host, port) = match authority.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((address, behind)) => (ipv6(address)?, behind),
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (ipv4_or_name(host)?, port)
        }
    };
    let number = |text: &str| text.parse().ok().filter(|port| *port > 0);
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) && number(digits).is_some() => {
            Ok((host, number(digits)))
        }
        _ => Err(Refused::new("a port is a number from 1 to 65535")),
    }
}

fn ipv6(text: &str) -> Result<EndpointHost, Refused> {
    let address: Ipv6Addr = text.parse().map_err(|_| Refused::new("an address in brackets is one of IPv6"))?;
    Ok(EndpointHost::Address(address.into(), address.to_string()))
}

/// A number at the end makes a name an address for some readers and not for others, so that only the plain notation is one.
fn ipv4_or_name(text: &str) -> Result<EndpointHost, Refused> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(EndpointHost::Address(address.into(), text.to_owned()));
    }
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_part = |part: &str| (1..=63).contains(&part.len()) && part.chars().all(is_of_name) && !part.starts_with('-');
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit())
        && last.chars().all(|c| c.is_ascii_hexdigit() || "xX".contains(c));
    if text.len() > 253 || is_number || !text.split('.').all(is_part) {
        return Err(Refused::new(HOST_RULE));
    }
    Ok(EndpointHost::Name(text.to_ascii_lowercase()))
}

fn checked_path(text: &str) -> Result<String, Refused> {
    if text.contains('#') {
        return Err(Refused::new("a fragment behind # has no meaning to a server"));
    }
    if !text.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c)) {
        return Err(Refused::new("spaces and characters outside of ASCII are written as %20 and the like"));
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|parameter| parameter.split('=').next().unwrap_or_default());
    if names.into_iter().any(is_secret_parameter) {
        return Err(Refused::new(
            "a secret is no part of a URL, but stands in a setting of its own, by reference: see secrets.md",
        ));
    }
    Ok(if text.starts_with('/') { text.to_owned() } else { format!("/{text}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [&str; 3] = ["https", "http", "tcp"];

    fn parsed(url: &str) -> Result<Endpoint, Problem> {
        Endpoint::parse(url, &SCHEMES, &[])
    }

    #[test]
    fn a_url_is_read_into_its_parts() {
        let endpoint = parsed("HTTPS://Logs.Example.com:8443/push?db=a").unwrap();
        assert_eq!((endpoint.scheme(), endpoint.host(), endpoint.port()), ("https", "logs.example.com", Some(8443)));
        assert_eq!(endpoint.path_and_query(), "/push?db=a");
        assert_eq!(endpoint.to_string(), "https://logs.example.com:8443/push?db=a");
        let endpoint = parsed("https://[2001:DB8::1]?a=b").unwrap();
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.path_and_query()), ("2001:db8::1", None, "/?a=b"));
        assert_eq!(endpoint.to_string(), "https://[2001:db8::1]/?a=b");
    }

    #[test]
    fn a_plaintext_scheme_is_refused_and_the_error_names_the_way_out() {
        for url in ["http://logs.example.com/", "tcp://10.0.0.1:514", "http://[2001:db8::1]/", "http://0.0.0.0/"] {
            let problem = parsed(url).unwrap_err().below("url");
            assert_eq!(problem.path, "url");
            let expected = "it must be encrypted: https, unless the host is loopback or allow_plaintext_hosts names it";
            assert_eq!(problem.allowed, expected, "{url}");
        }
    }

    #[test]
    fn loopback_needs_no_tls() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(parsed(&format!("http://{host}:3100/")).is_ok(), "{host}");
        }
        let others = [
            "localhost.example.com",
            "127.0.0.1.example.com",
            "notlocalhost",
            "a.localhost",
            "localhost.",
            "126.0.0.1",
            "[::2]",
            "[::127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::127.0.0.1]",
        ];
        for host in others {
            assert!(parsed(&format!("http://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn a_host_that_is_allowed_by_name_needs_no_tls_and_no_other_does() {
        let allowed = ["Collector.internal", "10.0.0.1", "[2001:db8:0::1]"].map(str::to_owned);
        for host in ["collector.internal", "10.0.0.1", "[2001:db8::1]"] {
            assert!(Endpoint::parse(&format!("http://{host}/"), &SCHEMES, &allowed).is_ok(), "{host}");
        }
        for host in ["a.collector.internal", "10.0.0.2", "internal"] {
            assert!(Endpoint::parse(&format!("http://{host}/"), &SCHEMES, &allowed).is_err(), "{host}");
        }
    }

    #[test]
    fn a_user_a_password_and_a_secret_parameter_are_refused_and_not_repeated() {
        let urls = [
            "https://user:hunter2@host/",
            "https://hunter2@host/",
            "https://user:hun/hunter2@host/",
            "https://user:hun#hunter2@host/",
            "https://host/push?token=hunter2",
            "https://host/push?a=b&api_key=hunter2",
            "https://host/push?sig=hunter2",
        ];
        for url in urls {
            let problem = parsed(url).unwrap_err();
            assert!(problem.allowed.contains("by reference: see secrets.md"), "{url}: {problem}");
            assert!(!format!("{problem} {problem:?}").contains("hunter2"), "{problem:?}");
        }
    }

    #[test]
    fn a_text_that_readers_of_urls_take_for_different_hosts_is_refused() {
        let hosts = [
            "",
            "a b",
            "a\\b",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0X7F000001",
            "0X7F.1",
            "0177.0.0.1",
            "127.0.0.0X1",
            "a..b",
            "a.",
            ".a",
            "a%2eb",
            "bücher.example",
            "[::1",
            "[::1]x",
            "::1",
            "a:0",
            "a:65536",
            "a:+1",
            "a:",
            "a:b",
            "-a.example",
            "a\n",
            "a\t",
        ];
        for host in hosts {
            let problem = parsed(&format!("https://{host}/x"));
            assert!(problem.is_err(), "{host:?}: {problem:?}");
        }
    }

    #[test]
    fn a_wrong_scheme_is_refused_with_those_that_are_known() {
        for (url, suggested) in [("htps://host/", Some("https")), ("host:80", None), ("ftp://host/", None), ("", None)]
        {
            let problem = parsed(url).unwrap_err();
            assert_eq!(problem.allowed, "it must be a URL that begins with https://, http://, tcp://", "{url}");
            assert_eq!(problem.suggestion.as_deref(), suggested, "{url}");
        }
    }

    #[test]
    fn a_path_with_a_fragment_or_other_characters_is_refused() {
        for path in ["/a#b", "/a b", "/ä", "/a\r\nHost: x", "/a\"b"] {
            assert!(parsed(&format!("https://host{path}")).is_err(), "{path:?}");
        }
    }
}
