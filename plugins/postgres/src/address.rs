//! The URL: user, hosts, database.

use fapilog_plugin::{problem::Problem, settings::Endpoint};

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

const URL_RULE: &str = "it must be postgres://USER@HOST:PORT/DATABASE, with commas between several hosts; the password is a setting of its own";

/// The parts of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct UrlParts {
    pub(crate) user: Option<String>,
    pub(crate) database: Option<String>,
    /// As they stand in the URL, with ports.
    pub(crate) hosts: Vec<String>,
}

impl UrlParts {
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        Self::read(url).ok_or_else(|| {
            // A text with `@` may have a password.
            let shown = if url.contains('@') { "a text with @".to_owned() } else { format!("{url:?}") };
            Problem::new("url", shown, URL_RULE).beside("password")
        })
    }

    fn read(url: &str) -> Option<Self> {
        let behind = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme))?;
        let (authority, database) = behind.split_once('/').unwrap_or((behind, ""));
        let (user, hosts) = authority.split_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        // An escape would be read in different ways; such names are given by the settings user and database.
        if [user, database].iter().any(|name| name.contains(|c: char| ":/?#%@".contains(c) || c.is_whitespace())) {
            return None;
        }
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let hosts = if hosts.is_empty() { Vec::new() } else { hosts.split(',').map(str::to_owned).collect() };
        Some(Self { user: some(user), database: some(database), hosts })
    }
}

/// A host with TLS or without.
pub(crate) fn endpoint(host: &str, is_tls: bool, allow_plaintext_hosts: &[String]) -> Result<Endpoint, Problem> {
    let scheme = if is_tls { "postgres+tls" } else { "postgres" };
    let endpoint = Endpoint::parse(&format!("{scheme}://{host}"), &["postgres+tls", "postgres"], allow_plaintext_hosts);
    endpoint.map_err(|mut problem| {
        if problem.allowed.starts_with("it must be encrypted") {
            problem.allowed =
                "it must be encrypted: sslmode = \"verify-full\", unless the host is loopback or allow_plaintext_hosts names it"
                    .into();
        }
        problem.value = format!("{host:?}").into();
        problem.below("url")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_user_hosts_and_a_database() {
        let parts = UrlParts::parse("postgres://shop@a:5433,[::1]:5434/logs").unwrap();
        assert_eq!((parts.user.as_deref(), parts.database.as_deref()), (Some("shop"), Some("logs")));
        assert_eq!(parts.hosts, ["a:5433", "[::1]:5434"]);
        assert_eq!(UrlParts::parse("postgresql://a").unwrap().hosts, ["a"]);
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in
            ["postgres://shop:hunter2@a/logs", "postgres://a/hunter2@b", "postgres://shop@a/logs?password=hunter2"]
        {
            let problem = UrlParts::parse(url).unwrap_err();
            assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
        }
        for url in ["http://a", "a", "postgres:/a"] {
            assert!(UrlParts::parse(url).is_err(), "{url}");
        }
    }
}
